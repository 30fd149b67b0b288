//! The shell around the platform: sockets, files, clocks and threads. What is answered is decided in [`crate::platform`].
#![allow(
    clippy::disallowed_methods,
    reason = "the shell is where the machine is touched"
)]

mod clock;
mod control;
mod fetch;
mod intake;
mod journal;
mod vault;
mod wire;

use std::{
    io,
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
};
use bytes::Bytes;
use http::{HeaderValue, header, request::Parts};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tl_validate::{MediaFacts, ProbeError, ProbeErrorKind, Prober};
use tokio::{net::TcpListener, sync::oneshot, task::JoinSet};

pub use clock::ClockMode;
pub use intake::TimeLimits;
pub use journal::JournalEntry;

use clock::Clock;
use journal::Journal;
use vault::{StoredFile, Vault};
use wire::{Knife, Wire};

use crate::{
    StartError,
    platform::{BodyRule, Effect, MediaKey, Platform, Reply, Settings},
};

/// The most bytes of a request's head, and what is read from a connection at once.
const READ_BUFFER: usize = 256 * 1024;
/// How long a connection may go on when the emulator stops.
const GRACE: Duration = Duration::from_millis(500);

/// How the shell is set up.
#[derive(Debug, Clone, Default)]
pub(crate) struct ShellSettings {
    pub(crate) data_dir: Option<PathBuf>,
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
}

impl Shell {
    pub(crate) fn new(
        platform: Settings,
        settings: ShellSettings,
        prober: Arc<dyn Prober>,
    ) -> Result<Self, StartError> {
        let vault = Vault::open(settings.data_dir.as_deref()).map_err(|error| {
            match &settings.data_dir {
                Some(folder) => StartError(format!(
                    "the folder {} cannot be used ({error})",
                    folder.display()
                )),
                None => StartError(format!("no temporary folder could be made ({error})")),
            }
        })?;
        let limits = settings.time_limits;
        let fetcher = fetch::client(settings.allow_private_urls, limits.idle, limits.fetch)?;
        Ok(Self {
            platform: Mutex::new(Platform::new(platform)),
            clock: Clock::new(settings.clock),
            journal: Journal::default(),
            settings,
            vault,
            prober,
            fetcher,
        })
    }

    pub(crate) fn journal(&self) -> Vec<JournalEntry> {
        self.journal.entries()
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    fn platform(&self) -> MutexGuard<'_, Platform> {
        self.platform.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Probes a received file on a thread that may block.
    pub(crate) async fn look_at(&self, file: Arc<StoredFile>) -> Result<MediaFacts, ProbeError> {
        let prober = Arc::clone(&self.prober);
        let name = file.filename().to_owned();
        let looking = tokio::task::spawn_blocking(move || {
            let opened = tl_validate::open_media(file.path())
                .map_err(|error| error.with_name(file.filename()))?;
            prober.probe_file(opened, file.filename())
        });
        looking.await.unwrap_or_else(|error| {
            Err(ProbeError::new(
                ProbeErrorKind::HelperFailed,
                name,
                format!("the prober failed ({error})"),
            ))
        })
    }

    /// Carries out what the platform said, with the files that the request brought.
    fn carry_out(
        self: &Arc<Self>,
        effects: Vec<Effect>,
        files: &[Arc<StoredFile>],
    ) -> io::Result<bool> {
        let mut has_kept = false;
        for effect in effects {
            match effect {
                Effect::Keep(key) => {
                    if let Some(file) = files.iter().find(|file| file.key == key) {
                        self.vault.keep(file)?;
                        has_kept = true;
                    }
                }
                Effect::Discard(key) => self.discard(&key),
                Effect::Fetch {
                    task,
                    url,
                    max_bytes,
                } => {
                    let shell = Arc::clone(self);
                    tokio::spawn(async move {
                        let (outcome, file) = match fetch::fetch(&shell, &url, max_bytes).await {
                            Ok((fetched, file)) => (Ok(fetched), vec![file]),
                            Err(reason) => (Err(reason), Vec::new()),
                        };
                        let mut platform = shell.platform();
                        let effects = platform.fetched(shell.clock.now(), &task, outcome);
                        // A fetched file that cannot be kept is lost for playing only: the task knows all it needs.
                        _ = shell.carry_out(effects, &file);
                        drop(platform);
                    });
                }
            }
        }
        Ok(has_kept)
    }

    fn discard(&self, key: &MediaKey) {
        // A file that cannot be deleted costs space and nothing else.
        _ = self.vault.discard(key);
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
        .fallback(api)
        .with_state(Arc::clone(&shell));
    let mut connections = JoinSet::new();
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
                connections.spawn(connection);
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
    _ = tokio::time::timeout(GRACE, async {
        while connections.join_next().await.is_some() {}
    })
    .await;
    connections.shutdown().await;
}

/// Answers a request to the platform.
async fn api(
    State(shell): State<Arc<Shell>>,
    Extension(_knife): Extension<Knife>,
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
            // Under the lock, so that nobody hears of a video whose file is not in its place.
            let kept = shell.carry_out(effects, &taken.files);
            (reply, kept.unwrap_or(false))
        }
    };
    entry.media_stored = has_kept;
    entry.status = reply.response.status().as_u16();
    entry.code = reply.refusal.as_ref().map(|code| code.as_str().to_owned());
    entry.at = crate::platform::printed(shell.clock.now());
    entry.took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let closes = matches!(entry.status, 408 | 413);
    shell.journal.write(entry);
    respond(reply, closes)
}

fn expects_continue(head: &Parts) -> bool {
    let expect = head.headers.get(header::EXPECT);
    expect.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

fn respond(reply: Reply, closes: bool) -> Response {
    let mut response = reply.response.map(|bytes: Bytes| Body::from(bytes));
    if closes {
        // The rest of the request is still on its way: the connection cannot be used again.
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
