//! Shared state of all requests, and the effects of the platform: storing files, persisting
//! records, probing media, running timers.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tl_protocol::Now;
use tl_validate::{MediaFacts, ProbeError, ProbeErrorKind, Prober};
use url::Url;

use super::{
    ClockMode, JournalEntry, MediaProber, StartError, TimeLimits, answer_files,
    clock::Clock,
    delivery::{self, Deliveries, DeliveryState},
    fetch,
    journal::Journal,
    media_store::{MediaStore, StoredFile},
    renderer::{RenderJob, Renderer},
    request_body::FormUploads,
    static_file,
    storage::Leases,
    store::Store,
};
use crate::platform::{
    Effect, FaultError, FaultPlan, MediaKey, Platform, Rendered, Seed, Settings, StateError,
    StaticFile,
};

/// Delay before a failed write is retried. The usual cause is a full disk.
const PERSIST_RETRY_DELAY: Duration = Duration::from_secs(1);

/// An identified image or document, or the reason why the file is broken.
pub(super) type Identified = Result<StaticFile, String>;

/// Identifies images and documents on a blocking thread.
pub(super) async fn identify(path: PathBuf, filename: String) -> Option<Identified> {
    let identifying = tokio::task::spawn_blocking(move || static_file::identify(&path, &filename));
    identifying.await.unwrap_or(None)
}

/// Settings of the [`Runtime`].
#[derive(Debug, Clone, Default)]
pub(crate) struct RuntimeSettings {
    pub(crate) data_dir: Option<PathBuf>,
    /// Directory of the persistent state, including the files.
    pub(crate) state_dir: Option<PathBuf>,
    pub(crate) clock: ClockMode,
    pub(crate) allow_private_urls: bool,
    /// Path of `ffmpeg`, which renders streams and thumbnails. Default: the one installed on this
    /// machine.
    pub(crate) ffmpeg: Option<PathBuf>,
    pub(crate) time_limits: TimeLimits,
    /// Called after each request.
    pub(crate) observer: Option<Observer>,
}

/// A callback that receives the journal entry of each finished request.
#[derive(Clone)]
pub(crate) struct Observer(pub(crate) Arc<dyn Fn(&JournalEntry) + Send + Sync>);

impl std::fmt::Debug for Observer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Observer")
    }
}

/// State shared by all requests.
pub(crate) struct Runtime {
    pub(crate) settings: RuntimeSettings,
    platform: Mutex<Platform>,
    pub(crate) clock: Clock,
    pub(crate) journal: Journal,
    pub(crate) media: MediaStore,
    prober: Arc<dyn Prober>,
    pub(crate) media_prober: MediaProber,
    pub(crate) fetch_client: reqwest::Client,
    /// Client for webhooks. The user supplies the addresses, so private ones are allowed.
    pub(super) webhook_client: reqwest::Client,
    pub(crate) deliveries: Deliveries,
    pub(crate) uploads: FormUploads,
    store: Mutex<Option<Store>>,
    pub(super) leases: Leases,
    pub(crate) renderer: Renderer,
}

impl Runtime {
    pub(crate) fn new(
        platform: Settings,
        settings: RuntimeSettings,
        (prober, media_prober): (Arc<dyn Prober>, MediaProber),
    ) -> Result<Self, StartError> {
        let folder = settings
            .state_dir
            .as_deref()
            .or(settings.data_dir.as_deref());
        let media = MediaStore::open(folder).map_err(|error| match folder {
            Some(folder) => StartError(format!(
                "the folder {} cannot be used ({error})",
                folder.display()
            )),
            None => StartError(format!("no temporary folder could be made ({error})")),
        })?;
        let limits = settings.time_limits;
        let fetch_client = fetch::client(settings.allow_private_urls, limits.idle, limits.fetch)?;
        let webhook_client = fetch::client(true, limits.idle, limits.fetch)?;
        let mut platform = Platform::new(platform);
        let has_media = media.has_media().map_err(|error| {
            StartError(format!("the files of the state cannot be read ({error})"))
        })?;
        let store = settings
            .state_dir
            .as_deref()
            .map(|folder| Store::open(folder, has_media))
            .transpose()?;
        if let Some(store) = &store {
            let restored = platform.restore(store.records()?);
            restored.map_err(|error| StartError(format!("the state cannot be read: {error}")))?;
            let cleaned = media.retain(&platform.media());
            cleaned.map_err(|error| {
                StartError(format!(
                    "the files of the state cannot be cleaned up ({error})"
                ))
            })?;
        }
        Ok(Self {
            platform: Mutex::new(platform),
            clock: Clock::new(settings.clock),
            journal: Journal::default(),
            renderer: Renderer::new(settings.ffmpeg.as_deref()),
            settings,
            media,
            prober,
            media_prober,
            fetch_client,
            webhook_client,
            deliveries: Deliveries::default(),
            uploads: FormUploads::default(),
            store: Mutex::new(store),
            leases: Leases::default(),
        })
    }

