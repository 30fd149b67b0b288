//! The blocking client with `upload`, `index` and `ingest`. It does not depend on an async runtime.

mod analyze;
mod batch;

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::Path,
    sync::{Arc, OnceLock, mpsc},
    thread,
};

use tl_http_blocking::{BlockingHttp, BlockingStream, HttpClient};
use tl_model::AssetId;
use tl_protocol::flow::Events;

use crate::{
    Checked, Checker, Config, Error, ErrorKind, Ingested, Input, UploadedAsset,
    api::{api_methods, resource_methods},
    builder::{client_builder, ingest_settings, upload_settings},
    cancel::{RunCancel, canceled_before_sending},
    checker,
    ingest::{PreparedUpload, Request, UploadPlan},
};

pub use analyze::{Analyze, AnswerStream};
pub use batch::AnalyzeBatch;

/// A blocking client of the platform.
///
/// Each method that sends requests returns a result, and a list is an
/// iterator. Clones are cheap and share connections, limits and checker.
///
/// ```no_run
/// # fn example() -> Result<(), tl_client::Error> {
/// let client = tl_client::blocking::Client::from_env()?;
/// let video = client.ingest("match.mp4").into_index("6298d673f1090f1100476d4c").run()?;
/// println!("indexed as {:?}", video.video_id);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Client {
    api: tl_protocol::Client<BlockingHttp, Error>,
    checker: Arc<OnceLock<Checker>>,
}

impl Client {
    /// Creates a client with these settings.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if a certificate or a proxy setting is invalid.
    pub fn new(config: &Config) -> Result<Self, Error> {
        Self::builder().config(config.clone()).build()
    }

    /// Starts a client with an HTTP client, a checker or settings of your own.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// Creates a client from the environment: see [`Config::from_env`].
    ///
    /// # Errors
    /// Those of [`Config::from_env`] and [`new`](Client::new).
    pub fn from_env() -> Result<Self, Error> {
        Self::new(&Config::from_env()?)
    }

    /// Uses `checker` instead of [`Checker::standard`] to check files and to choose routes.
    #[must_use]
    pub fn with_checker(mut self, checker: Checker) -> Self {
        self.checker = Arc::new(checker.into());
        self
    }

    /// Checks a file for the route that [`ingest`](Self::ingest) would choose. Sends nothing.
    ///
    /// # Errors
    /// [`ErrorKind::File`] if the file cannot be opened, [`ErrorKind::CheckFailed`] if the prober
    /// failed. Problems with the video itself are in the report.
    pub fn check(&self, path: impl AsRef<Path>) -> Result<Checked, Error> {
        checker::check_path(path.as_ref(), &self.checker)
    }

    /// Uploads a video as an asset, without indexing it.
    pub fn upload(&self, input: impl Into<Input>) -> Upload {
        Upload {
            client: self.clone(),
            request: Request::upload(input.into()),
        }
    }

    /// Indexes an existing asset.
    pub fn index(&self, asset_id: impl Into<AssetId>) -> Ingest {
        self.ingest(Input::Asset(asset_id.into()))
    }

    /// Checks a video, uploads it, waits for the asset, indexes it, and waits for the index.
    pub fn ingest(&self, input: impl Into<Input>) -> Ingest {
        Ingest {
            client: self.clone(),
            request: Request::ingest(input.into()),
        }
    }

    fn send(&self, request: Request) -> Result<Ingested, Error> {
        let cancel = request.cancels.run();
        let PreparedUpload {
            send,
            observer,
            finish,
        } = match &cancel {
            None => request.prepare(&self.api.settings().base, &self.checker)?,
            Some(cancel) => self.prepare(request, cancel)?,
        };
        let api = self.api.with_error::<tl_protocol::Error>();
        let api = match &cancel {
            Some(cancel) => api.cancel_by(&cancel.handle),
            None => api,
        };
        match send {
            UploadPlan::Task { create, wait } => {
                finish.complete_task(api.ingest_task(create, wait, observer))
            }
            UploadPlan::Asset(plan) => finish.complete_asset(api.ingest_asset(*plan, observer)),
        }
    }

