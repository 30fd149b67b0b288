//! The client of hyper-util instead of the built-in one, with a header and metrics around it:
//! `own_stack FILE INDEX`. Check, retries and checkpoints stay. The API key comes from the
//! environment. For https, give the service a connector with TLS.
#![allow(
    clippy::print_stdout,
    reason = "the result and the metrics are printed"
)]

use std::{collections::BTreeMap, env, error::Error, sync::Arc, sync::Mutex, time::Instant};

use async_trait::async_trait;
use http::HeaderValue;
use hyper_util::{client::legacy, rt::TokioExecutor};
use tl_client::http_async::{HttpClient, TowerClient};
use tl_client::protocol::{Outcome, Prepared};
use tl_client::{Client, Config};

/// Number of requests, bytes sent and seconds, by method.
type Metrics = Arc<Mutex<BTreeMap<String, (u32, u64, f64)>>>;

struct Measured<C>(C, Metrics);

#[async_trait]
impl<C: HttpClient> HttpClient for Measured<C> {
    async fn send(&self, mut request: Prepared) -> Outcome {
        let team = HeaderValue::from_static("films");
        request.http.headers_mut().insert("x-team", team);
        let (method, bytes) = (request.http.method().clone(), request.http.body().len());
        let started = Instant::now();
        let outcome = self.0.send(request).await;
        let mut metrics = self.1.lock().expect("no code panics with the lock");
        let (requests, sent, seconds) = metrics.entry(method.to_string()).or_default();
        (*requests, *sent) = (*requests + 1, *sent + bytes);
        *seconds += started.elapsed().as_secs_f64();
        outcome
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [file, index] = arguments.as_slice() else {
        return Err("usage: own_stack FILE INDEX".into());
    };
    let metrics = Metrics::default();
    let stack = TowerClient::new(legacy::Client::builder(TokioExecutor::new()).build_http());
    let client = Client::builder()
        .config(Config::from_env()?)
        .http_client(Measured(stack, Arc::clone(&metrics)))
        .build()?;
    let video = client.ingest(file).into_index(index.as_str()).await?;
    println!("{}", video.video_id.ok_or("no video")?);
    for (method, (requests, sent, seconds)) in &*metrics.lock().expect("the client is done") {
        println!("{method}: {requests} requests, {sent} bytes, {seconds:.3} s");
    }
    Ok(())
}
