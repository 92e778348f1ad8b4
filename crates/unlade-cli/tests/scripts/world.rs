//! What a script is played in, and what must hold in it at every moment.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use bytes::Bytes;
use tempfile::TempDir;
use unlade_testkit::LyingRegistry;
use unlade_testkit::content::{bytes, digest};
use unlade_testkit::document::{Document, Image};
use unlade_testkit::layout::assert_sound;
use unlade_testkit::process::files;

use crate::script::{POOL, Script, Target};
use crate::tamper::{is_strange, is_unfinished, unfinished};

/// What all content is a part of.
static NOISE: LazyLock<Bytes> = LazyLock::new(|| bytes(1, POOL).into());

/// The tags of the two artifacts.
pub(crate) const TAGS: [&str; 2] = ["v1", "v2"];

const OLD: &[u8] = b"what was there before";
const VICTIM: &[u8] = b"somebody else's";
const TITLE: &str = "org.opencontainers.image.title";

pub(crate) struct World {
    pub(crate) registry: LyingRegistry,
    place: TempDir,
    target: Target,
    documents: [Document; 2],
    layers: [Vec<Bytes>; 2],
    /// What each file holds: nothing, what was there before, or what a run has put there.
    held: Vec<Option<Bytes>>,
}

impl World {
    pub(crate) fn of(script: &Script) -> Self {
        let registry = LyingRegistry::start();
        let place = tempfile::tempdir().expect("make a folder");
        fs::create_dir(place.path().join("target")).expect("make a folder");
        fs::write(place.path().join("victim"), VICTIM).expect("write the victim");
        let layers = script.layers.clone().map(|layers| layers.into_iter().map(|at| NOISE.slice(at)).collect());
        let documents = layers.each_ref().map(|layers: &Vec<Bytes>| document(layers));
        for (tag, document) in TAGS.iter().zip(&documents) {
            registry.publish("os/disk", tag, document);
        }
        let held = vec![None; layers[0].len()];
        let mut world = Self { registry, place, target: script.target, documents, layers, held };
        if script.taken && matches!(script.target, Target::File | Target::Folder) {
            let first = world.file(0);
            fs::create_dir_all(first.parent().expect("it is in a folder")).expect("make a folder");
            fs::write(first, OLD).expect("write the file that was there before");
            world.held[0] = Some(Bytes::from_static(OLD));
        }
        world
    }

    /// Gives the folder in which all that a run makes must be.
    pub(crate) fn folder(&self) -> PathBuf {
        self.place.path().join("target")
    }

    pub(crate) fn victim(&self) -> PathBuf {
        self.place.path().join("victim")
    }

    /// Gives what stands after `-o`.
    pub(crate) fn output(&self) -> String {
        let folder = self.folder();
        match self.target {
            Target::File => self.file(0).display().to_string(),
            Target::Folder => format!("{}/out/", folder.display()),
            Target::Stdout | Target::VerifiedStdout => "-".to_owned(),
            Target::Layout => format!("ocidir://{}/layout", folder.display()),
        }
    }

    /// Gives the path of a file that is to be pulled.
    pub(crate) fn file(&self, number: usize) -> PathBuf {
        match self.target {
            Target::Folder => self.folder().join("out").join(title(number)),
            _ => self.folder().join("out.img"),
        }
    }

    /// Gives the bytes of the one layer of an artifact.
    pub(crate) fn payload(&self, artifact: usize) -> &Bytes {
        &self.layers[artifact][0]
    }

    /// Holds all that is there to its word, after a run that pulled an artifact and may have ended in any way.
    pub(crate) fn check(&mut self, artifact: usize) {
        assert_eq!(fs::read(self.victim()).expect("read the victim"), VICTIM, "a link was written through");
        let folder = self.folder();
        match self.target {
            Target::Stdout | Target::VerifiedStdout => {
                assert_eq!(files(&folder), Vec::<String>::new(), "files beside a pipe");
            }
            Target::Layout => check_layout(&folder.join("layout")),
            Target::File | Target::Folder => self.check_files(artifact),
        }
    }

    fn check_files(&mut self, artifact: usize) {
        let folder = self.folder();
        let expected: Vec<PathBuf> = (0..self.held.len()).map(|number| self.file(number)).collect();
        for name in files(&folder) {
            let known = expected.contains(&folder.join(&name)) || is_unfinished(&name);
            assert!(known, "{name} is nothing that should be there");
        }
        for (number, path) in expected.iter().enumerate() {
            let found = fs::read(path).ok().map(Bytes::from);
            let right = &self.layers[artifact][number];
            if found == self.held[number] {
                continue;
            }
            let length = found.as_ref().map(Bytes::len);
            assert!(found.as_ref() == Some(right), "{} is a wrong file, of {length:?} bytes", path.display());
            self.held[number] = found;
        }
    }

    /// Holds a run that says it ended well to that.
    pub(crate) fn check_success(&mut self, artifact: usize) {
        self.check(artifact);
        match self.target {
            Target::Stdout | Target::VerifiedStdout => {}
            Target::Layout => {
                let named = assert_sound(&self.folder().join("layout"));
                assert!(named.contains(&self.documents[artifact].digest()), "it is not in the layout");
            }
            Target::File | Target::Folder => {
                let right =
                    self.layers[artifact].iter().zip(&self.held).all(|(right, held)| Some(right) == held.as_ref());
                assert!(right, "exit code 0, and the files are not there");
            }
        }
    }

    /// Says whether any file is there already as an artifact has it.
    pub(crate) fn holds_any(&self, artifact: usize) -> bool {
        self.layers[artifact].iter().zip(&self.held).any(|(right, held)| Some(right) == held.as_ref())
    }

    /// Holds the folder to having nothing unfinished in it but links, which are not ours to remove.
    pub(crate) fn check_clean(&self) {
        let mut left = unfinished(&self.folder());
        left.retain(|path| !is_strange(path));
        assert_eq!(left, Vec::<PathBuf>::new(), "left behind");
    }
}

/// Holds each file with the name of a blob to that name, and what the index names to being there.
fn check_layout(layout: &Path) {
    let blobs = layout.join("blobs/sha256");
    for name in if blobs.exists() { files(&blobs) } else { Vec::new() } {
        if !is_unfinished(&name) {
            let found = fs::read(blobs.join(&name)).expect("read a blob");
            assert_eq!(digest(&found), format!("sha256:{name}"), "a wrong file in a layout");
        }
    }
    if layout.exists() {
        assert_sound(layout);
    }
}

fn document(layers: &[Bytes]) -> Document {
    let image = layers.iter().enumerate().fold(Image::new(), |image, (number, layer)| {
        image.layer("application/octet-stream", layer.clone()).annotate_layer(TITLE, &title(number))
    });
    image.build()
}

fn title(number: usize) -> String {
    format!("disk{number}.raw")
}
