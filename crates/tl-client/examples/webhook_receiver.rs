//! A web service that receives webhook events: it rejects requests without a valid signature, and
//! prints an event once, however often it is delivered. `WEBHOOK_SECRET` is the secret.
#![allow(
    clippy::print_stdout,
    reason = "the address and the events are printed"
)]

use std::{collections::HashSet, env, error::Error, sync::Arc, sync::Mutex, time::SystemTime};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, http::StatusCode, routing};
use tl_client::{model::EventId, protocol::webhook};

type Receiver = Arc<(String, Mutex<HashSet<EventId>>)>;

async fn receive(State(state): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let Ok(event) = webhook::receive(&state.0, &headers, &body, SystemTime::now()) else {
        return StatusCode::UNAUTHORIZED;
    };
    let mut seen = state.1.lock().expect("no code panics with the lock");
    if seen.insert(event.id.clone()) {
        println!("{} {}", event.event_type, event.id);
    }
    StatusCode::OK
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let state = Receiver::new((env::var("WEBHOOK_SECRET")?, Mutex::default()));
    let app = Router::new().route("/", routing::post(receive));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app.with_state(state)).await?)
}
