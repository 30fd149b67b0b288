//! The platform as a pure handler over explicit state: a request and a moment go in, a response and effects come out.
//!
//! Nothing here reads a clock, a file, a socket or randomness, so the same code runs behind the server of this crate and
//! inside a simulation with a time of its own. What must happen outside is said by an [`Effect`]; what came of it is told by
//! [`Platform::fetched`]. One room per family of endpoints: `tasks`, `indexes`, `videos`.

mod asset_metadata;
mod asset_views;
mod assets;
mod effect;
mod errors;
pub mod families;
mod faults;
mod ids;
mod indexed_assets;
mod indexes;
mod lifecycle;
mod limits;
mod listing;
mod media;
mod memory;
mod object_errors;
mod overview;
mod presign;
pub mod quirks;
mod records;
mod renditions;
mod request;
mod routes;
mod settings;
mod static_file;
mod storage;
mod table;
mod tasks;
mod upload_reports;
mod uploads;
mod videos;
mod webhooks;

use std::collections::BTreeSet;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header, request::Parts};
use jiff::Timestamp;
use tl_protocol::{Endpoint, Now, endpoint::Received};
use tl_validate::{Route, Target, max_size};

pub use effect::{Effect, Fetched};
pub use errors::Refusal;
pub use faults::{Delivery, Fault, FaultError, FaultPlan};
pub use lifecycle::Schedule;
pub use limits::{Plan, UnknownPlan};
pub use memory::{MemoryError, Seed, SeedIndex, SeedVideo};
pub use object_errors::NotStored;
pub use overview::Session;
pub use quirks::{Quirk, Quirks, UnknownQuirk};
pub use records::Measured;
pub(crate) use renditions::{PLAYLIST, PREFIX as RENDITION_PREFIX, thumbnail_name};
pub use renditions::{Rendered, Rendition};
pub use request::{BodyRule, Intake, MediaKey, Payload, Reply, Request, Unusable, Upload};
pub use routes::Operation;
pub use settings::Settings;
pub use static_file::StaticFile;
pub(crate) use storage::PREFIX as STORAGE_PREFIX;
pub use storage::{ObjectReply, Put, PutBegin};
pub use table::Change;
pub(crate) use tasks::filename_of;

use faults::{Fate, Faults};
use ids::Ids;
use records::State;

/// The part of a path that names the version of the API.
pub(crate) const VERSION_PREFIX: &str = "/v1.3";

/// The counter that identifiers are made with.
const IDS: &str = "ids";

/// How the only accepted keys begin. A key of the real platform has no business here, and one of ours none there.
pub const KEY_PREFIX: &str = tl_http::credentials::EMULATOR_KEY_PREFIX;

/// The whole platform: settings and everything that requests have made of it.
#[derive(Debug)]
pub struct Platform {
    settings: Settings,
    state: State,
    ids: Ids,
    faults: Faults,
    /// What the next task has to suffer.
    fate: Option<Fate>,
    /// When tasks end that nobody was told of yet.
    endings: BTreeSet<(Timestamp, String)>,
}

