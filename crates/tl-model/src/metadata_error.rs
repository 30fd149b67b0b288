//! The error for invalid user metadata: one error that lists all offending keys.

use std::fmt;

use crate::metadata_value::ALLOWED;

/// Why user metadata was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MetadataErrorKind {
    /// The text is not JSON.
    NotJson,
    /// The text is JSON, but not an object.
    NotAnObject,
    /// A key occurs more than once.
    DuplicateKey,
    /// Values have a type that the platform does not accept.
    ValueNotAllowed,
}

/// The key, if there is one, and a description of the value.
pub(crate) type Refused = (Option<String>, String);

/// The error for invalid user metadata. The message names every offending key, its value and the
/// allowed types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataError {
    kind: MetadataErrorKind,
    refused: Vec<Refused>,
}

impl MetadataError {
    pub(crate) fn new(kind: MetadataErrorKind, refused: Vec<Refused>) -> Self {
        Self { kind, refused }
    }

    /// Why the metadata was rejected.
    pub fn kind(&self) -> MetadataErrorKind {
        self.kind
    }

    /// The offending keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.refused.iter().filter_map(|(key, _)| key.as_deref())
    }
}

impl fmt::Display for MetadataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = self.refused.first().map_or("", |(_, found)| found.as_str());
        match self.kind {
            MetadataErrorKind::NotJson => write!(
                f,
                "user metadata is not JSON: {found}; write an object such as {{\"category\": \"recent\"}}"
            ),
            MetadataErrorKind::NotAnObject => {
                write!(
                    f,
                    "user metadata is {found}, not a JSON object; write one such as {{\"category\": \"recent\"}}"
                )
            }
            MetadataErrorKind::DuplicateKey => {
                f.write_str("user metadata has ")?;
                self.write_each(f, |f, (key, count)| {
                    write!(
                        f,
                        "the key {:?} {count} times",
                        key.as_deref().unwrap_or_default()
                    )
                })?;
                f.write_str("; keep one value for each key")
            }
            MetadataErrorKind::ValueNotAllowed => {
                f.write_str("user metadata has ")?;
                self.write_each(f, |f, (key, found)| match key {
                    None => f.write_str(found),
                    Some(key) => write!(f, "{found} under the key {key:?}"),
                })?;
                write!(
                    f,
                    "; allowed is {ALLOWED}: leave the key out, or turn the value into a string"
                )
            }
        }
    }
}

impl MetadataError {
    fn write_each(
        &self,
        f: &mut fmt::Formatter<'_>,
        write: impl Fn(&mut fmt::Formatter<'_>, &Refused) -> fmt::Result,
    ) -> fmt::Result {
        for (at, refused) in self.refused.iter().enumerate() {
            if at > 0 {
                f.write_str(", ")?;
            }
            write(f, refused)?;
        }
        Ok(())
    }
}

impl std::error::Error for MetadataError {}
