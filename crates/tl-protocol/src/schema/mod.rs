//! JSON schemas that requests contain: the subsets of JSON Schema that the platform accepts, a
//! check against them before a request is sent, and a check of received values.
//!
//! Three parts of the platform accept three different subsets. A [`Subset`] is data with its source
//! and date, and [`lint`] reports every violation at once.
//!
//! ```
//! use serde_json::json;
//! use tl_protocol::schema::{self, ANALYZE};
//!
//! let schema = json!({"type": "object", "properties": {
//!     "title": {"type": "string", "maxLength": 80},
//! }});
//! let faults = schema::lint(&schema, &ANALYZE).unwrap_err();
//! assert_eq!(
//!     faults.to_string(),
//!     "properties.title.maxLength: not supported: state the length in `description`"
//! );
//! ```

mod conform;
mod lint;
mod subset;

use std::fmt;

use serde_json::Value;

pub use conform::conforms;
pub use lint::lint;
pub use subset::{ANALYZE, ENRICHMENT, Subset, TypeRule};

/// Schemas nested deeper than this are rejected.
const MAX_DEPTH: usize = 32;

/// One violation of a [`Subset`], or one difference between a value and its schema.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SchemaFault {
    /// The place, from the root: `properties.title.maxLength`. Empty for the root itself.
    pub path: String,
    /// What is wrong and what is allowed.
    pub reason: String,
}

impl SchemaFault {
    pub(crate) fn new(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            reason: reason.into(),
        }
    }
}

impl fmt::Display for SchemaFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.reason),
            path => write!(f, "{path}: {}", self.reason),
        }
    }
}

/// Everything in a schema that its [`Subset`] does not allow. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaFaults(Vec<SchemaFault>);

impl SchemaFaults {
    /// The violations in the order of the schema.
    #[must_use]
    pub fn faults(&self) -> &[SchemaFault] {
        &self.0
    }
}

impl fmt::Display for SchemaFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, fault) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str("; ")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for SchemaFaults {}

/// The schema in `$defs` of `root` that `reference` names: `#/$defs/Name`.
#[must_use]
pub fn resolve<'s>(root: &'s Value, reference: &str) -> Option<&'s Value> {
    let name = reference.strip_prefix("#/$defs/")?;
    root.get("$defs")?.get(name)
}

/// `path.name`, or `name` at the root.
fn join(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    }
}
