//! Starting and stopping the emulator: a builder, and a handle that owns the threads the server runs on.
//!
//! The server has a runtime of its own, so that asynchronous and blocking tests use it alike.
#![allow(
    clippy::disallowed_methods,
    reason = "this room owns the thread of the server"
)]

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use tl_validate::{
    Prober, RulePack,
    worker::{ProbePool, WorkerOptions},
};
use tokio::sync::oneshot;
use url::Url;

use crate::{
    platform::{
        FaultError, FaultPlan, KEY_PREFIX, MemoryError, Plan, Schedule, Seed, Settings,
        UnknownQuirk,
    },
    server::{self, ClockMode, JournalEntry, Observer, Runtime, RuntimeSettings, TimeLimits},
};

/// How long the server is given to end its connections when the emulator stops.
const STOP_LIMIT: Duration = Duration::from_secs(2);

/// How the emulator is to be started. [`Emulator::builder`] makes one.
pub struct EmulatorBuilder {
    port: u16,
    prober: Option<Arc<dyn Prober>>,
    platform: Settings,
    shell: RuntimeSettings,
}

impl fmt::Debug for EmulatorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmulatorBuilder")
            .field("port", &self.port)
            .field("platform", &self.platform)
            .field("shell", &self.shell)
            .finish_non_exhaustive()
    }
}

impl EmulatorBuilder {
    /// The port on 127.0.0.1. The default, 0, takes a free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// What looks at received media. The default is a pool of `tl-probe` helper processes.
    #[must_use]
    pub fn prober(mut self, prober: Arc<dyn Prober>) -> Self {
        self.prober = Some(prober);
        self
    }

    /// The folder for received files. The default is a temporary one, which goes with the emulator.
    #[must_use]
    pub fn data_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.shell.data_dir = Some(folder.into());
        self
    }

    /// The folder in which the whole state survives the end of the emulator, received files with it. The default is none:
    /// the state is in memory.
    #[must_use]
    pub fn state_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.shell.state_dir = Some(folder.into());
        self
    }

    /// What the account may do. The default is no limit.
    #[must_use]
    pub fn plan(mut self, plan: Plan) -> Self {
        self.platform.plan = plan;
        self
    }

    /// What goes wrong when. The default is nothing.
    ///
    /// # Errors
    /// Where the plan makes no sense.
    pub fn faults(mut self, plan: FaultPlan) -> Result<Self, FaultError> {
        plan.check()?;
        self.platform.faults = plan;
        Ok(self)
    }

    /// How time goes by. The default is as on the wall.
    #[must_use]
    pub fn clock(mut self, mode: ClockMode) -> Self {
        self.shell.clock = mode;
        self
    }

    /// How fast tasks become ready. The default is [`Schedule::FAST`].
    #[must_use]
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.platform.schedule = schedule;
        self
    }

    /// The rules by which received videos are judged. The default is the newest pack.
    #[must_use]
    pub fn rules(mut self, rules: RulePack) -> Self {
        self.platform.rules = rules;
        self
    }

    /// Bytes of every chunk but the last of a multipart upload. The default is 5 MiB.
    #[must_use]
    pub fn chunk_size(mut self, bytes: u64) -> Self {
        self.platform.chunk_size = bytes;
        self
    }

    /// How many presigned URLs a new multipart upload begins with, at most. The default is 10.
    #[must_use]
    pub fn initial_urls(mut self, count: u32) -> Self {
        self.platform.initial_urls = count;
        self
    }

    /// What identifiers and chance are made from. The default is 0.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.platform.seed = seed;
        self
    }

    /// Whether `video_url` may name loopback and private addresses. The default is no, as on the platform.
    #[must_use]
    pub fn allow_private_urls(mut self, allow: bool) -> Self {
        self.shell.allow_private_urls = allow;
        self
    }

    /// The `ffmpeg` program, which makes streams and thumbnails. The default is the one that `FFMPEG` names or that is on the
    /// search path. Without one, the objects that should have a stream say that making it failed.
    #[must_use]
    pub fn ffmpeg(mut self, program: impl Into<PathBuf>) -> Self {
        self.shell.ffmpeg = Some(program.into());
        self
    }

    /// Who is told of every request when it has been answered, for a log. It is called on the threads of the server and must
    /// not block.
    #[must_use]
    pub fn on_request(mut self, tell: impl Fn(&JournalEntry) + Send + Sync + 'static) -> Self {
        self.shell.observer = Some(Observer(Arc::new(tell)));
        self
    }

    /// How long clients may take to send.
    #[must_use]
    pub fn time_limits(mut self, limits: TimeLimits) -> Self {
        self.shell.time_limits = limits;
        self
    }

    /// Answers a question that the platform's documents leave open; see [`platform::quirks`](crate::platform::quirks).
    ///
    /// # Errors
    /// Where there is no such switch, or no such answer.
    pub fn quirk(mut self, name: &str, value: &str) -> Result<Self, UnknownQuirk> {
        self.platform.quirks.set(name, value)?;
        Ok(self)
    }

    /// Starts the emulator.
    ///
    /// # Errors
    /// Where there is nothing to look at media with, the port is taken, or the folder cannot be used.
    pub async fn start(self) -> Result<Emulator, StartError> {
        let (told, hear) = oneshot::channel();
        let starting = self.spawn(move |outcome| _ = told.send(outcome))?;
        let outcome = hear.await.map_err(|_| StartError::died())?;
        starting.finish(outcome)
    }

    /// Starts the emulator from code that is not asynchronous.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_blocking(self) -> Result<Emulator, StartError> {
        let (told, hear) = mpsc::channel();
        let starting = self.spawn(move |outcome| _ = told.send(outcome))?;
        let outcome = hear.recv().map_err(|_| StartError::died())?;
        starting.finish(outcome)
    }

    fn spawn(self, tell: impl FnOnce(Outcome) + Send + 'static) -> Result<Starting, StartError> {
        let prober = match self.prober {
            Some(prober) => prober,
            None => default_prober()?,
        };
        let (stop, stopped) = oneshot::channel();
        let (platform, shell, port) = (self.platform, self.shell, self.port);
        let thread = std::thread::Builder::new()
            .name("tl-emulator".to_owned())
            .spawn(move || run(platform, shell, port, prober, tell, stopped))
            .map_err(|error| StartError(format!("no thread could be started ({error})")))?;
        Ok(Starting { stop, thread })
    }
}

