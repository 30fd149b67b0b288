//! A change of user metadata: keys to set and keys to delete.

use std::collections::{BTreeMap, btree_map};
use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::user_metadata::{into_object, parse_object};
use crate::{MetadataError, MetadataValue, UserMetadata};

/// Changes to user metadata: a value sets its key, `null` deletes it, and absent keys keep their
/// values.
///
/// Strict for encoding and decoding, because it occurs in requests only. The platform ignores an
/// empty string.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(transparent)]
pub struct MetadataPatch(BTreeMap<String, Option<MetadataValue>>);

impl MetadataPatch {
    /// Creates an empty patch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a key.
    pub fn set(&mut self, key: impl Into<String>, value: impl Into<MetadataValue>) -> &mut Self {
        self.0.insert(key.into(), Some(value.into()));
        self
    }

    /// Deletes a key.
    pub fn delete(&mut self, key: impl Into<String>) -> &mut Self {
        self.0.insert(key.into(), None);
        self
    }

    /// Iterates over the keys with their new values in key order. `None` marks a key to delete.
    pub fn iter(&self) -> btree_map::Iter<'_, String, Option<MetadataValue>> {
        self.0.iter()
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the patch is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Applies the changes to `metadata`.
    pub fn apply_to(&self, metadata: &mut UserMetadata) {
        for (key, value) in &self.0 {
            match value {
                Some(value) => metadata.insert(key.as_str(), value.clone()),
                None => metadata.remove(key),
            };
        }
    }
}

/// Sets every key.
impl From<UserMetadata> for MetadataPatch {
    fn from(metadata: UserMetadata) -> Self {
        Self(
            metadata
                .into_iter()
                .map(|(key, value)| (key, Some(value)))
                .collect(),
        )
    }
}

impl TryFrom<Map<String, Value>> for MetadataPatch {
    type Error = MetadataError;

    fn try_from(object: Map<String, Value>) -> Result<Self, Self::Error> {
        let (deleted, set): (Vec<_>, Vec<_>) =
            object.into_iter().partition(|(_, value)| value.is_null());
        let mut patch = Self::from(UserMetadata::try_from(
            set.into_iter().collect::<Map<_, _>>(),
        )?);
        patch
            .0
            .extend(deleted.into_iter().map(|(key, _)| (key, None)));
        Ok(patch)
    }
}

impl TryFrom<Value> for MetadataPatch {
    type Error = MetadataError;

    fn try_from(value: Value) -> Result<Self, Self::Error> {
        Self::try_from(into_object(value)?)
    }
}

impl FromStr for MetadataPatch {
    type Err = MetadataError;

    /// Parses JSON text strictly.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::try_from(parse_object(text)?)
    }
}

impl<'de> Deserialize<'de> for MetadataPatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// Compact JSON.
impl fmt::Display for MetadataPatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members = self
            .0
            .clone()
            .into_iter()
            .map(|(key, value)| (key, value.map_or(Value::Null, Value::from)));
        fmt::Display::fmt(&Value::Object(members.collect()), f)
    }
}
