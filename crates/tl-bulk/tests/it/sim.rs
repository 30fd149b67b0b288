//! The platform in this process, in virtual time: an HTTP client that calls the pure handler of the
//! emulator, and a process that ends at any request or commit.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use tl_bulk::event::{Event, Record};
use tl_bulk::source::Entry;
use tl_bulk::{Bulk, RunSummary, Settings, Store};
use tl_client::http_async::HttpClient;
use tl_client::{CancelHandle, Checker, Client, Config};
use tl_emulator::platform::{
    Effect, MediaKey, Payload, Platform, Settings as PlatformSettings, Upload,
};
use tl_emulator::{FaultPlan, Plan};
use tl_ledger::{ItemError, KeyTag, Ledger, NewAccount, NewRun};
use tl_model::{Index, IndexModel, ModelOption, NewIndex};
use tl_protocol::endpoint::{Field, FieldValue};
use tl_protocol::limiter::Limits;
use tl_protocol::{
    BytesSource, Delivery, Now, Outcome, Prepared, TransportError, TransportErrorKind,
};
use tl_validate::{MediaFacts, ProbeError, Prober, Route, VideoStream};
use tokio::sync::Notify;
use tokio::time::Instant;

const KEY: &str = "tlk_emulator_test";
/// 2026-11-21T12:00:00Z
const START: i64 = 1_795_262_400;

/// A prober that returns the same result for every file.
pub(crate) struct FixedProber;

pub(crate) fn facts() -> MediaFacts {
    let mut stream = VideoStream::default();
    stream.codec = "h264".to_owned();
    (stream.width, stream.height) = (640, 360);
    stream.fps = Some(25.0);
    stream.duration_seconds = Some(5.0);
    let mut facts = MediaFacts::default();
    facts.file_size_bytes = 1000;
    facts.duration_seconds = Some(5.0);
    facts.video_streams = vec![stream];
    facts
}

impl Prober for FixedProber {
    fn probe_file(&self, _: File, _: &str) -> Result<MediaFacts, ProbeError> {
        Ok(facts())
    }
}

/// When the process ends, by the number of its exchanges and commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Death {
    /// Before the platform gets the request.
    BeforeExchange(u64),
    /// After the platform has acted, before the response arrives.
    AfterExchange(u64),
    BeforeCommit(u64),
    AfterCommit(u64),
}

/// A process.
#[derive(Default)]
pub(crate) struct Process {
    exchanges: AtomicU64,
    commits: AtomicU64,
    hung: AtomicU64,
    is_dead: AtomicBool,
    died: Notify,
}

impl Process {
    fn die(&self) {
        self.is_dead.store(true, Ordering::SeqCst);
        self.died.notify_waiters();
        self.died.notify_one();
    }
}

/// Uploads whose response does not arrive.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hang {
    /// How many; then the process is killed.
    pub(crate) uploads: u64,
    /// The platform processes each n-th of them; 0: none.
    pub(crate) processed: u64,
}

struct Inner {
    platform: Platform,
    files: u64,
    /// The operations of all requests, with the status of the response.
    journal: Vec<(String, u16)>,
    /// When the first and the last upload arrived.
    uploads: Option<(Duration, Duration)>,
}

/// The platform, and what happens to requests on their way.
pub(crate) struct World {
    inner: Mutex<Inner>,
    started: Instant,
    /// Each n-th response to a create request is lost.
    pub(crate) lose_every: Option<u64>,
    creates: AtomicU64,
    /// The process is killed when this many uploads have no response: every `processed`-th of them
    /// was processed.
    pub(crate) hang: Mutex<Option<Hang>>,
    pub(crate) index: Mutex<Option<Index>>,
    pub(crate) folder: tempfile::TempDir,
}

struct Simulated {
    world: Arc<World>,
    process: Arc<Process>,
    death: Option<Death>,
}

