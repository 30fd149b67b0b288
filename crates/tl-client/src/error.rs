//! The error type of this crate: invalid input, a failed local check, or an error of the platform,
//! with the partial result.

use std::{error, fmt};

use tl_validate::{ProbeError, Report};

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
    source: Option<Cause>,
}

/// What an error is caused by.
#[derive(Debug)]
enum Cause {
    Api(tl_protocol::Error),
    Probe(ProbeError),
    /// A cause that is only shown.
    Other(Box<dyn error::Error + Send + Sync>),
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
        self.0.source = Some(Cause::Other(source.into()));
        self
    }

    /// Attaches the error of the prober.
    pub(crate) fn with_probe(mut self, error: ProbeError) -> Self {
        self.0.source = Some(Cause::Probe(error));
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
        match &self.0.source {
            Some(Cause::Api(error)) => Some(error),
            _ => None,
        }
    }

    /// The report of the local check, also if the platform failed afterwards.
    #[must_use]
    pub fn report(&self) -> Option<&Report> {
        self.0.report.as_ref()
    }

    /// The error of the prober, if the local check could not run because the prober failed.
    #[must_use]
    pub fn probe(&self) -> Option<&ProbeError> {
        match &self.0.source {
            Some(Cause::Probe(error)) => Some(error),
            _ => None,
        }
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
            write!(f, "; the local check had said: {}", report.verdict)?;
        }
        f.write_str(")")
    }
}

impl From<tl_protocol::Error> for Error {
    fn from(error: tl_protocol::Error) -> Self {
        let mut wrapped = Self::new(ErrorKind::Api(error.kind()), String::new());
        wrapped.0.source = Some(Cause::Api(error));
        wrapped
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
        match self.0.source.as_ref()? {
            // The first cause is already in the message.
            Cause::Api(_) if self.read_failure().is_some() => None,
            Cause::Api(api) => error::Error::source(api),
            Cause::Probe(error) => Some(error),
            Cause::Other(error) => Some(&**error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{error::Error as _, io};

    use tl_validate::ProbeErrorKind;

    use super::*;

    #[test]
    fn prober_errors_stay_typed() {
        let probe = ProbeError::new(ProbeErrorKind::HelperFailed, "a.mp4", "it ended");
        let error = Error::new(ErrorKind::CheckFailed, "not checked").with_probe(probe.clone());
        assert_eq!(error.probe().unwrap().kind(), ProbeErrorKind::HelperFailed);
        assert_eq!(error.source().unwrap().to_string(), probe.to_string());
        assert!(error.api().is_none());

        let other = Error::new(ErrorKind::File, "no").with_source(io::Error::other("disk"));
        assert!(other.probe().is_none() && other.api().is_none());
        assert_eq!(other.source().unwrap().to_string(), "disk");
    }
}