    /// Prepares on a thread, because reading a file blocks. After a cancel, the thread ends alone.
    fn prepare(&self, request: Request, cancel: &RunCancel) -> Result<PreparedUpload, Error> {
        let (sender, results) = mpsc::channel();
        let canceled = sender.clone();
        // The receiver is gone if the request was prepared first.
        let _on_cancel = cancel
            .handle
            .on_cancel(move || drop(canceled.send(Ok(Err(canceled_before_sending())))));
        let (cell, base) = (Arc::clone(&self.checker), self.api.settings().base.clone());
        let prepare = move || {
            let prepared = catch_unwind(AssertUnwindSafe(|| request.prepare(&base, &cell)));
            drop(sender.send(prepared));
        };
        thread::Builder::new()
            .name("tl-prepare".to_owned())
            .spawn(prepare)
            .map_err(|error| {
                Error::new(ErrorKind::File, "no thread can be started to read the file")
                    .with_source(error)
            })?;
        let prepared = results
            .recv()
            .expect("the thread sends a result or a panic");
        prepared.unwrap_or_else(|panic| resume_unwind(panic))
    }
}

impl Client {
    api_methods!(BlockingHttp, Response, EventStream);
}

macro_rules! resources {
    ($($Group:ident $method:ident),+) => {
        impl Client {
            resource_methods!(BlockingHttp: $($Group $method),+);
        }
    };
}

tl_protocol::for_each_resource!(resources);

/// The response to a request, or the error.
pub type Response<R> = Result<R, Error>;

/// The events of a streamed response: an iterator.
pub type EventStream<E> = BlockingStream<Events<E, Error>>;

/// Builds a [`Client`].
///
/// ```no_run
/// use tl_client::protocol::{Outcome, Prepared};
/// use tl_client::http_blocking::{CancelHandle, HttpClient, UreqClient};
///
/// # fn example(config: tl_client::Config) -> Result<(), tl_client::Error> {
/// struct Logged(UreqClient);
///
/// impl HttpClient for Logged {
///     fn send(&self, request: Prepared, cancel: &CancelHandle) -> Outcome {
///         eprintln!("{}", request.http.method());
///         self.0.send(request, cancel)
///     }
/// }
///
/// let inner = UreqClient::new(&config.http).expect("the settings are valid");
/// let client = tl_client::blocking::Client::builder().config(config).http_client(Logged(inner)).build()?;
/// # Ok(()) }
/// ```
#[derive(Default)]
#[must_use = "nothing happens until `build`"]
pub struct ClientBuilder {
    config: Option<Config>,
    http_client: Option<Box<dyn HttpClient>>,
    checker: Option<Checker>,
}

impl ClientBuilder {
    /// Sends requests with `client` instead of the built-in
    /// [`UreqClient`](crate::http_blocking::UreqClient): another HTTP stack, or the built-in
    /// client behind your own headers, metrics or limits. Checks, routes, checkpoints and retries
    /// are the same. The settings for connections in [`Config::http`] are up to `client`.
    pub fn http_client(mut self, client: impl HttpClient + 'static) -> Self {
        self.http_client = Some(Box::new(client));
        self
    }

    client_builder!(Client, BlockingHttp);
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("config", &self.config)
            .field("checker", &self.checker)
            .finish_non_exhaustive()
    }
}

/// An ingestion, started by [`run`](Ingest::run).
#[derive(Debug)]
#[must_use = "nothing happens until `run`"]
pub struct Ingest {
    client: Client,
    request: Request,
}

impl Ingest {
    ingest_settings!();

    /// Checks the file, uploads it, and waits until the video is indexed. If the process ends
    /// before that, a later run resumes from the checkpoint.
    ///
    /// # Errors
    /// [`ErrorKind::RefusedLocally`] with the report, before any byte is sent. Kinds of
    /// requests come with the stage and the partial result, and with the platform's response if
    /// there is one. Another kind if a local setting, file or checkpoint is invalid.
    pub fn run(self) -> Result<Ingested, Error> {
        self.client.send(self.request)
    }
}

/// An upload, started by [`run`](Upload::run).
#[derive(Debug)]
#[must_use = "nothing happens until `run`"]
pub struct Upload {
    client: Client,
    request: Request,
}

impl Upload {
    upload_settings!();

    /// Checks the file, uploads it, and waits until the asset is ready. If the process ends before
    /// that, a later run resumes from the checkpoint.
    ///
    /// # Errors
    /// Those of [`Ingest::run`].
    pub fn run(self) -> Result<UploadedAsset, Error> {
        UploadedAsset::of(self.client.send(self.request)?)
    }
}
