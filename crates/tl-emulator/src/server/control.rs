//! The control API under `/_emulator`, for tests and people. It is not part of the platform's API.
//!
//! It needs no API key: `guard.rs` rejects requests from other machines and sites.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, FromRequest, Path, Query, Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    ClockMode, JournalEntry, Runtime, connect,
    delivery::{WebhookUrl, check_secret},
};
use crate::{
    api::description,
    platform::{Fault, FaultPlan, Plan, Seed, format_timestamp, quirks},
};

/// OpenAPI description of the API that the emulator serves.
static OPENAPI: LazyLock<String> = LazyLock::new(|| description::document().to_string());

/// Maximum size of an imported state in bytes.
const MAX_IMPORT: usize = 256 * 1024 * 1024;

pub(super) fn router() -> Router<Arc<Runtime>> {
    Router::new()
        .route("/health", get(async || Json(json!({ "status": "ok" }))))
        .route(
            "/openapi.json",
            get(async || {
                (
                    [(header::CONTENT_TYPE, "application/json")],
                    OPENAPI.as_str(),
                )
            }),
        )
        .route("/journal", get(journal).delete(clear_journal))
        .route("/clock", get(clock).put(set_clock))
        .route("/clock/advance", post(advance))
        .route(
            "/faults",
            get(faults)
                .put(set_faults)
                .post(add_fault)
                .delete(clear_faults),
        )
        .route("/plan", get(plan).put(set_plan))
        .route("/quirks", get(all_quirks))
        .route("/webhooks", get(webhooks).post(register_webhook))
        .route("/webhooks/{id}", delete(remove_webhook))
        .route(
            "/state",
            get(export)
                .put(import)
                .layer(DefaultBodyLimit::max(MAX_IMPORT)),
        )
        .route("/connect", get(connect::decide))
        .route("/renditions", get(renditions))
        .route("/reset", post(reset))
        .route("/seed", post(seed))
        .fallback(async || {
            ControlError(
                StatusCode::NOT_FOUND,
                "there is nothing here; see /_emulator".to_owned(),
            )
        })
}

/// Query parameters of the journal.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct JournalFilter {
    operation: Option<String>,
    method: Option<String>,
    path: Option<String>,
    status: Option<u16>,
    code: Option<String>,
    /// Only entries with a greater number.
    after: Option<u64>,
    /// Only entries up to this number.
    until: Option<u64>,
    /// Whether to include the start of each body.
    bodies: bool,
}

impl JournalFilter {
    fn matches(&self, entry: &JournalEntry) -> bool {
        let same = |expected: &Option<String>, actual: Option<&str>| {
            expected.is_none() || expected.as_deref() == actual
        };
        same(&self.operation, entry.operation.as_deref())
            && self
                .method
                .as_ref()
                .is_none_or(|method| entry.method.eq_ignore_ascii_case(method))
            && same(&self.path, Some(&entry.path))
            && self.status.is_none_or(|status| entry.status == status)
            && same(&self.code, entry.code.as_deref())
            && self.after.is_none_or(|after| entry.number > after)
            && self.until.is_none_or(|until| entry.number <= until)
    }
}

async fn journal(
    State(runtime): State<Arc<Runtime>>,
    Query(filter): Query<JournalFilter>,
) -> Json<Value> {
    let mut entries = runtime.journal();
    entries.retain(|entry| filter.matches(entry));
    if filter.bodies {
        runtime.journal.add_bodies(&mut entries);
    }
    Json(json!({ "count": entries.len(), "entries": entries }))
}

async fn clear_journal(State(runtime): State<Arc<Runtime>>) -> StatusCode {
    runtime.journal.clear();
    StatusCode::NO_CONTENT
}

async fn clock(State(runtime): State<Arc<Runtime>>) -> Json<Value> {
    Json(clock_state(&runtime))
}

