//! Export, import and reset of the state of a running emulator, under `/_emulator` of the base URL.

use std::io::Read;
use std::path::Path;

use serde_json::{Value, json};
use url::{Host, Url};

use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::runtime;

/// Longer than writing any state takes.
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(60);

pub(super) fn export(context: &Context) -> Result<Exit, Failure> {
    let text = request(context, "GET", "state", None)?;
    context.output.text(&text);
    Ok(Exit::Ok)
}

pub(super) fn import(context: &Context, file: &Path) -> Result<Exit, Failure> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).map(|_| ())
    } else {
        std::fs::read_to_string(file).map(|read| text = read)
    };
    read.map_err(|error| {
        Failure::usage(format!("failed to read the state `{}`", file.display())).with_source(&error)
    })?;
    request(context, "PUT", "state", Some(text))?;
    context.output.json(&json!({"imported": true}));
    context.output.line("state imported");
    Ok(Exit::Ok)
}

pub(super) fn reset(context: &Context) -> Result<Exit, Failure> {
    request(context, "POST", "reset", None)?;
    context.output.json(&json!({"reset": true}));
    context.output.line("all data of the emulator deleted");
    Ok(Exit::Ok)
}

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

fn request(
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
