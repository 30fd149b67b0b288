//! The one error of this crate: what the caller gave, what the local check said, or what the platform answered.

use std::{error, fmt};

/// What kind of thing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The key, the address or another setting cannot be used; nothing was sent. Correct what the text names.
    Configuration,
    /// The file cannot be read, or is no file; nothing was sent.
    File,
    /// The local check could not be done (no prober, or it failed); nothing was sent.
    CheckFailed,
    /// The local check refused the file; nothing was sent. [`Error::report`] has every finding and its fix.
    RefusedLocally,
    /// What happened between here and the platform.
    Api(tl_protocol::ErrorKind),
}

/// What went wrong.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    #[cfg(feature = "validate")]
    report: Option<tl_validate::Report>,
    source: Option<Box<dyn error::Error + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            #[cfg(feature = "validate")]
            report: None,
            source: None,
        }))
    }

    pub(crate) fn because(
        mut self,
        source: impl Into<Box<dyn error::Error + Send + Sync>>,
    ) -> Self {
        self.0.source = Some(source.into());
        self
    }

    #[cfg(all(feature = "validate", any(feature = "async", feature = "blocking")))]
    pub(crate) fn with_report(mut self, report: tl_validate::Report) -> Self {
        self.0.report = Some(report);
        self
    }

    /// What kind of thing went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the same call may well succeed later, unchanged.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.api().is_some_and(tl_protocol::Error::is_retryable)
    }

    /// What the platform answered, with its code, message and request id.
    #[must_use]
    pub fn api(&self) -> Option<&tl_protocol::Error> {
        self.0.source.as_ref()?.downcast_ref()
    }

    /// What the local check said of the file, also where the platform failed on it afterwards.
    #[cfg(feature = "validate")]
    #[must_use]
    pub fn report(&self) -> Option<&tl_validate::Report> {
        self.0.report.as_ref()
    }
}

impl From<tl_protocol::Error> for Error {
    fn from(error: tl_protocol::Error) -> Self {
        Self::new(ErrorKind::Api(error.kind()), String::new()).because(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An error of the API speaks for itself; it is not said twice.
        match self.api() {
            Some(api) => api.fmt(f),
            None => f.write_str(&self.0.message),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Error");
        shown
            .field("kind", &self.0.kind)
            .field("message", &self.to_string());
        #[cfg(feature = "validate")]
        shown.field(
            "report",
            &self.0.report.as_ref().map(|report| report.verdict),
        );
        shown.field("source", &self.0.source).finish()
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self.api() {
            Some(api) => error::Error::source(api),
            None => self.0.source.as_deref().map(|source| source as _),
        }
    }
}
