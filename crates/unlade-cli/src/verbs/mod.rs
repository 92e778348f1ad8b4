//! The verbs, one a file.

mod about;
mod add;
mod blob;
mod digest;
mod inspect;
mod manifest;
mod pick;
mod pull;
mod referrers;
mod serve;
mod tags;

pub(crate) use self::about::run as about;
use unlade::image::Selection;
use unlade::spec::platform::PlatformSpec;
use unlade::spec::reference::Reference;
use unlade::{Error, ErrorKind, Result};

use crate::options::{Choice, Verb};
use crate::session::{Patience, Reach, Session};

/// Runs a verb.
pub(crate) async fn run(verb: Verb, session: &Session) -> Result<()> {
    match verb {
        Verb::About(about) => about::run(&about, session.json(), session.display()),
        Verb::Blob(options) => blob::run(&options, session).await,
        Verb::Digest(options) => digest::run(&options, session).await,
        Verb::Inspect(options) => inspect::run(&options, session).await,
        Verb::Manifest(options) => manifest::run(&options, session).await,
        Verb::Pick(options) => pick::run(&options, session).await,
        Verb::Pull(options) => pull::run(&options, session).await,
        Verb::Referrers(options) => referrers::run(&options, session).await,
        Verb::Serve(options) => serve::run(&options, session).await,
        Verb::Tags(options) => tags::run(&options, session).await,
    }
}

/// Says how long a verb may take to end once it is asked to.
pub(crate) fn patience(verb: &Verb) -> Patience {
    match verb {
        Verb::Serve(_) => Patience::Endless,
        _ => Patience::Brief,
    }
}

/// Says what a verb works with.
pub(crate) fn reach(verb: &Verb) -> Reach {
    match verb {
        Verb::About(_) | Verb::Serve(_) => Reach::Local,
        _ => Reach::Registries,
    }
}

/// Reads a reference; the message shows the offending place.
fn reference(text: &str) -> Result<Reference> {
    text.parse::<Reference>().map_err(|error| {
        let message = format!("the reference cannot be used: {error}");
        // In a text of nothing but spaces there is no place to show.
        let message = if text.trim().is_empty() { message } else { format!("{message}\n{}", error.caret()) };
        Error::new(ErrorKind::InvalidInput, message)
    })
}

/// Reads the options that choose among manifests.
fn selection(choice: &Choice) -> Result<Selection> {
    let mut platform = match choice.platform.as_deref() {
        Some("host") => host(),
        Some(text) => text.parse::<PlatformSpec>().map_err(|error| {
            Error::new(ErrorKind::InvalidInput, format!("the platform {text:?} cannot be used")).caused_by(error)
        })?,
        None => PlatformSpec::default(),
    };
    if choice.platform.is_none() {
        platform.architecture.clone_from(&choice.arch);
        platform.os.clone_from(&choice.os);
        platform.variant.clone_from(&choice.variant);
    }
    Ok(Selection::platform(platform))
}

/// Returns the platform that this program was built for.
fn host() -> PlatformSpec {
    let mut platform = PlatformSpec::default();
    platform.architecture = Some(std::env::consts::ARCH.to_owned());
    platform.os = Some(std::env::consts::OS.to_owned());
    platform
}
