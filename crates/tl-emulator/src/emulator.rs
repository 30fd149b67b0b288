//! Starting and stopping the emulator: a builder, and a handle that owns the server thread.
//!
//! The server runs on its own Tokio runtime, so that async and blocking tests use it in the same
//! way.
#![allow(
    clippy::disallowed_methods,
    reason = "this module owns the server thread"
)]

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use tl_validate::{Prober, RulePack};
use tokio::{runtime::Handle, sync::oneshot};
use url::Url;

use crate::{
    Answers,
    platform::{
        FaultError, FaultPlan, KEY_PREFIX, Plan, Schedule, Seed, Settings, StateError, UnknownQuirk,
    },
    server::{
        self, ClockMode, JournalEntry, MediaProber, Observer, Runtime, RuntimeSettings, StartError,
        TimeLimits,
    },
};

/// How long the server may take to close its connections when the emulator stops.
const STOP_LIMIT: Duration = Duration::from_secs(2);

/// Settings of an emulator to start. Created by [`Emulator::builder`].
pub struct EmulatorBuilder {
    port: u16,
    prober: Option<Arc<dyn Prober>>,
    platform: Settings,
    runtime: RuntimeSettings,
}

impl fmt::Debug for EmulatorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmulatorBuilder")
            .field("port", &self.port)
            .field("platform", &self.platform)
            .field("runtime", &self.runtime)
            .finish_non_exhaustive()
    }
}

impl EmulatorBuilder {
    /// The port on 127.0.0.1. The default, 0, picks a free port.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// The prober for received media. The default is a pool of `tl-probe` helper processes if the
    /// helper is found, or else a reader of headers. See [`Emulator::prober`].
    #[must_use]
    pub fn prober(mut self, prober: Arc<dyn Prober>) -> Self {
        self.prober = Some(prober);
        self
    }

    /// The directory for received files. The default is a temporary directory, which is deleted
    /// when the emulator stops.
    #[must_use]
    pub fn data_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.runtime.data_dir = Some(dir.into());
        self
    }

    /// The directory in which the whole state persists across restarts, received files included. By
    /// default, the state is kept in memory. Needs the feature `sqlite`.
    #[cfg(feature = "sqlite")]
    #[must_use]
    pub fn state_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.runtime.state_dir = Some(dir.into());
        self
    }

    /// The limits of the account. The default is unlimited.
    #[must_use]
    pub fn plan(mut self, plan: Plan) -> Self {
        self.platform.plan = plan;
        self
    }

    /// The faults to inject. The default is none.
    ///
    /// # Errors
    /// Returns an error if the plan is invalid.
    pub fn faults(mut self, plan: FaultPlan) -> Result<Self, FaultError> {
        plan.check()?;
        self.platform.faults = plan;
        Ok(self)
    }

    /// How the emulator's clock runs. The default is real time.
    #[must_use]
    pub fn clock(mut self, mode: ClockMode) -> Self {
        self.runtime.clock = mode;
        self
    }

    /// How fast tasks become ready. The default is [`Schedule::INSTANT`], so that a client that
    /// waits finds its video ready at the first poll. [`Schedule::FAST`] shows every status.
    #[must_use]
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.platform.schedule = schedule;
        self
    }

    /// The rules that received videos are validated against. The default is the newest rule pack.
    #[must_use]
    pub fn rules(mut self, rules: RulePack) -> Self {
        self.platform.rules = rules;
        self
    }

    /// The answers of models: fixtures and sidecars of media. The default is none.
    ///
    /// Without a matching answer, the emulator generates values for a requested schema, and echoes
    /// other questions. The header `X-Emulator-Answer` of a response says which: `fixture`,
    /// `generated` or `echo`.
    #[must_use]
    pub fn answers(mut self, answers: Answers) -> Self {
        self.platform.answers = answers;
        self
    }

    /// The chunk size of multipart uploads, in bytes. The last chunk may be smaller. The default is
    /// 5 MiB.
    #[must_use]
    pub fn chunk_size(mut self, bytes: u64) -> Self {
        self.platform.chunk_size = bytes;
        self
    }

    /// The maximum number of presigned URLs returned when a multipart upload is created. The
    /// default is 10.
    #[must_use]
    pub fn initial_urls(mut self, count: u32) -> Self {
        self.platform.initial_urls = count;
        self
    }

    /// The seed of identifiers and random choices. The default is 0.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.platform.seed = seed;
        self
    }

    /// Whether `video_url` may name loopback and private addresses. The default is no, as on the
    /// platform.
    #[must_use]
    pub fn allow_private_urls(mut self, allow: bool) -> Self {
        self.runtime.allow_private_urls = allow;
        self
    }

    /// The `ffmpeg` program, which makes streams and thumbnails. The default is the program that
    /// the variable `FFMPEG` names, or else the one on the search path. Without ffmpeg, the
    /// renditions of videos and assets are reported as failed.
    #[must_use]
    pub fn ffmpeg(mut self, program: impl Into<PathBuf>) -> Self {
        self.runtime.ffmpeg = Some(program.into());
        self
    }

    /// A callback for logging, called after each response. It runs on the server threads and must
    /// not block.
    #[must_use]
    pub fn on_request(mut self, callback: impl Fn(&JournalEntry) + Send + Sync + 'static) -> Self {
        self.runtime.observer = Some(Observer(Arc::new(callback)));
        self
    }

    /// How long clients may take to send a request.
    #[must_use]
    pub fn time_limits(mut self, limits: TimeLimits) -> Self {
        self.runtime.time_limits = limits;
        self
    }

    /// Sets a quirk: behavior that the platform documentation leaves open. See
    /// [`platform::quirks`](crate::platform::quirks).
    ///
    /// # Errors
    /// Returns an error if the quirk or the value is unknown.
    pub fn quirk(mut self, name: &str, value: &str) -> Result<Self, UnknownQuirk> {
        self.platform.quirks.set(name, value)?;
        Ok(self)
    }

    /// Starts the emulator.
    ///
    /// # Errors
    /// Returns an error if `TL_PROBE` names a helper that does not exist, the port is in use, or the
    /// directory cannot be used.
    pub async fn start(self) -> Result<Emulator, StartError> {
        let (sender, receiver) = oneshot::channel();
        let server = self.spawn(move |outcome| _ = sender.send(outcome))?;
        let _hold = hold_clock();
        let outcome = receiver.await.map_err(|_| StartError::thread_died())?;
        server.finish(outcome)
    }

    /// Starts the emulator from blocking code.
    ///
    /// # Errors
    /// Same as [`start`](Self::start).
    pub fn start_blocking(self) -> Result<Emulator, StartError> {
        let (sender, receiver) = mpsc::channel();
        let server = self.spawn(move |outcome| _ = sender.send(outcome))?;
        let outcome = receiver.recv().map_err(|_| StartError::thread_died())?;
        server.finish(outcome)
    }

    fn spawn(
        self,
        on_started: impl FnOnce(StartResult) + Send + 'static,
    ) -> Result<ServerThread, StartError> {
        let prober = match self.prober {
            Some(prober) => (prober, MediaProber::Custom),
            None => server::select_prober()?,
        };
        let (stop, stopped) = oneshot::channel();
        let (platform, runtime, port) = (self.platform, self.runtime, self.port);
        let thread = std::thread::Builder::new()
            .name("tl-emulator".to_owned())
            .spawn(move || run(platform, runtime, port, prober, on_started, stopped))
            .map_err(|error| StartError(format!("no thread could be started ({error})")))?;
        Ok(ServerThread { stop, thread })
    }
}

