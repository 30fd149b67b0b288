//! `tl webhook listen`.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use clap::Args;
use jiff::Timestamp;
use tl_client::model::WebhookEvent;
use tl_client::protocol::webhook::{self, SignatureError};
use tl_ledger::Ledger;
use tokio::sync::Notify;

use super::event;
use super::secret::SecretArgs;
use crate::args::ledger::LedgerArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::runtime;
use crate::text::units::{self, format_duration};
use crate::ui::escape::plain_line;
use crate::ui::output::Output;

/// Maximum length of a request body, in bytes. Events of the platform have about 1 kB.
const MAX_BODY: usize = 1 << 20;
/// Number of event ids that are remembered to recognize repeated deliveries.
const REMEMBERED: usize = 10_000;

/// `tl webhook listen`.
#[derive(Debug, Args)]
pub(crate) struct Listen {
    /// Listen on this address; port 0 picks a free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8787")]
    address: SocketAddr,
    /// Accept requests on this path
    #[arg(long, value_name = "PATH", default_value = "/")]
    path: String,
    #[command(flatten)]
    secret: SecretArgs,
    /// Exit after this many events, repeated deliveries not counted
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Exit with code 8 if the events did not arrive in this time
    #[arg(long, value_name = "DURATION", value_parser = units::parse_duration)]
    deadline: Option<Duration>,
    // Without the option, the user's own ledger if there is one.
    #[command(flatten)]
    ledger: LedgerArgs,
}

/// What the request handler shares with the command.
struct Receiver {
    secret: String,
    /// Where events are recorded: a run that waits looks at its videos then.
    ledger: Option<Mutex<Ledger>>,
    output: Arc<Output>,
    received: Mutex<Received>,
    /// Notified when the last expected event has arrived.
    complete: Notify,
    count: Option<u64>,
}

#[derive(Default)]
struct Received {
    ids: VecDeque<String>,
    events: u64,
}

impl Listen {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        if !self.path.starts_with('/') {
            return Err(Failure::usage(format!(
                "--path: `{}` does not start with `/`",
                self.path
            )));
        }
        let receiver = Arc::new(Receiver {
            secret: self.secret.read()?,
            ledger: self.open_ledger(context)?,
            output: Arc::clone(&context.output),
            received: Mutex::default(),
            complete: Notify::new(),
            count: self.count,
        });
        runtime::run(self.serve(receiver), || Failure::interrupted("interrupted"))
    }

    /// Opens the ledger that is named, or that of the user if it exists.
    fn open_ledger(&self, context: &Context) -> Result<Option<Mutex<Ledger>>, Failure> {
        let ledger = match (self.ledger.is_set(), self.ledger.address()) {
            (true, address) => address?.open_when_up(&context.output)?,
            (false, Ok(address)) if address.may_exist() => match address.open_existing() {
                Ok(ledger) => ledger,
                // The user did not ask for it.
                Err(failure) => {
                    let text = format!("events are not recorded: {}", failure.message());
                    context.output.note(&text);
                    return Ok(None);
                }
            },
            (false, _) => return Ok(None),
        };
        Ok(Some(Mutex::new(ledger)))
    }

    async fn serve(&self, receiver: Arc<Receiver>) -> Result<Exit, Failure> {
        let listener = tokio::net::TcpListener::bind(self.address)
            .await
            .map_err(|error| {
                Failure::usage(format!("cannot listen on {}", self.address))
                    .with_source(&error)
                    .hint("pass another --address, e.g. 127.0.0.1:0 for a free port")
            })?;
        let address = listener.local_addr().unwrap_or(self.address);
        let output = &receiver.output;
        output.note(&format!("listening on http://{address}{}", self.path));
        let shared = Arc::clone(&receiver);
        let router = Router::new()
            .fallback(not_found)
            .route(&escape(&self.path), post(receive))
            .layer(DefaultBodyLimit::max(MAX_BODY))
            .with_state(shared);
        let expired = async {
            match self.deadline {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            served = axum::serve(listener, router).with_graceful_shutdown(async move {
                receiver.complete.notified().await;
            }).into_future() => {
                served.map_err(|error| {
                    Failure::new(Exit::Temporary, "system", "the server failed").with_source(&error)
                })?;
                Ok(Exit::Ok)
            }
            () = expired => Err(Failure::new(
                Exit::DeadlinePassed,
                "deadline_passed",
                format!(
                    "the events did not arrive within {}",
                    format_duration(self.deadline.unwrap_or_default())
                ),
            )
            .hint("check that the platform can reach this address; retrieve the task to see its status")),
        }
    }
}

/// A path without parameters: axum reads braces as such.
fn escape(path: &str) -> String {
    path.replace('{', "{{").replace('}', "}}")
}

async fn not_found(State(receiver): State<Arc<Receiver>>) -> StatusCode {
    let output = &receiver.output;
    output.note("rejected a request: wrong path or method");
    StatusCode::NOT_FOUND
}

async fn receive(
    State(receiver): State<Arc<Receiver>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    // Writing to the ledger blocks.
    let shared = Arc::clone(&receiver);
    let accepted = tokio::task::spawn_blocking(move || shared.accept(&headers, &body));
    let accepted = accepted.await.unwrap_or_else(|_| {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Err((status, "the event could not be handled".to_owned()))
    });
    match accepted {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err((status, reason)) => {
            receiver
                .output
                .note(&format!("rejected a request: {reason}"));
            (status, format!("{reason}\n")).into_response()
        }
    }
}

impl Receiver {
    /// Records an event in the ledger. One that is not recorded costs time: a run looks at its videos
    /// now and then anyway.
    fn record(&self, event: &WebhookEvent) {
        let Some(ledger) = &self.ledger else { return };
        let mut ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = ledger.record_event(Timestamp::now(), event.id.as_str(), None) {
            let text = format!("the event {} is not recorded: {error}", event.id);
            self.output.note(&plain_line(&text));
        }
    }

    /// Verifies a request and prints its event. A repeated delivery is accepted, but not printed.
    fn accept(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), (StatusCode, String)> {
        let now = SystemTime::now();
        let event = webhook::receive(&self.secret, headers, body, now).map_err(|error| {
            let status = match error {
                SignatureError::Malformed | SignatureError::NotAnEvent => StatusCode::BAD_REQUEST,
                _ => StatusCode::UNAUTHORIZED,
            };
            (status, error.to_string())
        })?;

        self.record(&event);
        let mut received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        let id = event.id.to_string();
        if received.ids.contains(&id) {
            self.output.detail(&format!("repeated delivery of {id}"));
            return Ok(());
        }
        if received.ids.len() == REMEMBERED {
            received.ids.pop_front();
        }
        received.ids.push_back(id);
        received.events += 1;
        self.output.json(&event);
        self.output.line(&event::line(&event));
        if Some(received.events) == self.count {
            self.complete.notify_one();
        }
        Ok(())
    }
}
