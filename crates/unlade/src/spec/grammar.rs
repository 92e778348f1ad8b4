//! The grammar of names, by the distribution project.
//!
//! <https://github.com/distribution/reference/blob/v0.6.0/reference.go>

/// Why a part of a reference is not well-formed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// An address of IPv6 stands where its colons would be read as those of a port or a tag.
    #[error("an IPv6 address stands in brackets: [ADDRESS] or [ADDRESS]:PORT")]
    Brackets,
    /// The digest is none.
    #[error("this is no digest: {0}")]
    Digest(#[from] super::digest::DigestError),
    /// There is nothing.
    #[error("the reference is empty")]
    Empty,
    /// A space or a control character stands in it.
    #[error("a reference has no spaces and no control characters")]
    ForbiddenCharacter,
    /// The name of the registry is none.
    #[error("this is no name of a registry")]
    Host,
    /// The repository's name is too long.
    #[error("the name of a repository has at most 255 characters")]
    NameTooLong,
    /// There is a registry, but no repository.
    #[error("a repository is missing: expected HOST/REPOSITORY")]
    NoRepository,
    /// There is no path.
    #[error("the path of a layout is missing")]
    NoPath,
    /// A component of the repository's name is empty or holds a character that it may not hold.
    #[error("the name of a repository is made of lower-case letters, digits and single separators (. _ __ -)")]
    Name,
    /// The port is none.
    #[error("a port is a number from 1 to 65535")]
    Port,
    /// A query or a fragment stands in it.
    #[error("a reference has no query and no fragment")]
    Query,
    /// The scheme is not one of a reference.
    #[error("the scheme is none of oci, docker, ocidir, ocitar")]
    Scheme,
    /// The tag is none.
    #[error("a tag has 1 to 128 letters, digits, dots, dashes and underscores, and does not begin with a dot or dash")]
    Tag,
    /// A login stands in it.
    #[error("a reference has no login: give it with --pull-secret-file or an auth file")]
    UserInfo,
}

/// A reason, and the offset in bytes of the part that it speaks of.
pub(super) type Fault = (Reason, usize);

/// Checks the name of a repository; `base` is its offset.
pub(super) fn name(text: &str, base: usize) -> Result<(), Fault> {
    if text.len() > 255 {
        return Err((Reason::NameTooLong, base + 255));
    }
    let mut offset = base;
    for component in text.split('/') {
        self::component(component).map_err(|bad| (Reason::Name, offset + bad))?;
        offset += component.len() + 1;
    }
    Ok(())
}

/// Checks one component; the error is the offset of the first character that does not fit.
fn component(text: &str) -> Result<(), usize> {
    let is_alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        let word = bytes[at..].iter().take_while(|byte| is_alphanumeric(**byte)).count();
        if word == 0 {
            return Err(at);
        }
        at += word;
        if at == bytes.len() {
            return Ok(());
        }
        let separator = bytes[at];
        let run = bytes[at..].iter().take_while(|byte| **byte == separator).count();
        let most = match separator {
            b'.' => 1,
            b'_' => 2,
            b'-' => usize::MAX,
            _ => return Err(at),
        };
        if run > most {
            return Err(at + most);
        }
        at += run;
    }
}

/// Checks a tag; `base` is its offset.
pub(super) fn tag(text: &str, base: usize) -> Result<(), Fault> {
    let fits = |(position, byte): (usize, u8)| {
        byte.is_ascii_alphanumeric() || byte == b'_' || (position > 0 && (byte == b'.' || byte == b'-'))
    };
    if text.is_empty() {
        return Err((Reason::Tag, base));
    }
    match text.bytes().enumerate().position(|item| !fits(item)) {
        Some(bad) => Err((Reason::Tag, base + bad)),
        None if text.len() > 128 => Err((Reason::Tag, base + 128)),
        None => Ok(()),
    }
}

/// Checks host and port, and returns them; `base` is their offset.
pub(super) fn authority(text: &str, base: usize) -> Result<(String, Option<u16>), Fault> {
    let (host, port) = if text.starts_with('[') {
        let end = text.find(']').ok_or((Reason::Host, base))?;
        let address = &text[1..end];
        address.parse::<std::net::Ipv6Addr>().map_err(|_| (Reason::Host, base + 1))?;
        match &text[end + 1..] {
            "" => (&text[..=end], None),
            rest => (&text[..=end], Some(rest.strip_prefix(':').ok_or((Reason::Host, base + end + 1))?)),
        }
    } else {
        let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
        domain(host, base)?;
        (host, port)
    };
    let port = port.map(|port| self::port(port).ok_or((Reason::Port, base + host.len() + 1))).transpose()?;
    Ok((host.to_ascii_lowercase(), port))
}

fn domain(text: &str, base: usize) -> Result<(), Fault> {
    let mut offset = base;
    for label in text.split('.') {
        if let Some(bad) = label.bytes().position(|byte| !byte.is_ascii_alphanumeric() && byte != b'-') {
            return Err((Reason::Host, offset + bad));
        }
        if label.is_empty() || label.starts_with('-') || label.ends_with('-') {
            return Err((Reason::Host, offset));
        }
        offset += label.len() + 1;
    }
    Ok(())
}

fn port(text: &str) -> Option<u16> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|port| *port != 0)
}