type StartResult = Result<(SocketAddr, Arc<Runtime>), StartError>;

struct ServerThread {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl ServerThread {
    fn finish(self, outcome: StartResult) -> Result<Emulator, StartError> {
        let (address, runtime) = outcome?;
        Ok(Emulator {
            address,
            runtime,
            stop: Some(self.stop),
            thread: Some(self.thread),
        })
    }
}

/// Runs the server until it is stopped. Blocks its thread.
fn run(
    platform: Settings,
    settings: RuntimeSettings,
    port: u16,
    prober: (Arc<dyn Prober>, MediaProber),
    on_started: impl FnOnce(StartResult),
    stopped: oneshot::Receiver<()>,
) {
    let executor = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("tl-emulator")
        .enable_all()
        .build();
    let executor = match executor {
        Ok(executor) => executor,
        Err(error) => {
            return on_started(Err(StartError(format!(
                "no runtime could be started ({error})"
            ))));
        }
    };
    executor.block_on(async {
        let started = async {
            let listener = server::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
            let address = listener
                .local_addr()
                .map_err(|error| StartError(format!("the socket has no address ({error})")))?;
            let runtime = Runtime::new(platform, settings, prober)?;
            Ok((listener, address, Arc::new(runtime)))
        };
        match started.await {
            Err(error) => on_started(Err(error)),
            Ok((listener, address, runtime)) => {
                on_started(Ok((address, Arc::clone(&runtime))));
                #[cfg(feature = "page")]
                let page = Some(crate::page::router());
                #[cfg(not(feature = "page"))]
                let page = None;
                server::serve(listener, runtime, page, stopped).await;
            }
        }
    });
    executor.shutdown_timeout(STOP_LIMIT);
}

/// Keeps a paused tokio clock of the caller from jumping until the returned value is dropped: tokio
/// does not move it while a closure of `spawn_blocking` runs.
fn hold_clock() -> Option<mpsc::Sender<()>> {
    let caller = Handle::try_current().ok()?;
    let (release, released) = mpsc::channel();
    // The receiver returns an error when the sender is dropped.
    drop(caller.spawn_blocking(move || _ = released.recv()));
    Some(release)
}

/// A running emulator. It stops when it is dropped.
///
/// It runs on separate threads with a separate tokio runtime, so that its time does not depend on
/// the runtime of the test.
///
/// # In tests with a paused clock
///
/// With `#[tokio::test(start_paused = true)]` or `tokio::time::pause`, the emulator's time and its
/// requests stay real, and the delays of the async client of this project (between polls and before
/// retries) pass at once:
///
/// - During a request of that client, the paused clock stands still. Its time limits apply to real
///   time, so that they do not end a request that is being answered.
/// - The video is ready at once by [`Schedule::INSTANT`], the default. With another schedule, use
///   [`ClockMode::Manual`] and [`advance`](Self::advance): polls without delays would use up the
///   deadline of a wait before a slower schedule ends in real time.
/// - Another HTTP client with time limits on the tokio clock needs its own protection, for example
///   a `tokio::task::spawn_blocking` that lasts as long as the request.
pub struct Emulator {
    address: SocketAddr,
    runtime: Arc<Runtime>,
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
    /// Returns a builder with the default settings.
    #[must_use]
    pub fn builder() -> EmulatorBuilder {
        EmulatorBuilder {
            port: 0,
            prober: None,
            platform: Settings {
                schedule: Schedule::INSTANT,
                ..Settings::default()
            },
            runtime: RuntimeSettings::default(),
        }
    }

