//! The async client with `upload`, `index` and `ingest`.

mod analyze;
mod batch;

use std::{
    fmt,
    future::{Future, poll_fn},
    path::Path,
    pin::{Pin, pin},
    sync::{Arc, OnceLock},
    task::Poll,
};

use tl_http_async::{AsyncHttp, AsyncStream, HttpClient};
use tl_model::AssetId;
use tl_protocol::flow::Events;

use crate::{
    Checked, Checker, Config, Error, ErrorKind, Ingested, Input, UploadedAsset,
    api::{api_methods, resource_methods},
    builder::{client_builder, ingest_settings, upload_settings},
    cancel::canceled_before_sending,
    checker,
    ingest::{PreparedUpload, Request, UploadPlan},
};

pub use analyze::{Analyze, AnswerStream};
pub use batch::AnalyzeBatch;

/// An async client of the platform. It needs a tokio runtime.
///
/// Each method that sends requests returns a future that does not borrow the
/// client, so that it can be spawned. Clones are cheap and share connections, limits and checker.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let client = tl_client::Client::from_env()?;
/// let asset = tokio::spawn(client.assets().get("6298d673f1090f1100476d4c"));
/// let upload = {
///     let client = client.clone();
///     tokio::spawn(async move { client.upload("match.mp4").await })
/// };
/// println!("{:?}, {:?}", asset.await??.status, upload.await??.asset_id);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Client {
    api: tl_protocol::Client<AsyncHttp, Error>,
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
    pub async fn check(&self, path: impl AsRef<Path>) -> Result<Checked, Error> {
        let (path, cell) = (path.as_ref().to_owned(), Arc::clone(&self.checker));
        // Reading a file blocks.
        tokio::task::spawn_blocking(move || checker::check_path(&path, &cell))
            .await
            .map_err(join_error)?
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

    async fn send(&self, request: Request) -> Result<Ingested, Error> {
        let (cell, base) = (Arc::clone(&self.checker), self.api.settings().base.clone());
        let cancel = request.cancels.run();
        // Reading a file blocks. After a cancel, the thread ends alone.
        let prepare = tokio::task::spawn_blocking(move || request.prepare(&base, &cell));
        let canceled = cancel.as_ref().map(|cancel| cancel.handle.canceled());
        let (mut prepare, mut canceled) = (pin!(prepare), pin!(canceled));
        let prepared = poll_fn(|cx| {
            let canceled = canceled.as_mut().as_pin_mut();
            match canceled.map(|canceled| canceled.poll(cx)) {
                Some(Poll::Ready(())) => Poll::Ready(Err(canceled_before_sending())),
                _ => prepare
                    .as_mut()
                    .poll(cx)
                    .map(|done| done.map_err(join_error)?),
            }
        });
        let PreparedUpload {
            send,
            observer,
            finish,
        } = prepared.await?;
        let api = self.api.with_error::<tl_protocol::Error>();
        let api = match &cancel {
            Some(cancel) => api.cancel_by(&cancel.handle),
            None => api,
        };
        match send {
            UploadPlan::Task { create, wait } => {
                finish.complete_task(api.ingest_task(create, wait, observer).await)
            }
            UploadPlan::Asset(plan) => {
                finish.complete_asset(api.ingest_asset(*plan, observer).await)
            }
        }
    }
}

fn join_error(error: tokio::task::JoinError) -> Error {
    Error::new(ErrorKind::File, "the check of the file was cut off").with_source(error)
}

impl Client {
    api_methods!(AsyncHttp, ResponseFuture, EventStream);
}

macro_rules! resources {
    ($($Group:ident $method:ident),+) => {
        impl Client {
            resource_methods!(AsyncHttp: $($Group $method),+);
        }
    };
}

tl_protocol::for_each_resource!(resources);

/// The response to a request, or the error. It does not borrow the client.
pub type ResponseFuture<R> = Pin<Box<dyn Future<Output = Result<R, Error>> + Send>>;

/// The events of a streamed response: see [`AsyncStream::next`].
pub type EventStream<E> = AsyncStream<Events<E, Error>>;

/// Builds a [`Client`].
///
/// ```no_run
/// use tl_client::protocol::{Outcome, Prepared};
/// use tl_client::http_async::{HttpClient, ReqwestClient};
///
/// # fn example(config: tl_client::Config) -> Result<(), tl_client::Error> {
/// struct Logged(ReqwestClient);
///
/// #[async_trait::async_trait]
/// impl HttpClient for Logged {
///     async fn send(&self, request: Prepared) -> Outcome {
///         eprintln!("{}", request.http.method());
///         self.0.send(request).await
///     }
/// }
///
/// let inner = ReqwestClient::new(&config.http).expect("the settings are valid");
/// let client = tl_client::Client::builder().config(config).http_client(Logged(inner)).build()?;
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
    /// [`ReqwestClient`](crate::http_async::ReqwestClient): another HTTP stack, or the built-in
    /// client behind your own headers, metrics or limits. Checks, routes, checkpoints and retries
    /// are the same. The settings for connections in [`Config::http`] are up to `client`.
    pub fn http_client(mut self, client: impl HttpClient + 'static) -> Self {
        self.http_client = Some(Box::new(client));
        self
    }

    client_builder!(Client, AsyncHttp);
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("config", &self.config)
            .field("checker", &self.checker)
            .finish_non_exhaustive()
    }
}

/// An ingestion, started by `.await` or by [`run`](Ingest::run).
#[derive(Debug)]
#[must_use = "nothing happens until it is awaited"]
pub struct Ingest {
    client: Client,
    request: Request,
}

impl IntoFuture for Ingest {
    type Output = Result<Ingested, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl Ingest {
    ingest_settings!();

    /// Checks the file, uploads it, and waits until the video is indexed. Dropping the future
    /// cancels the ingestion. Data that the platform already has stays there, and a later run
    /// resumes from the checkpoint.
    ///
    /// # Errors
    /// [`ErrorKind::RefusedLocally`] with the report, before any byte is sent. Kinds of
    /// requests come with the stage and the partial result, and with the platform's response if
    /// there is one. Another kind if a local setting, file or checkpoint is invalid.
    pub async fn run(self) -> Result<Ingested, Error> {
        self.client.send(self.request).await
    }
}

/// An upload, started by `.await` or by [`run`](Upload::run).
#[derive(Debug)]
#[must_use = "nothing happens until it is awaited"]
pub struct Upload {
    client: Client,
    request: Request,
}

impl IntoFuture for Upload {
    type Output = Result<UploadedAsset, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl Upload {
    upload_settings!();

    /// Checks the file, uploads it, and waits until the asset is ready. Dropping the future cancels
    /// the upload. A later run resumes from the checkpoint.
    ///
    /// # Errors
    /// Those of [`Ingest::run`].
    pub async fn run(self) -> Result<UploadedAsset, Error> {
        UploadedAsset::of(self.client.send(self.request).await?)
    }
}
