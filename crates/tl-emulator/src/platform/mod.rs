//! The platform as a pure handler over explicit state: request and time in, response and effects
//! out.
//!
//! Nothing here reads a clock, a file, a socket or a source of randomness, so the same code runs
//! behind the server of this crate and in a simulation with simulated time. Side effects are
//! returned as [`Effect`]s; the server executes them and reports the results, e.g. through
//! [`Platform::fetched`].

mod idempotency;
mod overview;
mod persistence;

use bytes::Bytes;
use http::{HeaderValue, Response, header, request::Parts};
use tl_protocol::Now;
use tl_validate::{MediaFacts, ProbeError};
use url::Url;

pub use crate::{
    api::{
        connections::Decision,
        families,
        request::{BodyError, BodyRule, Intake, Payload, Reply, Request, Upload},
        seed::{Seed, SeedIndex, SeedVideo},
        storage::{ObjectReply, Put, PutDecision, errors::NotStored},
    },
    core::{
        answers::{Answers, AnswersError},
        effect::{Effect, Fetched},
        faults::{Delivery, Fault, FaultError, FaultPlan},
        lifecycle::Schedule,
        operation::Operation,
        plan::{InvalidPlan, Plan, UnknownPlan},
        quirks::{self, Quirk, Quirks, UnknownQuirk},
        records::{Measured, MediaKey, Rendered},
        refusal::Refusal,
        settings::Settings,
        state::StateError,
        static_file::StaticFile,
        stream::{Ending, Pieces},
        table::Change,
    },
    media::renditions::Rendition,
};
pub use overview::Session;

use crate::{
    api::{
        VERSION_PREFIX, assets, connections, handle::Incoming, request, routes, storage, tasks,
        webhooks,
    },
    core::{
        Env, State,
        faults::Faults,
        limits,
        time::{self, to_timestamp},
    },
    media::{renditions, validation},
};

/// The prefix of all accepted API keys. It keeps real keys out of the emulator and emulator keys
/// out of the platform.
pub const KEY_PREFIX: &str = tl_http::credentials::EMULATOR_KEY_PREFIX;

/// The whole platform: the state, and what the environment of each request is made from.
#[derive(Debug)]
pub struct Platform {
    settings: Settings,
    state: State,
    faults: Faults,
}