#[async_trait]
impl HttpClient for Simulated {
    async fn send(&self, request: Prepared) -> Outcome {
        let number = self.process.exchanges.fetch_add(1, Ordering::SeqCst);
        if self.death == Some(Death::BeforeExchange(number)) {
            self.process.die();
        }
        self.dead_end().await;
        // The client keeps a paused clock from moving during an exchange.
        tokio::task::yield_now().await;
        self.dead_end().await;
        let is_create = request.http.method() == "POST";
        let is_upload = is_create && request.http.uri().path().ends_with("/assets");
        let hang = *self.world.hang.lock().unwrap();
        if let Some(hang) = hang.filter(|_| is_upload) {
            let number = self.process.hung.fetch_add(1, Ordering::SeqCst) + 1;
            if hang.processed > 0 && number.is_multiple_of(hang.processed) {
                let _ = self.world.answer(request);
            }
            if number == hang.uploads {
                self.process.die();
            }
            std::future::pending::<()>().await;
            unreachable!("nothing answers");
        }
        let outcome = self.world.answer(request);
        if self.death == Some(Death::AfterExchange(number)) {
            self.process.die();
        }
        tokio::task::yield_now().await;
        self.dead_end().await;
        if is_create {
            let number = self.world.creates.fetch_add(1, Ordering::SeqCst) + 1;
            if self
                .world
                .lose_every
                .is_some_and(|every| number.is_multiple_of(every))
            {
                return Err(TransportError::new(
                    TransportErrorKind::Lost,
                    Delivery::Unknown,
                ));
            }
        }
        outcome
    }
}

impl Simulated {
    /// A dead process does not go on.
    async fn dead_end(&self) {
        if self.process.is_dead.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
    }
}

impl World {
    pub(crate) async fn new(plan: Plan, schedule: tl_emulator::Schedule) -> Arc<Self> {
        Self::with_list_lag(plan, schedule, "none").await
    }

    /// A platform whose lists show what was created after `lag`: `none` or `30s`.
    pub(crate) async fn with_list_lag(
        plan: Plan,
        schedule: tl_emulator::Schedule,
        lag: &str,
    ) -> Arc<Self> {
        Self::with_quirk(plan, schedule, ("list-lag", lag)).await
    }

    /// A platform that behaves as the quirk says.
    pub(crate) async fn with_quirk(
        plan: Plan,
        schedule: tl_emulator::Schedule,
        (quirk, value): (&str, &str),
    ) -> Arc<Self> {
        let mut settings = PlatformSettings::default();
        settings.quirks.set(quirk, value).unwrap();
        settings.plan = plan;
        settings.schedule = schedule;
        let world = Arc::new(Self {
            inner: Mutex::new(Inner {
                platform: Platform::new(settings),
                files: 0,
                journal: Vec::new(),
                uploads: None,
            }),
            started: Instant::now(),
            lose_every: None,
            creates: AtomicU64::new(0),
            hang: Mutex::default(),
            index: Mutex::new(None),
            folder: folder(),
        });
        let index = world.new_index("films").await;
        *world.index.lock().unwrap() = Some(index);
        world.inner.lock().unwrap().journal.clear();
        world
    }

    pub(crate) async fn new_index(self: &Arc<Self>, name: &str) -> Index {
        let client = self.client(&Arc::new(Process::default()), None);
        let models = [ModelOption::Visual, ModelOption::Audio];
        let models = vec![IndexModel::new("marengo3.0", models)];
        let created = client.indexes().create(NewIndex::new(name, models));
        let created = created.await.unwrap();
        client.indexes().get(created.id).await.unwrap()
    }

    pub(crate) fn now(&self) -> Timestamp {
        let elapsed = self.started.elapsed();
        Timestamp::from_second(START).unwrap() + elapsed
    }