    /// Starts an emulator with the default settings.
    ///
    /// # Errors
    /// Same as [`EmulatorBuilder::start`].
    pub async fn start() -> Result<Self, StartError> {
        Self::builder().start().await
    }

    /// Starts an emulator with the default settings from blocking code.
    ///
    /// # Errors
    /// Same as [`EmulatorBuilder::start`].
    pub fn start_blocking() -> Result<Self, StartError> {
        Self::builder().start_blocking()
    }

    /// The base URL for a client, including the version: `http://127.0.0.1:PORT/v1.3`.
    #[must_use]
    pub fn base_url(&self) -> Url {
        Url::parse(&format!("http://{}/v1.3", self.address)).expect("a socket address makes a URL")
    }

    /// The URL of the emulator's own pages: `http://127.0.0.1:PORT/_emulator`.
    #[must_use]
    pub fn control_url(&self) -> Url {
        Url::parse(&format!("http://{}/_emulator", self.address))
            .expect("a socket address makes a URL")
    }

    /// A valid API key. The emulator accepts every key that starts with `tlk_emulator`.
    #[must_use]
    pub fn api_key(&self) -> String {
        format!("{KEY_PREFIX}_local")
    }

    /// All requests so far, oldest first, without bodies. Requests to the emulator's own pages are
    /// not recorded.
    #[must_use]
    pub fn journal(&self) -> Vec<JournalEntry> {
        self.runtime.journal()
    }

    /// Same as [`journal`](Self::journal), with the start of each body that is still kept. Secrets
    /// are redacted.
    #[must_use]
    pub fn journal_with_bodies(&self) -> Vec<JournalEntry> {
        let mut entries = self.runtime.journal();
        self.runtime.journal.add_bodies(&mut entries);
        entries
    }

    /// How received media is probed, and why not better.
    #[must_use]
    pub fn prober(&self) -> &MediaProber {
        &self.runtime.media_prober
    }

    /// Why streams and thumbnails cannot be made, as text for the user; `None` if they can.
    #[must_use]
    pub fn lacks_ffmpeg(&self) -> Option<&str> {
        self.runtime.renderer.unavailable_reason()
    }

    /// Advances the emulator's clock.
    pub fn advance(&self, by: Duration) {
        self.runtime.advance(by);
    }

    /// Replaces the fault plan and resets its counters.
    ///
    /// # Errors
    /// Returns an error if the plan is invalid.
    pub fn set_faults(&self, plan: FaultPlan) -> Result<(), FaultError> {
        self.runtime.set_faults(plan)
    }

    /// Creates indexes with ready videos and returns the index identifiers.
    ///
    /// # Errors
    /// Returns an error if an index name is already in use.
    pub fn seed(&self, seed: &Seed) -> Result<Vec<String>, StateError> {
        self.runtime.seed(seed)
    }

    /// Registers a URL that receives an event when a task ends, and returns the identifier of the
    /// registration. Events are signed with `secret`. If the URL is already registered with the
    /// same secret, its registration is returned.
    ///
    /// # Errors
    /// Returns an error if the registration could not be stored.
    pub fn register_webhook(&self, url: &Url, secret: &str) -> Result<String, StateError> {
        self.runtime.register_webhook(url, secret)
    }

    /// Stops the server and removes its temporary files.
    pub async fn shutdown(mut self) {
        let (sender, receiver) = oneshot::channel();
        let thread = self.signal_stop();
        let joined = std::thread::Builder::new().spawn(move || {
            if let Some(thread) = thread {
                _ = thread.join();
            }
            _ = sender.send(());
        });
        if joined.is_ok() {
            let _hold = hold_clock();
            _ = receiver.await;
        }
    }

    /// Same as [`shutdown`](Self::shutdown), from blocking code.
    pub fn shutdown_blocking(self) {
        drop(self);
    }

    fn signal_stop(&mut self) -> Option<JoinHandle<()>> {
        if let Some(stop) = self.stop.take() {
            _ = stop.send(());
        }
        self.thread.take()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        if let Some(thread) = self.signal_stop() {
            _ = thread.join();
        }
    }
}
