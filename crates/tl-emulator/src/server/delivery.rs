//! Delivery of webhook events: signed, retried with the same event id, and recorded.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tl_model::WebhookEventType;
use tl_protocol::webhook;
use url::Url;

use super::Runtime;

/// Maximum number of attempts per event. The number and the delays are undocumented; the
/// documentation only says that a retried event keeps its id.
const MAX_ATTEMPTS: u32 = 5;
/// How long a receiver may take to respond.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum number of recorded deliveries.
const CAPACITY: usize = 1000;

/// An `http` or `https` URL that receives events.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct WebhookUrl(pub(crate) Url);

impl TryFrom<String> for WebhookUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match Url::parse(&text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(Self(url)),
            Ok(url) => Err(format!(
                "the scheme `{}` is not one of http, https",
                url.scheme()
            )),
            Err(error) => Err(format!("`{text}` is no address: {error}")),
        }
    }
}

/// Rejects a secret that cannot sign anything.
pub(crate) fn check_secret(secret: &str) -> Result<(), &'static str> {
    if secret.is_empty() {
        return Err("`secret` is empty: events are signed with it");
    }
    Ok(())
}

/// Delivery state of one event for one URL.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct DeliveryState {
    pub(crate) event: String,
    /// The event type, for example `index.task.ready`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) url: String,
    pub(crate) delivered: bool,
    pub(crate) attempts: u32,
    pub(crate) last_error: Option<String>,
}

impl DeliveryState {
    /// The state before the first attempt.
    pub(crate) fn new(event: String, event_type: &WebhookEventType, url: &Url) -> Self {
        Self {
            event,
            kind: event_type.to_string(),
            url: url.to_string(),
            delivered: false,
            attempts: 0,
            last_error: None,
        }
    }

    /// The status in one word.
    #[cfg_attr(not(feature = "page"), expect(dead_code, reason = "the page shows it"))]
    pub(crate) fn status(&self) -> &'static str {
        match (self.delivered, self.attempts) {
            (true, _) => "delivered",
            (false, MAX_ATTEMPTS..) => "failed",
            (false, _) => "waiting",
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Deliveries(Mutex<VecDeque<DeliveryState>>);

impl Deliveries {
    pub(crate) fn all(&self) -> Vec<DeliveryState> {
        self.states().iter().cloned().collect()
    }

    fn record(&self, state: &DeliveryState) {
        let mut states = self.states();
        match states.iter_mut().find(|known| known.event == state.event) {
            Some(known) => known.clone_from(state),
            None => {
                if states.len() == CAPACITY {
                    states.pop_front();
                }
                states.push_back(state.clone());
            }
        }
    }

    fn states(&self) -> MutexGuard<'_, VecDeque<DeliveryState>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends one event until a receiver accepts it or the attempts are used up.
pub(crate) async fn deliver(
    runtime: Arc<Runtime>,
    mut state: DeliveryState,
    url: Url,
    secret: String,
    body: Bytes,
) {
    let mut wait = runtime.settings.time_limits.webhook_retry;
    while !state.delivered && state.attempts < MAX_ATTEMPTS {
        if state.attempts > 0 {
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
        state.attempts += 1;
        // The receiver compares the time with its own clock, which may be set to the emulator's.
        let sent_at = runtime.clock.now().wall;
        let sent = runtime
            .webhook_client
            .post(url.clone())
            .header(
                webhook::SIGNATURE_HEADER,
                webhook::sign(&secret, sent_at, &body),
            )
            .header("content-type", "application/json")
            .timeout(RESPONSE_TIMEOUT)
            .body(body.clone())
            .send()
            .await;
        state.last_error = match sent {
            Ok(response) if response.status().is_success() => {
                state.delivered = true;
                None
            }
            Ok(response) => Some(format!("the receiver returned {}", response.status())),
            Err(error) => Some(super::fetch::root_cause(&error)),
        };
        runtime.deliveries.record(&state);
    }
}