    fn answer(&self, request: Prepared) -> Outcome {
        let (head, body) = request.http.into_parts();
        let mut bytes = Vec::new();
        body.reader().read_to_end(&mut bytes).unwrap();
        let mut inner = self.inner.lock().unwrap();
        let content_type = head.headers.get("content-type");
        let content_type = content_type.and_then(|value| value.to_str().ok());
        let payload = match content_type {
            Some(text) if text.starts_with("multipart/form-data") => {
                let boundary = text.split("boundary=").nth(1).unwrap().trim_matches('"');
                inner.form(&bytes, boundary)
            }
            Some(_) => Payload::Json(Bytes::from(bytes)),
            None => Payload::None,
        };
        let elapsed = self.started.elapsed();
        let wall =
            SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(START).unwrap()) + elapsed;
        let now = Now::new(elapsed, wall);
        inner.platform.tick(now);
        let reply = inner
            .platform
            .handle(now, http::Request::from_parts(head, payload));
        for effect in reply.effects {
            if let Effect::Probe { asset, .. } = effect {
                inner.platform.probed(now, &asset, 1000, &Ok(facts()), None);
            }
        }
        let operation = reply.operation.map(|operation| operation.as_str());
        let status = reply.response.status().as_u16();
        let name = operation.unwrap_or("unknown").to_owned();
        if name == "assets.create" {
            let first = inner.uploads.map_or(elapsed, |(first, _)| first);
            inner.uploads = Some((first, elapsed));
        }
        inner.journal.push((name, status));
        let mut response = reply.response;
        // Times in headers are compared with the time of the platform.
        let date = jiff::fmt::rfc2822::DateTimePrinter::new()
            .timestamp_to_rfc9110_string(&self.now())
            .unwrap();
        let date = date.parse().unwrap();
        response.headers_mut().insert("date", date);
        Ok(response)
    }

    fn client(self: &Arc<Self>, process: &Arc<Process>, death: Option<Death>) -> Client {
        let config = Config::new(KEY, "http://127.0.0.1:1/v1.3").unwrap();
        let simulated = Simulated {
            world: Arc::clone(self),
            process: Arc::clone(process),
            death,
        };
        let builder = Client::builder().config(config).http_client(simulated);
        builder.build().unwrap()
    }

    pub(crate) fn files(&self, count: usize) -> Vec<PathBuf> {
        let file = |number: usize| {
            let path = self.folder.path().join(format!("{number:05}.mp4"));
            std::fs::write(&path, format!("clip {number}")).unwrap();
            path
        };
        (0..count).map(file).collect()
    }

    pub(crate) fn settings(&self, limits: Limits) -> Settings {
        let key = KeyTag::of(KEY);
        let account = NewAccount::new("http://127.0.0.1:1/v1.3", key, "test", limits);
        let mut settings = Settings::new(account, NewRun::new("host", 1));
        settings.index.clone_from(&self.index.lock().unwrap());
        settings
    }

    /// Runs a process over files until it ends or dies.
    pub(crate) async fn run(
        self: &Arc<Self>,
        settings: Settings,
        files: &[PathBuf],
        death: Option<Death>,
    ) -> Option<(RunSummary, Vec<Event>)> {
        let entries = files.iter().map(Entry::file).collect();
        self.run_entries(settings, entries, death).await
    }

    /// Runs a process over entries until it ends or dies.
    pub(crate) async fn run_entries(
        self: &Arc<Self>,
        settings: Settings,
        entries: Vec<Entry>,
        death: Option<Death>,
    ) -> Option<(RunSummary, Vec<Event>)> {
        let process = Arc::new(Process::default());
        let client = self.client(&process, death);
        let ledger = Ledger::open(self.folder.path().join("ledger.sqlite3")).unwrap();
        let clock = Arc::clone(self);
        let hook = Arc::clone(&process);
        let store = Store::with_clock(ledger, Arc::new(move || clock.now())).on_commit(Arc::new(
            move |is_after: bool| {
                let count = match is_after {
                    false => hook.commits.fetch_add(1, Ordering::SeqCst),
                    true => hook.commits.load(Ordering::SeqCst) - 1,
                };
                let dies = match death {
                    Some(Death::BeforeCommit(at)) => !is_after && at == count,
                    Some(Death::AfterCommit(at)) => is_after && at == count,
                    _ => false,
                };
                if dies {
                    hook.die();
                }
                !hook.is_dead.load(Ordering::SeqCst)
            },
        ));
        let events = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&events);
        let bulk = Bulk::new(&client, store, settings)
            .on_event(move |record| seen.lock().unwrap().push(record.event.clone()));
        let entries: Vec<_> = entries.into_iter().map(Ok).collect();
        let stop = CancelHandle::new();
        let summary = tokio::select! {
            biased;
            () = process.died.notified() => None,
            summary = bulk.ingest(entries, &stop) => Some(summary),
        };
        if process.is_dead.load(Ordering::SeqCst) {
            self.leave_locks();
            return None;
        }
        let summary = summary?;
        let events = events.lock().unwrap().clone();
        Some((summary.unwrap(), events))
    }

    /// Starts a worker on the ledger of the world, which ends with `stop`.
    pub(crate) fn worker(
        self: &Arc<Self>,
        settings: Settings,
        stop: &CancelHandle,
    ) -> (tokio::task::JoinHandle<RunSummary>, Arc<Mutex<Vec<Record>>>) {
        let client = self.client(&Arc::new(Process::default()), None);
        let ledger = Ledger::open(self.folder.path().join("ledger.sqlite3")).unwrap();
        let clock = Arc::clone(self);
        let store = Store::with_clock(ledger, Arc::new(move || clock.now()));
        let events = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&events);
        let bulk = Bulk::new(&client, store, settings)
            .on_event(move |record| seen.lock().unwrap().push(record.clone()));
        let stop = stop.clone();
        let run = tokio::spawn(async move { bulk.work(&stop).await.unwrap() });
        (run, events)
    }

    /// Another connection to the ledger.
    pub(crate) fn ledger(&self) -> Ledger {
        Ledger::open(self.folder.path().join("ledger.sqlite3")).unwrap()
    }

    /// Creates the lock files that a killed process leaves behind: here, its future was dropped.
    fn leave_locks(&self) {
        let path = self.folder.path().join("ledger.sqlite3");
        let owners = Ledger::open(&path).unwrap().owners(self.now()).unwrap();
        let locks = self.folder.path().join("ledger.sqlite3.running");
        std::fs::create_dir_all(&locks).unwrap();
        for owner in owners {
            std::fs::write(locks.join(owner), "").unwrap();
        }
    }

    /// Removes the lock files of killed processes, as if these were on another machine.
    pub(crate) fn remove_locks(&self) {
        let locks = self.folder.path().join("ledger.sqlite3.running");
        std::fs::remove_dir_all(locks).unwrap();
    }

    pub(crate) fn count(&self, operation: &str, status: Option<u16>) -> usize {
        let inner = self.inner.lock().unwrap();
        let is_wanted = |(name, answered): &&(String, u16)| {
            name == operation && status.is_none_or(|status| status == *answered)
        };
        inner.journal.iter().filter(is_wanted).count()
    }

    /// The time between the first and the last upload.
    pub(crate) fn upload_time(&self) -> Duration {
        let uploads = self.inner.lock().unwrap().uploads;
        uploads.map_or(Duration::ZERO, |(first, last)| last - first)
    }

    /// When the last upload arrived.
    pub(crate) fn last_upload(&self) -> Duration {
        let uploads = self.inner.lock().unwrap().uploads;
        uploads.map_or(Duration::ZERO, |(_, last)| last)
    }

    /// The time since the start of the world.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    pub(crate) fn requests(&self) -> usize {
        self.inner.lock().unwrap().journal.len()
    }

    /// Injects faults of the platform, as JSON.
    pub(crate) fn inject(&self, faults: &str) {
        let plan = FaultPlan::from_json(faults).unwrap();
        let platform = &mut self.inner.lock().unwrap().platform;
        platform.set_faults(plan).unwrap();
    }

    pub(crate) fn forget_requests(&self) {
        self.inner.lock().unwrap().journal.clear();
    }

    /// The assets, and how often each is indexed, by file name.
    pub(crate) async fn state(self: &Arc<Self>) -> (BTreeMap<String, usize>, Vec<usize>) {
        let client = self.client(&Arc::new(Process::default()), None);
        let mut names = BTreeMap::new();
        let mut of_asset = BTreeMap::new();
        let mut pages = client.pages(tl_protocol::endpoint::ListAssets::default());
        while let Some(page) = pages.next_page().await {
            for asset in page.unwrap().data {
                *names.entry(asset.filename.unwrap()).or_insert(0) += 1;
                of_asset.insert(asset.id, 0_usize);
            }
        }
        let index = self.index.lock().unwrap().clone().unwrap().id;
        let list = tl_protocol::endpoint::ListIndexedAssets::new(index);
        let mut pages = client.pages(list);
        while let Some(page) = pages.next_page().await {
            for indexed in page.unwrap().data {
                *of_asset.get_mut(&indexed.asset_id.unwrap()).unwrap() += 1;
            }
        }
        (names, of_asset.into_values().collect())
    }

    /// Deletes videos of the index.
    pub(crate) async fn remove_videos(self: &Arc<Self>, count: usize) {
        let client = self.client(&Arc::new(Process::default()), None);
        let index = self.index.lock().unwrap().clone().unwrap().id;
        let list = tl_protocol::endpoint::ListIndexedAssets::new(index.clone());
        let page = client.api().call(list).await.unwrap();
        for indexed in page.data.into_iter().take(count) {
            let delete = tl_protocol::endpoint::DeleteIndexedAsset::new(index.clone(), indexed.id);
            client.api().call(delete).await.unwrap();
        }
    }

    /// Each file is uploaded once, and each asset is indexed once.
    pub(crate) async fn check_exactly_once(self: &Arc<Self>, files: usize, context: &str) {
        let (names, indexed) = self.state().await;
        let twice: BTreeSet<&String> = names
            .iter()
            .filter(|(_, count)| **count > 1)
            .map(|(name, _)| name)
            .collect();
        assert!(twice.is_empty(), "{context}: uploaded twice: {twice:?}");
        assert_eq!(names.len(), files, "{context}: assets");
        assert!(
            indexed.iter().all(|count| *count == 1),
            "{context}: indexed {indexed:?}"
        );
    }
}