impl Platform {
    /// An account without an index.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            ids: Ids::new(settings.seed),
            faults: Faults::new(settings.faults.clone(), settings.seed),
            settings,
            state: State::default(),
            fate: None,
            endings: BTreeSet::new(),
        }
    }

    /// What the platform was set to.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What can be said about a request before its body is read: which operation it is, and which body it may bring.
    ///
    /// # Errors
    /// The refusal, where the body need not be looked at.
    pub fn admit(&self, head: &Parts) -> Result<Intake, Refusal> {
        let path = head.uri.path();
        let Some(resource) = resource_of(path) else {
            return Err(match routes::version_of(path) {
                Some(version) => Refusal::upgrade_required(version),
                None => Refusal::no_such_route(path),
            });
        };
        check_key(head.headers.get(tl_http::credentials::API_KEY_HEADER))?;
        families::check(resource)?;
        let (route, params) = routes::find(&head.method, resource, &self.settings.quirks)?;
        let body = match route.body {
            routes::RouteBody::None => BodyRule::None,
            routes::RouteBody::Json => BodyRule::Json,
            routes::RouteBody::Form => BodyRule::Form {
                max_file: match route.operation {
                    Operation::AssetsCreate => assets::max_file(Route::Asset, &self.settings.rules),
                    _ => self.max_file(),
                },
                takes_static: route.operation == Operation::AssetsCreate,
                url: match route.operation {
                    Operation::AssetsCreate => "url",
                    _ => "video_url",
                },
            },
        };
        request::check_content_type(&body, head.headers.get(header::CONTENT_TYPE))?;
        Ok(Intake {
            operation: route.operation,
            body,
            params,
        })
    }

    /// The most bytes that one file may have on the way of `POST /tasks`, from the rules in force.
    #[must_use]
    pub fn max_file(&self) -> Option<u64> {
        max_size(&Target::new(Route::Tasks), &self.settings.rules)
    }

    /// The operation that a request names, whoever sends it.
    #[must_use]
    pub fn operation_of(&self, head: &Parts) -> Option<Operation> {
        let resource = resource_of(head.uri.path())?;
        let found = routes::find(&head.method, resource, &self.settings.quirks);
        found.ok().map(|(route, _)| route.operation)
    }

    /// Answers one request at `now`.
    pub fn handle(&mut self, now: Now, request: Request) -> Reply {
        let now = moment(now);
        let (head, payload) = request.into_parts();
        let intake = match self.admit(&head) {
            Ok(intake) => intake,
            Err(refusal) => return self.refuse(refusal),
        };
        let operation = intake.operation;
        let verdict = self.faults.judge(operation);
        let mut reply = Reply {
            response: Response::new(Bytes::new()),
            effects: Vec::new(),
            delivery: verdict.delivery,
            faults: verdict.told,
            operation: Some(operation),
            refusal: None,
        };
        if !verdict.is_idle {
            let again = verdict.is_twice.then(|| payload.clone());
            self.fate = verdict.fate;
            match self.work(now, &head, &intake, payload, &mut reply.effects) {
                Ok(response) => reply.response = response,
                Err(refusal) => {
                    reply.response = refusal.response();
                    reply.refusal = Some(refusal.code);
                }
            }
            if let Some(payload) = again {
                // The answer to the second delivery reaches nobody.
                _ = self.work(now, &head, &intake, payload, &mut reply.effects);
            }
            self.fate = None;
        }
        if let Some(answer) = verdict.answer {
            reply.response = answer;
        }
        for (name, value) in limits::headers(self, now, operation) {
            reply.response.headers_mut().insert(name, value);
        }
        self.stamp(&mut reply.response);
        reply
    }

    /// Does what a request asks for; a refused one leaves nothing to do.
    fn work(
        &mut self,
        now: Timestamp,
        head: &Parts,
        intake: &Intake,
        payload: Payload,
        effects: &mut Vec<Effect>,
    ) -> Result<Response<Bytes>, Refusal> {
        limits::take_request(self, now, intake.operation)?;
        let mut wanted = Vec::new();
        let response = self.dispatch(now, head, intake, payload, &mut wanted)?;
        effects.append(&mut wanted);
        Ok(response)
    }

    /// Answers a request whose body will not be read, with what [`admit`](Self::admit) said.
    #[must_use]
    pub fn refuse(&self, refusal: Refusal) -> Reply {
        let mut response = refusal.response();
        self.stamp(&mut response);
        Reply {
            response,
            effects: Vec::new(),
            delivery: Delivery::default(),
            faults: Vec::new(),
            operation: None,
            refusal: Some(refusal.code),
        }
    }

    /// Takes in what came of an [`Effect::Fetch`] at `now`.
    pub fn fetched(
        &mut self,
        now: Now,
        task: &str,
        outcome: Result<Fetched, String>,
    ) -> Vec<Effect> {
        if self.state.assets.get(task).is_some() {
            return assets::fetched(self, moment(now), task, outcome);
        }
        tasks::fetched(self, moment(now), task, outcome)
    }

    /// The records that changed since the last [`commit`](Self::commit), for a store.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        self.state.changes()
    }

    /// Notes that the changes are written down, or that nobody wants to.
    pub fn commit(&mut self) {
        self.state.commit();
    }

    /// The records that changed since the last commit, which this is.
    pub fn take_changes(&mut self) -> Vec<Change> {
        let changes = self.changes();
        self.commit();
        changes
    }

    /// Undoes the changes since the last commit: what could not be written down has not happened.
    pub fn roll_back(&mut self) {
        self.state.roll_back();
        self.schedule_endings();
    }

    fn dispatch(
        &mut self,
        now: Timestamp,
        head: &Parts,
        intake: &Intake,
        payload: Payload,
        effects: &mut Vec<Effect>,
    ) -> Result<Response<Bytes>, Refusal> {
        let (received, uploads) = request::receive(intake, head, payload)?;
        if intake.operation == Operation::TasksCreate {
            tasks::check_file_is_no_text(&received)?;
        }
        let created = self.settings.created_status();
        let empty = self.settings.empty_status();
        let host = authority(head);
        match intake.operation {
            Operation::TasksCreate => answer(&received, created, |e| {
                tasks::create(self, now, &received, e, uploads, effects)
            }),
            Operation::TasksList => {
                answer(&received, StatusCode::OK, |e| tasks::list(self, now, &e))
            }
            Operation::TasksRetrieve => answer(&received, StatusCode::OK, |e| {
                tasks::retrieve(self, now, &host, &e)
            }),
            Operation::TasksDelete => answer(&received, empty, |e| tasks::delete(self, now, &e)),
            Operation::IndexesCreate => answer(&received, StatusCode::CREATED, |e| {
                indexes::create(self, now, e)
            }),
            Operation::IndexesList => {
                answer(&received, StatusCode::OK, |e| indexes::list(self, now, &e))
            }
            Operation::IndexesRetrieve => answer(&received, StatusCode::OK, |e| {
                indexes::retrieve(self, now, &e)
            }),
            Operation::IndexesUpdate => {
                answer(&received, empty, |e| indexes::rename(self, now, &e))
            }
            Operation::IndexesDelete => {
                answer(&received, empty, |e| indexes::delete(self, &e, effects))
            }
            Operation::VideosList => {
                answer(&received, StatusCode::OK, |e| videos::list(self, now, &e))
            }
            Operation::VideosRetrieve => answer(&received, StatusCode::OK, |e| {
                videos::retrieve(self, now, &host, &e)
            }),
            Operation::VideosUpdate => answer(&received, empty, |e| videos::update(self, now, &e)),
            Operation::VideosDelete => {
                answer(&received, empty, |e| videos::delete(self, now, &e, effects))
            }
            Operation::AssetsCreate => answer(&received, StatusCode::CREATED, |e| {
                assets::create(self, now, e, uploads, effects)
            }),
            Operation::AssetsList => answer(&received, StatusCode::OK, |e| {
                asset_views::list(self, now, &host, &e)
            }),
            Operation::AssetsRetrieve => answer(&received, StatusCode::OK, |e| {
                asset_views::retrieve(self, now, &host, &e)
            }),
            Operation::AssetsDelete => {
                answer(&received, empty, |e| assets::delete(self, &e, effects))
            }
            Operation::AssetMetadataUpdate => {
                answer(&received, empty, |e| asset_metadata::update(self, &e))
            }
            Operation::AssetMetadataReplace => {
                answer(&received, empty, |e| asset_metadata::replace(self, e))
            }
            Operation::AssetMetadataClear => {
                answer(&received, empty, |e| asset_metadata::clear(self, &e))
            }
            Operation::AssetIndexedAssets => answer(&received, StatusCode::OK, |e| {
                asset_views::indexed_assets(self, &e)
            }),
            Operation::AssetEntities => answer(&received, StatusCode::OK, |e| {
                asset_views::entities(self, &e)
            }),
            Operation::AssetTranscription => answer(&received, StatusCode::OK, |e| {
                asset_views::transcription(self, &e)
            }),
            Operation::UploadsCreate => answer(&received, StatusCode::CREATED, |e| {
                uploads::create(self, now, &host, e, effects)
            }),
            Operation::UploadsList => {
                answer(&received, StatusCode::OK, |e| uploads::list(self, now, &e))
            }
            Operation::UploadsRetrieve => answer(&received, StatusCode::OK, |e| {
                uploads::retrieve(self, now, &e)
            }),
            Operation::UploadsReport => answer(&received, StatusCode::OK, |e| {
                upload_reports::report(self, now, &host, &e, effects)
            }),
            Operation::UploadsUrls => answer(&received, StatusCode::OK, |e| {
                uploads::request_urls(self, now, &host, &e)
            }),
            Operation::IndexedAssetsList => answer(&received, StatusCode::OK, |e| {
                indexed_assets::list(self, now, &e)
            }),
            Operation::IndexedAssetsRetrieve => answer(&received, StatusCode::OK, |e| {
                indexed_assets::retrieve(self, now, &host, &e)
            }),
            Operation::IndexedAssetsUpdate => {
                answer(&received, empty, |e| indexed_assets::update(self, now, &e))
            }
            Operation::IndexedAssetsDelete => answer(&received, empty, |e| {
                indexed_assets::delete(self, now, &e, effects)
            }),
            Operation::IndexedAssetsCreate => {
                let index = intake.params.first().cloned().unwrap_or_default();
                let mut id = String::new();
                let answered = answer(&received, StatusCode::ACCEPTED, |e| {
                    let created = indexed_assets::create(self, now, e, effects)?;
                    created.id.as_str().clone_into(&mut id);
                    Ok(created)
                });
                answered.map(|mut response| {
                    let path = format!("/indexes/{index}/indexed-assets/{id}");
                    if let Ok(location) = HeaderValue::from_str(&path) {
                        response.headers_mut().insert(header::LOCATION, location);
                    }
                    response
                })
            }
            // It has no path below the version of the API.
            Operation::StoragePut => Err(Refusal::no_such_route(head.uri.path())),
        }
    }

    /// What every response carries.
    fn stamp(&self, response: &mut Response<Bytes>) {
        let version = self.settings.quirks.get(&quirks::API_VERSION_HEADER);
        response
            .headers_mut()
            .insert("x-api-version", HeaderValue::from_static(version));
    }

    /// The next identifier; the counter is remembered with the state.
    fn next_id(&mut self, now: Timestamp) -> String {
        let id = self.ids.next(now);
        self.state.counters.insert(IDS.to_owned(), self.ids.counter);
        id
    }

    /// Puts another plan in force; what has been used stays used.
    pub fn set_plan(&mut self, plan: Plan) {
        self.settings.plan = plan;
    }

    /// What has been used of the plan, by the requests of a category.
    fn meter(&self, category: &str) -> limits::Meter {
        self.state.meters.get(category).copied().unwrap_or_default()
    }

    /// Puts another fault plan in force; its counters begin at 0.
    ///
    /// # Errors
    /// Where the plan makes no sense.
    pub fn set_faults(&mut self, plan: FaultPlan) -> Result<(), FaultError> {
        plan.check()?;
        self.faults = Faults::new(plan, self.settings.seed);
        Ok(())
    }

    /// The fault plan in force, and how often each fault has struck.
    #[must_use]
    pub fn faults(&self) -> (&FaultPlan, Vec<u64>) {
        (&self.faults.plan, self.faults.struck().collect())
    }
}