    /// Appends an entry to the journal and calls the observer.
    pub(super) fn record(&self, entry: JournalEntry) {
        let entry = self.journal.push(entry);
        if let Some(Observer(callback)) = &self.settings.observer {
            callback(&entry);
        }
    }

    pub(crate) fn journal(&self) -> Vec<JournalEntry> {
        self.journal.entries()
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    pub(crate) fn set_faults(&self, plan: FaultPlan) -> Result<(), FaultError> {
        self.platform().set_faults(plan)
    }

    pub(crate) fn seed(&self, seed: &Seed) -> Result<Vec<String>, StateError> {
        let mut platform = self.platform();
        let ids = platform.seed(self.clock.now(), seed)?;
        self.persist(&mut platform).map_err(StateError::new)?;
        Ok(ids)
    }

    pub(crate) fn register_webhook(&self, url: &Url, secret: &str) -> Result<String, StateError> {
        let mut platform = self.platform();
        let id = match platform.find_webhook(url, secret) {
            Some(id) => id.to_owned(),
            None => platform.register_webhook(self.clock.now(), url, secret),
        };
        self.persist(&mut platform).map_err(StateError::new)?;
        Ok(id)
    }

    /// Persists the pending changes of the platform. On failure they are rolled back: a request
    /// answered with 500 has no effect, neither in memory nor on disk.
    pub(super) fn persist(&self, platform: &mut Platform) -> Result<(), String> {
        let written = match &mut *self.store.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(store) => store.write(&platform.changes()),
            None => Ok(()),
        };
        match written {
            Ok(()) => platform.commit(),
            Err(_) => platform.roll_back(),
        }
        written
    }

    pub(crate) fn platform(&self) -> MutexGuard<'_, Platform> {
        self.platform.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Probes a received file on a blocking thread. If `takes_static` is set, images and documents
    /// are identified as well.
    pub(crate) async fn inspect(
        &self,
        file: &StoredFile,
        takes_static: bool,
    ) -> (Result<MediaFacts, ProbeError>, Option<Identified>) {
        let (path, filename) = (file.path().to_owned(), file.filename().to_owned());
        let probed = self.probe(path.clone(), filename.clone()).await;
        if let Some(content) = self.content_hash(path.clone()).await {
            file.set_content(content);
        }
        let static_file = match takes_static {
            true => identify(path, filename).await,
            false => None,
        };
        (probed, static_file)
    }

    /// The SHA-256 of a file. Without supplied answers that need it, large files are not read
    /// again only for this.
    async fn content_hash(&self, path: PathBuf) -> Option<String> {
        let is_needed = self.platform().settings().answers.need_contents();
        let hashing = tokio::task::spawn_blocking(move || answer_files::sha256(&path, is_needed));
        hashing.await.ok()?
    }

