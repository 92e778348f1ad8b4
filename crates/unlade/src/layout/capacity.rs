//! What an index can still take, known before anything is fetched for it.

use std::collections::HashSet;

use crate::error::{Error, ErrorKind, Result};
use crate::spec::descriptor::Descriptor;
use crate::spec::digest::Digest;

/// The room in an `index.json` as it is now. Others may use it meanwhile: the last word is with whoever writes it.
#[derive(Debug)]
pub(crate) struct Capacity {
    /// What errors call the layout.
    name: String,
    limit: u64,
    left: u64,
    /// What takes no further room.
    named: HashSet<Digest>,
}

impl Capacity {
    /// Looks at an index of so many bytes that names these.
    pub(super) fn new(name: &str, limit: u64, size: u64, named: HashSet<Digest>) -> Self {
        Self { name: name.to_owned(), limit, left: limit.saturating_sub(size), named }
    }

    /// Takes the room of an entry.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooLarge`] if there is none.
    pub(crate) fn take(&mut self, entry: &Descriptor) -> Result<()> {
        if !self.named.insert(entry.digest.clone()) {
            return Ok(());
        }
        // The comma that divides it from the one before.
        let size = serde_json::to_string(entry).map_or(0, |text| text.len() as u64) + 1;
        let left = self.left.checked_sub(size).ok_or_else(|| too_large(&self.name, self.limit))?;
        self.left = left;
        Ok(())
    }
}

/// Says that an index would be larger than what is read of one.
pub(super) fn too_large(name: &str, limit: u64) -> Error {
    Error::new(ErrorKind::TooLarge, format!("index.json of {name} would be larger than {limit} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::digest::Algorithm;
    use crate::spec::media_type::{MediaType, OCI_MANIFEST};
    use crate::verify::digest_of;

    fn entry(text: &str) -> Descriptor {
        Descriptor::new(MediaType::known(OCI_MANIFEST), digest_of(Algorithm::Sha256, text.as_bytes()), 1)
    }

    #[test]
    fn what_is_named_already_takes_no_room() {
        let size = serde_json::to_string(&entry("a")).unwrap().len() as u64 + 1;
        let mut capacity = Capacity::new("here", 1000 + size, 1000, HashSet::from([entry("old").digest]));
        for text in ["old", "a", "a"] {
            capacity.take(&entry(text)).unwrap();
        }
        let error = capacity.take(&entry("b")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert!(error.to_string().starts_with("index.json of here would be larger than 1"), "{error}");
    }
}
