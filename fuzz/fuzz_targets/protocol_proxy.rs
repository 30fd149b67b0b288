//! Any answer of a proxy, in any pieces, and any text in the environment: no panic, and a tunnel
//! stands by the whole of an answer only.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tl_http::{Proxy, proxy::ProxyRules};

fuzz_target!(|data: &[u8]| {
    let url = "http://me:password@proxy:3128".parse().expect("a URL");
    let uri = "https://api.twelvelabs.io/v1.3".parse().expect("a URI");
    let rules = ProxyRules::new(&Proxy::Url(url), |_| None).expect("a proxy");
    let server = rules.server_for(&uri).expect("a proxy for this host");
    let mut stood_at = None;
    for end in 0..=data.len().min(2048) {
        match server.is_tunnel_open(&data[..end]) {
            Ok(false) => assert_eq!(stood_at, None, "what stood cannot be unfinished"),
            Ok(true) => assert_eq!(stood_at.replace(end), None, "a tunnel stands once"),
            Err(error) => drop(format!("{error}{error:?}")),
        }
    }
    let text = String::from_utf8_lossy(data);
    let mut lines = text.lines();
    let (proxy, exceptions) = (
        lines.next().unwrap_or_default(),
        lines.next().unwrap_or_default(),
    );
    let host = lines.next().unwrap_or_default();
    let environment = |name: &str| match name {
        "https_proxy" => Some(proxy.to_owned()),
        "no_proxy" => Some(exceptions.to_owned()),
        _ => None,
    };
    if let (Ok(rules), Ok(uri)) = (
        ProxyRules::new(&Proxy::Environment, environment),
        format!("https://{host}/").parse(),
    ) {
        drop(format!("{:?}", rules.server_for(&uri)));
    }
});