impl Inner {
    /// Parses a multipart form whose files are stored and probed.
    fn form(&mut self, bytes: &[u8], boundary: &str) -> Payload {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let (mut fields, mut uploads) = (Vec::new(), Vec::new());
        for part in text.split(&format!("--{boundary}")) {
            let Some((head, value)) = part.split_once("\r\n\r\n") else {
                continue;
            };
            let value = value.strip_suffix("\r\n").unwrap_or(value);
            let parameter = |name: &str| {
                let rest = head.split(&format!(" {name}=\"")).nth(1)?;
                rest.split('"').next().map(str::to_owned)
            };
            let name = parameter("name").unwrap();
            let Some(filename) = parameter("filename") else {
                fields.push(Field::new(name, FieldValue::Text(value.to_owned())));
                continue;
            };
            self.files += 1;
            let key = MediaKey::new(format!("file{}", self.files));
            let length = value.len() as u64;
            uploads.push(Upload::new(
                name.clone(),
                filename.clone(),
                key,
                length,
                Ok(facts()),
            ));
            let source = BytesSource::new(filename, Bytes::from(value.to_owned()));
            fields.push(Field::new(name, FieldValue::File(Arc::new(source))));
        }
        Payload::Form { fields, uploads }
    }
}

/// A folder in memory, if there is one: each commit of the ledger waits for its disk.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap()
}

/// A check that passes every file.
pub(crate) fn check() -> tl_bulk::CheckFile {
    let checker = Checker::new(Arc::new(FixedProber));
    Arc::new(move |path: &Path| {
        let file = File::open(path).map_err(|error| ItemError::new("file", error.to_string()))?;
        let checked = checker.check_file(file, "clip", Route::Asset);
        checked.map_err(|error| ItemError::new("check_failed", error.to_string()))
    })
}
