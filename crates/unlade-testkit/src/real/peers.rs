//! The programs that people use today for what unlade does: producers of artifacts and layouts, and judges of the
//! same reads.

mod words;

use std::fmt;
use std::path::PathBuf;

use serde_json::Value;

use super::{Missing, built, program};
use crate::process::Run;
use words::{Question, words};

/// One of the programs.
#[derive(Clone, Debug)]
pub struct Peer {
    name: Name,
    program: PathBuf,
}

/// All of them.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are named as the programs are")]
pub struct Peers {
    pub crane: Peer,
    pub oras: Peer,
    pub regctl: Peer,
    pub skopeo: Peer,
}

/// What a peer is asked about.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Place<'a> {
    /// A tag or digest in a layout in a tar: `FILE:TAG` or `FILE@DIGEST`.
    Archive(&'a str),
    /// A tag or digest in a layout in a folder: `FOLDER:TAG` or `FOLDER@DIGEST`.
    Layout(&'a str),
    /// A tag or digest at a registry: `HOST/REPOSITORY:TAG` or `HOST/REPOSITORY@DIGEST`.
    Registry(&'a str),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Name {
    Crane,
    Oras,
    Regctl,
    Skopeo,
}

impl Peers {
    /// Finds all of them.
    ///
    /// # Errors
    ///
    /// [`Missing`], naming the first that is not there.
    #[track_caller]
    pub fn installed() -> Result<Self, Missing> {
        Ok(Self {
            crane: Peer { name: Name::Crane, program: built("crane")? },
            oras: Peer { name: Name::Oras, program: built("oras")? },
            regctl: Peer { name: Name::Regctl, program: built("regctl")? },
            skopeo: Peer { name: Name::Skopeo, program: program("skopeo", "skopeo")? },
        })
    }

    /// Gives each of them.
    pub fn all(&self) -> [&Peer; 4] {
        [&self.crane, &self.oras, &self.regctl, &self.skopeo]
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.name {
            Name::Crane => "crane",
            Name::Oras => "oras",
            Name::Regctl => "regctl",
            Name::Skopeo => "skopeo",
        })
    }
}

/// The reads answer `None` where the program has no such verb, or cannot look there.
impl Peer {
    /// Begins a run of the program with words of one's own, in a clean environment and a home of its own.
    pub fn run(&self) -> Run {
        let run = Run::new(&self.program);
        // Debian installs no policy without the package that it only recommends; what is read here is our own.
        if self.name == Name::Skopeo { run.arg("--insecure-policy") } else { run }
    }

    /// Reads a manifest or an index, as it was pushed.
    #[track_caller]
    pub fn manifest(&self, place: Place<'_>) -> Option<Vec<u8>> {
        self.ask(Question::Manifest, place)
    }

    /// Asks for the digest of a manifest or an index.
    #[track_caller]
    pub fn digest(&self, place: Place<'_>) -> Option<String> {
        let answer = String::from_utf8(self.ask(Question::Digest, place)?).expect("a digest is text");
        Some(answer.trim_end().to_owned())
    }

    /// Reads a blob.
    #[track_caller]
    pub fn blob(&self, place: Place<'_>) -> Option<Vec<u8>> {
        self.ask(Question::Blob, place)
    }

    /// Lists the tags of a repository, or of a layout: the place has no tag. regctl sorts them, the others keep the
    /// order of a registry.
    #[track_caller]
    pub fn tags(&self, place: Place<'_>) -> Option<Vec<String>> {
        let answer = self.ask(Question::Tags, place)?;
        if self.name == Name::Skopeo {
            return Some(serde_json::from_value(json(&answer)["Tags"].take()).expect("skopeo lists tags"));
        }
        Some(String::from_utf8(answer).expect("tags are text").lines().map(str::to_owned).collect())
    }

    /// Tells whether [`tags`](Self::tags) keeps the order of the registry.
    pub fn keeps_order(&self) -> bool {
        self.name != Name::Regctl
    }

    /// Lists what refers to a manifest, as descriptors with the specification's keys.
    #[track_caller]
    pub fn referrers(&self, place: Place<'_>) -> Option<Vec<Value>> {
        let mut answer = json(&self.ask(Question::Referrers, place)?);
        let key = if self.name == Name::Oras { "referrers" } else { "manifests" };
        let mut descriptors: Vec<Value> = match answer[key].take() {
            Value::Null => Vec::new(),
            list => serde_json::from_value(list).expect("a list of descriptors"),
        };
        // oras adds what it knows besides: the whole reference, and what refers to the referrer.
        for descriptor in descriptors.iter_mut().filter_map(Value::as_object_mut) {
            descriptor.retain(|key, _| !["reference", "referrers"].contains(&key.as_str()));
        }
        Some(descriptors)
    }

    #[track_caller]
    fn ask(&self, question: Question, place: Place<'_>) -> Option<Vec<u8>> {
        let outcome = self.run().args(words(self.name, question, place)?).run();
        assert_eq!(outcome.code, Some(0), "{self} on {place:?}: {}", outcome.stderr);
        Some(outcome.stdout)
    }
}

#[track_caller]
fn json(text: &[u8]) -> Value {
    serde_json::from_slice(text).unwrap_or_else(|error| panic!("{error} in {}", String::from_utf8_lossy(text)))
}
