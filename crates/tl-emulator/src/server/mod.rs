//! The shell around the platform: sockets, files, clocks and threads. What is answered is decided in [`crate::platform`].
#![allow(
    clippy::disallowed_methods,
    reason = "the shell is where the machine is touched"
)]

mod clock;
mod control;
mod deliver;
mod fetch;
mod intake;
mod journal;
mod page;
mod storage;
mod store;
mod vault;
mod wire;

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Extension, Router,
    body::Body,
    extract::{Request, State},
    response::Response,
    routing::any,
};
use bytes::Bytes;
use http::{HeaderValue, header, request::Parts};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tl_protocol::Now;
use tl_validate::{MediaFacts, ProbeError, ProbeErrorKind, Prober};
use tokio::{
    net::TcpListener,
    sync::{oneshot, watch},
    task::JoinSet,
};
use url::Url;

pub use clock::ClockMode;
pub use intake::TimeLimits;
pub use journal::{JournalChunk, JournalEntry};

use clock::Clock;
use deliver::Deliveries;
use intake::Uploads;
use journal::Journal;
use storage::Leases;
use store::Store;
use vault::{StoredFile, Vault};
use wire::{Knife, Wire};

use crate::{
    StartError,
    platform::{
        BodyRule, Change, Effect, FaultError, FaultPlan, MediaKey, MemoryError, Platform, Refusal,
        Reply, STORAGE_PREFIX, Seed, Settings, http_date,
    },
};

/// The most bytes of a request's head, and what is read from a connection at once.
const READ_BUFFER: usize = 256 * 1024;
/// How long a connection may go on when the emulator stops.
const GRACE: Duration = Duration::from_millis(500);

/// How the shell is set up.
#[derive(Debug, Clone, Default)]
pub(crate) struct ShellSettings {
    pub(crate) data_dir: Option<PathBuf>,
    /// Where the state survives; the files are then there, too.
    pub(crate) state_dir: Option<PathBuf>,
    pub(crate) clock: ClockMode,
    pub(crate) allow_private_urls: bool,
    pub(crate) time_limits: TimeLimits,
}

/// Everything that the requests share.
pub(crate) struct Shell {
    pub(crate) settings: ShellSettings,
    platform: Mutex<Platform>,
    clock: Clock,
    journal: Journal,
    pub(crate) vault: Vault,
    prober: Arc<dyn Prober>,
    pub(crate) fetcher: reqwest::Client,
    /// For webhooks, whose addresses the user gave: loopback is as good as any.
    poster: reqwest::Client,
    deliveries: Deliveries,
    pub(crate) uploads: Uploads,
    store: Mutex<Option<Store>>,
    leases: Leases,
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

