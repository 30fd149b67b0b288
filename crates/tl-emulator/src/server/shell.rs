//! What the requests share, and how the platform's wishes are carried out: files put into place, records written down, media
//! looked at, the clock kept. Sockets and answers live in the room above.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tl_protocol::Now;
use tl_validate::{MediaFacts, ProbeError, ProbeErrorKind, Prober};
use url::Url;

use super::{
    ClockMode, JournalEntry, TimeLimits,
    clock::Clock,
    deliver::{self, Deliveries, DeliveryState},
    fetch,
    intake::Uploads,
    journal::Journal,
    render::Studio,
    storage::Leases,
    store::Store,
    vault::{StoredFile, Vault},
};
use crate::{
    StartError,
    platform::{
        Change, Effect, FaultError, FaultPlan, MediaKey, MemoryError, Platform, Seed, Settings,
    },
};

/// How the shell is set up.
#[derive(Debug, Clone, Default)]
pub(crate) struct ShellSettings {
    pub(crate) data_dir: Option<PathBuf>,
    /// Where the state survives; the files are then there, too.
    pub(crate) state_dir: Option<PathBuf>,
    pub(crate) clock: ClockMode,
    pub(crate) allow_private_urls: bool,
    /// What makes streams and thumbnails; the program of this machine where it is absent.
    pub(crate) ffmpeg: Option<PathBuf>,
    pub(crate) time_limits: TimeLimits,
}

/// Everything that the requests share.
pub(crate) struct Shell {
    pub(crate) settings: ShellSettings,
    platform: Mutex<Platform>,
    pub(super) clock: Clock,
    pub(super) journal: Journal,
    pub(crate) vault: Vault,
    prober: Arc<dyn Prober>,
    pub(crate) fetcher: reqwest::Client,
    /// For webhooks, whose addresses the user gave: loopback is as good as any.
    pub(super) poster: reqwest::Client,
    pub(super) deliveries: Deliveries,
    pub(crate) uploads: Uploads,
    store: Mutex<Option<Store>>,
    pub(super) leases: Leases,
    pub(crate) studio: Studio,
}

impl Shell {
    pub(crate) fn new(
        platform: Settings,
        settings: ShellSettings,
        prober: Arc<dyn Prober>,
    ) -> Result<Self, StartError> {
        let folder = settings
            .state_dir
            .as_deref()
            .or(settings.data_dir.as_deref());
        let vault = Vault::open(folder).map_err(|error| match folder {
            Some(folder) => StartError(format!(
                "the folder {} cannot be used ({error})",
                folder.display()
            )),
            None => StartError(format!("no temporary folder could be made ({error})")),
        })?;
        let limits = settings.time_limits;
        let fetcher = fetch::client(settings.allow_private_urls, limits.idle, limits.fetch)?;
        let poster = fetch::client(true, limits.idle, limits.fetch)?;
        let mut platform = Platform::new(platform);
        let store = settings.state_dir.as_deref().map(Store::open).transpose()?;
        if let Some(store) = &store {
            let restored = platform.restore(store.records()?);
            restored.map_err(|error| StartError(format!("the state cannot be read: {error}")))?;
            let cleaned = vault.retain(&platform.media());
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
            studio: Studio::new(settings.ffmpeg.as_deref()),
            settings,
            vault,
            prober,
            fetcher,
            poster,
            deliveries: Deliveries::default(),
            uploads: Uploads::default(),
            store: Mutex::new(store),
            leases: Leases::default(),
        })
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

    pub(crate) fn seed(&self, seed: &Seed) -> Result<Vec<String>, MemoryError> {
        let mut platform = self.platform();
        let ids = platform.seed(self.clock.now(), seed)?;
        let changes = platform.take_changes();
        self.write_down(&changes).map_err(MemoryError::new)?;
        Ok(ids)
    }

    pub(crate) fn register_webhook(&self, url: &Url, secret: &str) -> Result<String, MemoryError> {
        let mut platform = self.platform();
        let id = match platform.find_webhook(url, secret) {
            Some(id) => id.to_owned(),
            None => platform.register_webhook(self.clock.now(), url, secret),
        };
        let changes = platform.take_changes();
        self.write_down(&changes).map_err(MemoryError::new)?;
        Ok(id)
    }

