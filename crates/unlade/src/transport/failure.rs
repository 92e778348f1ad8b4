//! How an exchange fails.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::net::IpAddr;

use rustls::CertificateError;
use rustls::pki_types::UnixTime;

use super::address::Peril;
use super::proxy_failure::ProxyFailure;

/// Why no answer came, or why its body broke off. Names no URL.
pub struct Failure {
    kind: FailureKind,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The ways in which an exchange fails.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureKind {
    /// The connection was reset, or closed before the end.
    Broken,
    /// No connection within the time allowed.
    ConnectTimeout,
    /// The address may not be connected to.
    ForbiddenAddress(IpAddr, Peril),
    /// The head of the answer is larger than anyone needs.
    HeadersTooLarge,
    /// The answer is not HTTP.
    NotHttp,
    /// Anything else.
    Other,
    /// The server answered the TLS greeting in plain text.
    PlainText,
    /// No way led through the proxy.
    Proxy(Box<ProxyFailure>),
    /// Nobody listens at that port.
    Refused,
    /// No answer within the time allowed.
    ResponseTimeout,
    /// The body stood still.
    Stalled,
    /// The TLS handshake failed.
    Tls(TlsFault),
    /// The body came too slowly.
    TooSlow,
    /// No host has that name.
    UnknownHost,
    /// There is no way to the address.
    Unreachable,
    /// The name could not be resolved now.
    Unresolved,
}

/// What is wrong with a TLS handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsFault {
    /// The authorities that were chosen cannot be read.
    Authorities,
    /// The server does not accept the client's certificate.
    ClientCertificateRefused,
    /// The server wants a certificate of the client.
    ClientCertificateRequired,
    /// The server's certificate has expired.
    Expired,
    /// The server's certificate is for another name.
    NameMismatch,
    /// The server's certificate is not valid yet.
    NotYetValid,
    /// Anything else.
    Other,
    /// The two share no version of TLS.
    ProtocolVersion,
    /// Nobody that is trusted signed the server's certificate.
    UnknownIssuer,
    /// The server's certificate is of a kind that is not read here.
    Unsupported,
}

impl FailureKind {
    /// Says whether another try may fare better.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Broken
            | Self::ConnectTimeout
            | Self::Refused
            | Self::ResponseTimeout
            | Self::Stalled
            | Self::TooSlow
            | Self::Unreachable
            | Self::Unresolved => true,
            Self::Proxy(failure) => failure.is_transient(),
            _ => false,
        }
    }

    /// Says what a failure is on a connection that had come about: there, TLS that cannot be read is damage.
    fn established(self) -> Self {
        match self {
            Self::ConnectTimeout | Self::PlainText | Self::Tls(TlsFault::Other) | Self::Unreachable => Self::Broken,
            other => other,
        }
    }
}

impl Failure {
    /// Makes a failure without a deeper cause.
    pub fn new(kind: FailureKind) -> Self {
        Self { kind, source: None }
    }

    /// Makes a failure with its cause.
    pub fn caused_by(kind: FailureKind, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { kind, source: Some(source.into()) }
    }

    /// Returns in which way it failed.
    pub fn kind(&self) -> &FailureKind {
        &self.kind
    }

    /// Says whether another try may fare better.
    pub fn is_transient(&self) -> bool {
        self.kind.is_transient()
    }

    /// Tells what an error is by what lies below it.
    pub(super) fn from_error(error: &(dyn StdError + 'static), phase: Phase) -> Self {
        // Once there is a connection, whatever else comes over it is a break of it.
        let found = deepest(error).map(|kind| if phase == Phase::Connect { kind } else { kind.established() });
        let kind = found.unwrap_or(match phase {
            Phase::Body => FailureKind::Broken,
            Phase::Connect => FailureKind::Unreachable,
            Phase::Head => FailureKind::Other,
        });
        let cause = certificate_fault(error).or_else(|| root_cause(error));
        Self { kind, source: cause.map(|text| Box::from(text.as_str())) }
    }
}

/// How far an exchange had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Body,
    Connect,
    Head,
}

