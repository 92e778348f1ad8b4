//! A clock that can be set for one program.

use std::fs;
use std::path::{Path, PathBuf};

use super::missing::{Missing, Supply};
use crate::process::Run;

/// Wall clocks that jump whenever the file says so.
pub struct FakeTime {
    library: PathBuf,
}

impl FakeTime {
    /// Finds the library that stands between programs and the clock.
    ///
    /// # Errors
    ///
    /// [`Missing`] where libfaketime is not installed.
    #[track_caller]
    pub fn find() -> Result<Self, Missing> {
        let folders = fs::read_dir("/usr/lib").expect("list the libraries");
        let mut places = folders.flatten().map(|entry| entry.path().join("faketime/libfaketimeMT.so.1"));
        let library = places.find(|path| path.is_file());
        library
            .map(|library| Self { library })
            .ok_or_else(|| Missing::report("libfaketime", Supply::Debian("faketime")))
    }

    /// Lets a run see a wall clock that is off by what a file says, `+3650d` or `-1h`, whenever it looks. The clock
    /// that only ever goes on stays what it is.
    pub fn command(&self, run: Run, file: &Path) -> Run {
        let run = run.env("LD_PRELOAD", &self.library).env("FAKETIME_TIMESTAMP_FILE", file);
        run.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    }
}
