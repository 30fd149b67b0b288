//! The platform as a pure handler over explicit state: request and time in, response and effects
//! out.
//!
//! Nothing here reads a clock, a file, a socket or a source of randomness, so the same code runs
//! behind the server of this crate and in a simulation with simulated time. Side effects are
//! returned as [`Effect`]s; the server executes them and reports the results, e.g. through
//! [`Platform::fetched`]. Each module implements one family of endpoints: `tasks`, `indexes`,
//! `videos` and so on.

mod overview;
mod persistence;

use std::collections::BTreeSet;

use bytes::Bytes;
use http::{HeaderValue, Response, header, request::Parts};
use jiff::Timestamp;
use tl_protocol::Now;
use tl_validate::{Route, Target, max_size};

pub use crate::api::families;
pub use crate::core::quirks;

pub use crate::{
    api::{
        request::{BodyError, BodyRule, Intake, MediaKey, Payload, Reply, Request, Upload},
        routes::Operation,
        storage::{ObjectReply, Put, PutDecision, errors::NotStored},
    },
    core::{
        effect::{Effect, Fetched},
        faults::{Delivery, Fault, FaultError, FaultPlan},
        lifecycle::Schedule,
        limits::{Plan, UnknownPlan},
        quirks::{Quirk, Quirks, UnknownQuirk},
        records::Measured,
        refusal::Refusal,
        settings::Settings,
        table::Change,
    },
    media::{
        renditions::{Rendered, Rendition},
        static_file::StaticFile,
    },
};
pub use overview::Session;
pub use persistence::{Seed, SeedIndex, SeedVideo, StateError};

pub(crate) use crate::{
    api::{
        assets::{self, views as asset_views},
        handle, indexed_assets, indexes, listing, request, routes,
        storage::{self, PREFIX as STORAGE_PREFIX, errors as object_errors, presign},
        tasks::{self, filename_of},
        uploads, videos, webhooks,
    },
    core::{faults, ids, lifecycle, limits, records, table},
    media::{
        renditions::{self, PLAYLIST, PREFIX as RENDITION_PREFIX, thumbnail_name},
        static_file, validation as media,
    },
};

use faults::{Faults, TaskFault};
use handle::Call;
use ids::Ids;
use records::State;

/// The path prefix of the API version.
pub(crate) const VERSION_PREFIX: &str = "/v1.3";

/// The name of the counter for identifiers.
const IDS: &str = "ids";

/// The prefix of all accepted API keys. It keeps real keys out of the emulator and emulator keys
/// out of the platform.
pub const KEY_PREFIX: &str = tl_http::credentials::EMULATOR_KEY_PREFIX;

/// The whole platform: settings and state.
#[derive(Debug)]
pub struct Platform {
    pub(crate) settings: Settings,
    pub(crate) state: State,
    pub(crate) ids: Ids,
    pub(crate) faults: Faults,
    /// The fault for the next task or asset that is created.
    pub(crate) next_fault: Option<TaskFault>,
    /// When tasks and assets end whose end was not announced yet.
    pub(crate) pending_ends: BTreeSet<(Timestamp, String)>,
}

