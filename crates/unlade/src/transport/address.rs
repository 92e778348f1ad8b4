//! What kind of place an address is. Pure.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The kinds of address that the guard tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AddressClass {
    /// Never to be connected to because a server said so.
    Forbidden(Peril),
    /// This machine.
    Loopback,
    /// A private network: RFC 1918, unique local, carrier-grade NAT, benchmarking.
    Private,
    /// The internet.
    Public,
}

/// Why an address is dangerous or out of bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Peril {
    /// It is not this machine, although its name says so.
    Elsewhere,
    /// It is on the local link.
    LinkLocal,
    /// It is this machine.
    Loopback,
    /// A cloud's metadata service lives there.
    Metadata,
    /// It is a group, not a host.
    Multicast,
    /// It is in a private network.
    Private,
    /// It is no host's address.
    Unspecified,
}

impl fmt::Display for Peril {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Elsewhere => "not this machine, although its name says so",
            Self::LinkLocal => "a link-local address",
            Self::Loopback => "a loopback address",
            Self::Metadata => "the address of a metadata service",
            Self::Multicast => "a multicast address",
            Self::Private => "in a private network",
            Self::Unspecified => "no host's address",
        })
    }
}

/// Tells what kind of place an address is. An IPv4 address inside an IPv6 one
/// (mapped, compatible, NAT64, 6to4) decides.
pub fn classify(address: IpAddr) -> AddressClass {
    match address {
        IpAddr::V4(address) => classify_v4(address),
        IpAddr::V6(address) => embedded(address).map_or_else(|| classify_v6(address), classify_v4),
    }
}

/// Returns the IPv4 address that decides about an IPv6 one, or the address itself.
pub(super) fn inner(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(outer) => embedded(outer).map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

fn classify_v4(address: Ipv4Addr) -> AddressClass {
    // Metadata of AWS, Google, Azure and OpenStack; Alibaba; Oracle; Azure's wire server.
    const METADATA: [[u8; 4]; 4] = [[169, 254, 169, 254], [100, 100, 100, 200], [192, 0, 0, 192], [168, 63, 129, 16]];
    let octets = address.octets();
    if METADATA.contains(&octets) {
        return AddressClass::Forbidden(Peril::Metadata);
    }
    match octets {
        [0 | 240..=255, ..] => AddressClass::Forbidden(Peril::Unspecified),
        [169, 254, ..] => AddressClass::Forbidden(Peril::LinkLocal),
        [224..=239, ..] => AddressClass::Forbidden(Peril::Multicast),
        [127, ..] => AddressClass::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] | [198, 18..=19, ..] | [192, 0, 0, _] => {
            AddressClass::Private
        }
        _ => AddressClass::Public,
    }
}

fn classify_v6(address: Ipv6Addr) -> AddressClass {
    // Metadata of AWS and Google.
    const METADATA: [[u16; 8]; 2] = [[0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254], [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254]];
    let segments = address.segments();
    if METADATA.contains(&segments) {
        return AddressClass::Forbidden(Peril::Metadata);
    }
    match segments {
        [0, 0, 0, 0, 0, 0, 0, 0] => AddressClass::Forbidden(Peril::Unspecified),
        [0, 0, 0, 0, 0, 0, 0, 1] => AddressClass::Loopback,
        [first, ..] if first & 0xffc0 == 0xfe80 => AddressClass::Forbidden(Peril::LinkLocal),
        [first, ..] if first & 0xff00 == 0xff00 => AddressClass::Forbidden(Peril::Multicast),
        [first, ..] if first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfec0 => AddressClass::Private,
        _ => AddressClass::Public,
    }
}

/// Returns the IPv4 address that an IPv6 one leads to.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let join = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        Some(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        // Compatible, mapped and translated; NAT64, well-known (RFC 6052) and local use (RFC 8215); 6to4 (RFC 3056).
        [0, 0, 0, 0, 0, 0xffff | 0, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x64, 0xff9b, 1, _, _, _, high, low]
        | [0x2002, high, low, ..] => join(high, low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_addresses() {
        use AddressClass::{Forbidden, Loopback, Private, Public};
        for (address, expected) in [
            ("8.8.8.8", Public),
            ("172.32.0.1", Public),
            ("100.128.0.1", Public),
            ("2606:4700::1", Public),
            ("10.1.2.3", Private),
            ("172.16.0.1", Private),
            ("192.168.255.255", Private),
            ("100.64.0.1", Private),
            ("198.18.0.1", Private),
            ("fd12:3456::1", Private),
            ("fec0::1", Private),
            ("127.0.0.1", Loopback),
            ("127.255.0.9", Loopback),
            ("::1", Loopback),
            ("::ffff:127.0.0.1", Loopback),
            ("::127.0.0.1", Loopback),
            ("64:ff9b::7f00:1", Loopback),
            ("64:ff9b::a01:203", Private),
            ("64:ff9b:1::a01:203", Private),
            ("2002:a01:203::1", Private),
            ("2002:808:808::1", Public),
            ("::ffff:10.0.0.1", Private),
            ("0.0.0.0", Forbidden(Peril::Unspecified)),
            ("0.1.2.3", Forbidden(Peril::Unspecified)),
            ("::", Forbidden(Peril::Unspecified)),
            ("255.255.255.255", Forbidden(Peril::Unspecified)),
            ("240.0.0.1", Forbidden(Peril::Unspecified)),
            ("224.0.0.1", Forbidden(Peril::Multicast)),
            ("ff02::1", Forbidden(Peril::Multicast)),
            ("169.254.1.1", Forbidden(Peril::LinkLocal)),
            ("fe80::1", Forbidden(Peril::LinkLocal)),
            ("169.254.169.254", Forbidden(Peril::Metadata)),
            ("::ffff:169.254.169.254", Forbidden(Peril::Metadata)),
            ("64:ff9b::a9fe:a9fe", Forbidden(Peril::Metadata)),
            ("100.100.100.200", Forbidden(Peril::Metadata)),
            ("192.0.0.192", Forbidden(Peril::Metadata)),
            ("168.63.129.16", Forbidden(Peril::Metadata)),
            ("fd00:ec2::254", Forbidden(Peril::Metadata)),
            ("fd20:ce::254", Forbidden(Peril::Metadata)),
        ] {
            assert_eq!(classify(address.parse().unwrap()), expected, "{address}");
        }
    }
}
