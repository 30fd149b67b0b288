//! The error type of this crate: invalid input, a failed local check, or an error of the platform,
//! with the partial result.

use std::{error, fmt, time::Duration};

use tl_model::ErrorCode;
use tl_protocol::ErrorKind;
use tl_validate::{ProbeError, Report};

use crate::{Ingested, Stage, analysis::PartialAnswer};

/// Error of a client: of a local setting, file or check, or of a request to the platform.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    stage: Option<Stage>,
    reached: Option<Box<Ingested>>,
    report: Option<Report>,
    partial: Option<Box<PartialAnswer>>,
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
            partial: None,
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

    /// Attaches what was received of an answer.
    pub(crate) fn with_partial(mut self, partial: PartialAnswer) -> Self {
        self.0.partial = Some(Box::new(partial));
        self
    }

    pub(crate) fn at(mut self, stage: Stage, reached: Ingested) -> Self {
        self.0.stage = Some(stage);
        self.0.report = self.0.report.or_else(|| reached.report.clone());
        self.0.reached = Some(Box::new(reached));
        self
    }

    /// The kind of the error.
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

    /// What was received of an answer that was cut off, truncated or not usable. It was probably
    /// charged, so save it.
    #[must_use]
    pub fn partial(&self) -> Option<&PartialAnswer> {
        self.0.partial.as_deref()
    }

    /// The error of the request, if one failed: with the platform's response, the attempts and the
    /// observed statuses.
    #[must_use]
    pub fn api(&self) -> Option<&tl_protocol::Error> {
        match &self.0.source {
            Some(Cause::Api(error)) => Some(error),
            _ => None,
        }
    }

    /// The HTTP status of the platform's last response.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.api()?.status()
    }

    /// The platform's own code, such as `video_duration_too_short`.
    #[must_use]
    pub fn code(&self) -> Option<&ErrorCode> {
        self.api()?.code()
    }

    /// The platform's request id, for support requests.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.api()?.request_id()
    }

    /// How long the platform asked to wait, counted from its last response.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.api()?.retry_after()
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
        if self.0.kind != ErrorKind::SourceFailed {
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
        let mut wrapped = Self::new(error.kind(), String::new());
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
