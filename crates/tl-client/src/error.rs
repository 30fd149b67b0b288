//! The error type of this crate: invalid input, a failed local check, or an error of the platform,
//! with the partial result.

use std::{error, fmt};

use tl_validate::Report;

use crate::{Ingested, Stage};

/// Category of an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The key, the base URL or another setting is invalid. Nothing was sent. The message names the
    /// setting.
    Configuration,
    /// The file cannot be read, or is not a regular file. Nothing was sent.
    File,
    /// The requested route does not support this input. Nothing was sent. The message lists the
    /// routes that do.
    Route,
    /// The local check could not run: no prober, or it failed. Nothing was sent.
    CheckFailed,
    /// The local check refused the file. Nothing was sent. [`Error::report`] has every finding and
    /// its fix.
    RefusedLocally,
    /// The checkpoint of an earlier upload cannot be used or is in use. Nothing was sent or lost.
    /// Abandon it or start over.
    Checkpoint,
    /// An earlier upload cannot be resumed because the source has changed. Nothing was sent.
    /// Abandon it or start over.
    SourceChanged,
    /// A request to the platform failed.
    Api(tl_protocol::ErrorKind),
}

/// Error of a client, upload or ingestion.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    stage: Option<Stage>,
    reached: Option<Box<Ingested>>,
    report: Option<Report>,
    source: Option<Box<dyn error::Error + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            stage: None,
            reached: None,
            report: None,
            source: None,
        }))
    }

    pub(crate) fn with_source(
        mut self,
        source: impl Into<Box<dyn error::Error + Send + Sync>>,
    ) -> Self {
        self.0.source = Some(source.into());
        self
    }

    pub(crate) fn with_report(mut self, report: Report) -> Self {
        self.0.report = Some(report);
        self
    }

    pub(crate) fn at(mut self, stage: Stage, reached: Ingested) -> Self {
        self.0.stage = Some(stage);
        self.0.report = self.0.report.or_else(|| reached.report.clone());
        self.0.reached = Some(Box::new(reached));
        self
    }

    /// Category of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the same call may succeed later without changes.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.api().is_some_and(tl_protocol::Error::is_retryable)
    }

    /// The stage of the upload or ingestion that failed.
    #[must_use]
    pub fn stage(&self) -> Option<Stage> {
        self.0.stage
    }

    /// The partial result: ids of the resources that exist on the platform, times and statuses.
    #[must_use]
    pub fn reached(&self) -> Option<&Ingested> {
        self.0.reached.as_deref()
    }

    /// The platform's response, with code, message and request id.
    #[must_use]
    pub fn api(&self) -> Option<&tl_protocol::Error> {
        self.0.source.as_ref()?.downcast_ref()
    }

    /// The report of the local check, also if the platform failed afterwards.
    #[must_use]
    pub fn report(&self) -> Option<&Report> {
        self.0.report.as_ref()
    }

    /// The category of the prober's error, if the prober failed.
    #[cfg(any(feature = "async", feature = "blocking"))]
    pub(crate) fn probe(&self) -> Option<tl_validate::ProbeErrorKind> {
        let source = self.0.source.as_ref()?;
        let error = source.downcast_ref::<tl_validate::ProbeError>()?;
        Some(error.kind())
    }

    /// If the source could not be read, the first cause, which names the file.
    fn read_failure(&self) -> Option<String> {
        if self.0.kind != ErrorKind::Api(tl_protocol::ErrorKind::SourceFailed) {
            return None;
        }
        let mut cause = error::Error::source(self.api()?)?;
        while let Some(below) = cause.source() {
            cause = below;
        }
        Some(cause.to_string())
    }

    /// Writes the stage and the ids in parentheses.
    fn write_stage(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(stage) = self.0.stage else {
            return Ok(());
        };
        write!(f, " (stage: {stage}")?;
        if let Some(reached) = &self.0.reached {
            let ids = [
                ("session", reached.upload_id.as_ref().map(|id| id.as_str())),
                ("asset", reached.asset_id.as_ref().map(|id| id.as_str())),
                (
                    "indexed asset",
                    reached.indexed_asset_id.as_ref().map(|id| id.as_str()),
                ),
                ("task", reached.task_id.as_ref().map(|id| id.as_str())),
            ];
            for (what, id) in ids {
                if let Some(id) = id {
                    write!(f, "; {what} {id}")?;
                }
            }
        }
        if let Some(report) = &self.0.report {
            write!(f, "; local check: {}", report.verdict)?;
        }
        f.write_str(")")
    }
}

impl From<tl_protocol::Error> for Error {
    fn from(error: tl_protocol::Error) -> Self {
        Self::new(ErrorKind::Api(error.kind()), String::new()).with_source(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The message of the API error is complete; do not repeat it.
        match self.api() {
            Some(api) => api.fmt(f)?,
            None => f.write_str(&self.0.message)?,
        }
        if let Some(why) = self.read_failure() {
            write!(f, ": {why}")?;
        }
        self.write_stage(f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.to_string())
            .field("stage", &self.0.stage)
            .field("report", &self.report().map(|report| report.verdict))
            .field("source", &self.0.source)
            .finish_non_exhaustive()
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self.api() {
            // The first cause is already in the message.
            Some(_) if self.read_failure().is_some() => None,
            Some(api) => error::Error::source(api),
            None => self.0.source.as_deref().map(|source| source as _),
        }
    }
}