    pub(super) fn write_down(&self, changes: &[Change]) -> Result<(), String> {
        match &mut *self.store.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(store) => store.write(changes),
            None => Ok(()),
        }
    }

    pub(super) fn platform(&self) -> MutexGuard<'_, Platform> {
        self.platform.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Probes a received file on a thread that may block.
    pub(crate) async fn look_at(&self, file: Arc<StoredFile>) -> Result<MediaFacts, ProbeError> {
        self.probe(file.path().to_owned(), file.filename().to_owned())
            .await
    }

    pub(super) async fn probe(
        &self,
        path: PathBuf,
        filename: String,
    ) -> Result<MediaFacts, ProbeError> {
        let prober = Arc::clone(&self.prober);
        let name = filename.clone();
        let looking = tokio::task::spawn_blocking(move || {
            let opened =
                tl_validate::open_media(&path).map_err(|error| error.with_name(&filename))?;
            prober.probe_file(opened, &filename)
        });
        looking.await.unwrap_or_else(|error| {
            Err(ProbeError::new(
                ProbeErrorKind::HelperFailed,
                name,
                format!("the prober failed ({error})"),
            ))
        })
    }

    /// Carries out what the platform said, with the files that came in, and writes its changes down: first the files are
    /// put into their places, then the records are written, then what can be lost is begun. Says whether a file was kept.
    pub(super) fn settle(
        self: &Arc<Self>,
        platform: &mut Platform,
        effects: Vec<Effect>,
        files: &[Arc<StoredFile>],
    ) -> Result<bool, String> {
        let mut has_kept = false;
        for effect in &effects {
            if let Effect::Keep(key) = effect
                && let Some(file) = files.iter().find(|file| file.key == *key)
            {
                self.vault
                    .keep(file)
                    .map_err(|error| format!("the file could not be kept ({error})"))?;
                has_kept = true;
            }
        }
        self.write_down(&platform.take_changes())?;
        for effect in effects {
            match effect {
                Effect::Keep(_) => {}
                // A file that cannot be deleted costs space and nothing else.
                Effect::Discard(key) => _ = self.vault.discard(&key),
                Effect::Deliver {
                    event,
                    event_type,
                    url,
                    secret,
                    body,
                } => {
                    let state = DeliveryState::new(event, &event_type, &url);
                    tokio::spawn(deliver::deliver(Arc::clone(self), state, url, secret, body));
                }
                Effect::Look {
                    asset,
                    key,
                    filename,
                } => {
                    tokio::spawn(Arc::clone(self).look(asset, key, filename));
                }
                Effect::Render {
                    owner,
                    source,
                    stream,
                    thumbnails,
                } => {
                    let wanted = (stream, thumbnails);
                    tokio::spawn(Arc::clone(self).render(owner, source, wanted));
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
        Ok(has_kept)
    }

    async fn fetch(self: Arc<Self>, task: String, url: Url, max_bytes: Option<u64>) {
        let (outcome, files) = match fetch::fetch(&self, &url, max_bytes).await {
            Ok((fetched, file)) => (Ok(fetched), vec![file]),
            Err(reason) => (Err(reason), Vec::new()),
        };
        let mut platform = self.platform();
        let effects = platform.fetched(self.clock.now(), &task, outcome);
        // What could not be written down is fetched again by the next run.
        _ = self.settle(&mut platform, effects, &files);
        drop(platform);
        // The end of this task may be the next one to come.
        self.clock.wake();
    }

    /// Looks at the stored file of an asset. Where it is gone, so is the asset.
    async fn look(self: Arc<Self>, asset: String, key: MediaKey, filename: String) {
        let path = self.vault.path_of(&key);
        let bytes = std::fs::metadata(&path).map_or(0, |file| file.len());
        let look = self.probe(path, filename).await;
        let mut platform = self.platform();
        let effects = platform.looked(self.clock.now(), &asset, bytes, &look);
        // What could not be written down is looked at again by the next run.
        _ = self.settle(&mut platform, effects, &[]);
        drop(platform);
        self.clock.wake();
    }

    /// Changes the platform by something else than a request of its API.
    pub(super) fn change<T>(
        self: &Arc<Self>,
        change: impl FnOnce(&mut Platform, Now) -> (T, Vec<Effect>),
    ) -> Result<T, String> {
        let mut platform = self.platform();
        let (value, effects) = change(&mut platform, self.clock.now());
        self.settle(&mut platform, effects, &[])?;
        drop(platform);
        self.clock.wake();
        Ok(value)
    }

    /// Tells of ended tasks when they end, for as long as it is run.
    pub(super) async fn keep_time(self: Arc<Self>) {
        let mut changes = self.clock.watch();
        let unfinished = self.platform().unfinished();
        _ = self.change(|_, _| ((), unfinished));
        loop {
            changes.mark_unchanged();
            let next = {
                let mut platform = self.platform();
                let now = self.clock.now();
                let effects = platform.tick(now);
                _ = self.settle(&mut platform, effects, &[]);
                platform.next_change(now)
            };
            let wait = next.and_then(|next| self.clock.on_the_wall(next));
            tokio::select! {
                // A millisecond more, because moments are cut to milliseconds.
                () = tokio::time::sleep(wait.unwrap_or(Duration::MAX).saturating_add(Duration::from_millis(1))) => {}
                changed = changes.changed() => if changed.is_err() { return },
            }
        }
    }
}