fn clock_state(runtime: &Runtime) -> Value {
    json!({ "now": format_timestamp(runtime.clock.now()), "mode": runtime.clock.mode().to_string() })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewClock {
    /// `real`, `manual`, or a factor such as `x60`.
    mode: String,
}

async fn set_clock(
    State(runtime): State<Arc<Runtime>>,
    JsonBody(new): JsonBody<NewClock>,
) -> ControlResult {
    let mode = new.mode.parse::<ClockMode>().map_err(bad_request)?;
    runtime.clock.set_mode(mode);
    Ok(Json(clock_state(&runtime)).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: Option<f64>,
    until: Option<Until>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Until {
    /// Until the next running task ends.
    NextEnd,
    /// Until all running tasks have ended.
    Idle,
}

async fn advance(
    State(runtime): State<Arc<Runtime>>,
    JsonBody(advance): JsonBody<Advance>,
) -> ControlResult {
    let by = match advance {
        Advance {
            seconds: Some(seconds),
            until: None,
        } => Duration::try_from_secs_f64(seconds).map_err(|error| {
            bad_request(format!(
                "`seconds` is {seconds}: {error}; give a number from 0 up"
            ))
        })?,
        Advance {
            seconds: None,
            until: Some(until),
        } => {
            let platform = runtime.platform();
            let now = runtime.clock.now();
            let by = match until {
                Until::NextEnd => platform.next_change(now),
                Until::Idle => platform.last_change(now),
            };
            // Timestamps are truncated to milliseconds, so add one.
            by.unwrap_or(Duration::ZERO)
                .saturating_add(Duration::from_millis(1))
        }
        _ => {
            return Err(bad_request(
                "give either `seconds` or `until` (next-end, idle)",
            ));
        }
    };
    runtime.advance(by);
    Ok(Json(clock_state(&runtime)).into_response())
}

async fn faults(State(runtime): State<Arc<Runtime>>) -> Json<Value> {
    let platform = runtime.platform();
    let (plan, struck) = platform.faults();
    Json(json!({ "plan": plan, "struck": struck }))
}

async fn set_faults(
    State(runtime): State<Arc<Runtime>>,
    JsonBody(plan): JsonBody<FaultPlan>,
) -> ControlResult {
    runtime
        .set_faults(plan)
        .map_err(|error| bad_request(error.to_string()))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// A fault as a JSON object, or in the syntax of the command line.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum NewFault {
    Text(String),
    Fault(Box<Fault>),
}

async fn add_fault(
    State(runtime): State<Arc<Runtime>>,
    JsonBody(fault): JsonBody<NewFault>,
) -> ControlResult {
    let fault = match fault {
        NewFault::Text(text) => text
            .parse::<Fault>()
            .map_err(|error| bad_request(error.to_string()))?,
        NewFault::Fault(fault) => *fault,
    };
    let mut platform = runtime.platform();
    let mut plan = platform.faults().0.clone();
    plan.faults.push(fault);
    platform
        .set_faults(plan)
        .map_err(|error| bad_request(error.to_string()))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn clear_faults(State(runtime): State<Arc<Runtime>>) -> ControlResult {
    runtime
        .set_faults(FaultPlan::default())
        .map_err(|error| bad_request(error.to_string()))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn plan(State(runtime): State<Arc<Runtime>>) -> Json<Value> {
    let name = runtime.platform().settings().plan.name;
    Json(json!({ "plan": name, "plans": Plan::ALL.map(|plan| plan.name) }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPlan {
    plan: String,
}

async fn set_plan(
    State(runtime): State<Arc<Runtime>>,
    JsonBody(new): JsonBody<NewPlan>,
) -> ControlResult {
    let plan = Plan::named(&new.plan).map_err(|error| bad_request(error.to_string()))?;
    runtime.platform().set_plan(plan);
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn all_quirks(State(runtime): State<Arc<Runtime>>) -> Json<Value> {
    let platform = runtime.platform();
    let quirks: Vec<Value> = quirks::ALL
        .iter()
        .map(|quirk| {
            json!({
                "name": quirk.name,
                "question": quirk.question,
                "values": quirk.values,
                "default": quirk.values[0],
                "why": quirk.why,
                "value": platform.settings().quirks.get(quirk),
            })
        })
        .collect();
    Json(Value::Array(quirks))
}

async fn webhooks(State(runtime): State<Arc<Runtime>>) -> Json<Value> {
    let platform = runtime.platform();
    let webhooks: Vec<Value> = platform
        .webhooks()
        .map(|(id, url)| json!({ "id": id, "url": url }))
        .collect();
    Json(json!({ "webhooks": webhooks, "deliveries": runtime.deliveries.all() }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewWebhook {
    url: WebhookUrl,
    secret: String,
}

#[derive(Debug, Serialize)]
struct Registered {
    id: String,
}

async fn register_webhook(
    State(runtime): State<Arc<Runtime>>,
    JsonBody(new): JsonBody<NewWebhook>,
) -> ControlResult {
    let NewWebhook { url, secret } = new;
    check_secret(&secret).map_err(bad_request)?;
    let registered = runtime
        .update(|platform, now| (platform.register_webhook(now, &url.0, &secret), Vec::new()));
    let id = registered.map_err(internal_error)?;
    Ok((StatusCode::CREATED, Json(Registered { id })).into_response())
}

async fn remove_webhook(
    State(runtime): State<Arc<Runtime>>,
    Path(id): Path<String>,
) -> ControlResult {
    let removed = runtime.update(|platform, _| (platform.remove_webhook(&id), Vec::new()));
    match removed.map_err(internal_error)? {
        true => Ok(StatusCode::NO_CONTENT.into_response()),
        false => Err(ControlError(
            StatusCode::NOT_FOUND,
            format!("there is no webhook `{id}`"),
        )),
    }
}

/// The requested renditions with their status and errors.
async fn renditions(State(runtime): State<Arc<Runtime>>) -> Json<Value> {
    let lack = runtime.renderer.unavailable_reason();
    Json(json!({ "renditions": runtime.platform().renditions(), "lacks_ffmpeg": lack }))
}

async fn export(State(runtime): State<Arc<Runtime>>) -> Json<Value> {
    Json(runtime.platform().export())
}

async fn import(
    State(runtime): State<Arc<Runtime>>,
    JsonBody(export): JsonBody<Value>,
) -> ControlResult {
    let imported = runtime.update(|platform, _| match platform.import(&export) {
        Ok(effects) => (Ok(()), effects),
        Err(error) => (Err(error), Vec::new()),
    });
    imported
        .map_err(internal_error)?
        .map_err(|error| bad_request(error.to_string()))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn reset(State(runtime): State<Arc<Runtime>>) -> ControlResult {
    runtime
        .update(|platform, _| ((), platform.reset()))
        .map_err(internal_error)?;
    runtime.journal.clear();
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn seed(
    State(runtime): State<Arc<Runtime>>,
    JsonBody(seed): JsonBody<Seed>,
) -> ControlResult {
    let ids = runtime
        .seed(&seed)
        .map_err(|error| bad_request(error.to_string()))?;
    Ok((StatusCode::CREATED, Json(json!({ "indexes": ids }))).into_response())
}

type ControlResult = Result<Response, ControlError>;

/// An error response: the status and the message.
#[derive(Debug)]
struct ControlError(StatusCode, String);

impl IntoResponse for ControlError {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "message": self.1 }))).into_response()
    }
}

fn bad_request(message: impl Into<String>) -> ControlError {
    ControlError(StatusCode::BAD_REQUEST, message.into())
}

fn internal_error(message: String) -> ControlError {
    ControlError(StatusCode::INTERNAL_SERVER_ERROR, message)
}

/// A JSON body extractor whose rejection is a [`ControlError`].
struct JsonBody<T>(T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = ControlError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ControlError> {
        match Json::from_request(request, state).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(bad_request(rejection.body_text())),
        }
    }
}
