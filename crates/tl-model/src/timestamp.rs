//! Timestamps as the platform writes them: the text is kept and parsed on demand.

use std::{convert::Infallible, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A date and time as received: RFC 3339 in UTC, as documented (`2024-01-16T07:59:40.879Z`).
///
/// The text is written back unchanged. A text that is not a date does not make the response fail;
/// it only has no [`instant`](Self::instant). An old sample in the platform's documentation has
/// `2022-12-08T11: 20: 58.859Z`.
///
/// Equality compares the text: `…:00Z` and `…:00.000Z` differ. There is no ordering, because a text
/// may have no instant: compare instants instead.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(String);

impl Timestamp {
    /// Wraps a string without checking or changing it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text as sent and received.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The instant, or `None` if the text is not a date and time with an offset.
    pub fn instant(&self) -> Option<jiff::Timestamp> {
        self.0.parse().ok()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<jiff::Timestamp> for Timestamp {
    /// Formats the instant in UTC with as many fractional digits as it has, up to nine.
    fn from(instant: jiff::Timestamp) -> Self {
        Self(instant.to_string())
    }
}

/// Accepts any text, see the type.
impl FromStr for Timestamp {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl From<&str> for Timestamp {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for Timestamp {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl AsRef<str> for Timestamp {
    fn as_ref(&self) -> &str {
        &self.0
    }
}
