//! What this machine has not, or does not let the tests do: which test wants it, and where it would come from.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::thread;

/// A program, or a file of a package, that this machine has not.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Missing {
    /// What was looked for.
    pub wanted: String,
    /// Where it comes from.
    pub supply: Supply,
}

/// Where what is missing comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Supply {
    /// The Debian package of this name.
    Debian(&'static str),
    /// `tests/install-peers`, which needs Go.
    Go,
}

impl fmt::Display for Missing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wanted, supply } = self;
        match supply {
            Supply::Debian(package) => write!(formatter, "{wanted} is not installed (Debian package {package})"),
            Supply::Go => write!(formatter, "{wanted} is not installed (tests/install-peers builds it, with Go)"),
        }
    }
}

impl std::error::Error for Missing {}

impl Missing {
    /// Makes the error; where `CI` is `true`, panics instead: there, a test that quietly did not run is a lie.
    #[track_caller]
    pub(super) fn report(wanted: &str, supply: Supply) -> Self {
        let missing = Self { wanted: wanted.to_owned(), supply };
        assert!(!is_ci(), "{missing}");
        missing
    }
}

/// What no package brings.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Lack {
    /// A feature of the kernel.
    Kernel(String),
    /// The right to do something, which root has on a machine of its own.
    Right(String),
}

impl fmt::Display for Lack {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Kernel(why) | Self::Right(why)) = self;
        formatter.write_str(why)
    }
}

/// Says whether this is where all tests have to run.
fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| value == "true")
}

/// Takes a component that needs Go, or says that the test on this thread does not run: the test returns then.
///
/// It is said on stderr, also where the harness captures what tests print, and in the file that `UNLADE_NOT_RUN`
/// names, which `./test` shows at its end. What a Debian package would bring fails the test.
#[track_caller]
pub fn or_not_run<T>(component: Result<T, Missing>) -> Option<T> {
    let missing = match component {
        Ok(component) => return Some(component),
        Err(missing) => missing,
    };
    assert_eq!(missing.supply, Supply::Go, "{missing}; ./test installs it");
    tell(&missing);
    None
}

/// Says that the test on this thread does not run, for want of what nobody can install.
///
/// It is said where [`or_not_run`] says it. Where `CI` is `true`, it is a failure, but for what the kernel has not.
#[track_caller]
pub fn not_run(lack: &Lack) {
    assert!(!is_ci() || matches!(lack, Lack::Kernel(_)), "a test does not run: {lack}");
    tell(lack);
}

fn tell(why: &dyn fmt::Display) {
    let thread = thread::current();
    let line = format!("not run: {}: {why}\n", thread.name().unwrap_or("a test without a name"));
    // The macros write to the harness; this handle is stderr itself.
    io::stderr().write_all(line.as_bytes()).expect("write to stderr");
    if let Some(path) = std::env::var_os("UNLADE_NOT_RUN") {
        let file = OpenOptions::new().append(true).create(true).open(path);
        let written = file.and_then(|mut file| file.write_all(line.as_bytes()));
        written.expect("write to the file that UNLADE_NOT_RUN names");
    }
}

/// Finds a program of a Debian package.
#[track_caller]
pub(super) fn program(name: &str, package: &'static str) -> Result<PathBuf, Missing> {
    let folders = ["/usr/local/bin", "/usr/bin", "/usr/sbin", "/bin", "/sbin"];
    let found = folders.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.is_file());
    found.ok_or_else(|| Missing::report(name, Supply::Debian(package)))
}

/// Finds a program that `tests/install-peers` built.
#[track_caller]
pub(super) fn built(name: &str) -> Result<PathBuf, Missing> {
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/peers");
    let path = std::env::var_os("UNLADE_PEERS").map_or_else(usual, PathBuf::from).join(name);
    if path.is_file() { Ok(path) } else { Err(Missing::report(name, Supply::Go)) }
}
