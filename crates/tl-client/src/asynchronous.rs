//! The async client with `upload`, `index` and `ingest`.

use std::{
    ops::Deref,
    path::Path,
    pin::Pin,
    sync::{Arc, OnceLock},
};

use tl_http_async::AsyncHttp;
use tl_model::AssetId;

use crate::{
    Checked, Checker, Config, Error, ErrorKind, Ingested, Input, UploadedAsset,
    builder::{ingest_settings, upload_settings},
    checker,
    ingest::{PreparedUpload, Request, UploadPlan},
};

/// An async client of the platform. It needs a tokio runtime.
///
/// It has every method of [`tl_protocol::Client`]; each returns a future that does not borrow the
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
        let transport = AsyncHttp::new(config.http.clone()).map_err(|error| {
            Error::new(ErrorKind::Configuration, "the HTTP client cannot be set up")
                .with_source(error)
        })?;
        Ok(Self {
            api: tl_protocol::Client::new(transport, config.client_settings()).with_error(),
            checker: Arc::default(),
        })
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
        // Reading a file blocks.
        let PreparedUpload {
            send,
            observer,
            finish,
        } = tokio::task::spawn_blocking(move || request.prepare(&base, &cell))
            .await
            .map_err(join_error)??;
        let api = self.api.with_error::<tl_protocol::Error>();
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

impl Deref for Client {
    type Target = tl_protocol::Client<AsyncHttp, Error>;

    fn deref(&self) -> &Self::Target {
        &self.api
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
