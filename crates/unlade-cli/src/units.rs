//! Durations, sizes, rates, networks and addresses as people write them.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::time::Duration;

use ipnet::IpNet;
use unlade::config::{Mirror, PlainHttp};
use unlade::spec::reference::Repository;

/// Reads `500ms`, `2s`, `1m`, `1h`; a bare number is seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text);
    let milliseconds = match unit {
        "ms" => 1,
        "" | "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err("expected a duration such as 500ms, 2s or 1m".to_owned()),
    };
    scaled(number, milliseconds)
        .map(Duration::from_millis)
        .ok_or_else(|| "expected a duration such as 500ms, 2s or 1m".to_owned())
}

/// Reads `1000`, `64K`, `1MiB`, `2G`; units are powers of 1024, but `KB`, `MB`, `GB` of 1000.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text.strip_suffix("/s").unwrap_or(text));
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "ki" | "kib" => 1 << 10,
        "m" | "mi" | "mib" => 1 << 20,
        "g" | "gi" | "gib" => 1 << 30,
        "t" | "ti" | "tib" => 1 << 40,
        "kb" => 1000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return Err("expected a size such as 1000, 64K or 1MiB".to_owned()),
    };
    scaled(number, factor).ok_or_else(|| "expected a size such as 1000, 64K or 1MiB".to_owned())
}

/// Reads `10.0.0.0/8` or `fd00::/8`; a bare address is a network of its own.
pub(crate) fn network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    text.parse::<IpAddr>()
        .map(IpNet::from)
        .or_else(|_| text.parse())
        .map_err(|_| "expected a network such as 10.0.0.0/8 or fd00::/8, or an address".to_owned())
}

/// Reads `mirror.example:5000`, or a URL such as `https://mirror.example/hub`: a path stands before repositories' names.
pub(crate) fn mirror(text: &str) -> Result<Mirror, String> {
    let text = text.trim();
    let (plain_http, rest) = match text.split_once("://") {
        None => (None, text),
        Some(("https", rest)) => (Some(PlainHttp::Never), rest),
        Some(("http", rest)) => (Some(PlainHttp::Always), rest),
        Some((scheme, _)) => return Err(format!("a mirror is spoken to by http or https, not by {scheme}")),
    };
    let (authority, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let prefix = prefix.trim_matches('/');
    // What names a repository below it names the mirror too; a name without dot or port is a host here all the same.
    let slash = if prefix.is_empty() { "" } else { "/" };
    format!("oci://{authority}/{prefix}{slash}x")
        .parse::<Repository>()
        .map_err(|_| "expected a host such as mirror.example:5000, or a URL without a login".to_owned())?;
    let mut mirror = Mirror::new(authority);
    prefix.clone_into(&mut mirror.prefix);
    mirror.plain_http = plain_http;
    Ok(mirror)
}

/// More connections than this are a burden to the server and no gain to anybody.
const MAX_CONNECTIONS: usize = 64;

/// Reads a number of connections.
pub(crate) fn connections(text: &str) -> Result<NonZeroUsize, String> {
    let number = text.trim().parse().ok().filter(|number: &NonZeroUsize| number.get() <= MAX_CONNECTIONS);
    number.ok_or_else(|| format!("expected a number from 1 to {MAX_CONNECTIONS}"))
}

/// Reads `127.0.0.1:5000` or `[::1]:5000`.
pub(crate) fn listening(text: &str) -> Result<SocketAddr, String> {
    text.trim().parse().map_err(|_| "expected an address and a port such as 127.0.0.1:5000 or [::1]:5000".to_owned())
}

fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim())
}

/// Multiplies a decimal number, of up to three places after the point, without rounding whole numbers.
fn scaled(number: &str, factor: u64) -> Option<u64> {
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || part.len() > 3 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let whole = whole.parse::<u64>().ok()?.checked_mul(factor)?;
    let thousandths = format!("{part:0<3}").parse::<u64>().ok()?;
    whole.checked_add(factor.checked_mul(thousandths)? / 1000)
}