type Outcome = Result<(SocketAddr, Arc<Runtime>), StartError>;

struct Starting {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Starting {
    fn finish(self, outcome: Outcome) -> Result<Emulator, StartError> {
        let (address, shell) = outcome?;
        Ok(Emulator {
            address,
            shell,
            stop: Some(self.stop),
            thread: Some(self.thread),
        })
    }
}

fn default_prober() -> Result<Arc<dyn Prober>, StartError> {
    match ProbePool::new(WorkerOptions::default()) {
        Ok(pool) => Ok(Arc::new(pool)),
        Err(error) => Err(StartError(format!(
            "there is nothing to look at received media with, and the emulator accepts none unseen: {error}"
        ))),
    }
}

/// The whole life of the server, on a thread of its own.
fn run(
    platform: Settings,
    settings: RuntimeSettings,
    port: u16,
    prober: Arc<dyn Prober>,
    tell: impl FnOnce(Outcome),
    stopped: oneshot::Receiver<()>,
) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("tl-emulator")
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            return tell(Err(StartError(format!(
                "no runtime could be started ({error})"
            ))));
        }
    };
    runtime.block_on(async {
        let started = async {
            let listener = server::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
            let address = listener
                .local_addr()
                .map_err(|error| StartError(format!("the socket has no address ({error})")))?;
            let shell = Runtime::new(platform, settings, prober)?;
            Ok((listener, address, Arc::new(shell)))
        };
        match started.await {
            Err(error) => tell(Err(error)),
            Ok((listener, address, shell)) => {
                tell(Ok((address, Arc::clone(&shell))));
                server::serve(listener, shell, stopped).await;
            }
        }
    });
    runtime.shutdown_timeout(STOP_LIMIT);
}

