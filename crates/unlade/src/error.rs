//! The one error of the library: a kind that says whose fault it is, a context
//! that says what was tried, and a chain of causes.

mod texts;

use std::error::Error as StdError;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::spec::api_error::ApiError;
use crate::spec::digest::Digest;
use crate::spec::entry::Unreadable;
use crate::spec::reference::ReferenceError;
use crate::spec::safe_url::SafeUrl;

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, on what, how often it was tried, and why.
///
/// One pointer wide. [`Display`](fmt::Display) says what was tried and never
/// repeats its [`source`](StdError::source), so a printed chain reads once.
/// Neither form holds a secret: URLs come in as [`SafeUrl`].
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    context: Context,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// Whose fault an error is and what a caller can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Several candidates fit and nothing decides between them: say more.
    Ambiguous,
    /// A credential was refused or withheld: another one, or a consent, is needed.
    Denied,
    /// A block device is not what the work needs.
    Device,
    /// The target exists and may not be replaced.
    Exists,
    /// The caller asked to stop.
    Interrupted,
    /// The caller's input cannot be used; nothing was tried.
    InvalidInput,
    /// The local system refused an operation on a file.
    Io,
    /// Another process holds the target.
    Locked,
    /// A document or stream is broken although it is what its publisher made.
    Malformed,
    /// Content is not what its descriptor promises: digest or size.
    Mismatch,
    /// Nothing that exists fits what was asked for.
    NoCandidate,
    /// The target has no room for the content.
    NoSpace,
    /// The registry says that it does not exist.
    NotFound,
    /// A server broke the protocol, or named a place it may not name.
    PeerMisbehaved,
    /// The registry asks to come back later than we are willing to wait.
    RateLimited,
    /// The registry refuses the request as such.
    Rejected,
    /// The TLS handshake failed: certificate, name, date or version.
    Tls,
    /// A document exceeds the limit that keeps memory bounded.
    TooLarge,
    /// The registry wants a credential, or another one.
    Unauthorized,
    /// The server cannot be reached or keeps failing.
    Unavailable,
    /// The content is of a form that this version does not handle.
    Unsupported,
    /// A policy forbids it.
    Untrusted,
}

impl ErrorKind {
    /// Every kind, in alphabetical order.
    pub const ALL: [Self; 22] = [
        Self::Ambiguous,
        Self::Denied,
        Self::Device,
        Self::Exists,
        Self::Interrupted,
        Self::InvalidInput,
        Self::Io,
        Self::Locked,
        Self::Malformed,
        Self::Mismatch,
        Self::NoCandidate,
        Self::NoSpace,
        Self::NotFound,
        Self::PeerMisbehaved,
        Self::RateLimited,
        Self::Rejected,
        Self::Tls,
        Self::TooLarge,
        Self::Unauthorized,
        Self::Unavailable,
        Self::Unsupported,
        Self::Untrusted,
    ];
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The facts around an error, each present where it is known.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Context {
    /// The reference that was worked on.
    pub reference: Option<String>,
    /// The URL of the last request.
    pub url: Option<SafeUrl>,
    /// The HTTP status of the last answer.
    pub status: Option<u16>,
    /// What the registry itself said.
    pub registry_errors: Vec<ApiError>,
    /// How many requests were made for this step; 0 if none was.
    pub attempts: u32,
    /// How long the step took, waiting included.
    pub elapsed: Option<Duration>,
    /// When the server wants to be asked again.
    pub retry_after: Option<Duration>,
    /// What would help, for a program to spell out.
    pub advice: Option<Advice>,
    /// What became of each of several files, where some could not be had.
    pub files: Vec<FileReport>,
}

/// One of several files that were to be had.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileReport {
    /// Where it is, or was to be.
    pub path: PathBuf,
    /// What its publisher calls it; text from outside.
    pub title: String,
    /// The digest of the layer.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// What became of it.
    pub fate: FileFate,
}

/// What became of one of several files.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileFate {
    /// It was fetched, and is there.
    Downloaded,
    /// It could not be had, for these reasons, outermost first.
    Failed(Vec<String>),
    /// It was there already.
    Present,
    /// It was not tried.
    Skipped,
}

