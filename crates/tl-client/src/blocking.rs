//! The blocking client with `upload`, `index` and `ingest`. It does not depend on an async runtime.

use std::{
    ops::Deref,
    path::Path,
    sync::{Arc, OnceLock},
};

use tl_http_blocking::BlockingHttp;
use tl_model::AssetId;

use crate::{
    Checked, Checker, Config, Error, ErrorKind, Ingested, Input, UploadedAsset,
    builder::{ingest_settings, upload_settings},
    checker,
    ingest::{PreparedUpload, Request, UploadPlan},
};

/// A blocking client of the platform.
///
/// It has every method of [`tl_protocol::Client`]; each returns a result, and a list is an
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
        let transport = BlockingHttp::new(config.http.clone()).map_err(|error| {
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

    fn send(&self, request: &Request) -> Result<Ingested, Error> {
        let PreparedUpload {
            send,
            observer,
            finish,
        } = request.prepare(&self.api.settings().base, &self.checker)?;
        let api = self.api.with_error::<tl_protocol::Error>();
        match send {
            UploadPlan::Task { create, wait } => {
                finish.complete_task(api.ingest_task(create, wait, observer))
            }
            UploadPlan::Asset(plan) => finish.complete_asset(api.ingest_asset(*plan, observer)),
        }
    }
}

impl Deref for Client {
    type Target = tl_protocol::Client<BlockingHttp, Error>;

    fn deref(&self) -> &Self::Target {
        &self.api
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
        self.client.send(&self.request)
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
        UploadedAsset::of(self.client.send(&self.request)?)
    }
}
