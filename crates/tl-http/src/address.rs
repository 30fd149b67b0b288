//! SSRF protection for URLs that a server supplied, such as the presigned URLs of an upload:
//! rejects private, link-local and other special-purpose addresses. Transports resolve host names
//! and connect.

// The addresses without the sockets of `std::net`.
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::{error, fmt};

use http::Uri;
use url::{Host, Url};

use crate::{
    Delivery, HttpSettings, TransportError, TransportErrorKind,
    credentials::{is_loopback, same_origin},
    settings::SuppliedUrls,
};

/// Whether the address is public: not loopback, private, link-local or reserved, and not an IPv6
/// form that embeds such an address (IANA special-purpose address registries).
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// Checks that all addresses are [public](is_public). One address that is not public is enough for
/// an error, because a client cannot choose which address a connection uses.
///
/// # Errors
/// The first address that is not public.
pub fn all_public(addresses: impl IntoIterator<Item = IpAddr>) -> Result<(), NotPublic> {
    let mut addresses = addresses.into_iter();
    addresses
        .find(|address| !is_public(*address))
        .map_or(Ok(()), |address| Err(NotPublic(address)))
}

/// An address that is not public.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotPublic(pub IpAddr);

impl fmt::Display for NotPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not an address of the public network", self.0)
    }
}

impl error::Error for NotPublic {}

/// Whether requests with these settings may be restricted to public addresses: see
/// [`Prepared::only_public`](crate::Prepared::only_public).
#[must_use]
pub fn may_require_public(settings: &HttpSettings) -> bool {
    settings.supplied_urls == SuppliedUrls::Checked
        && settings
            .credentials
            .as_ref()
            .is_some_and(|credentials| !is_private(credentials.base()))
}

/// Checks the text of a URL that a server supplied. Returns whether its host may resolve to public
/// addresses only.
///
/// If the base URL uses https, only https URLs are allowed. If the base URL is public, URLs with
/// loopback, private or other special-purpose addresses are rejected. A base URL with a host name
/// counts as public, because the name may resolve to any address later. The API's own host is not
/// checked: requests with the key go there.
///
/// # Errors
/// [`UnsafeUrl`](TransportErrorKind::UnsafeUrl) if the URL is not allowed.
pub(crate) fn only_public(settings: &HttpSettings, uri: &Uri) -> Result<bool, TransportError> {
    let Some(credentials) = &settings.credentials else {
        return Ok(false);
    };
    let base = credentials.base();
    if settings.supplied_urls == SuppliedUrls::Unchecked || same_origin(base, uri) {
        return Ok(false);
    }
    let host = uri.host().unwrap_or_default();
    if base.scheme() == "https" && uri.scheme_str() != Some("https") {
        return Err(unsafe_url(
            host,
            "the API is reached over https, and this is not https",
        ));
    }
    if is_private(base) {
        return Ok(false);
    }
    // Recognize IP addresses in every notation that a connection would accept.
    let url = Url::parse(&uri.to_string())
        .map_err(|error| unsafe_url(host, &format!("it cannot be read ({error})")))?;
    let address = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
        Some(Host::Domain(_)) if !is_loopback(&url) => return Ok(true),
        _ => return Err(unsafe_url(host, "it leads to this machine")),
    };
    all_public([address]).map_err(|error| unsafe_url(host, &error.to_string()))?;
    Ok(true)
}

/// Whether the host of a base URL is a loopback name or address, or a private address. Host names
/// are not resolved.
fn is_private(base: &Url) -> bool {
    match base.host() {
        Some(Host::Ipv4(address)) => !is_public(address.into()),
        Some(Host::Ipv6(address)) => !is_public(address.into()),
        Some(Host::Domain(_)) => is_loopback(base),
        None => false,
    }
}