impl Platform {
    /// Creates a platform with an empty account.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            ids: Ids::new(settings.seed),
            faults: Faults::new(settings.faults.clone(), settings.seed),
            settings,
            state: State::default(),
            next_fault: None,
            pending_ends: BTreeSet::new(),
        }
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Checks the head of a request, before its body is read. Returns the operation and the kind of
    /// body it may have.
    ///
    /// # Errors
    /// Returns the API error if the request can be refused without its body.
    pub fn admit(&self, head: &Parts) -> Result<Intake, Refusal> {
        let path = head.uri.path();
        let Some(resource) = resource_of(path) else {
            return Err(match routes::version_of(path) {
                Some(version) => Refusal::upgrade_required(version),
                None => Refusal::unknown_endpoint(path),
            });
        };
        check_key(head.headers.get(tl_http::credentials::API_KEY_HEADER))?;
        families::check(resource)?;
        let (route, params) = routes::find(&head.method, resource, &self.settings.quirks)?;
        let body = (route.body)(self);
        request::check_content_type(&body, head.headers.get(header::CONTENT_TYPE))?;
        Ok(Intake {
            operation: route.operation,
            body,
            params,
        })
    }

    /// The maximum file size of `POST /tasks` in bytes, from the active rule pack.
    #[must_use]
    pub fn max_file(&self) -> Option<u64> {
        max_size(&Target::new(Route::Tasks), &self.settings.rules)
    }

    /// The operation of a request, whatever its API key is.
    #[must_use]
    pub fn operation_of(&self, head: &Parts) -> Option<Operation> {
        let resource = resource_of(head.uri.path())?;
        let found = routes::find(&head.method, resource, &self.settings.quirks);
        found.ok().map(|(route, _)| route.operation)
    }

    /// Handles one request at `now`.
    pub fn handle(&mut self, now: Now, request: Request) -> Reply {
        let now = to_timestamp(now);
        let (head, payload) = request.into_parts();
        let intake = match self.admit(&head) {
            Ok(intake) => intake,
            Err(refusal) => return self.refuse(refusal),
        };
        let operation = intake.operation;
        let injection = self.faults.inject(operation);
        let mut reply = Reply {
            response: Response::new(Bytes::new()),
            effects: Vec::new(),
            delivery: injection.delivery,
            faults: injection.descriptions,
            operation: Some(operation),
            refusal: None,
        };
        if !injection.skip_work {
            let second = injection.duplicate.then(|| payload.clone());
            self.next_fault = injection.task_fault;
            match self.process(now, &head, &intake, payload, &mut reply.effects) {
                Ok(response) => reply.response = response,
                Err(refusal) => {
                    reply.response = refusal.response();
                    reply.refusal = Some(refusal.code);
                }
            }
            if let Some(payload) = second {
                // The response to the second delivery is dropped.
                _ = self.process(now, &head, &intake, payload, &mut reply.effects);
            }
            self.next_fault = None;
        }
        if let Some(response) = injection.response {
            reply.response = response;
        }
        for (name, value) in limits::headers(self, now, operation) {
            reply.response.headers_mut().insert(name, value);
        }
        self.add_version_header(&mut reply.response);
        reply
    }

    /// Processes a request. A refused request has no effects.
    fn process(
        &mut self,
        now: Timestamp,
        head: &Parts,
        intake: &Intake,
        payload: Payload,
        effects: &mut Vec<Effect>,
    ) -> Result<Response<Bytes>, Refusal> {
        limits::count_request(self, now, intake.operation)?;
        let mut new_effects = Vec::new();
        let response = self.dispatch(now, head, intake, payload, &mut new_effects)?;
        effects.append(&mut new_effects);
        Ok(response)
    }

    /// The response to a request whose body will not be read, from the error of
    /// [`admit`](Self::admit).
    #[must_use]
    pub fn refuse(&self, refusal: Refusal) -> Reply {
        let mut response = refusal.response();
        self.add_version_header(&mut response);
        Reply {
            response,
            effects: Vec::new(),
            delivery: Delivery::default(),
            faults: Vec::new(),
            operation: None,
            refusal: Some(refusal.code),
        }
    }

    /// Handles the result of an [`Effect::Fetch`] at `now`.
    pub fn fetched(
        &mut self,
        now: Now,
        task: &str,
        outcome: Result<Fetched, String>,
    ) -> Vec<Effect> {
        if self.state.assets.get(task).is_some() {
            return assets::fetched(self, to_timestamp(now), task, outcome);
        }
        tasks::fetched(self, to_timestamp(now), task, outcome)
    }

    /// The records changed since the last [`commit`](Self::commit), for a store.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        self.state.changes()
    }

    /// Marks the changes as stored. Also called if there is no store.
    pub fn commit(&mut self) {
        self.state.commit();
    }

    /// Returns the changes since the last commit and commits them.
    pub fn take_changes(&mut self) -> Vec<Change> {
        let changes = self.changes();
        self.commit();
        changes
    }

    /// Reverts the changes since the last commit, because they could not be stored.
    pub fn roll_back(&mut self) {
        self.state.roll_back();
        self.rebuild_pending_ends();
    }

    fn dispatch(
        &mut self,
        now: Timestamp,
        head: &Parts,
        intake: &Intake,
        payload: Payload,
        effects: &mut Vec<Effect>,
    ) -> Result<Response<Bytes>, Refusal> {
        let Some(route) = routes::of(intake.operation) else {
            return Err(Refusal::unknown_endpoint(head.uri.path()));
        };
        let (received, uploads) = request::receive(intake, head, payload)?;
        (route.respond)(Call {
            platform: self,
            now,
            host: &authority(head),
            received: &received,
            uploads,
            effects,
        })
    }

    /// Adds the headers that every response has.
    fn add_version_header(&self, response: &mut Response<Bytes>) {
        let version = self.settings.quirks.get(&quirks::API_VERSION_HEADER);
        response
            .headers_mut()
            .insert("x-api-version", HeaderValue::from_static(version));
    }

    /// Returns the next identifier. The counter is part of the state.
    pub(crate) fn next_id(&mut self, now: Timestamp) -> String {
        let id = self.ids.next(now);
        self.state.counters.insert(IDS.to_owned(), self.ids.counter);
        id
    }

    /// Replaces the plan. The usage is kept.
    pub fn set_plan(&mut self, plan: Plan) {
        self.settings.plan = plan;
    }

    /// The usage of a category of requests.
    pub(crate) fn meter(&self, category: &str) -> limits::Meter {
        self.state.meters.get(category).copied().unwrap_or_default()
    }

    /// Replaces the fault plan and resets its counters.
    ///
    /// # Errors
    /// Returns an error if the plan is invalid.
    pub fn set_faults(&mut self, plan: FaultPlan) -> Result<(), FaultError> {
        plan.check()?;
        self.faults = Faults::new(plan, self.settings.seed);
        Ok(())
    }

    /// The active fault plan, and how often each fault was injected.
    #[must_use]
    pub fn faults(&self) -> (&FaultPlan, Vec<u64>) {
        (&self.faults.plan, self.faults.injection_counts().collect())
    }
}

