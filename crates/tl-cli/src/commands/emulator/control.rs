//! Requests to the control API of a running emulator, under `/_emulator` of the base URL.

use std::time::Duration;

use serde_json::Value;
use url::{Host, Url};

use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::runtime;

/// Longer than writing any state takes.
const TIMEOUT: Duration = Duration::from_secs(60);

/// URL of the emulator's control API. The platform has none and is never contacted.
fn address(context: &Context, path: &str) -> Result<Url, Failure> {
    let base = context.connection.address();
    let refused = |why: String| {
        Failure::usage(why).hint("set --base-url or TWELVELABS_BASE_URL to a running emulator, e.g. http://127.0.0.1:8080/v1.3")
    };
    let url =
        Url::parse(base).map_err(|error| refused(format!("invalid base URL `{base}`: {error}")))?;
    let is_loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if !is_loopback {
        return Err(refused(format!(
            "base URL `{base}` is not a local emulator"
        )));
    }
    url.join(&format!("/_emulator/{path}"))
        .map_err(|error| refused(format!("invalid base URL `{base}`: {error}")))
}

/// Client for loopback only: without a proxy and without trusted certificates.
fn client() -> Result<reqwest::Client, reqwest::Error> {
    let tls = tl_http::tls::client_config_without_roots()
        .expect("the provider knows the versions that are safe");
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .timeout(TIMEOUT)
        .build()
}

/// Sends a request to the emulator of the base URL and returns the body of the response.
pub(super) fn request(
    context: &Context,
    method: &str,
    path: &str,
    body: Option<String>,
) -> Result<String, Failure> {
    let url = address(context, path)?;
    let unreachable = |error: reqwest::Error| {
        Failure::new(
            Exit::Temporary,
            "unreachable",
            format!("failed to connect to the emulator at {url}"),
        )
        .with_source(&error.without_url())
        .hint("start one with `tl emulator`, and set the environment variables that it prints")
    };
    let method = reqwest::Method::from_bytes(method.as_bytes())
        .expect("the methods above are words of letters");
    runtime::run(
        async {
            let client = client().map_err(unreachable)?;
            let mut builder = client.request(method, url.clone());
            if let Some(body) = body {
                builder = builder
                    .header("content-type", "application/json")
                    .body(body);
            }
            let answer = builder.send().await.map_err(unreachable)?;
            let status = answer.status();
            let text = answer.text().await.map_err(unreachable)?;
            if status.is_success() {
                return Ok(text);
            }
            let body = serde_json::from_str::<Value>(&text).ok();
            let message = body.and_then(|body| body["message"].as_str().map(str::to_owned));
            let message = message.unwrap_or_else(|| format!("status {status}"));
            Err(Failure::new(
                Exit::Refused,
                "refused",
                format!("the emulator rejected the request: {message}"),
            ))
        },
        runtime::interrupted,
    )
}
