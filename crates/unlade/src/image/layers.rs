//! Which layers of a manifest become files. Pure.

use super::pick::choose;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::descriptor::Descriptor;
use crate::spec::entry::Entry;
use crate::spec::manifest::ImageManifest;

/// The layers of a manifest that become files.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Layers<'a> {
    /// Those that are taken, in the manifest's order: at least one. Of several layers all that have a title.
    pub taken: Vec<&'a Descriptor>,
    /// How many are left out, for want of a title.
    pub untitled: usize,
}

/// Chooses the layers that become files: the only one whatever it is called, and of several those with a title, which
/// alone can be told apart in a folder.
///
/// # Errors
///
/// [`ErrorKind::NoCandidate`] if there is none, [`ErrorKind::Ambiguous`] if there are several and none has a title,
/// [`ErrorKind::Unsupported`] or [`ErrorKind::Malformed`] if one that is to be taken cannot be read.
pub fn layers(manifest: &ImageManifest) -> Result<Layers<'_>> {
    match manifest.layers.as_slice() {
        [] => Err(Error::new(ErrorKind::NoCandidate, "the manifest has no layers")),
        [one] => Ok(Layers { taken: vec![one.readable()?], untitled: 0 }),
        several => {
            let titled: Vec<&Entry> = several.iter().filter(|layer| layer.title().is_some()).collect();
            if titled.is_empty() {
                return Err(undecided(several, ", and none of them has a title"));
            }
            let untitled = several.len() - titled.len();
            let taken = titled.into_iter().map(|layer| layer.readable().map_err(Error::from)).collect::<Result<_>>()?;
            Ok(Layers { taken, untitled })
        }
    }
}

/// Chooses the one layer of a manifest: its only one, or the only one that has a title.
///
/// # Errors
///
/// As [`layers`], and [`ErrorKind::Ambiguous`] if that gives several.
pub fn layer(manifest: &ImageManifest) -> Result<&Descriptor> {
    match layers(manifest)?.taken.as_slice() {
        [one] => Ok(one),
        _ => Err(undecided(&manifest.layers, "")),
    }
}

fn undecided(layers: &[Entry], why: &str) -> Error {
    let all: Vec<&Entry> = layers.iter().collect();
    let message = format!("the manifest has {} layers{why}", all.len());
    choose(Error::new(ErrorKind::Ambiguous, message), "layer", &all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::manifest::{Manifest, RawManifest};

    fn manifest(layers: &[String]) -> ImageManifest {
        let raw = RawManifest::new(None, format!(r#"{{"layers":[{}]}}"#, layers.join(",")));
        match Manifest::parse(&raw).unwrap() {
            Manifest::Image(image) => *image,
            Manifest::Index(_) => panic!("an index"),
        }
    }

    fn entry(title: Option<&str>) -> String {
        let annotations = title.map_or_else(String::new, |title| {
            format!(r#","annotations":{{"org.opencontainers.image.title":"{title}"}}"#)
        });
        format!(r#"{{"mediaType":"a/b","digest":"sha256:{}","size":1{annotations}}}"#, "a".repeat(64))
    }

    #[test]
    fn of_several_layers_those_with_a_title_are_taken() {
        let broken = |title: &str| entry(Some(title)).replace("sha256", "md5");
        for (layers, all, one) in [
            (vec![], Err(ErrorKind::NoCandidate), Err(ErrorKind::NoCandidate)),
            (vec![entry(None)], Ok((1, 0)), Ok(None)),
            (vec![entry(Some("a"))], Ok((1, 0)), Ok(Some("a"))),
            (vec![entry(None), entry(None)], Err(ErrorKind::Ambiguous), Err(ErrorKind::Ambiguous)),
            (vec![entry(Some("a")), entry(None)], Ok((1, 1)), Ok(Some("a"))),
            (vec![entry(Some("a")), entry(Some("b")), entry(None)], Ok((2, 1)), Err(ErrorKind::Ambiguous)),
            (vec![entry(Some("a")), entry(Some("a"))], Ok((2, 0)), Err(ErrorKind::Ambiguous)),
            (vec![entry(Some("a")), broken("b")], Err(ErrorKind::Unsupported), Err(ErrorKind::Unsupported)),
            (vec![broken("b")], Err(ErrorKind::Unsupported), Err(ErrorKind::Unsupported)),
            (vec![entry(Some("a")), "{}".to_owned()], Ok((1, 1)), Ok(Some("a"))),
        ] {
            let manifest = manifest(&layers);
            let found = super::layers(&manifest).map(|layers| (layers.taken.len(), layers.untitled));
            assert_eq!(found.map_err(|error| error.kind()), all, "{layers:?}");
            let found = layer(&manifest).map(Descriptor::title);
            assert_eq!(found.map_err(|error| error.kind()), one, "{layers:?}");
        }
    }
}
