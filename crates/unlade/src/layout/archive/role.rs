//! What the name of a member makes it. Pure.

use crate::spec::digest::{Algorithm, Digest};

/// What a member of an archive is to a layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    Blob(Digest),
    /// A folder on the way to the blobs.
    Folder,
    Index,
    /// The list of images that docker writes.
    OfDocker,
    Stranger,
    Version,
}

/// Says that a name leads to a file of the layout in a way that not all readers would follow alike: a root, or `..`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the member {0} is named in a way that readers take for different ones")]
pub(super) struct Devious(String);

/// Returns the role of a name. A name may begin with `./`.
pub(super) fn of(name: &[u8]) -> Result<Role, Devious> {
    let Ok(name) = std::str::from_utf8(name) else {
        return Ok(Role::Stranger);
    };
    let mut path = Vec::new();
    let mut plain = !name.starts_with('/');
    for component in name.split('/') {
        match component {
            "" | "." => {}
            ".." => {
                plain = false;
                path.pop();
            }
            component => path.push(component),
        }
    }
    let role = match path[..] {
        ["oci-layout"] => Role::Version,
        ["index.json"] => Role::Index,
        ["manifest.json"] => Role::OfDocker,
        ["blobs"] => Role::Folder,
        ["blobs", algorithm] if algorithm.parse::<Algorithm>().is_ok() => Role::Folder,
        ["blobs", algorithm, hex] => format!("{algorithm}:{hex}").parse().map_or(Role::Stranger, Role::Blob),
        _ => Role::Stranger,
    };
    match role {
        Role::OfDocker | Role::Stranger => Ok(role),
        _ if plain => Ok(role),
        _ => Err(Devious(path.join("/"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::digest_of;

    #[test]
    fn a_name_makes_the_role() {
        let digest = digest_of(Algorithm::Sha512, b"x");
        let blob = format!("blobs/sha512/{}", digest.hex());
        for (name, expected) in [
            ("oci-layout", Role::Version),
            ("./index.json", Role::Index),
            (".//.//index.json", Role::Index),
            ("manifest.json", Role::OfDocker),
            ("blobs/", Role::Folder),
            ("blobs/sha256", Role::Folder),
            ("blobs/blake3", Role::Stranger),
            (&blob, Role::Blob(digest.clone())),
            (&format!("./{blob}"), Role::Blob(digest.clone())),
            (&format!("{blob}/x"), Role::Stranger),
            (&format!("x/{blob}"), Role::Stranger),
            (&blob.to_uppercase(), Role::Stranger),
            ("blobs/sha256/abc", Role::Stranger),
            ("blobs:sha256", Role::Stranger),
            ("index.json.bak", Role::Stranger),
            ("../other", Role::Stranger),
            ("/etc/passwd", Role::Stranger),
            ("", Role::Stranger),
        ] {
            assert_eq!(of(name.as_bytes()), Ok(expected), "{name}");
        }
        assert_eq!(of(b"index.json\xff"), Ok(Role::Stranger));
        for name in ["/index.json", "../index.json", "x/../oci-layout", "blobs/../blobs", &format!("/{blob}")] {
            assert!(of(name.as_bytes()).is_err(), "{name}");
        }
    }
}