/// What stands below the version in a path. The version may come more than once: Python clients before 1.0 append it to
/// `TWELVELABS_BASE_URL`, newer ones expect it there, and one variable must serve both.
pub(crate) fn resource_of(path: &str) -> Option<&str> {
    let mut rest = path.strip_prefix(VERSION_PREFIX)?;
    while let Some(shorter) = rest.strip_prefix(VERSION_PREFIX)
        && shorter.starts_with('/')
    {
        rest = shorter;
    }
    rest.starts_with('/').then_some(rest)
}

/// The name under which the client reached the emulator: presigned URLs lead it there again.
fn authority(head: &Parts) -> String {
    let named = head.headers.get(header::HOST);
    let named = named.and_then(|host| host.to_str().ok());
    let named = named.or(head.uri.authority().map(http::uri::Authority::as_str));
    named
        .filter(|host| host.parse::<http::uri::Authority>().is_ok())
        .unwrap_or("127.0.0.1")
        .to_owned()
}

/// Decodes the request as `E`, works, and encodes what came of it.
fn answer<E: Endpoint>(
    received: &Received,
    status: StatusCode,
    work: impl FnOnce(E) -> Result<E::Response, Refusal>,
) -> Result<Response<Bytes>, Refusal> {
    let response = work(E::decode(received)?)?;
    let body =
        E::encode_response(&response).map_err(|error| Refusal::internal(&error.to_string()))?;
    let mut response = Response::new(body);
    *response.status_mut() = status;
    if !response.body().is_empty() {
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
    }
    Ok(response)
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

/// The wall clock of `now` to the millisecond, as the platform prints time.
fn moment(now: Now) -> Timestamp {
    let exact = Timestamp::try_from(now.wall).unwrap_or(Timestamp::UNIX_EPOCH);
    Timestamp::from_millisecond(exact.as_millisecond()).unwrap_or(exact)
}

/// The wall clock of `now` as the platform prints it.
pub(crate) fn printed(now: Now) -> String {
    wire(moment(now)).to_string()
}

/// The wall clock of `now` as HTTP prints time (RFC 9110, 5.6.7).
pub(crate) fn http_date(now: Now) -> String {
    limits::http_date(moment(now))
}

/// The platform's way to print a moment: UTC with three digits of a second.
fn wire(moment: Timestamp) -> tl_model::Timestamp {
    tl_model::Timestamp::new(format!("{moment:.3}"))
}
