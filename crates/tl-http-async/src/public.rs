//! Finds the addresses of hosts that may have public ones only: a connection goes to the very address that was checked.

use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tl_http::address::all_public;

/// Looks names up, and gives no address of a name that has one outside of the public network.
#[derive(Debug)]
pub(crate) struct PublicOnly {
    /// Hosts whose addresses are known already.
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