/// What would help against an error: facts, which a program turns into its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Advice {
    /// Allow addresses of this network as a target of redirects.
    AllowNet(String),
    /// Tell the registry's operators that this host, to which it leads, refuses.
    AskOperators(String),
    /// Give the certificate authority that signed this host's certificate.
    CertificateAuthority(String),
    /// Check the clock of this machine, against which this host's certificate was judged.
    CheckClock(String),
    /// Choose one of these by the named selector.
    Choose {
        /// The selector that would decide, such as `platform`.
        by: &'static str,
        /// What there is to choose from.
        candidates: Vec<String>,
    },
    /// Check the credential, which came from this place.
    Credential(String),
    /// Undo the compression first, with this command.
    Decompress(String),
    /// Free room: this many bytes are needed beside the target.
    FreeSpace(u64),
    /// Ask no policy.
    IgnorePolicy,
    /// Take the archive as it is.
    KeepArchive,
    /// Give a login.
    LogIn,
    /// Make this folder first.
    MakeFolder(String),
    /// Call this host by a name that its certificate has.
    NameHost(String),
    /// Name a folder, or another one, for the files.
    NameFolder,
    /// Name the file to write to.
    NameOutput,
    /// Near names that do exist.
    Near(Vec<String>),
    /// Allow replacing the file.
    Overwrite,
    /// The server speaks plain http.
    PlainHttp,
    /// Reach this realm host by TLS, verified: no trust makes up for that.
    ProveRealm(String),
    /// Check the proxy, or ask this host without it.
    Proxy {
        /// What names the proxy: an option or a variable.
        origin: String,
        /// The host that was to be reached.
        host: String,
    },
    /// Give the proxy's login in what names it.
    ProxyLogin(String),
    /// Push the artifact again: a part of it is missing.
    PushAgain,
    /// Remove this file, which stands where a partial should be.
    RemoveStranger(String),
    /// Run it again: what is there is not fetched anew.
    RunAgain,
    /// Show a certificate that the server accepts.
    ShowCertificate,
    /// Nothing on this side: the server must ask for a login in a form that is known.
    SpeakKnownScheme,
    /// The server speaks TLS.
    SpeakTls,
    /// Free room for temporary files, this many bytes, or keep them elsewhere.
    SpoolElsewhere(u64),
    /// Allow an older TLS version.
    TlsMinimum,
    /// Trust this realm host with the registry's login.
    TrustRealm(String),
    /// Write to a device with the verb made for it.
    WriteDevice,
}

impl Error {
    /// Makes an error that says what was tried, on what.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), context: Context::default(), source: None }))
    }

    /// Makes an error of kind [`ErrorKind::Io`] around what the system said.
    ///
    /// A full file system, an exceeded quota or a limit on the length of files is [`ErrorKind::NoSpace`].
    pub fn io(message: impl Into<String>, source: std::io::Error) -> Self {
        use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        let kind = match source.kind() {
            FileTooLarge | QuotaExceeded | StorageFull => ErrorKind::NoSpace,
            _ => ErrorKind::Io,
        };
        Self::new(kind, message).caused_by(source)
    }

    /// Attaches the cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Edits the context in place.
    #[must_use]
    pub fn with(mut self, edit: impl FnOnce(&mut Context)) -> Self {
        edit(&mut self.0.context);
        self
    }

    /// Attaches what would help.
    #[must_use]
    pub fn advise(self, advice: Advice) -> Self {
        self.with(|context| context.advice = Some(advice))
    }

    /// Wraps the error in what it made impossible; kind and context stay.
    #[must_use]
    pub fn making(self, message: impl Into<String>) -> Self {
        Self::new(self.kind(), message).with(|context| *context = self.0.context.clone()).caused_by(self)
    }

    /// Says the same in other words; kind, context and cause stay.
    #[must_use]
    pub(crate) fn reworded(mut self, edit: impl FnOnce(&str) -> String) -> Self {
        self.0.message = edit(&self.0.message);
        self
    }

    /// Says the same as another kind; message, context and cause stay.
    #[must_use]
    pub(crate) fn turned_into(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    /// Says whose fault it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the facts around it.
    pub fn context(&self) -> &Context {
        &self.0.context
    }

    /// Returns the messages of this error and of its causes, outermost first.
    pub fn chain(&self) -> Vec<String> {
        let mut messages = vec![self.to_string()];
        let mut source = self.source();
        while let Some(cause) = source {
            messages.push(cause.to_string());
            source = cause.source();
        }
        messages
    }
}

impl From<ReferenceError> for Error {
    fn from(cause: ReferenceError) -> Self {
        Self::new(ErrorKind::InvalidInput, "the reference cannot be used").caused_by(cause)
    }
}

impl From<&Unreadable> for Error {
    fn from(entry: &Unreadable) -> Self {
        let kind = if entry.fault.is_unsupported() { ErrorKind::Unsupported } else { ErrorKind::Malformed };
        let name = entry.digest.as_deref().map_or_else(String::new, |digest| format!(" {digest:?}"));
        Self::new(kind, format!("the entry{name} cannot be used")).caused_by(entry.fault.clone())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("context", &self.0.context)
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|source| source.as_ref() as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_one_pointer_wide() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        assert_eq!(size_of::<Result<(), Error>>(), size_of::<usize>());
    }

    #[test]
    fn display_does_not_repeat_the_cause() {
        let error = Error::io("cannot open disk.img", std::io::Error::other("the disk is on fire"));
        assert_eq!(error.to_string(), "cannot open disk.img");
        assert_eq!(error.chain(), ["cannot open disk.img", "the disk is on fire"]);
    }

    #[test]
    fn what_has_no_room_has_a_kind_of_its_own() {
        use std::io::ErrorKind::{FileTooLarge, PermissionDenied, QuotaExceeded, StorageFull};
        let kind = |source: std::io::ErrorKind| Error::io("cannot write", source.into()).kind();
        for source in [FileTooLarge, QuotaExceeded, StorageFull] {
            assert_eq!(kind(source), ErrorKind::NoSpace, "{source}");
        }
        assert_eq!(kind(PermissionDenied), ErrorKind::Io);
    }
}