/// Returns the message of the innermost cause: the layers above it only repeat that something failed.
fn root_cause(error: &(dyn StdError + 'static)) -> Option<String> {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    if innermost.is::<Failure>() {
        return None;
    }
    Some(innermost.to_string())
}

/// Says when a certificate is valid, in dates: rustls counts seconds.
fn certificate_fault(error: &(dyn StdError + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(layer) = next {
        if let Some(rustls::Error::InvalidCertificate(fault)) = layer.downcast_ref::<rustls::Error>() {
            return validity(fault);
        }
        // An io::Error hides what it wraps from `source()`.
        let inner = layer.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = inner.map_or_else(|| layer.source(), |inner| Some(inner));
    }
    None
}

fn validity(fault: &CertificateError) -> Option<String> {
    let date = |time: &UnixTime| jiff::Timestamp::from_second(i64::try_from(time.as_secs()).ok()?).ok();
    Some(match fault {
        CertificateError::ExpiredContext { time, not_after } => {
            format!("it was valid until {}, and the clock of this machine says {}", date(not_after)?, date(time)?)
        }
        CertificateError::NotValidYetContext { time, not_before } => {
            format!("it is valid from {} on, and the clock of this machine says {}", date(not_before)?, date(time)?)
        }
        _ => return None,
    })
}

fn deepest(error: &(dyn StdError + 'static)) -> Option<FailureKind> {
    let mut found = None;
    let mut next = Some(error);
    while let Some(layer) = next {
        found = classify(layer).or(found);
        next = layer.source();
    }
    found
}

fn classify(layer: &(dyn StdError + 'static)) -> Option<FailureKind> {
    if let Some(failure) = layer.downcast_ref::<Failure>() {
        return Some(failure.kind.clone());
    }
    if let Some(error) = layer.downcast_ref::<rustls::Error>() {
        return Some(from_rustls(error));
    }
    if let Some(error) = layer.downcast_ref::<hyper::Error>() {
        return from_hyper(error);
    }
    let error = layer.downcast_ref::<io::Error>()?;
    // An io::Error hides what it wraps from `source()`.
    if let Some(found) = error.get_ref().and_then(|inner| deepest(inner)) {
        return Some(found);
    }
    from_io(error.kind())
}

fn from_hyper(error: &hyper::Error) -> Option<FailureKind> {
    // hyper tells this one by name to servers alone.
    if error.is_parse() && error.to_string().contains("too large") {
        Some(FailureKind::HeadersTooLarge)
    } else if error.is_parse() {
        Some(FailureKind::NotHttp)
    } else if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        Some(FailureKind::Broken)
    } else {
        None
    }
}

fn from_io(kind: io::ErrorKind) -> Option<FailureKind> {
    match kind {
        io::ErrorKind::ConnectionRefused => Some(FailureKind::Refused),
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::NotConnected
        | io::ErrorKind::UnexpectedEof => Some(FailureKind::Broken),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::AddrNotAvailable => {
            Some(FailureKind::Unreachable)
        }
        io::ErrorKind::TimedOut => Some(FailureKind::ConnectTimeout),
        _ => None,
    }
}

/// Says whether a certificate was refused because it is marked as an authority's and a server shows it.
///
/// rustls hands this error of webpki through without a name of its own.
pub(super) fn is_authority_as_server(error: &rustls::OtherError) -> bool {
    error.0.to_string() == "CaUsedAsEndEntity"
}

fn from_rustls(error: &rustls::Error) -> FailureKind {
    use rustls::AlertDescription;
    FailureKind::Tls(match error {
        rustls::Error::InvalidMessage(_) => return FailureKind::PlainText,
        rustls::Error::InvalidCertificate(error) => match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsFault::Expired,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                TlsFault::NameMismatch
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => TlsFault::NotYetValid,
            // A signature that does not fit is that of an issuer who only has the name of a trusted one.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => TlsFault::UnknownIssuer,
            CertificateError::Other(other) if is_authority_as_server(other) => TlsFault::UnknownIssuer,
            CertificateError::Other(_) => TlsFault::Unsupported,
            _ => TlsFault::Other,
        },
        rustls::Error::PeerIncompatible(_) | rustls::Error::AlertReceived(AlertDescription::ProtocolVersion) => {
            TlsFault::ProtocolVersion
        }
        // Damage on the way, or a server that fails: neither says anything about who it is.
        rustls::Error::DecryptError
        | rustls::Error::AlertReceived(AlertDescription::InternalError | AlertDescription::BadRecordMac) => {
            return FailureKind::Broken;
        }
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired | AlertDescription::BadCertificate) => {
            TlsFault::ClientCertificateRequired
        }
        rustls::Error::AlertReceived(
            AlertDescription::AccessDenied
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::UnsupportedCertificate,
        ) => TlsFault::ClientCertificateRefused,
        _ => TlsFault::Other,
    })
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match &self.kind {
            FailureKind::Broken => "the connection broke",
            FailureKind::ConnectTimeout => "no connection came about in time",
            FailureKind::ForbiddenAddress(address, peril) => {
                return write!(f, "no connection is made to {address}: it is {peril}");
            }
            FailureKind::HeadersTooLarge => "the head of the answer is too large",
            FailureKind::NotHttp => "the answer is not HTTP",
            FailureKind::Other => "the exchange failed",
            FailureKind::PlainText => "the server does not speak TLS",
            FailureKind::Proxy(failure) => return write!(f, "{failure}"),
            FailureKind::Refused => "nobody listens there: the connection was refused",
            FailureKind::ResponseTimeout => "no answer came in time",
            FailureKind::Stalled => "the body stood still for too long",
            FailureKind::Tls(fault) => match fault {
                TlsFault::Authorities => "the certificate authorities that were chosen cannot be read",
                TlsFault::ClientCertificateRefused => "the server does not accept the client's certificate",
                TlsFault::ClientCertificateRequired => "the server wants a client certificate",
                TlsFault::Expired => "the server's certificate has expired",
                TlsFault::NameMismatch => "the server's certificate is for another name",
                TlsFault::NotYetValid => "the server's certificate is not valid yet",
                TlsFault::Other => "the TLS handshake failed",
                TlsFault::ProtocolVersion => "the server speaks no version of TLS that is allowed",
                TlsFault::UnknownIssuer => "nobody that is trusted signed the server's certificate",
                TlsFault::Unsupported => "the server's certificate is of a kind that is not read here",
            },
            FailureKind::TooSlow => "the body came too slowly",
            FailureKind::UnknownHost => "no host has that name",
            FailureKind::Unreachable => "the host cannot be reached",
            FailureKind::Unresolved => "the name cannot be resolved now",
        };
        f.write_str(text)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure").field("kind", &self.kind).field("source", &self.source).finish()
    }
}

impl StdError for Failure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| source.as_ref() as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_a_certificate_are_told_as_dates() {
        let time = |seconds| UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        let expired = CertificateError::ExpiredContext { time: time(1_800_000_000), not_after: time(1_000_000_000) };
        let error = io::Error::other(io::Error::other(rustls::Error::InvalidCertificate(expired)));
        assert_eq!(
            certificate_fault(&error).unwrap(),
            "it was valid until 2001-09-09T01:46:40Z, and the clock of this machine says 2027-01-15T08:00:00Z"
        );
        let future = CertificateError::NotValidYetContext { time: time(0), not_before: time(1_000_000_000) };
        assert_eq!(
            validity(&future).unwrap(),
            "it is valid from 2001-09-09T01:46:40Z on, and the clock of this machine says 1970-01-01T00:00:00Z"
        );
        assert_eq!(validity(&CertificateError::UnknownIssuer), None);
    }
}
