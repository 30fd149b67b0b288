//! The blocking colour: the client and its `ingest`. No async runtime in its tree.

use std::{ops::Deref, time::Instant};

use tl_http_blocking::BlockingHttp;

use crate::{
    Config, Error, ErrorKind, Ingested, Input,
    ingest::{Prepared, Request, ingest_settings},
};

/// A blocking client of the platform.
///
/// Every method of [`tl_protocol::Client`] is a method of this one, and answers with a result; a list is an iterator.
///
/// ```no_run
/// # #[cfg(feature = "validate")]
/// # fn example() -> Result<(), tl_client::Error> {
/// let client = tl_client::blocking::Client::from_env()?;
/// let video = client.ingest("match.mp4").into_index("6298d673f1090f1100476d4c").run()?;
/// println!("indexed as {:?}", video.task.created.video_id);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Client {
    api: tl_protocol::Client<BlockingHttp>,
    #[cfg(feature = "validate")]
    checker: std::sync::OnceLock<crate::Checker>,
}

impl Client {
    /// A client with these settings.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] where a certificate or a proxy cannot be used.
    pub fn new(config: &Config) -> Result<Self, Error> {
        let transport = BlockingHttp::new(config.http.clone()).map_err(|error| {
            Error::new(ErrorKind::Configuration, "the HTTP client cannot be set up").because(error)
        })?;
        Ok(Self {
            api: tl_protocol::Client::new(transport, config.client_settings()),
            #[cfg(feature = "validate")]
            checker: std::sync::OnceLock::new(),
        })
    }

    /// A client with the settings of the environment: see [`Config::from_env`].
    ///
    /// # Errors
    /// As [`Config::from_env`] and [`new`](Client::new).
    pub fn from_env() -> Result<Self, Error> {
        Self::new(&Config::from_env()?)
    }

    /// Checks files with `checker` in place of [`Checker::standard`](crate::Checker::standard).
    #[cfg(feature = "validate")]
    #[must_use]
    pub fn with_checker(mut self, checker: crate::Checker) -> Self {
        self.checker = checker.into();
        self
    }

    /// Brings one video into an index: check, upload, wait.
    pub fn ingest(&self, input: impl Into<Input>) -> Ingest<'_> {
        Ingest {
            client: self,
            request: Request::new(input.into(), "".into()),
        }
    }
}

impl Deref for Client {
    type Target = tl_protocol::Client<BlockingHttp>;

    fn deref(&self) -> &Self::Target {
        &self.api
    }
}

/// One video on its way; [`run`](Ingest::run) sends it.
#[derive(Debug)]
#[must_use = "nothing happens until `run`"]
pub struct Ingest<'c> {
    client: &'c Client,
    request: Request,
}

impl Ingest<'_> {
    ingest_settings!();

    /// Checks the file, creates the task, and waits until the video is indexed.
    ///
    /// # Errors
    /// [`ErrorKind::RefusedLocally`] with the report, before a byte is sent; [`ErrorKind::Api`] with what the platform
    /// answered; the other kinds where something on this side cannot be used.
    pub fn run(self) -> Result<Ingested, Error> {
        let Self { client, request } = self;
        let started = Instant::now();
        let prepared = request.prepare(
            #[cfg(feature = "validate")]
            || crate::checker::in_place(&client.checker),
        )?;
        let checking = started.elapsed();
        let observer = request.observer();
        let outcome = client
            .api
            .ingest_task(prepared.create, request.wait, observer);
        Prepared::conclude(
            #[cfg(feature = "validate")]
            prepared.report,
            outcome,
            checking,
        )
    }
}
