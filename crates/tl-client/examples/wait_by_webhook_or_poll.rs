//! Waits until a task ends, by webhook or by poll, whichever comes first:
//! `wait_by_webhook_or_poll TASK SECONDS`, where SECONDS is the time between two polls. An event is
//! only a reason to poll at once, so that a lost, repeated or unrelated one does no harm.
//! `WEBHOOK_SECRET` is the secret of the webhook. The API key comes from the environment.
#![allow(
    clippy::print_stdout,
    reason = "the address and the result are printed"
)]

use std::{env, error::Error, sync::Arc, time::Duration, time::SystemTime};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, http::StatusCode, routing};
use tl_client::protocol::flow::{WaitNotifier, WaitPolicy};
use tl_client::{Client, protocol::webhook};

type Receiver = Arc<(String, WaitNotifier)>;

async fn receive(State(state): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    match webhook::receive(&state.0, &headers, &body, SystemTime::now()) {
        Ok(_) => state.1.notify(),
        Err(_) => return StatusCode::UNAUTHORIZED,
    }
    StatusCode::OK
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [task, seconds] = arguments.as_slice() else {
        return Err("usage: wait_by_webhook_or_poll TASK SECONDS".into());
    };
    let state = Receiver::new((env::var("WEBHOOK_SECRET")?, WaitNotifier::new()));
    let app = Router::new().route("/", routing::post(receive));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    tokio::spawn(axum::serve(listener, app.with_state(Arc::clone(&state))).into_future());
    let pause = Duration::from_secs(seconds.parse()?);
    let policy = WaitPolicy::default()
        .with_first_interval(pause)
        .with_max_interval(pause)
        .with_notifier(Some(state.1.clone()));
    let waited = Client::from_env()?
        .tasks()
        .wait(task.as_str(), policy)
        .await?;
    println!("{} is {:?}", waited.value.id, waited.value.status);
    Ok(())
}