/// A running emulator. It stops when it is dropped.
pub struct Emulator {
    address: SocketAddr,
    shell: Arc<Runtime>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Emulator {
    /// Settings to be changed before the start.
    #[must_use]
    pub fn builder() -> EmulatorBuilder {
        EmulatorBuilder {
            port: 0,
            prober: None,
            platform: Settings::default(),
            shell: RuntimeSettings::default(),
        }
    }

    /// Starts an emulator with all defaults.
    ///
    /// # Errors
    /// As [`EmulatorBuilder::start`].
    pub async fn start() -> Result<Self, StartError> {
        Self::builder().start().await
    }

    /// Starts an emulator with all defaults from code that is not asynchronous.
    ///
    /// # Errors
    /// As [`EmulatorBuilder::start`].
    pub fn start_blocking() -> Result<Self, StartError> {
        Self::builder().start_blocking()
    }

    /// The address for a client, version included: `http://127.0.0.1:PORT/v1.3`.
    #[must_use]
    pub fn base_url(&self) -> Url {
        Url::parse(&format!("http://{}/v1.3", self.address)).expect("a socket address makes a URL")
    }

    /// The address of the emulator's own pages: `http://127.0.0.1:PORT/_emulator`.
    #[must_use]
    pub fn control_url(&self) -> Url {
        Url::parse(&format!("http://{}/_emulator", self.address))
            .expect("a socket address makes a URL")
    }

    /// A key that is accepted. Every text that begins with `tlk_emulator` is.
    #[must_use]
    pub fn api_key(&self) -> String {
        format!("{KEY_PREFIX}_local")
    }

    /// Every request so far, the oldest first, without bodies; the emulator's own pages are not among them.
    #[must_use]
    pub fn journal(&self) -> Vec<JournalEntry> {
        self.shell.journal()
    }

    /// As [`journal`](Self::journal), with the beginning of each body that is still kept. Secrets are taken out.
    #[must_use]
    pub fn journal_with_bodies(&self) -> Vec<JournalEntry> {
        let mut entries = self.shell.journal();
        self.shell.journal.add_bodies(&mut entries);
        entries
    }

    /// Why no streams and thumbnails can be made, for people; `None` where they can.
    #[must_use]
    pub fn lacks_ffmpeg(&self) -> Option<&str> {
        self.shell.renderer.unavailable_reason()
    }

    /// Moves the emulator's clock forward.
    pub fn advance(&self, by: Duration) {
        self.shell.advance(by);
    }

    /// Puts another fault plan in force; its counters begin at 0.
    ///
    /// # Errors
    /// Where the plan makes no sense.
    pub fn set_faults(&self, plan: FaultPlan) -> Result<(), FaultError> {
        self.shell.set_faults(plan)
    }

    /// Puts indexes with ready videos in place, and gives the identifiers of the indexes.
    ///
    /// # Errors
    /// Where the name of an index is taken.
    pub fn seed(&self, seed: &Seed) -> Result<Vec<String>, MemoryError> {
        self.shell.seed(seed)
    }

    /// Registers an address that is told when tasks end, and gives the identifier of the registration. Events are signed with
    /// `secret`. An address that is registered with the same secret already keeps its registration.
    ///
    /// # Errors
    /// Where the registration could not be written down.
    pub fn register_webhook(&self, url: &Url, secret: &str) -> Result<String, MemoryError> {
        self.shell.register_webhook(url, secret)
    }

    /// Stops the server and removes its temporary files.
    pub async fn shutdown(mut self) {
        let (told, hear) = oneshot::channel();
        let thread = self.signal();
        let joined = std::thread::Builder::new().spawn(move || {
            if let Some(thread) = thread {
                _ = thread.join();
            }
            _ = told.send(());
        });
        if joined.is_ok() {
            _ = hear.await;
        }
    }

    /// As [`shutdown`](Self::shutdown), from code that is not asynchronous.
    pub fn shutdown_blocking(self) {
        drop(self);
    }

    fn signal(&mut self) -> Option<JoinHandle<()>> {
        if let Some(stop) = self.stop.take() {
            _ = stop.send(());
        }
        self.thread.take()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        if let Some(thread) = self.signal() {
            _ = thread.join();
        }
    }
}

/// The emulator could not be started. The message says why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartError(pub(crate) String);

impl StartError {
    fn died() -> Self {
        Self("the thread of the emulator ended before it had started".to_owned())
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not start the emulator: {}", self.0)
    }
}

impl std::error::Error for StartError {}
