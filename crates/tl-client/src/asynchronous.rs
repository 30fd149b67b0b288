//! The asynchronous colour: the client, its `upload`, `index` and `ingest`.

use std::{
    ops::Deref,
    path::Path,
    sync::{Arc, OnceLock},
};

use tl_http_async::AsyncHttp;
use tl_model::AssetId;

use crate::{
    Checked, Checker, Config, Error, ErrorKind, Ingested, Input, UploadedAsset,
    builder::{ingest_settings, upload_settings},
    checker,
    ingest::{Prepared, Request, UploadPlan},
};

/// An asynchronous client of the platform; it needs a tokio runtime around it.
///
/// Every method of [`tl_protocol::Client`] is a method of this one, and answers with a future.
#[derive(Debug)]
pub struct Client {
    api: tl_protocol::Client<AsyncHttp>,
    checker: Arc<OnceLock<Checker>>,
}

impl Client {
    /// A client with these settings.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] where a certificate or a proxy cannot be used.
    pub fn new(config: &Config) -> Result<Self, Error> {
        let transport = AsyncHttp::new(config.http.clone()).map_err(|error| {
            Error::new(ErrorKind::Configuration, "the HTTP client cannot be set up")
                .with_source(error)
        })?;
        Ok(Self {
            api: tl_protocol::Client::new(transport, config.client_settings()),
            checker: Arc::default(),
        })
    }

    /// A client with the settings of the environment: see [`Config::from_env`].
    ///
    /// # Errors
    /// As [`Config::from_env`] and [`new`](Client::new).
    pub fn from_env() -> Result<Self, Error> {
        Self::new(&Config::from_env()?)
    }

    /// Checks files with `checker` in place of [`Checker::standard`], and chooses routes by its rules.
    #[must_use]
    pub fn with_checker(mut self, checker: Checker) -> Self {
        self.checker = Arc::new(checker.into());
        self
    }

    /// Checks a file for the route that it would take; nothing is sent.
    ///
    /// # Errors
    /// [`ErrorKind::File`] where there is no file, [`ErrorKind::CheckFailed`] where it could not be looked at. What is wrong
    /// with the video is in the report.
    pub async fn check(&self, path: impl AsRef<Path>) -> Result<Checked, Error> {
        let (path, place) = (path.as_ref().to_owned(), Arc::clone(&self.checker));
        // Reading a file blocks.
        tokio::task::spawn_blocking(move || checker::check_path(&path, &place))
            .await
            .map_err(cut_off)?
    }

    /// Brings one video to the platform, where it becomes an asset; it goes into no index.
    pub fn upload(&self, input: impl Into<Input>) -> Upload<'_> {
        Upload {
            client: self,
            request: Request::new(input.into(), None),
        }
    }

    /// Brings an asset that is there already into an index.
    pub fn index(&self, asset_id: impl Into<AssetId>) -> Ingest<'_> {
        self.ingest(Input::Asset(asset_id.into()))
    }

    /// Brings one video into an index: check, upload, wait for the asset, index, wait.
    pub fn ingest(&self, input: impl Into<Input>) -> Ingest<'_> {
        Ingest {
            client: self,
            request: Request::new(input.into(), Some("".into())),
        }
    }

    async fn send(&self, request: Request) -> Result<Ingested, Error> {
        let (place, base) = (Arc::clone(&self.checker), self.api.settings().base.clone());
        // Reading a file blocks.
        let Prepared {
            send,
            wait,
            observer,
            after,
        } = tokio::task::spawn_blocking(move || request.prepare(&base, &place))
            .await
            .map_err(cut_off)??;
        match send {
            UploadPlan::Task(create) => {
                after.conclude_task(self.api.ingest_task(create, wait, observer).await)
            }
            UploadPlan::Asset(plan) => {
                after.conclude_asset(self.api.ingest_asset(*plan, observer).await)
            }
        }
    }
}

fn cut_off(error: tokio::task::JoinError) -> Error {
    Error::new(ErrorKind::File, "the check of the file was cut off").with_source(error)
}

impl Deref for Client {
    type Target = tl_protocol::Client<AsyncHttp>;

    fn deref(&self) -> &Self::Target {
        &self.api
    }
}

/// One video on its way into an index; [`run`](Ingest::run) sends it.
#[derive(Debug)]
#[must_use = "nothing happens until `run` is awaited"]
pub struct Ingest<'c> {
    client: &'c Client,
    request: Request,
}

impl Ingest<'_> {
    ingest_settings!();

    /// Checks the file, uploads it, and waits until the video is indexed. Dropping the future stops all of it; what the platform
    /// has already taken stays there, and a later run goes on from the checkpoint.
    ///
    /// # Errors
    /// [`ErrorKind::RefusedLocally`] with the report, before a byte is sent; [`ErrorKind::Api`] with what the platform
    /// answered, the stage and what was reached; the other kinds where something on this side cannot be used.
    pub async fn run(self) -> Result<Ingested, Error> {
        self.client.send(self.request).await
    }
}

/// One video on its way to the platform; [`run`](Upload::run) sends it.
#[derive(Debug)]
#[must_use = "nothing happens until `run` is awaited"]
pub struct Upload<'c> {
    client: &'c Client,
    request: Request,
}

impl Upload<'_> {
    upload_settings!();

    /// Checks the file, uploads it, and waits until the asset is ready. Dropping the future stops it; a later run goes on from
    /// the checkpoint.
    ///
    /// # Errors
    /// As [`Ingest::run`].
    pub async fn run(self) -> Result<UploadedAsset, Error> {
        UploadedAsset::of(self.client.send(self.request).await?)
    }
}
