//! `/_emulator`: the emulator's own interface for tests and people. It is no part of the platform's API.
//!
//! It has no key: `guard.rs` keeps out who is not of this machine.

use std::{sync::Arc, time::Duration};

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
    ClockMode, JournalEntry, Shell,
    deliver::{Address, check_secret},
};
use crate::platform::{Fault, FaultPlan, Plan, Seed, printed, quirks};

/// What the emulator answers, for tools that read descriptions.
const DESCRIPTION: &str = include_str!("openapi.json");

/// The most bytes of an imported state.
const MAX_IMPORT: usize = 256 * 1024 * 1024;

pub(super) fn router() -> Router<Arc<Shell>> {
    super::page::router()
        .route("/health", get(async || Json(json!({ "status": "ok" }))))
        .route(
            "/openapi.json",
            get(async || ([(header::CONTENT_TYPE, "application/json")], DESCRIPTION)),
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
        .route("/renditions", get(renditions))
        .route("/reset", post(reset))
        .route("/seed", post(seed))
        .fallback(async || {
            Refused(
                StatusCode::NOT_FOUND,
                "there is nothing here; see /_emulator".to_owned(),
            )
        })
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
    /// Only entries with a higher number.
    after: Option<u64>,
    /// Only entries up to this number.
    until: Option<u64>,
    /// Whether the beginnings of the bodies are shown.
    bodies: bool,
}

impl Wanted {
    fn accepts(&self, entry: &JournalEntry) -> bool {
        let same = |wanted: &Option<String>, seen: Option<&str>| {
            wanted.is_none() || wanted.as_deref() == seen
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

async fn journal(State(shell): State<Arc<Shell>>, Query(wanted): Query<Wanted>) -> Json<Value> {
    let mut entries = shell.journal();
    entries.retain(|entry| wanted.accepts(entry));
    if wanted.bodies {
        shell.journal.add_bodies(&mut entries);
    }
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
    json!({ "now": printed(shell.clock.now()), "mode": shell.clock.mode().to_string() })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewClock {
    /// `real`, `manual`, or a factor such as `x60`.
    mode: String,
}

async fn set_clock(State(shell): State<Arc<Shell>>, Input(new): Input<NewClock>) -> Answer {
    let mode = new.mode.parse::<ClockMode>().map_err(bad)?;
    shell.clock.set_mode(mode);
    Ok(Json(clock_state(&shell)).into_response())
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
    /// The next task that is under way has ended.
    NextEnd,
    /// All tasks that are under way have ended.
    Idle,
}

async fn advance(State(shell): State<Arc<Shell>>, Input(advance): Input<Advance>) -> Answer {
    let by = match advance {
        Advance {
            seconds: Some(seconds),
            until: None,
        } => Duration::try_from_secs_f64(seconds).map_err(|error| {
            bad(format!(
                "`seconds` is {seconds}: {error}; give a number from 0 up"
            ))
        })?,
        Advance {
            seconds: None,
            until: Some(until),
        } => {
            let platform = shell.platform();
            let now = shell.clock.now();
            let by = match until {
                Until::NextEnd => platform.next_change(now),
                Until::Idle => platform.last_change(now),
            };
            // Moments are cut to milliseconds, so the rest of one is added.
            by.unwrap_or(Duration::ZERO)
                .saturating_add(Duration::from_millis(1))
        }
        _ => return Err(bad("give either `seconds` or `until` (next-end, idle)")),
    };
    shell.advance(by);
    Ok(Json(clock_state(&shell)).into_response())
}

async fn faults(State(shell): State<Arc<Shell>>) -> Json<Value> {
    let platform = shell.platform();
    let (plan, struck) = platform.faults();
    Json(json!({ "plan": plan, "struck": struck }))
}

async fn set_faults(State(shell): State<Arc<Shell>>, Input(plan): Input<FaultPlan>) -> Answer {
    shell
        .set_faults(plan)
        .map_err(|error| bad(error.to_string()))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// A fault as an object, or as the text of the command line.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum NewFault {
    Text(String),
    Fault(Box<Fault>),
}

async fn add_fault(State(shell): State<Arc<Shell>>, Input(fault): Input<NewFault>) -> Answer {
    let fault = match fault {
        NewFault::Text(text) => text
            .parse::<Fault>()
            .map_err(|error| bad(error.to_string()))?,
        NewFault::Fault(fault) => *fault,
    };
    let mut platform = shell.platform();
    let mut plan = platform.faults().0.clone();
    plan.faults.push(fault);
    platform
        .set_faults(plan)
        .map_err(|error| bad(error.to_string()))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn clear_faults(State(shell): State<Arc<Shell>>) -> Answer {
    shell
        .set_faults(FaultPlan::default())
        .map_err(|error| bad(error.to_string()))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn plan(State(shell): State<Arc<Shell>>) -> Json<Value> {
    let name = shell.platform().settings().plan.name;
    Json(json!({ "plan": name, "plans": Plan::ALL.map(|plan| plan.name) }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPlan {
    plan: String,
}

async fn set_plan(State(shell): State<Arc<Shell>>, Input(new): Input<NewPlan>) -> Answer {
    let plan = Plan::named(&new.plan).map_err(|error| bad(error.to_string()))?;
    shell.platform().set_plan(plan);
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn all_quirks(State(shell): State<Arc<Shell>>) -> Json<Value> {
    let platform = shell.platform();
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

async fn webhooks(State(shell): State<Arc<Shell>>) -> Json<Value> {
    let platform = shell.platform();
    let webhooks: Vec<Value> = platform
        .webhooks()
        .map(|(id, url)| json!({ "id": id, "url": url }))
        .collect();
    Json(json!({ "webhooks": webhooks, "deliveries": shell.deliveries.all() }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewWebhook {
    url: Address,
    secret: String,
}

#[derive(Debug, Serialize)]
struct Made {
    id: String,
}

async fn register_webhook(
    State(shell): State<Arc<Shell>>,
    Input(new): Input<NewWebhook>,
) -> Answer {
    let NewWebhook { url, secret } = new;
    check_secret(&secret).map_err(bad)?;
    let made =
        shell.change(|platform, now| (platform.register_webhook(now, &url.0, &secret), Vec::new()));
    let id = made.map_err(failed)?;
    Ok((StatusCode::CREATED, Json(Made { id })).into_response())
}

async fn remove_webhook(State(shell): State<Arc<Shell>>, Path(id): Path<String>) -> Answer {
    let removed = shell.change(|platform, _| (platform.remove_webhook(&id), Vec::new()));
    match removed.map_err(failed)? {
        true => Ok(StatusCode::NO_CONTENT.into_response()),
        false => Err(Refused(
            StatusCode::NOT_FOUND,
            format!("there is no webhook `{id}`"),
        )),
    }
}

/// The streams and thumbnails that were asked for: how far they are, and why they failed.
async fn renditions(State(shell): State<Arc<Shell>>) -> Json<Value> {
    let lack = shell.studio.lack();
    Json(json!({ "renditions": shell.platform().renditions(), "lacks_ffmpeg": lack }))
}

async fn export(State(shell): State<Arc<Shell>>) -> Json<Value> {
    Json(shell.platform().export())
}

async fn import(State(shell): State<Arc<Shell>>, Input(export): Input<Value>) -> Answer {
    let imported = shell.change(|platform, _| match platform.import(&export) {
        Ok(effects) => (Ok(()), effects),
        Err(error) => (Err(error), Vec::new()),
    });
    imported
        .map_err(failed)?
        .map_err(|error| bad(error.to_string()))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn reset(State(shell): State<Arc<Shell>>) -> Answer {
    shell
        .change(|platform, _| ((), platform.reset()))
        .map_err(failed)?;
    shell.journal.clear();
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn seed(State(shell): State<Arc<Shell>>, Input(seed): Input<Seed>) -> Answer {
    let ids = shell.seed(&seed).map_err(|error| bad(error.to_string()))?;
    Ok((StatusCode::CREATED, Json(json!({ "indexes": ids }))).into_response())
}

type Answer = Result<Response, Refused>;

/// What is wrong with a request, in words.
#[derive(Debug)]
struct Refused(StatusCode, String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "message": self.1 }))).into_response()
    }
}

fn bad(message: impl Into<String>) -> Refused {
    Refused(StatusCode::BAD_REQUEST, message.into())
}

fn failed(message: String) -> Refused {
    Refused(StatusCode::INTERNAL_SERVER_ERROR, message)
}

/// A JSON body, with a refusal of our own shape where it is none.
struct Input<T>(T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Input<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        match Json::from_request(request, state).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(bad(rejection.body_text())),
        }
    }
}