/// Writes a number of bytes for people.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let exponent = (count.ilog2() / 10).min(4);
    // At most 2^64 / 2^10: the error of the division is far below the one digit shown.
    #[expect(clippy::cast_precision_loss, reason = "one digit after the point is shown")]
    let value = count as f64 / (1_u64 << (10 * exponent)) as f64;
    format!("{value:.1} {}", UNITS[exponent as usize - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_durations() {
        for (text, expected) in [
            ("500ms", Some(500)),
            ("2s", Some(2000)),
            ("2", Some(2000)),
            ("1m", Some(60_000)),
            ("1.5s", Some(1500)),
            ("0", Some(0)),
            ("", None),
            ("s", None),
            ("-1s", None),
            ("1d", None),
            ("1e3s", None),
            ("99999999999999999999s", None),
            ("18446744073709551615h", None),
        ] {
            assert_eq!(duration(text).ok(), expected.map(Duration::from_millis), "{text:?}");
        }
    }

    #[test]
    fn reads_connections() {
        for (text, expected) in [("1", Some(1)), ("64", Some(64)), ("0", None), ("65", None), ("-1", None), ("", None)]
        {
            assert_eq!(connections(text).ok().map(NonZeroUsize::get), expected, "{text:?}");
        }
    }

    #[test]
    fn reads_sizes() {
        for (text, expected) in [
            ("1000", Some(1000)),
            ("64K", Some(64 << 10)),
            ("1MiB", Some(1 << 20)),
            ("1.5M", Some(3 << 19)),
            ("2MB", Some(2_000_000)),
            ("1 GiB", Some(1 << 30)),
            ("20MiB/s", Some(20 << 20)),
            ("1X", None),
            ("M", None),
            (".5M", None),
            ("17000000T", None),
        ] {
            assert_eq!(size(text).ok(), expected, "{text:?}");
        }
    }

    #[test]
    fn reads_networks() {
        for (text, expected) in [
            ("10.0.0.0/8", Some("10.0.0.0/8")),
            ("fd00::/8", Some("fd00::/8")),
            ("10.1.2.3", Some("10.1.2.3/32")),
            ("::1", Some("::1/128")),
            ("10.0.0.0/33", None),
            ("registry.example", None),
            ("", None),
        ] {
            assert_eq!(network(text).ok().map(|net| net.to_string()).as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn reads_where_to_listen() {
        for (text, expected) in [
            ("127.0.0.1:5000", Some("127.0.0.1:5000")),
            ("[::1]:0", Some("[::1]:0")),
            ("localhost:5000", None),
            ("127.0.0.1", None),
            ("127.0.0.1:65536", None),
        ] {
            assert_eq!(listening(text).ok().map(|address| address.to_string()).as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn writes_bytes_for_people() {
        for (count, expected) in [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (41_943_040, "40.0 MiB")] {
            assert_eq!(bytes(count), expected);
        }
        assert_eq!(bytes(u64::MAX), "16777216.0 TiB");
    }

    #[test]
    fn the_table_of_mirrors() {
        use PlainHttp::{Always, Never};
        for (text, authority, prefix, plain_http) in [
            ("m.example", "m.example", "", None),
            ("m:5000", "m:5000", "", None),
            ("[::1]:5000/hub/", "[::1]:5000", "hub", None),
            ("https://m.example", "m.example", "", Some(Never)),
            ("http://m.example/a/b", "m.example", "a/b", Some(Always)),
        ] {
            let read = mirror(text).unwrap();
            assert_eq!(
                (read.authority.as_str(), read.prefix.as_str(), read.plain_http),
                (authority, prefix, plain_http)
            );
        }
        for text in
            ["", "https://", "ftp://m.example", "https://me:pw@m.example", "m.example/A", "m.example?x", "m example"]
        {
            assert!(mirror(text).is_err(), "{text}");
        }
    }
}
