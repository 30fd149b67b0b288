//! The blocking colour: the client, its `upload`, `index` and `ingest`. No async runtime in its tree.

use std::{ops::Deref, path::Path, sync::OnceLock};

use tl_http_blocking::BlockingHttp;
use tl_model::AssetId;

use crate::{
    Checked, Checker, Config, Error, ErrorKind, Ingested, Input, UploadedAsset,
    builder::{ingest_settings, upload_settings},
    checker,
    ingest::{Prepared, Request, UploadPlan},
};

/// A blocking client of the platform.
///
/// Every method of [`tl_protocol::Client`] is a method of this one, and answers with a result; a list is an iterator.
///
/// ```no_run
/// # fn example() -> Result<(), tl_client::Error> {
/// let client = tl_client::blocking::Client::from_env()?;
/// let video = client.ingest("match.mp4").into_index("6298d673f1090f1100476d4c").run()?;
/// println!("indexed as {:?}", video.video_id);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Client {
    api: tl_protocol::Client<BlockingHttp>,
    checker: OnceLock<Checker>,
}

impl Client {
    /// A client with these settings.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] where a certificate or a proxy cannot be used.
    pub fn new(config: &Config) -> Result<Self, Error> {
        let transport = BlockingHttp::new(config.http.clone()).map_err(|error| {
            Error::new(ErrorKind::Configuration, "the HTTP client cannot be set up")
                .with_source(error)
        })?;
        Ok(Self {
            api: tl_protocol::Client::new(transport, config.client_settings()),
            checker: OnceLock::new(),
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
        self.checker = checker.into();
        self
    }

    /// Checks a file for the route that it would take; nothing is sent.
    ///
    /// # Errors
    /// [`ErrorKind::File`] where there is no file, [`ErrorKind::CheckFailed`] where it could not be looked at. What is wrong
    /// with the video is in the report.
    pub fn check(&self, path: impl AsRef<Path>) -> Result<Checked, Error> {
        checker::check_path(path.as_ref(), &self.checker)
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

    fn send(&self, request: &Request) -> Result<Ingested, Error> {
        let Prepared {
            send,
            wait,
            observer,
            after,
        } = request.prepare(&self.api.settings().base, &self.checker)?;
        match send {
            UploadPlan::Task(create) => {
                after.conclude_task(self.api.ingest_task(create, wait, observer))
            }
            UploadPlan::Asset(plan) => after.conclude_asset(self.api.ingest_asset(*plan, observer)),
        }
    }
}

impl Deref for Client {
    type Target = tl_protocol::Client<BlockingHttp>;

    fn deref(&self) -> &Self::Target {
        &self.api
    }
}

/// One video on its way into an index; [`run`](Ingest::run) sends it.
#[derive(Debug)]
#[must_use = "nothing happens until `run`"]
pub struct Ingest<'c> {
    client: &'c Client,
    request: Request,
}

impl Ingest<'_> {
    ingest_settings!();

    /// Checks the file, uploads it, and waits until the video is indexed. Where the process ends
    /// before that, a later run goes on from the checkpoint.
    ///
    /// # Errors
    /// [`ErrorKind::RefusedLocally`] with the report, before a byte is sent; [`ErrorKind::Api`] with what the platform
    /// answered, the stage and what was reached; the other kinds where something on this side cannot be used.
    pub fn run(self) -> Result<Ingested, Error> {
        self.client.send(&self.request)
    }
}

/// One video on its way to the platform; [`run`](Upload::run) sends it.
#[derive(Debug)]
#[must_use = "nothing happens until `run`"]
pub struct Upload<'c> {
    client: &'c Client,
    request: Request,
}

impl Upload<'_> {
    upload_settings!();

    /// Checks the file, uploads it, and waits until the asset is ready. Where the process ends before that, a
    /// later run goes on from the checkpoint.
    ///
    /// # Errors
    /// As [`Ingest::run`].
    pub fn run(self) -> Result<UploadedAsset, Error> {
        UploadedAsset::of(self.client.send(&self.request)?)
    }
}