/// The path below the version. The version can occur twice: Python clients before 1.0 append it to
/// `TWELVELABS_BASE_URL`, newer ones expect it there, and one variable must work for both.
pub(crate) fn resource_of(path: &str) -> Option<&str> {
    let mut rest = path.strip_prefix(VERSION_PREFIX)?;
    while let Some(shorter) = rest.strip_prefix(VERSION_PREFIX)
        && shorter.starts_with('/')
    {
        rest = shorter;
    }
    rest.starts_with('/').then_some(rest)
}

/// The authority by which the client reached the emulator. Presigned URLs use it.
fn authority(head: &Parts) -> String {
    let host = head.headers.get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok());
    let host = host.or(head.uri.authority().map(http::uri::Authority::as_str));
    host.filter(|host| host.parse::<http::uri::Authority>().is_ok())
        .unwrap_or("127.0.0.1")
        .to_owned()
}

fn check_key(key: Option<&HeaderValue>) -> Result<(), Refusal> {
    match key {
        Some(key) if key.as_bytes().starts_with(KEY_PREFIX.as_bytes()) => Ok(()),
        Some(_) => Err(Refusal::key_invalid(
            "The API key is not one of the emulator's: its keys begin with `tlk_emulator`. Do not send a real key here.",
        )),
        None => Err(Refusal::key_invalid(
            "The API key is missing: send it in the header `x-api-key`. The emulator's keys begin with `tlk_emulator`.",
        )),
    }
}

/// The wall clock of `now`, truncated to milliseconds as in the platform's timestamps.
pub(crate) fn to_timestamp(now: Now) -> Timestamp {
    let exact = Timestamp::try_from(now.wall).unwrap_or(Timestamp::UNIX_EPOCH);
    Timestamp::from_millisecond(exact.as_millisecond()).unwrap_or(exact)
}

/// The wall clock of `now` in the platform's format.
pub(crate) fn format_timestamp(now: Now) -> String {
    api_timestamp(to_timestamp(now)).to_string()
}

/// The wall clock of `now` as an HTTP date (RFC 9110, 5.6.7).
pub(crate) fn http_date(now: Now) -> String {
    limits::http_date(to_timestamp(now))
}

/// Formats a time as the platform does: UTC with milliseconds.
pub(crate) fn api_timestamp(time: Timestamp) -> tl_model::Timestamp {
    tl_model::Timestamp::new(format!("{time:.3}"))
}
