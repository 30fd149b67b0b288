//! A program as another team would write it. It prints how its own HTTP and TLS libraries behave;
//! `cargo test -p tl-client --test hosts` compares the output with and without tl-client in the program.

use std::{
    any::Any,
    io::{Read, Write},
    net::TcpListener,
    panic::{UnwindSafe, catch_unwind},
    thread,
};

fn main() {
    // Panics are part of what is compared.
    std::panic::set_hook(Box::new(|_| {}));
    #[cfg(feature = "tl")]
    tl();
    #[cfg(feature = "rustls")]
    rustls_library();
    #[cfg(feature = "reqwest")]
    reqwest_library();
    #[cfg(feature = "ureq")]
    ureq_library();
    #[cfg(feature = "rustls")]
    report("rustls ClientConfig::builder, again", || {
        rustls::ClientConfig::builder();
        "ok".to_owned()
    });
}

/// Prints a line with the result, or that it panicked.
fn report(what: &str, run: impl FnOnce() -> String + UnwindSafe) {
    let text = |panic: Box<dyn Any + Send>| match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast_ref::<&str>().unwrap_or(&"").to_string(),
    };
    let result = catch_unwind(run).unwrap_or_else(|panic| {
        let text = text(panic);
        let first = text.trim().lines().next().unwrap_or_default().to_owned();
        format!("panic: {first}")
    });
    println!("{what}: {result}");
}

/// Creates both clients first: what they leave behind would show.
#[cfg(feature = "tl")]
fn tl() {
    let config = tl_client::Config::new("tlk_1", "https://localhost/v1.3").unwrap();
    let _async = tl_client::Client::new(&config).unwrap();
    let _blocking = tl_client::blocking::Client::new(&config).unwrap();
}

#[cfg(feature = "rustls")]
fn rustls_library() {
    report("rustls default provider before use", || {
        format!("{:?}", rustls::crypto::CryptoProvider::get_default().is_some())
    });
    report("rustls ClientConfig::builder", || {
        rustls::ClientConfig::builder();
        let provider = rustls::crypto::CryptoProvider::get_default().unwrap();
        format!("{:?} {:?}", provider.kx_groups, provider.cipher_suites)
    });
}

/// Answers every connection, without TLS.
#[allow(dead_code)]
fn plain_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            thread::spawn(move || answer(socket));
        }
    });
    port
}

#[allow(dead_code)]
fn answer(mut stream: impl Read + Write) {
    if stream.read(&mut [0; 4096]).unwrap_or(0) > 0 {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    }
}

#[cfg(feature = "rustls")]
#[allow(dead_code)]
fn tls_server() -> u16 {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
    #[cfg(feature = "rustls-ring")]
    let provider = rustls::crypto::ring::default_provider();
    #[cfg(not(feature = "rustls-ring"))]
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("key.pem")).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = std::sync::Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let connection = rustls::ServerConnection::new(config.clone()).unwrap();
            thread::spawn(move || answer(rustls::StreamOwned::new(connection, socket)));
        }
    });
    port
}

#[allow(dead_code)]
const CERTIFICATE: &[u8] = include_bytes!("certificate.pem");

#[cfg(feature = "reqwest")]
fn reqwest_library() {
    fn get(client: reqwest::Client, url: String) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        match runtime.block_on(client.get(url).send()) {
            Ok(answer) => answer.status().to_string(),
            Err(error) => format!("error: {error:?}"),
        }
    }
    report("reqwest Client::new", || {
        reqwest::Client::new();
        "ok".to_owned()
    });
    report("reqwest http", || {
        get(reqwest::Client::new(), format!("http://127.0.0.1:{}/", plain_server()))
    });
    #[cfg(feature = "reqwest-default")]
    report("reqwest https", || {
        let certificate = reqwest::Certificate::from_pem(CERTIFICATE).unwrap();
        let client = reqwest::Client::builder().tls_certs_only([certificate]);
        get(client.build().unwrap(), format!("https://localhost:{}/", tls_server()))
    });
}

#[cfg(feature = "ureq")]
fn ureq_library() {
    fn get(agent: &ureq::Agent, url: String) -> String {
        match agent.get(url).call() {
            Ok(answer) => answer.status().to_string(),
            Err(error) => format!("error: {error:?}"),
        }
    }
    report("ureq http", || {
        get(&ureq::Agent::new_with_defaults(), format!("http://127.0.0.1:{}/", plain_server()))
    });
    #[cfg(not(feature = "ureq-default"))]
    report("ureq https without TLS", || {
        get(&ureq::Agent::new_with_defaults(), format!("https://127.0.0.1:{}/", plain_server()))
    });
    #[cfg(feature = "ureq-default")]
    report("ureq https", || {
        let certificate = ureq::tls::Certificate::from_pem(CERTIFICATE).unwrap();
        let roots = ureq::tls::RootCerts::new_with_certs(&[certificate]);
        let tls = ureq::tls::TlsConfig::builder().root_certs(roots).build();
        let agent = ureq::Agent::config_builder().tls_config(tls).build().new_agent();
        get(&agent, format!("https://localhost:{}/", tls_server()))
    });
}
