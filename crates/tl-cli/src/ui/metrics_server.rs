//! A server that Prometheus reads metrics from.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use tl_bulk::metrics::{self, Metrics};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::failure::Failure;

/// Parses the address of a metrics server: `127.0.0.1:9464`, or a port on loopback.
pub(crate) fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = match text.parse::<u16>() {
        Ok(port) => ([127, 0, 0, 1], port).into(),
        Err(_) => text
            .parse()
            .map_err(|_| "expected an address such as 127.0.0.1:9464, or a port".to_owned())?,
    };
    // Metrics have no login. Names of files are not in them, but how much is sent is.
    match address.ip().is_loopback() {
        true => Ok(address),
        false => Err(
            "expected a loopback address: metrics have no login; use a proxy to share them"
                .to_owned(),
        ),
    }
}

/// Whether the request names this machine. A web page whose name was changed to lead to this
/// machine (DNS rebinding) sends its own name.
fn is_local_host(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    host.is_some_and(|host| {
        host.parse::<SocketAddr>().is_ok()
            || host.parse::<std::net::IpAddr>().is_ok()
            || host.split(':').next() == Some("localhost")
    })
}

/// A running server; it ends when it is dropped.
#[derive(Debug)]
pub(crate) struct MetricsServer {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl MetricsServer {
    /// Starts the server at `/metrics`.
    ///
    /// # Errors
    /// The port is in use.
    pub(crate) async fn start(
        address: SocketAddr,
        metrics: Arc<Mutex<Metrics>>,
    ) -> Result<Self, Failure> {
        let in_use = |error: &std::io::Error| {
            Failure::usage(format!("failed to serve metrics at {address}"))
                .with_source(error)
                .hint("pass a free port to --metrics; 0 takes any")
        };
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| in_use(&error))?;
        let address = listener.local_addr().map_err(|error| in_use(&error))?;
        let router = Router::new().route(
            "/metrics",
            get(move |headers: HeaderMap| async move {
                if !is_local_host(&headers) {
                    return StatusCode::FORBIDDEN.into_response();
                }
                let metrics = metrics.lock().unwrap_or_else(PoisonError::into_inner);
                ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics.render()).into_response()
            }),
        );
        let task = tokio::spawn(async move {
            // It serves until the run ends.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, task })
    }

    /// The address, with the port that was taken.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for MetricsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_served_on_loopback_only() {
        for (text, expected) in [
            ("9464", Some("127.0.0.1:9464")),
            ("127.0.0.1:9464", Some("127.0.0.1:9464")),
            ("[::1]:9464", Some("[::1]:9464")),
            ("0.0.0.0:9464", None),
            ("192.168.0.5:9464", None),
            ("localhost", None),
            ("70000", None),
            ("", None),
        ] {
            let found = parse_address(text).ok().map(|address| address.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }
}
