//! What is pulled, into what, and what shall be there in the end.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use unlade_testkit::content::bytes;
use unlade_testkit::crash::Disk;
use unlade_testkit::document::{Document, Image, TITLE};
use unlade_testkit::process::{Outcome, Run, files};

use crate::common::{document, folder};
use crate::journal::recorded;

/// A pull that things happen to.
pub(super) struct Scene {
    pub(super) document: Document,
    /// What is there before, all of it durable.
    pub(super) start: Disk,
    /// What `-o` says, where `DIR` stands for the folder.
    output: &'static str,
    /// What shall be there, by path.
    pub(super) expected: Vec<(String, Vec<u8>)>,
    /// How many bytes of blobs are to be fetched: one that is twice there counts once.
    pub(super) size: u64,
}

impl Scene {
    /// A blob that becomes one file.
    pub(super) fn file(length: usize) -> Self {
        let document = Image::titled("disk.raw", bytes(1, length));
        let expected = vec![("out.img".to_owned(), document.payload().to_vec())];
        Self { document, start: disk(|_| {}), output: "DIR/out.img", expected, size: length as u64 }
    }

    /// Several blobs that become the files of a folder, two of which are alike.
    pub(super) fn folder() -> Self {
        let contents = [(1, 40), (2, 1_200_000), (3, 3_000_000), (2, 1_200_000), (4, 0)];
        let (mut image, mut expected) = (Image::new(), Vec::new());
        for (place, (seed, length)) in contents.into_iter().enumerate() {
            let (title, content) = (format!("inner/{place}.bin"), bytes(seed, length));
            image = image.layer("application/x", content.clone()).annotate_layer(TITLE, &title);
            expected.push((title, content));
        }
        let size = 40 + 1_200_000 + 3_000_000;
        Self { document: image.build(), start: disk(|_| {}), output: "DIR/", expected, size }
    }

    /// An image that becomes a layout: what shall be there is whatever it names.
    pub(super) fn layout() -> Self {
        let image = Image::new().layer("application/x", bytes(1, 2_500_000)).layer("application/x", bytes(2, 40));
        let (output, size) = ("ocidir://DIR/layout:v1", 2_500_040);
        Self { document: image.build(), start: disk(|_| {}), output, expected: Vec::new(), size }
    }

    /// Puts something there before.
    pub(super) fn starting(mut self, start: Disk) -> Self {
        self.start = start;
        self
    }

    /// Counts the bytes of blobs that a folder has, whole or on record, so that no run needs to fetch them again.
    pub(super) fn held(&self, folder: &Path) -> u64 {
        let mut seen = HashSet::new();
        let held = files(folder).into_iter().map(|name| {
            let path = folder.join(&name);
            match name.strip_suffix("-partial") {
                Some(stem) => recorded(&folder.join(format!("{stem}-journal"))),
                None if name.ends_with("-journal") => 0,
                // Also of what was there before, which is little.
                None => Some(fs::read(path).expect("read a file"))
                    .filter(|it| seen.insert(it.clone()))
                    .map_or(0, |it| it.len() as u64),
            }
        });
        held.sum::<u64>().min(self.size)
    }

    /// Adds what is to be pulled, from a host and into a folder.
    pub(super) fn command(&self, run: Run, host: &str, folder: &Path) -> Run {
        let output = self.output.replace("DIR", &folder.display().to_string());
        run.args(["pull", &format!("{host}/acme/disk:v1"), "--json", "-o", &output])
    }

    /// Says which file is neither as it was before nor as it shall be; once all is done, the one before is none either.
    pub(super) fn wrong(&self, is_done: bool, read: impl Fn(&str) -> Option<Vec<u8>>) -> Option<&str> {
        let is_wrong = |path: &str, content: &[u8]| {
            let now = read(path);
            now.as_deref() != Some(content) && (is_done || now.as_deref() != self.start.file(path))
        };
        self.expected
            .iter()
            .map(|(path, content)| (path.as_str(), content))
            .find_map(|(path, content)| is_wrong(path, content).then_some(path))
    }

    /// Holds a folder to what was there before, or shall be.
    #[track_caller]
    pub(super) fn assert_right(&self, folder: &Path, about: &str) {
        assert_eq!(self.wrong(false, |path| fs::read(folder.join(path)).ok()), None, "wrong: {about}");
    }

    /// Holds a folder to what shall be there, and to hold nothing else.
    #[track_caller]
    pub(super) fn assert_done(&self, folder: &Path, outcome: &Outcome, about: &str) {
        assert_eq!(outcome.code, Some(0), "{}\n{about}", outcome.stderr);
        assert_eq!(self.wrong(true, |path| fs::read(folder.join(path)).ok()), None, "wrong in the end: {about}");
        let mut names: Vec<&str> = self.expected.iter().map(|(path, _)| path.as_str()).collect();
        names.sort_unstable();
        assert_eq!(files(folder), names, "left over: {about}");
    }
}

/// Gives how much a run says that it fetched.
pub(super) fn fetched(outcome: &Outcome) -> u64 {
    let told = document(outcome);
    let files = told["files"].as_array().expect("a list of files").iter();
    files.map(|file| file["bytes_fetched"].as_u64().expect("a number of bytes")).sum()
}

/// Gives what a folder holds that was filled so.
pub(super) fn disk(fill: impl FnOnce(&Path)) -> Disk {
    let folder = folder();
    fill(folder.path());
    Disk::read(folder.path())
}
