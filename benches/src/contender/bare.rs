//! The HTTP clients below the transports: sequential GETs over one connection.

use std::sync::Arc;

use serde_json::Value;

use crate::{Failure, arguments::Arguments, connection::client_config, measure::measured};

pub(super) fn reqwest_polls(arguments: &Arguments) -> Result<Value, Failure> {
    let url = format!("{}/tasks/bench-task", arguments.text("base")?);
    let count: u32 = arguments.number("count")?;
    let mut builder = reqwest::Client::builder()
        .http1_only()
        .no_proxy()
        .tcp_nodelay(true);
    if let Some(path) = arguments.optional("ca") {
        builder = builder.tls_backend_preconfigured(client_config(std::fs::read(path)?)?);
    } else {
        builder = builder.tls_backend_preconfigured(tl_http::tls::client_config_without_roots()?);
    }
    let client = builder.build()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    measured(|| {
        runtime.block_on(async {
            for _ in 0..count {
                let request = client.get(&url).header("x-api-key", "tlk_bench");
                request.send().await?.error_for_status()?.bytes().await?;
            }
            Ok(())
        })
    })
}

pub(super) fn ureq_polls(arguments: &Arguments) -> Result<Value, Failure> {
    let url = format!("{}/tasks/bench-task", arguments.text("base")?);
    let count: u32 = arguments.number("count")?;
    let mut tls = ureq::tls::TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()));
    if let Some(path) = arguments.optional("ca") {
        let certificate = ureq::tls::Certificate::from_pem(&std::fs::read(path)?)?;
        tls = tls.root_certs(ureq::tls::RootCerts::new_with_certs(&[certificate]));
    }
    let agent = ureq::Agent::config_builder()
        .tls_config(tls.build())
        .proxy(None)
        .build()
        .new_agent();
    measured(|| {
        for _ in 0..count {
            let mut answer = agent.get(&url).header("x-api-key", "tlk_bench").call()?;
            answer.body_mut().read_to_vec()?;
        }
        Ok(())
    })
}