    pub(super) async fn probe(
        &self,
        path: PathBuf,
        filename: String,
    ) -> Result<MediaFacts, ProbeError> {
        let prober = Arc::clone(&self.prober);
        let name = filename.clone();
        let probing = tokio::task::spawn_blocking(move || {
            let opened =
                tl_validate::open_media(&path).map_err(|error| error.with_name(&filename))?;
            prober.probe_file(opened, &filename)
        });
        let probed = probing.await.unwrap_or_else(|error| {
            Err(ProbeError::new(
                ProbeErrorKind::HelperFailed,
                name.clone(),
                format!("the prober failed ({error})"),
            ))
        });
        // A reader of headers knows few formats. The client must not retry such a file: reject it
        // as no media, with the prober's reason.
        probed.map_err(|error| match error.kind() {
            ProbeErrorKind::UnsupportedFormat => {
                ProbeError::new(ProbeErrorKind::NotMedia, name, error.seen())
            }
            _ => error,
        })
    }

    /// Carries out `effects` with the received `files` and persists the changes of the platform.
    /// Returns whether a file was kept.
    ///
    /// The order is: move the files into place, persist the records, then start background work,
    /// which may be lost.
    ///
    /// On failure, the platform and the files are back in their previous state.
    pub(super) fn apply(
        self: &Arc<Self>,
        platform: &mut Platform,
        effects: Vec<Effect>,
        files: &[Arc<StoredFile>],
    ) -> Result<bool, String> {
        let mut kept = Vec::new();
        for effect in &effects {
            match effect {
                Effect::Keep(key) => {
                    let file = files.iter().find(|file| file.key == *key);
                    if let Some(content) = file.and_then(|file| file.content()) {
                        platform.note_content(key, content);
                    }
                }
                Effect::Discard(key) => platform.forget_content(key),
                _ => {}
            }
        }
        let written = self
            .keep_files(&effects, files, &mut kept)
            .inspect_err(|_| platform.roll_back())
            .and_then(|()| self.persist(platform));
        if let Err(detail) = written {
            for file in kept {
                // If the move fails, the next run in this directory deletes the file.
                _ = self.media.release(file);
            }
            return Err(detail);
        }
        let kept_any = !kept.is_empty();
        for effect in effects {
            match effect {
                Effect::Keep(_) => {}
                // A file that cannot be deleted only wastes space.
                Effect::Discard(key) => _ = self.media.discard(&key),
                Effect::Deliver {
                    event,
                    event_type,
                    url,
                    secret,
                    body,
                } => {
                    let state = DeliveryState::new(event, &event_type, &url);
                    tokio::spawn(delivery::deliver(
                        Arc::clone(self),
                        state,
                        url,
                        secret,
                        body,
                    ));
                }
                Effect::Probe {
                    asset,
                    key,
                    filename,
                } => {
                    tokio::spawn(Arc::clone(self).inspect_asset(asset, key, filename));
                }
                Effect::Render {
                    owner,
                    source,
                    stream,
                    thumbnails,
                } => {
                    let outputs = (stream, thumbnails);
                    tokio::spawn(Arc::clone(self).render(owner, source, outputs));
                }
                Effect::Fetch {
                    task,
                    url,
                    max_bytes,
                } => {
                    tokio::spawn(Arc::clone(self).fetch(task, url, max_bytes));
                }
            }
        }
        Ok(kept_any)
    }