impl Platform {
    /// Creates a platform with an empty account.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            faults: Faults::new(settings.faults.clone(), settings.seed),
            settings,
            state: State::default(),
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
        let body = (route.body)(&self.settings);
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
        validation::max_task_file(&self.settings.rules)
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
            pieces: None,
            delivery: injection.delivery,
            faults: injection.descriptions,
            operation: Some(operation),
            refusal: None,
        };
        let host = authority(&head);
        let mut env = Env::new(&self.settings, to_timestamp(now));
        env.host = &host;
        env.stream_fault = injection.stream;
        if !injection.skip_work {
            let second = injection.duplicate.then(|| payload.clone());
            env.task_fault = injection.task_fault;
            match process(&mut self.state, &mut env, &head, &intake, payload) {
                Ok(response) => reply.response = response,
                Err(refusal) => {
                    reply.response = refusal.response();
                    reply.refusal = Some(refusal.code);
                }
            }
            reply.pieces = env.pieces.take();
            if let Some(payload) = second {
                // The response to the second delivery is dropped.
                _ = process(&mut self.state, &mut env, &head, &intake, payload);
            }
        }
        if let Some(response) = injection.response {
            reply.response = response;
            reply.pieces = None;
        }
        for (name, value) in limits::headers(&self.state, &env, operation) {
            reply.response.headers_mut().insert(name, value);
        }
        reply.effects = env.effects;
        self.add_version_header(&mut reply.response);
        reply
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
            pieces: None,
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
        self.event(now, |state, env| match state.assets.get(task) {
            Some(_) => assets::create::fetched(state, env, task, outcome),
            None => tasks::fetched(state, env, task, outcome),
        })
    }

    /// Handles the result of an [`Effect::Probe`]: the probed file of a multipart upload.
    pub fn probed(
        &mut self,
        now: Now,
        asset: &str,
        bytes: u64,
        probe: &Result<MediaFacts, ProbeError>,
        static_file: Option<&Result<StaticFile, String>>,
    ) -> Vec<Effect> {
        self.event(now, |state, env| {
            assets::create::probed(state, env, asset, bytes, probe, static_file);
        })
    }

    /// Handles the result of an [`Effect::Render`] at `now`. The error is text for the user.
    pub fn rendered(
        &mut self,
        now: Now,
        owner: &str,
        outcome: Result<Rendered, String>,
    ) -> Vec<Effect> {
        self.event(now, |state, env| {
            renditions::rendered(state, env, owner, outcome);
        })
    }

    /// Returns the webhook events of the tasks that have ended by `now`.
    pub fn tick(&mut self, now: Now) -> Vec<Effect> {
        self.event(now, webhooks::announce_ends)
    }

    /// Runs `work` in the environment of an event at `now`, and returns its effects.
    fn event(&mut self, now: Now, work: impl FnOnce(&mut State, &mut Env<'_>)) -> Vec<Effect> {
        let mut env = Env::new(&self.settings, to_timestamp(now));
        work(&mut self.state, &mut env);
        env.effects
    }

    /// Handles the decision of a user about a connection at `now`, and returns the URL to which the
    /// browser is sent. `None` if the authorization is unknown or was decided before.
    pub fn decide(&mut self, now: Now, authorization: &str, decision: Decision) -> Option<Url> {
        let env = Env::new(&self.settings, to_timestamp(now));
        connections::decide(&mut self.state, &env, authorization, decision)
    }

    /// Registers a URL for task events and returns the identifier of the registration.
    ///
    /// The platform offers this in its dashboard only; there is no endpoint for it.
    pub fn register_webhook(&mut self, now: Now, url: &Url, secret: &str) -> String {
        let env = Env::new(&self.settings, to_timestamp(now));
        webhooks::register(&mut self.state, &env, url, secret)
    }

    /// Removes a webhook registration. Returns `false` if it does not exist.
    pub fn remove_webhook(&mut self, id: &str) -> bool {
        self.state.webhooks.remove(id).is_some()
    }

    /// Records the SHA-256 (hexadecimal) of a stored file. Answers are looked up by it.
    pub fn note_content(&mut self, key: &MediaKey, sha256: &str) {
        self.state
            .contents
            .insert(key.as_str().to_owned(), sha256.to_owned());
    }

    /// Forgets the content of a file that is deleted.
    pub fn forget_content(&mut self, key: &MediaKey) {
        self.state.contents.remove(key.as_str());
    }

    /// Decides from the head of a storage request whether it may upload a chunk. An accepted
    /// request uses up its URL.
    pub fn begin_put(&mut self, now: Now, head: &Parts) -> PutDecision {
        let injection = self.faults.inject(Operation::STORAGE_PUT);
        let env = Env::new(&self.settings, to_timestamp(now));
        storage::begin_put(&mut self.state, &env, injection, head)
    }

    /// Clears the stored bytes of a chunk before they are overwritten. Returns `false` if the chunk
    /// was already reported and must be kept.
    pub fn begin_overwrite(&mut self, put: &Put) -> bool {
        storage::begin_overwrite(&mut self.state, put)
    }

    /// Responds to a request whose bytes were stored (with their MD5) or not.
    pub fn finish_put(&mut self, put: Put, stored: Result<[u8; 16], NotStored>) -> ObjectReply {
        storage::finish_put(&mut self.state, put, stored)
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
    }

    /// Adds the headers that every response has.
    fn add_version_header(&self, response: &mut Response<Bytes>) {
        let version = self.settings.quirks.get(&quirks::API_VERSION_HEADER);
        response
            .headers_mut()
            .insert("x-api-version", HeaderValue::from_static(version));
    }

    /// Replaces the plan. The usage is kept.
    pub fn set_plan(&mut self, plan: Plan) {
        self.settings.plan = plan;
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

/// Processes a request. A refused request has no effects.
fn process(
    state: &mut State,
    env: &mut Env<'_>,
    head: &Parts,
    intake: &Intake,
    payload: Payload,
) -> Result<Response<Bytes>, Refusal> {
    limits::count_request(state, env, intake.operation)?;
    let effects = env.effects.len();
    dispatch(state, env, head, intake, payload).inspect_err(|_| env.effects.truncate(effects))
}

fn dispatch(
    state: &mut State,
    env: &mut Env<'_>,
    head: &Parts,
    intake: &Intake,
    payload: Payload,
) -> Result<Response<Bytes>, Refusal> {
    let Some(route) = routes::of(intake.operation) else {
        return Err(Refusal::unknown_endpoint(head.uri.path()));
    };
    let key = match route.is_keyed {
        true => idempotency::key(state, env, head, intake, &payload)?,
        false => None,
    };
    if let Some(idempotency::Key::Known(response)) = key {
        return Ok(response);
    }
    let (received, uploads) = request::receive(intake, head, payload)?;
    let incoming = Incoming {
        received: &received,
        uploads,
    };
    let response = (route.respond)(state, env, incoming)?;
    if let Some(idempotency::Key::New(key)) = key {
        key.store(state, env, &response);
    }
    Ok(response)
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

/// The wall clock of `now` in the platform's format.
pub(crate) fn format_timestamp(now: Now) -> String {
    time::api_timestamp(to_timestamp(now)).to_string()
}

/// The wall clock of `now` as an HTTP date (RFC 9110, 5.6.7).
pub(crate) fn http_date(now: Now) -> String {
    time::http_date(to_timestamp(now))
}
