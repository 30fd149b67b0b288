//! Proxy selection and the `CONNECT` handshake, the same for asynchronous and blocking drivers.
//! This module is pure: the environment is an argument, and the driver connects and sends.

use std::{fmt, net::IpAddr};

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{Uri, uri::Scheme};
use percent_encoding::percent_decode_str;
use url::Url;

use crate::{Delivery, Proxy, SetupError, TransportError, TransportErrorKind};

/// Maximum size of a proxy's response to `CONNECT`, in bytes. Real ones have a few hundred.
pub const MAX_CONNECT_RESPONSE: usize = 16 << 10;

/// Selects the proxy for a request.
///
/// Loopback hosts (`localhost`, `127.0.0.0/8`, `::1`) are never reached through a proxy.
#[derive(Debug, Clone, Default)]
pub struct ProxyRules {
    http: Option<ProxyServer>,
    https: Option<ProxyServer>,
    bypass: Vec<Bypass>,
}

/// A proxy that opens tunnels with `CONNECT` (RFC 9110, 9.3.6). `Debug` omits its password.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyServer {
    host: String,
    port: u16,
    authorization: Option<String>,
}

#[derive(Debug, Clone)]
enum Bypass {
    All,
    Domain(String),
    Network { address: IpAddr, prefix: u8 },
}

impl ProxyRules {
    /// Creates the rules for `proxy`; `variable` returns the value of an environment variable.
    ///
    /// The variables are `https_proxy`, `http_proxy`, `all_proxy` and `no_proxy`; lower-case names
    /// take precedence over upper-case ones. `HTTP_PROXY` is ignored in CGI programs, where a
    /// request header can set it (CVE-2016-5385). `no_proxy` lists hosts, domains (including
    /// subdomains), addresses, networks such as `10.0.0.0/8`, or `*`.
    ///
    /// # Errors
    /// A proxy URL that is not `http://[user:password@]host[:port]`.
    pub fn new(
        proxy: &Proxy,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, SetupError> {
        match proxy {
            Proxy::Direct => Ok(Self::default()),
            Proxy::Url(url) => {
                let server = ProxyServer::new(url, "the proxy of the settings")?;
                Ok(Self {
                    http: Some(server.clone()),
                    https: Some(server),
                    bypass: Vec::new(),
                })
            }
            Proxy::Environment => Self::from_environment(variable),
        }
    }

    fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SetupError> {
        let is_cgi = variable("REQUEST_METHOD").is_some();
        let first = |names: &[&'static str]| -> Result<Option<ProxyServer>, SetupError> {
            for name in names {
                if *name == "HTTP_PROXY" && is_cgi {
                    continue;
                }
                if let Some(text) = variable(name).filter(|text| !text.trim().is_empty()) {
                    return ProxyServer::parse(text.trim(), name).map(Some);
                }
            }
            Ok(None)
        };
        let bypass = variable("no_proxy")
            .or_else(|| variable("NO_PROXY"))
            .unwrap_or_default();
        Ok(Self {
            http: first(&["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])?,
            https: first(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])?,
            bypass: bypass
                .split(',')
                .filter_map(|entry| Bypass::parse(entry.trim()))
                .collect(),
        })
    }

    /// The proxy for requests with `scheme`; [`server_for`](Self::server_for) uses it for hosts
    /// that are not exempt.
    #[must_use]
    pub fn server_of(&self, scheme: &Scheme) -> Option<&ProxyServer> {
        if *scheme == Scheme::HTTPS {
            self.https.as_ref()
        } else {
            self.http.as_ref()
        }
    }

    /// The proxy for a request to `uri`, or `None` if the request goes directly to its host.
    #[must_use]
    pub fn server_for(&self, uri: &Uri) -> Option<&ProxyServer> {
        let server = self.server_of(uri.scheme()?)?;
        let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
        let address = host.parse::<IpAddr>().ok();
        let is_loopback = host.eq_ignore_ascii_case("localhost")
            || address.is_some_and(|address| address.to_canonical().is_loopback());
        let bypassed = self
            .bypass
            .iter()
            .any(|bypass| bypass.covers(host, address));
        (!is_loopback && !bypassed).then_some(server)
    }
}

impl ProxyServer {
    fn parse(text: &str, name: &str) -> Result<Self, SetupError> {
        let whole = if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        let url = Url::parse(&whole).map_err(|error| {
            SetupError::new(format!("{name} is no address of a proxy")).with_source(error)
        })?;
        Self::new(&url, name)
    }

    fn new(url: &Url, name: &str) -> Result<Self, SetupError> {
        let host = url.host_str().filter(|host| !host.is_empty());
        let (Some(host), "http") = (host, url.scheme()) else {
            return Err(SetupError::new(format!(
                "{name} is a proxy of the kind `{}`, which is not supported: give one as http://[user:password@]host:port",
                url.scheme()
            )));
        };
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let authorization = (!url.username().is_empty() || url.password().is_some()).then(|| {
            let user = decoded(url.username());
            let password = decoded(url.password().unwrap_or_default());
            format!(
                "Basic {}",
                BASE64_STANDARD.encode(format!("{user}:{password}"))
            )
        });
        Ok(Self {
            host: host.to_owned(),
            port: url.port().unwrap_or(80),
            authorization,
        })
    }

    /// The host of the proxy.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port of the proxy.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The value of `Proxy-Authorization`, if the proxy requires a password. It is a secret.
    #[must_use]
    pub fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }

    /// The request that asks the proxy for a tunnel to `host` (as in a URI, an IPv6 address in
    /// brackets).
    #[must_use]
    pub fn connect_request(&self, host: &str, port: u16) -> Vec<u8> {
        let mut text = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n");
        if let Some(authorization) = &self.authorization {
            text.push_str(&format!("Proxy-Authorization: {authorization}\r\n"));
        }
        text.push_str("\r\n");
        text.into_bytes()
    }

    /// Parses the response to `CONNECT`. Returns `true` if it is complete, and `false` if more must
    /// be read.
    ///
    /// # Errors
    /// [`Unreachable`](TransportErrorKind::Unreachable), not sent, if the proxy refuses or the
    /// response is invalid.
    pub fn is_tunnel_open(&self, received: &[u8]) -> Result<bool, TransportError> {
        let failed = |what: String| {
            TransportError::new(TransportErrorKind::Unreachable, Delivery::NotSent)
                .with_source(format!("the proxy {}:{} {what}", self.host, self.port))
        };
        let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") else {
            if received.len() >= MAX_CONNECT_RESPONSE {
                return Err(failed("answered CONNECT with too many headers".to_owned()));
            }
            return Ok(false);
        };
        let line = String::from_utf8_lossy(
            received
                .split(|byte| *byte == b'\r')
                .next()
                .unwrap_or_default(),
        );
        let status = line
            .strip_prefix("HTTP/1.")
            .and_then(|rest| rest.get(2..))
            .unwrap_or_default();
        if !status.starts_with('2') {
            let printable: String = line.chars().filter(|c| !c.is_control()).take(100).collect();
            return Err(failed(format!("refused the tunnel: `{printable}`")));
        }
        if end + 4 != received.len() {
            return Err(failed("sent bytes before the tunnel was used".to_owned()));
        }
        Ok(true)
    }
}

