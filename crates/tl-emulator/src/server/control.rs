//! `/_emulator`: the emulator's own interface for tests. It is no part of the platform's API.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ClockMode, Shell};

pub(super) fn router() -> Router<Arc<Shell>> {
    Router::new()
        .route("/health", get(async || Json(json!({ "status": "ok" }))))
        .route("/journal", get(journal).delete(clear_journal))
        .route("/clock", get(clock).put(set_clock))
        .route("/clock/advance", post(advance))
}

/// Which entries of the journal are asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Wanted {
    operation: Option<String>,
    method: Option<String>,
    path: Option<String>,
    status: Option<u16>,
    code: Option<String>,
}

async fn journal(State(shell): State<Arc<Shell>>, Query(wanted): Query<Wanted>) -> Json<Value> {
    let mut entries = shell.journal();
    entries.retain(|entry| {
        wanted
            .operation
            .as_ref()
            .is_none_or(|name| entry.operation.as_ref() == Some(name))
            && wanted
                .method
                .as_ref()
                .is_none_or(|method| entry.method.eq_ignore_ascii_case(method))
            && wanted.path.as_ref().is_none_or(|path| entry.path == *path)
            && wanted.status.is_none_or(|status| entry.status == status)
            && wanted
                .code
                .as_ref()
                .is_none_or(|code| entry.code.as_ref() == Some(code))
    });
    Json(json!({ "count": entries.len(), "entries": entries }))
}

async fn clear_journal(State(shell): State<Arc<Shell>>) -> StatusCode {
    shell.journal.clear();
    StatusCode::NO_CONTENT
}

async fn clock(State(shell): State<Arc<Shell>>) -> Json<Value> {
    Json(clock_state(&shell))
}

fn clock_state(shell: &Shell) -> Value {
    json!({
        "now": crate::platform::printed(shell.clock.now()),
        "mode": shell.clock.mode().to_string(),
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewClock {
    mode: String,
}

async fn set_clock(State(shell): State<Arc<Shell>>, Json(new): Json<NewClock>) -> Response {
    match new.mode.parse::<ClockMode>() {
        Ok(mode) => {
            shell.clock.set_mode(mode);
            Json(clock_state(&shell)).into_response()
        }
        Err(error) => refused(&error),
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: f64,
}

async fn advance(State(shell): State<Arc<Shell>>, Json(advance): Json<Advance>) -> Response {
    match Duration::try_from_secs_f64(advance.seconds) {
        Ok(by) => {
            shell.advance(by);
            Json(clock_state(&shell)).into_response()
        }
        Err(error) => refused(&format!("`seconds` is {}: {error}", advance.seconds)),
    }
}

fn refused(message: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "message": message }))).into_response()
}
