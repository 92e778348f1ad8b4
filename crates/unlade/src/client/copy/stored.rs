//! What of an artifact is in the layout.

use std::collections::{HashMap, HashSet};

use crate::error::{Error, ErrorKind, Result};
use crate::layout::MAX_MANIFESTS;
use crate::spec::descriptor::{Content, Descriptor};
use crate::spec::digest::Digest;

/// So many manifests and blobs may be copied at once: each costs some hundred bytes of memory.
const MAX_PARTS: usize = 100_000;

/// As what content is named: the same may be a layer here and a manifest there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// Its bytes are wanted.
    Blob,
    /// All that it names is wanted as well.
    Manifest,
}

/// What was put into the layout, or would be: each content, with its size, in the higher of its roles.
#[derive(Debug, Default)]
pub(super) struct Stored {
    parts: HashMap<Digest, (u64, Role)>,
    manifests: usize,
    /// What its place does not have and says so.
    left_out: HashSet<Digest>,
}

impl Stored {
    /// Says whether content is there in a role.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Mismatch`] if it is there with another size than is promised now.
    pub(super) fn has(&self, part: &Descriptor, role: Role) -> Result<bool> {
        match self.parts.get(&part.digest) {
            Some((size, _)) if *size != part.size => Err(contradiction(part, *size)),
            Some((_, known)) => Ok(role <= *known),
            None => Ok(false),
        }
    }

    /// Says whether content was left out where it was named before, and may be here.
    pub(super) fn is_left_out(&self, part: &Descriptor) -> bool {
        !part.urls.is_empty() && self.left_out.contains(&part.digest)
    }

    /// Takes note of what is there, in a role.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooLarge`] for more than any artifact has, or than readers of layouts look at.
    pub(super) fn note(&mut self, part: &Descriptor, role: Role) -> Result<()> {
        self.make_room()?;
        let before = self.parts.insert(part.digest.clone(), (part.size, role));
        if let Some((_, known @ Role::Manifest)) = before {
            self.parts.insert(part.digest.clone(), (part.size, known));
            return Ok(());
        }
        self.manifests += usize::from(role == Role::Manifest);
        if self.manifests > MAX_MANIFESTS {
            let message = format!("it has more than {MAX_MANIFESTS} manifests, which is more than a layout can hold");
            return Err(Error::new(ErrorKind::TooLarge, message));
        }
        Ok(())
    }

    /// Takes note of what is left out.
    pub(super) fn leave_out(&mut self, part: &Descriptor) -> Result<()> {
        self.make_room()?;
        self.left_out.insert(part.digest.clone());
        Ok(())
    }

    /// Returns all that is there.
    pub(super) fn into_contents(self) -> impl Iterator<Item = Content> {
        self.parts.into_iter().map(|(digest, (size, _))| Content { digest, size: Some(size) })
    }

    fn make_room(&self) -> Result<()> {
        if self.parts.len() + self.left_out.len() < MAX_PARTS {
            return Ok(());
        }
        Err(Error::new(ErrorKind::TooLarge, format!("it has more than {MAX_PARTS} manifests and blobs")))
    }
}

/// Says that one content has two sizes.
pub(super) fn contradiction(part: &Descriptor, other: u64) -> Error {
    let message = format!("{} is promised with {other} bytes and with {}", part.digest, part.size);
    Error::new(ErrorKind::Mismatch, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::digest::Algorithm;
    use crate::spec::media_type::{MediaType, OCI_MANIFEST};
    use crate::verify::digest_of;

    fn part(text: &str) -> Descriptor {
        let digest = digest_of(Algorithm::Sha256, text.as_bytes());
        Descriptor::new(MediaType::known(OCI_MANIFEST), digest, text.len() as u64)
    }

    #[test]
    fn what_is_there_as_bytes_is_not_there_as_a_manifest() {
        let mut stored = Stored::default();
        let both = part("both");
        assert!(!stored.has(&both, Role::Blob).unwrap());
        stored.note(&both, Role::Blob).unwrap();
        assert!(stored.has(&both, Role::Blob).unwrap() && !stored.has(&both, Role::Manifest).unwrap());
        for role in [Role::Manifest, Role::Blob] {
            stored.note(&both, role).unwrap();
            assert!(stored.has(&both, Role::Blob).unwrap() && stored.has(&both, Role::Manifest).unwrap());
        }
        let longer = Descriptor { size: 5, ..both };
        assert_eq!(stored.has(&longer, Role::Blob).unwrap_err().kind(), ErrorKind::Mismatch);
        assert_eq!(stored.into_contents().count(), 1);
    }

    #[test]
    fn what_was_left_out_is_so_only_where_other_places_are_named() {
        let mut stored = Stored::default();
        let own = part("layer");
        let foreign = Descriptor { urls: vec!["https://elsewhere.example/layer".to_owned()], ..own.clone() };
        assert!(!stored.is_left_out(&foreign));
        stored.leave_out(&foreign).unwrap();
        assert!(stored.is_left_out(&foreign) && !stored.is_left_out(&own));
        assert!(!stored.has(&foreign, Role::Blob).unwrap());
        assert_eq!(stored.into_contents().count(), 0);
    }

    #[test]
    fn manifests_are_counted_once_and_limited() {
        let mut stored = Stored::default();
        for number in 0..MAX_MANIFESTS {
            stored.note(&part(&number.to_string()), Role::Manifest).unwrap();
        }
        stored.note(&part("0"), Role::Manifest).unwrap();
        stored.note(&part("a blob"), Role::Blob).unwrap();
        assert_eq!(stored.note(&part("a blob"), Role::Manifest).unwrap_err().kind(), ErrorKind::TooLarge);
    }
}