impl fmt::Debug for ProxyServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProxyServer({}:{})", self.host, self.port)
    }
}

impl Bypass {
    fn parse(entry: &str) -> Option<Self> {
        if entry == "*" {
            return Some(Self::All);
        }
        let (address, prefix) = entry
            .split_once('/')
            .map_or((entry, None), |(a, p)| (a, p.parse().ok()));
        if let Ok(address) = address
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<IpAddr>()
        {
            let longest = if address.is_ipv4() { 32 } else { 128 };
            return Some(Self::Network {
                address,
                prefix: prefix.unwrap_or(longest).min(longest),
            });
        }
        let domain = entry
            .trim_start_matches('*')
            .trim_start_matches('.')
            .trim_end_matches('.');
        (!domain.is_empty()).then(|| Self::Domain(domain.to_ascii_lowercase()))
    }

    fn covers(&self, host: &str, address: Option<IpAddr>) -> bool {
        match self {
            Self::All => true,
            Self::Domain(domain) => {
                let host = host.trim_end_matches('.').to_ascii_lowercase();
                host.strip_suffix(domain.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            Self::Network {
                address: network,
                prefix,
            } => match (network, address) {
                (IpAddr::V4(network), Some(IpAddr::V4(address))) => {
                    let shift = 32 - u32::from(*prefix);
                    network.to_bits().checked_shr(shift) == address.to_bits().checked_shr(shift)
                }
                (IpAddr::V6(network), Some(IpAddr::V6(address))) => {
                    let shift = 128 - u32::from(*prefix);
                    network.to_bits().checked_shr(shift) == address.to_bits().checked_shr(shift)
                }
                _ => false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(variables: &[(&str, &str)]) -> Result<ProxyRules, SetupError> {
        ProxyRules::new(&Proxy::Environment, |name| {
            variables
                .iter()
                .find(|(own, _)| *own == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    fn chosen(rules: &ProxyRules, uri: &str) -> Option<String> {
        rules
            .server_for(&uri.parse().unwrap())
            .map(|server| format!("{}:{}", server.host(), server.port()))
    }

    #[test]
    fn environment_selects_the_proxy() {
        let check = |variables: &[(&str, &str)], uri: &str, expected: Option<&str>| {
            assert_eq!(
                chosen(&rules(variables).unwrap(), uri).as_deref(),
                expected,
                "{variables:?} {uri}"
            );
        };
        let api = "https://api.twelvelabs.io/v1.3/tasks";
        check(&[], api, None);
        check(
            &[("HTTPS_PROXY", "http://proxy:3128")],
            api,
            Some("proxy:3128"),
        );
        check(&[("HTTPS_PROXY", "proxy")], api, Some("proxy:80"));
        check(
            &[
                ("HTTPS_PROXY", "http://big:1"),
                ("https_proxy", "http://small:1"),
            ],
            api,
            Some("small:1"),
        );
        check(&[("HTTP_PROXY", "http://proxy:3128")], api, None);
        check(
            &[("HTTP_PROXY", "http://proxy:3128")],
            "http://clips.example/a.mp4",
            Some("proxy:3128"),
        );
        check(
            &[("HTTP_PROXY", "http://proxy:1"), ("REQUEST_METHOD", "GET")],
            "http://clips.example/a.mp4",
            None,
        );
        check(
            &[("ALL_PROXY", "http://proxy:3128")],
            api,
            Some("proxy:3128"),
        );
        check(&[("HTTPS_PROXY", "")], api, None);
        for loopback in [
            "https://localhost:9/",
            "https://127.0.0.5/",
            "https://[::1]:8/",
            "https://[::ffff:127.0.0.1]/",
        ] {
            check(&[("ALL_PROXY", "http://proxy:3128")], loopback, None);
        }
    }

    #[test]
    fn no_proxy_exempts_hosts_domains_and_networks() {
        let check = |list: &str, uri: &str, proxied: bool| {
            let rules = rules(&[("https_proxy", "http://proxy:1"), ("NO_PROXY", list)]).unwrap();
            assert_eq!(chosen(&rules, uri).is_some(), proxied, "{list} {uri}");
        };
        check("", "https://api.twelvelabs.io/", true);
        check("*", "https://api.twelvelabs.io/", false);
        check(
            "other.example, twelvelabs.io",
            "https://api.twelvelabs.io/",
            false,
        );
        check(".twelvelabs.io", "https://API.twelvelabs.io/", false);
        check("*.twelvelabs.io", "https://api.twelvelabs.io/", false);
        check("labs.io", "https://api.twelvelabs.io/", true);
        check("10.0.0.0/8", "https://10.200.3.4/", false);
        check("10.0.0.0/8", "https://11.200.3.4/", true);
        check("10.1.2.3", "https://10.1.2.3/", false);
        check("0.0.0.0/0", "https://10.1.2.3/", false);
        check("fd00::/8", "https://[fd12::1]/", false);
        check("fd00::/8", "https://[fe80::1]/", true);
    }

    #[test]
    fn invalid_proxies_are_rejected_without_password() {
        for (name, text) in [
            ("HTTPS_PROXY", "socks5://me:SECRET@proxy:1080"),
            ("ALL_PROXY", "https://me:SECRET@proxy"),
        ] {
            let error = rules(&[(name, text)]).unwrap_err().to_string();
            assert!(error.contains(name) && !error.contains("SECRET"), "{error}");
        }
        let rules = rules(&[("ALL_PROXY", "http://me:SECRET@proxy")]).unwrap();
        assert!(!format!("{rules:?}").contains("SECRET"));
    }

    #[test]
    fn connect_request_and_response() {
        let url = Url::parse("http://me:p%40ss@proxy:3128").unwrap();
        let rules = ProxyRules::new(&Proxy::Url(url), |_| None).unwrap();
        let server = rules
            .server_for(&"https://api.twelvelabs.io/".parse().unwrap())
            .unwrap();
        assert_eq!(
            String::from_utf8(server.connect_request("api.twelvelabs.io", 443)).unwrap(),
            "CONNECT api.twelvelabs.io:443 HTTP/1.1\r\nHost: api.twelvelabs.io:443\r\nProxy-Authorization: Basic bWU6cEBzcw==\r\n\r\n"
        );
        let check = |received: &str, expected: Result<bool, &str>| {
            let actual = server.is_tunnel_open(received.as_bytes()).map_err(|error| {
                assert_eq!(error.delivery(), Delivery::NotSent);
                std::error::Error::source(&error).unwrap().to_string()
            });
            match (&actual, expected) {
                (Ok(is_open), Ok(expected)) => assert_eq!(*is_open, expected, "{received:?}"),
                (Err(text), Err(part)) => assert!(text.contains(part), "{text}"),
                _ => panic!("{received:?}: {actual:?}"),
            }
        };
        check("", Ok(false));
        check("HTTP/1.1 200 Connection est", Ok(false));
        check(
            "HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n",
            Ok(true),
        );
        check("HTTP/1.0 200 OK\r\n\r\n", Ok(true));
        check(
            "HTTP/1.1 200 OK\r\n\r\nearly",
            Err("before the tunnel was used"),
        );
        check(
            "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
            Err("407 Proxy Authentication Required"),
        );
        check("SSH-2.0-OpenSSH\r\n\r\n", Err("refused the tunnel"));
        check(&"x".repeat(MAX_CONNECT_RESPONSE), Err("too many headers"));
    }
}