    /// Moves the received files into place.
    fn keep_files<'f>(
        &self,
        effects: &[Effect],
        files: &'f [Arc<StoredFile>],
        kept: &mut Vec<&'f StoredFile>,
    ) -> Result<(), String> {
        for effect in effects {
            if let Effect::Keep(key) = effect
                && let Some(file) = files.iter().find(|file| file.key == *key)
            {
                self.media
                    .keep(file)
                    .map_err(|error| format!("the file could not be kept ({error})"))?;
                kept.push(file);
            }
        }
        Ok(())
    }

    /// Applies the result of background work. No client waits for the outcome, so a failed write is
    /// retried until it succeeds.
    pub(super) async fn apply_with_retry(
        self: &Arc<Self>,
        files: &[Arc<StoredFile>],
        mut update: impl FnMut(&mut Platform, Now) -> Vec<Effect>,
    ) {
        loop {
            let applied = {
                let mut platform = self.platform();
                let effects = update(&mut platform, self.clock.now());
                self.apply(&mut platform, effects, files)
            };
            if applied.is_ok() {
                // The end of this task may be the next event of the timer.
                return self.clock.notify();
            }
            tokio::time::sleep(PERSIST_RETRY_DELAY).await;
        }
    }

    async fn fetch(self: Arc<Self>, task: String, url: Url, max_bytes: Option<u64>) {
        let is_asset = self.platform().is_asset(&task);
        let (outcome, files) = match fetch::fetch(&self, &url, max_bytes, is_asset).await {
            Ok((fetched, file)) => (Ok(fetched), vec![file]),
            Err(reason) => (Err(reason), Vec::new()),
        };
        self.apply_with_retry(&files, |platform, now| {
            platform.fetched(now, &task, outcome.clone())
        })
        .await;
    }

    /// Probes the stored file of an asset. A missing file means that the asset was deleted.
    async fn inspect_asset(self: Arc<Self>, asset: String, key: MediaKey, filename: String) {
        let path = self.media.path_of(&key);
        let bytes = std::fs::metadata(&path).map_or(0, |file| file.len());
        let probed = self.probe(path.clone(), filename.clone()).await;
        let content = self.content_hash(path.clone()).await;
        let static_file = identify(path, filename).await;
        self.apply_with_retry(&[], |platform, now| {
            if let Some(content) = &content {
                platform.note_content(&key, content);
            }
            platform.probed(now, &asset, bytes, &probed, static_file.as_ref())
        })
        .await;
    }

    /// Renders the requested outputs of the stored file `source` for `owner`.
    async fn render(
        self: Arc<Self>,
        owner: String,
        source: MediaKey,
        (stream, thumbnails): (bool, bool),
    ) {
        let Some(_permit) = self.renderer.permit().await else {
            return;
        };
        // The owner may have been deleted while the job waited.
        if self.platform().rendition_of(&owner).is_none() {
            return;
        }
        let path = self.media.path_of(&source);
        let image = identify(path.clone(), owner.clone()).await;
        let folder = self.media.new_key();
        let job = RenderJob {
            facts: self.probe(path.clone(), owner.clone()).await,
            image: image.and_then(Result::ok),
            source: path,
            stream,
            thumbnails,
            target: self.media.path_of(&folder),
            limit: self.settings.time_limits.render,
        };
        let outcome = self.renderer.render(job).await;
        // The next run with the same state starts a canceled job again.
        if self.renderer.is_canceled() && outcome.is_err() {
            return;
        }
        let outcome = outcome.map(|(has_stream, thumbnails)| Rendered {
            folder,
            has_stream,
            thumbnails,
        });
        self.apply_with_retry(&[], |platform, now| {
            platform.rendered(now, &owner, outcome.clone())
        })
        .await;
    }

    /// Changes the platform outside of an API request.
    pub(crate) fn update<T>(
        self: &Arc<Self>,
        update: impl FnOnce(&mut Platform, Now) -> (T, Vec<Effect>),
    ) -> Result<T, String> {
        let mut platform = self.platform();
        let (value, effects) = update(&mut platform, self.clock.now());
        self.apply(&mut platform, effects, &[])?;
        drop(platform);
        self.clock.notify();
        Ok(value)
    }

    /// Emits the events of tasks as they end, until it is aborted.
    pub(super) async fn run_timer(self: Arc<Self>) {
        let mut changes = self.clock.subscribe();
        let unfinished = self.platform().unfinished();
        _ = self.update(|_, _| ((), unfinished));
        loop {
            changes.mark_unchanged();
            let wait = {
                let mut platform = self.platform();
                let now = self.clock.now();
                let effects = platform.tick(now);
                match self.apply(&mut platform, effects, &[]) {
                    Ok(_) => {
                        let next = platform.next_change(now);
                        next.and_then(|next| self.clock.to_real_time(next))
                    }
                    Err(_) => Some(PERSIST_RETRY_DELAY),
                }
            };
            tokio::select! {
                // Timestamps are truncated to milliseconds, so wait one more.
                () = tokio::time::sleep(wait.unwrap_or(Duration::MAX).saturating_add(Duration::from_millis(1))) => {}
                changed = changes.changed() => if changed.is_err() { return },
            }
        }
    }
}
