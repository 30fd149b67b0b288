//! DNS resolver for requests that may only connect to public addresses. The connection uses the
//! address that was checked.

use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tl_http::address::all_public;

/// Resolves names, and rejects a name with any non-public address.
#[derive(Debug)]
pub(crate) struct PublicOnly {
    /// Hosts with addresses from the settings.
    known: Vec<(String, Vec<SocketAddr>)>,
}

impl PublicOnly {
    pub(crate) fn new(known: Vec<(String, Vec<SocketAddr>)>) -> Self {
        Self { known }
    }
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let known = self
            .known
            .iter()
            .find(|(host, _)| host.eq_ignore_ascii_case(name.as_str()))
            .map(|(_, addresses)| addresses.clone());
        Box::pin(async move {
            let found: Vec<SocketAddr> = match known {
                Some(known) => known,
                None => tokio::net::lookup_host((name.as_str(), 0)).await?.collect(),
            };
            all_public(found.iter().map(SocketAddr::ip))?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