/// Names only the host, because path and query may be secret.
fn unsafe_url(host: &str, why: &str) -> TransportError {
    TransportError::new(TransportErrorKind::UnsafeUrl, Delivery::NotSent)
        .with_source(format!("the server gave a URL at `{host}`: {why}"))
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast()
        // "This network", carrier-grade NAT, protocol assignments, old 6to4 relays, benchmarking,
        // reserved.
        || a == 0
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19))
        || a >= 240)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let embedded = |high: u16, low: u16| {
        let ([w, x], [y, z]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(w, x, y, z))
    };
    match (a, b, c, d, e, f) {
        // IPv4-mapped addresses and NAT64 (RFC 6052).
        (0, 0, 0, 0, 0, 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0) => embedded(g, h),
        (0x2002, ..) => embedded(b, c),
        // Global unicast without Teredo, benchmarking, documentation and the other assignments of
        // 2001::/23.
        (0x2001, 0..=0x1ff, ..) | (0x2001, 0xdb8, ..) | (0x3fff, ..) => false,
        _ => (0x2000..=0x3fff).contains(&a),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ApiKey, Credentials};

    #[test]
    fn supplied_urls_are_checked_against_the_base() {
        let check = |base: &str, url: &str, expected: Result<bool, &str>| {
            let key = ApiKey::new("tlk_SECRET").expect("a key");
            let base = base.parse().expect("a URL");
            let settings = HttpSettings::new(Credentials::new(key, base).expect("a base"));
            let uri = url.parse().expect("a URI");
            let open = HttpSettings {
                supplied_urls: SuppliedUrls::Unchecked,
                ..settings.clone()
            };
            assert_eq!(only_public(&open, &uri).ok(), Some(false), "{url}");
            match (only_public(&settings, &uri), expected) {
                (Ok(actual), Ok(expected)) => assert_eq!(actual, expected, "{url}"),
                (Err(error), Err(part)) => {
                    assert_eq!(error.kind(), TransportErrorKind::UnsafeUrl, "{url}");
                    let cause = error::Error::source(&error).expect("a cause").to_string();
                    assert!(cause.contains(part) && !cause.contains("SECRET"), "{cause}");
                }
                (actual, expected) => panic!("{url}: {actual:?}, expected {expected:?}"),
            }
        };
        let public = "https://api.twelvelabs.io/v1.3";
        check(public, "https://bucket.example/1?s=SECRET", Ok(true));
        check(public, "https://8.8.8.8/1?s=SECRET", Ok(true));
        check(public, "https://api.twelvelabs.io/1", Ok(false));
        check(public, "http://bucket.example/1?s=SECRET", Err("not https"));
        check(public, "http://api.twelvelabs.io/1", Err("not https"));
        for host in [
            "127.0.0.1",
            "10.1.2.3:9000",
            "169.254.169.254",
            "[::1]",
            "[::ffff:10.0.0.1]",
            "[fd00::1]",
            "2130706433",
            "0x7f.1",
        ] {
            let url = format!("https://{host}/latest?s=SECRET");
            check(public, &url, Err("not an address of the public network"));
        }
        check(public, "https://localhost/1", Err("this machine"));
        // An emulator, or a gateway with a private address.
        check("http://127.0.0.1:1/v1.3", "http://10.0.0.1/1", Ok(false));
        check("https://10.0.0.1/v1.3", "https://10.0.0.2/1", Ok(false));
        check(
            "https://10.0.0.1/v1.3",
            "http://10.0.0.2/1",
            Err("not https"),
        );
        check("https://localhost/v1.3", "https://10.0.0.2/1", Ok(false));
    }

    #[test]
    fn special_purpose_addresses_are_not_public() {
        for (address, public) in [
            ("93.184.216.34", true),
            ("8.8.8.8", true),
            ("127.0.0.1", false),
            ("127.255.0.9", false),
            ("0.0.0.0", false),
            ("10.1.2.3", false),
            ("172.16.0.1", false),
            ("172.32.0.1", true),
            ("192.168.1.1", false),
            ("169.254.169.254", false),
            ("100.64.0.1", false),
            ("192.0.2.1", false),
            ("198.18.0.1", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("2606:2800:220:1:248:1893:25c8:1946", true),
            ("::1", false),
            ("::", false),
            ("fe80::1", false),
            ("fd00::1", false),
            ("ff02::1", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:8.8.8.8", true),
            ("::127.0.0.1", false),
            ("64:ff9b::7f00:1", false),
            ("64:ff9b::808:808", true),
            ("2002:7f00:1::", false),
            ("2001::1", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(
                is_public(address.parse().expect("an address")),
                public,
                "{address}"
            );
        }
    }
}