    fn write_down(&self, changes: &[Change]) -> Result<(), String> {
        match &mut *self.store.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(store) => store.write(changes),
            None => Ok(()),
        }
    }

    fn platform(&self) -> MutexGuard<'_, Platform> {
        self.platform.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Probes a received file on a thread that may block.
    pub(crate) async fn look_at(&self, file: Arc<StoredFile>) -> Result<MediaFacts, ProbeError> {
        self.probe(file.path().to_owned(), file.filename().to_owned())
            .await
    }

    async fn probe(&self, path: PathBuf, filename: String) -> Result<MediaFacts, ProbeError> {
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
    fn settle(
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
                    url,
                    secret,
                    body,
                } => {
                    tokio::spawn(deliver::deliver(Arc::clone(self), event, url, secret, body));
                }
                Effect::Look {
                    asset,
                    key,
                    filename,
                } => {
                    tokio::spawn(Arc::clone(self).look(asset, key, filename));
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
    fn change<T>(
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
    async fn keep_time(self: Arc<Self>) {
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

/// Opens the socket.
pub(crate) async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|error| {
        StartError(format!(
            "{address} cannot be listened on ({error}); choose another port, or 0 for a free one"
        ))
    })
}

/// Accepts connections until it is told to stop.
pub(crate) async fn serve(
    listener: TcpListener,
    shell: Arc<Shell>,
    mut stopped: oneshot::Receiver<()>,
) {
    let router = Router::new()
        .nest("/_emulator", control::router())
        .route(
            &format!("{STORAGE_PREFIX}/{{*object}}"),
            any(storage::object),
        )
        .fallback(api)
        .with_state(Arc::clone(&shell));
    let timekeeper = tokio::spawn(Arc::clone(&shell).keep_time());
    let mut connections = JoinSet::new();
    let closing = watch::Sender::new(());
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else {
                    // Out of file descriptors, most likely: wait for some to be given back.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                };
                // Small answers must not wait for more of them.
                _ = stream.set_nodelay(true);
                let knife = Knife::new();
                let service = TowerToHyperService::new(router.clone().layer(Extension(knife.clone())));
                let io = TokioIo::new(Wire { stream, knife });
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(shell.settings.time_limits.head)
                    .max_buf_size(READ_BUFFER)
                    .serve_connection(io, service);
                let mut closing = closing.subscribe();
                connections.spawn(async move {
                    let mut connection = std::pin::pin!(connection);
                    tokio::select! {
                        _ = connection.as_mut() => {}
                        _ = closing.changed() => {
                            // An idle connection ends at once, one at work after its answer.
                            connection.as_mut().graceful_shutdown();
                            _ = connection.await;
                        }
                    }
                });
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
    timekeeper.abort();
    _ = closing.send(());
    _ = tokio::time::timeout(GRACE, async {
        while connections.join_next().await.is_some() {}
    })
    .await;
    connections.shutdown().await;
}

/// Answers a request to the platform.
async fn api(
    State(shell): State<Arc<Shell>>,
    Extension(knife): Extension<Knife>,
    request: Request,
) -> Response {
    let started = Instant::now();
    let (head, body) = request.into_parts();
    let mut entry = JournalEntry::of(&head);
    let admitted = shell.platform().admit(&head);
    let (rule, refusal) = match admitted {
        Ok(intake) => (intake.body, None),
        Err(refusal) => (BodyRule::None, Some(refusal)),
    };
    let (reply, has_kept) = match refusal {
        Some(refusal) => {
            // Who asks first is told before the bytes; everyone else's bytes are read to the end.
            if !expects_continue(&head) {
                entry.bytes_received = intake::take(&shell, rule, &head.headers, body).await.bytes;
            }
            let platform = shell.platform();
            entry.operation = platform
                .operation_of(&head)
                .map(|operation| operation.to_string());
            (platform.refuse(refusal), false)
        }
        None => {
            let taken = intake::take(&shell, rule, &head.headers, body).await;
            entry.bytes_received = taken.bytes;
            let request = http::Request::from_parts(head, taken.payload);
            let mut platform = shell.platform();
            let mut reply = platform.handle(shell.clock.now(), request);
            entry.operation = reply.operation.map(|operation| operation.to_string());
            let effects = std::mem::take(&mut reply.effects);
            let ends_something = !effects.is_empty();
            // Under the lock, so that nobody hears of a video whose file is not in its place.
            let kept = match shell.settle(&mut platform, effects, &taken.files) {
                Ok(kept) => kept,
                Err(detail) => {
                    reply = platform.refuse(Refusal::internal(&detail));
                    false
                }
            };
            drop(platform);
            if ends_something {
                shell.clock.wake();
            }
            (reply, kept)
        }
    };
    entry.media_stored = has_kept;
    entry.status = reply.response.status().as_u16();
    entry.code = reply.refusal.as_ref().map(|code| code.as_str().to_owned());
    entry.at = crate::platform::printed(shell.clock.now());
    entry.took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    entry.faults.clone_from(&reply.faults);
    let closes = matches!(entry.status, 408 | 413);
    shell.journal.write(entry);
    let delivery = reply.delivery;
    if !delivery.delay.is_zero() {
        tokio::time::sleep(delivery.delay).await;
    }
    if let Some(bytes) = delivery.cut_after {
        knife.cut_after(bytes);
    }
    let mut response = respond(reply, closes);
    date(&mut response, &shell);
    response
}

/// Dates an answer by the emulator's clock: what it says of times must fit together.
fn date(response: &mut Response, shell: &Shell) {
    if let Ok(date) = HeaderValue::from_str(&http_date(shell.clock.now())) {
        response.headers_mut().insert(header::DATE, date);
    }
}

fn expects_continue(head: &Parts) -> bool {
    let expect = head.headers.get(header::EXPECT);
    expect.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

fn respond(reply: Reply, closes: bool) -> Response {
    let pace = reply.delivery.bytes_per_second;
    let mut response = reply.response.map(|bytes| match pace {
        Some(pace) => slowly(bytes, pace),
        None => Body::from(bytes),
    });
    if closes {
        // The rest of the request is still on its way: the connection cannot be used again.
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// A body that is given out at so many bytes a second, in ten pieces a second.
fn slowly(bytes: Bytes, pace: u64) -> Body {
    let piece = usize::try_from(pace.div_ceil(10))
        .unwrap_or(usize::MAX)
        .max(1);
    let gap = Duration::from_secs_f64((piece as f64 / pace as f64).min(3600.0));
    let stream = futures_util::stream::unfold(bytes, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(gap).await;
        let next = rest.split_to(piece.min(rest.len()));
        Some((Ok::<_, std::convert::Infallible>(next), rest))
    });
    Body::from_stream(stream)
}
