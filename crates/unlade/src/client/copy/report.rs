//! What is told of a copy.

use std::path::PathBuf;

use crate::source::EndpointId;
use crate::spec::descriptor::{Descriptor, TITLE};
use crate::spec::reference::Tag;

/// So many files are told of one by one; each costs some hundred bytes of memory.
const MAX_FILES: usize = 16_384;

/// Longer titles are no names of files, and not told.
const MAX_TITLE: usize = 255;

/// So many bytes of titles are told in all.
const MAX_TITLES: usize = 1 << 20;

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// It was fetched and written.
    Downloaded,
    /// It would have been, had that been the intent.
    Planned,
    /// It was there already, and is right.
    Present,
}

/// What a copy has put into a layout.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Copied {
    /// The manifest, as the layout's index names it.
    pub manifest: Descriptor,
    /// Its tag there, if it has one.
    pub tag: Option<Tag>,
    /// What refers to it and was copied along.
    pub referrers: Vec<Descriptor>,
    /// The files, each after those that it names: the first 16,384 of them.
    pub files: Vec<CopiedFile>,
    /// All files that were there already.
    pub present: Tally,
    /// All others.
    pub written: Tally,
    /// Where blobs came from.
    pub endpoints: Vec<EndpointId>,
}

/// A number of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Tally {
    /// How many there are.
    pub files: u64,
    /// How many bytes they have together.
    pub bytes: u64,
}

/// A file that a copy has put into a layout, or found there.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CopiedFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it is: type, digest and size, and the title that the publisher gave it.
    pub content: Descriptor,
    /// What became of it.
    pub fate: Fate,
    /// How many bytes of it came over the network.
    pub bytes_fetched: u64,
    /// How many bytes were not fetched again thanks to a resume.
    pub bytes_resumed: u64,
}

/// What is to be told, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) files: Vec<CopiedFile>,
    pub(super) present: Tally,
    pub(super) written: Tally,
    pub(super) endpoints: Vec<EndpointId>,
    titles: usize,
}

impl Copied {
    /// Returns how many files are counted and not told of one by one.
    pub fn omitted(&self) -> u64 {
        (self.present.files + self.written.files).saturating_sub(self.files.len() as u64)
    }
}

impl Report {
    /// Tells of a copy that is done.
    pub(super) fn of(self, manifest: Descriptor, tag: Option<Tag>, referrers: Vec<Descriptor>) -> Copied {
        let Self { files, present, written, endpoints, .. } = self;
        Copied { manifest, tag, referrers, files, present, written, endpoints }
    }

    /// Adds a file, as far as there is room for it.
    pub(super) fn add(&mut self, mut file: CopiedFile, from: Vec<EndpointId>) {
        let tally = if file.fate == Fate::Present { &mut self.present } else { &mut self.written };
        tally.files += 1;
        tally.bytes = tally.bytes.saturating_add(file.content.size);
        for endpoint in from {
            if !self.endpoints.contains(&endpoint) {
                self.endpoints.push(endpoint);
            }
        }
        if self.files.len() == MAX_FILES {
            return;
        }
        self.titles += file.content.title().map_or(0, str::len);
        if self.titles > MAX_TITLES {
            file.content.annotations.clear();
        }
        self.files.push(file);
    }
}

/// Describes content as far as it is told: its other annotations may be many.
pub(super) fn named(content: &Descriptor) -> Descriptor {
    let mut told = Descriptor::new(content.media_type.clone(), content.digest.clone(), content.size);
    let title = content.title().filter(|title| title.len() <= MAX_TITLE);
    told.annotations.extend(title.map(|title| (TITLE.to_owned(), title.to_owned())));
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::digest::Algorithm;
    use crate::spec::media_type::MediaType;
    use crate::verify::digest_of;

    fn file(title: usize, fate: Fate) -> CopiedFile {
        let digest = digest_of(Algorithm::Sha256, b"");
        let mut content = Descriptor::new(MediaType::octet_stream(), digest, 2);
        content.annotations.insert(TITLE.to_owned(), "t".repeat(title));
        let content = named(&content);
        CopiedFile { path: PathBuf::new(), content, fate, bytes_fetched: 0, bytes_resumed: 0 }
    }

    #[test]
    fn what_is_told_does_not_grow_without_end_and_all_is_counted() {
        let mut report = Report::default();
        for number in 0..20_000 {
            let fate = if number % 2 == 0 { Fate::Present } else { Fate::Downloaded };
            report.add(file(255, fate), vec![EndpointId::new("registry.example")]);
        }
        assert_eq!((report.present, report.written), (Tally { files: 10_000, bytes: 20_000 }, report.present));
        assert_eq!((report.files.len(), report.endpoints.len()), (MAX_FILES, 1));
        let titles: usize = report.files.iter().filter_map(|file| file.content.title()).map(str::len).sum();
        assert!((MAX_TITLES - 255..=MAX_TITLES).contains(&titles), "{titles}");
        assert_eq!(file(256, Fate::Present).content.title(), None);
    }
}
