//! The header `Idempotency-Key`: a repeated request gets the response to the first one.
//!
//! The platform documents the header and nothing about it. Here a key belongs to one operation, for
//! 24 hours, and a request with a known key and another body gets 409.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header, request::Parts};

use super::{Intake, Payload, Refusal};
use crate::core::{Env, State, answers, records::IdempotencyRecord};

/// The longest key, in bytes.
const MAX_KEY: usize = 255;
/// How long a key is known, in seconds.
const LIFETIME: i64 = 24 * 3600;

/// The key of a request.
pub(super) enum Key {
    /// It was used before, for the same request: this was the response.
    Known(Response<Bytes>),
    /// It was not used before.
    New(NewKey),
}

/// A key whose response will be stored.
pub(super) struct NewKey {
    name: String,
    request: u64,
}

/// Looks up the key of a request, if it has one.
pub(super) fn key(
    state: &State,
    env: &Env<'_>,
    head: &Parts,
    intake: &Intake,
    payload: &Payload,
) -> Result<Option<Key>, Refusal> {
    let Some(value) = head.headers.get(tl_protocol::endpoint::IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim();
    if text.is_empty() || text.len() > MAX_KEY {
        let detail = format!("a text of 1 to {MAX_KEY} ASCII characters is expected");
        return Err(Refusal::invalid("Idempotency-Key", &detail));
    }
    let request = match payload {
        Payload::Json(bytes) => answers::hash(bytes),
        _ => 0,
    };
    let name = format!("{} {text}", intake.operation);
    let known = state.idempotency.get(&name);
    let known = known.filter(|known| env.now.as_second() - known.at.as_second() < LIFETIME);
    match known {
        None => Ok(Some(Key::New(NewKey { name, request }))),
        Some(known) if known.request == request => {
            let mut response = Response::new(Bytes::from(known.body.clone()));
            *response.status_mut() = StatusCode::from_u16(known.status).unwrap_or(StatusCode::OK);
            let json = HeaderValue::from_static("application/json");
            response.headers_mut().insert(header::CONTENT_TYPE, json);
            Ok(Some(Key::Known(response)))
        }
        Some(_) => Err(Refusal::new(
            StatusCode::CONFLICT,
            "idempotency_key_reused",
            "The Idempotency-Key was used for another request within the last 24 hours.",
        )),
    }
}

impl NewKey {
    /// Stores the response to the first request with this key.
    pub(super) fn store(self, state: &mut State, env: &Env<'_>, response: &Response<Bytes>) {
        let record = IdempotencyRecord {
            request: self.request,
            status: response.status().as_u16(),
            body: String::from_utf8_lossy(response.body()).into_owned(),
            at: env.now,
        };
        state.idempotency.insert(self.name, record);
    }
}
