//! The asynchronous colour: the client and its `ingest`.

use std::{ops::Deref, time::Instant};

use tl_http_async::AsyncHttp;
use tl_protocol::flow::WaitPolicy;

use crate::{
    Config, Error, ErrorKind, Ingested, Input,
    ingest::{Prepared, Request, ingest_settings},
};

/// An asynchronous client of the platform; it needs a tokio runtime around it.
///
/// Every method of [`tl_protocol::Client`] is a method of this one, and answers with a future.
#[derive(Debug)]
pub struct Client {
    api: tl_protocol::Client<AsyncHttp>,
    #[cfg(feature = "validate")]
    checker: std::sync::Arc<std::sync::OnceLock<crate::Checker>>,
}

impl Client {
    /// A client with these settings.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] where a certificate or a proxy cannot be used.
    pub fn new(config: &Config) -> Result<Self, Error> {
        let transport = AsyncHttp::new(config.http.clone()).map_err(|error| {
            Error::new(ErrorKind::Configuration, "the HTTP client cannot be set up").because(error)
        })?;
        Ok(Self {
            api: tl_protocol::Client::new(transport, config.client_settings()),
            #[cfg(feature = "validate")]
            checker: std::sync::Arc::default(),
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
        self.checker = std::sync::Arc::new(checker.into());
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
    type Target = tl_protocol::Client<AsyncHttp>;

    fn deref(&self) -> &Self::Target {
        &self.api
    }
}

/// One video on its way; [`run`](Ingest::run) sends it.
#[derive(Debug)]
#[must_use = "nothing happens until `run` is awaited"]
pub struct Ingest<'c> {
    client: &'c Client,
    request: Request,
}

impl Ingest<'_> {
    ingest_settings!();

    /// Checks the file, creates the task, and waits until the video is indexed. Dropping the future stops all of it; what
    /// the platform has already taken stays there.
    ///
    /// # Errors
    /// [`ErrorKind::RefusedLocally`] with the report, before a byte is sent; [`ErrorKind::Api`] with what the platform
    /// answered; the other kinds where something on this side cannot be used.
    pub async fn run(self) -> Result<Ingested, Error> {
        let Self { client, request } = self;
        let started = Instant::now();
        let observer = request.observer();
        let wait: Option<WaitPolicy> = request.wait.clone();
        #[cfg(feature = "validate")]
        let checker = client.checker.clone();
        // Reading a file blocks.
        let prepared = tokio::task::spawn_blocking(move || {
            request.prepare(
                #[cfg(feature = "validate")]
                || crate::checker::in_place(&checker),
            )
        })
        .await
        .map_err(|error| {
            Error::new(ErrorKind::File, "the check of the file was cut off").because(error)
        })??;
        let checking = started.elapsed();
        let outcome = client
            .api
            .ingest_task(prepared.create, wait, observer)
            .await;
        Prepared::conclude(
            #[cfg(feature = "validate")]
            prepared.report,
            outcome,
            checking,
        )
    }
}
