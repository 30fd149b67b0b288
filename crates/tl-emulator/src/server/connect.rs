//! The page on which a user decides about a connection to a data provider.

use std::sync::Arc;

use axum::{
    extract::{Query, State},
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use serde::Deserialize;

use super::Runtime;
use crate::platform::Decision;

/// The query of the page.
#[derive(Debug, Deserialize)]
pub(super) struct Consent {
    state: String,
    decision: Option<Answer>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Allow,
    Deny,
}

/// Shows the two possible decisions, or carries one out and sends the browser back.
pub(super) async fn decide(
    State(runtime): State<Arc<Runtime>>,
    Query(consent): Query<Consent>,
) -> Response {
    let Some(answer) = consent.decision else {
        // Only letters, digits and hyphens are in a known state, so nothing needs to be escaped.
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if !consent.state.bytes().all(is_plain) {
            return unknown();
        }
        let link = |answer: &str, label: &str| {
            let state = &consent.state;
            format!("<p><a href=\"?state={state}&amp;decision={answer}\">{label}</a></p>")
        };
        return Html(format!(
            "<!doctype html><title>Connect</title><h1>Connect the drive of the emulator?</h1>{}{}",
            link("allow", "Allow"),
            link("deny", "Deny")
        ))
        .into_response();
    };
    let decision = match answer {
        Answer::Allow => Decision::Allow,
        Answer::Deny => Decision::Deny,
    };
    let decided = runtime.update(|platform, now| {
        let url = platform.decide(now, &consent.state, decision);
        (url, Vec::new())
    });
    match decided {
        Ok(Some(url)) => (StatusCode::FOUND, [(header::LOCATION, url.to_string())]).into_response(),
        Ok(None) => unknown(),
        Err(reason) => (StatusCode::INTERNAL_SERVER_ERROR, reason).into_response(),
    }
}

fn unknown() -> Response {
    let text = "this authorization is unknown or was decided before";
    (StatusCode::NOT_FOUND, text).into_response()
}
