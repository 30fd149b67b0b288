//! User metadata: keys and values that users attach to videos. Strict for requests, lenient for
//! responses.

use std::collections::{BTreeMap, btree_map};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::metadata_error::Refused;
use crate::{MetadataError, MetadataErrorKind, MetadataValue};

/// Keys of system metadata, which user metadata does not override (API description of February
/// 2026; the note was removed in July 2026).
const RESERVED_KEYS: [&str; 8] = [
    "duration",
    "filename",
    "fps",
    "height",
    "model_names",
    "size",
    "video_title",
    "width",
];

/// User metadata: keys with string, integer, float, boolean or string array values, ordered by key.
///
/// **Strict for requests.** [`FromStr`] (JSON text), `TryFrom<Value>` and [`insert`](Self::insert)
/// accept only values that the platform accepts. `null`, objects and arrays of anything but strings
/// are rejected in one error that names all offending keys.
///
/// **Lenient for responses.** `Deserialize` turns a value of an unsupported type into
/// [`MetadataValue::Other`], which is written back unchanged, so that one unexpected value does not
/// make a page of videos fail. Call [`check`](Self::check) before you send such metadata in a
/// request.
///
/// ```
/// use tl_model::UserMetadata;
///
/// let metadata: UserMetadata = r#"{"category": "recentlyAdded", "batchNumber": 5}"#.parse()?;
/// assert_eq!(metadata.get("batchNumber").and_then(|value| value.as_i64()), Some(5));
///
/// let error = r#"{"place": {"city": "Seoul"}}"#.parse::<UserMetadata>().unwrap_err();
/// assert_eq!(error.keys().collect::<Vec<_>>(), ["place"]);
/// # Ok::<(), tl_model::MetadataError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserMetadata(BTreeMap<String, MetadataValue>);

impl UserMetadata {
    /// Creates empty metadata.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a key and returns its previous value. Convert a float with [`MetadataValue::try_from`]
    /// first.
    pub fn insert(
        &mut self,
        key: impl Into<String>,
        value: impl Into<MetadataValue>,
    ) -> Option<MetadataValue> {
        self.0.insert(key.into(), value.into())
    }

    /// Removes a key and returns its value.
    pub fn remove(&mut self, key: &str) -> Option<MetadataValue> {
        self.0.remove(key)
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&MetadataValue> {
        self.0.get(key)
    }

    /// Iterates over keys and values in key order.
    pub fn iter(&self) -> btree_map::Iter<'_, String, MetadataValue> {
        self.0.iter()
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks that the platform accepts every value.
    ///
    /// # Errors
    /// The error names the keys whose values came from a response and have an unsupported type.
    pub fn check(&self) -> Result<(), MetadataError> {
        let refused: Vec<_> = self
            .iter()
            .filter_map(|(key, value)| match value {
                MetadataValue::Other(other) => {
                    let found = MetadataValue::refusal(other.as_value());
                    Some((
                        Some(key.clone()),
                        found.unwrap_or_else(|| "a number that is out of range".to_owned()),
                    ))
                }
                _ => None,
            })
            .collect();
        if refused.is_empty() {
            Ok(())
        } else {
            Err(MetadataError::new(
                MetadataErrorKind::ValueNotAllowed,
                refused,
            ))
        }
    }

    /// The entries whose values are whole numbers beyond ±9007199254740991 (2^53 − 1). They are
    /// allowed, but readers that parse numbers as floats lose digits; the platform asks for strings
    /// instead.
    pub fn unsafe_integers(&self) -> impl Iterator<Item = (&str, &MetadataValue)> {
        self.iter()
            .filter(|(_, value)| value.is_unsafe_integer())
            .map(|(key, value)| (key.as_str(), value))
    }

    /// The keys that system metadata also uses. Whether the platform still rejects them is not
    /// documented.
    pub fn reserved_keys(&self) -> impl Iterator<Item = &str> {
        self.0
            .keys()
            .map(String::as_str)
            .filter(|key| RESERVED_KEYS.contains(key))
    }
}

/// Compact JSON, as sent in the form field `user_metadata`.
impl fmt::Display for UserMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let object: Map<String, Value> = self
            .0
            .clone()
            .into_iter()
            .map(|(key, value)| (key, value.into()))
            .collect();
        fmt::Display::fmt(&Value::Object(object), f)
    }
}

impl FromStr for UserMetadata {
    type Err = MetadataError;

    /// Parses JSON text strictly.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::try_from(parse_object(text)?)
    }
}

impl TryFrom<Value> for UserMetadata {
    type Error = MetadataError;

    fn try_from(value: Value) -> Result<Self, Self::Error> {
        Self::try_from(into_object(value)?)
    }
}

impl TryFrom<Map<String, Value>> for UserMetadata {
    type Error = MetadataError;

    fn try_from(object: Map<String, Value>) -> Result<Self, Self::Error> {
        let metadata = Self(
            object
                .into_iter()
                .map(|(key, value)| (key, MetadataValue::from_response(value)))
                .collect(),
        );
        metadata.check()?;
        Ok(metadata)
    }
}

impl<K: Into<String>, V: Into<MetadataValue>> FromIterator<(K, V)> for UserMetadata {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
        )
    }
}

impl<K: Into<String>, V: Into<MetadataValue>> Extend<(K, V)> for UserMetadata {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, pairs: I) {
        self.0.extend(
            pairs
                .into_iter()
                .map(|(key, value)| (key.into(), value.into())),
        );
    }
}

impl IntoIterator for UserMetadata {
    type Item = (String, MetadataValue);
    type IntoIter = btree_map::IntoIter<String, MetadataValue>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a UserMetadata {
    type Item = (&'a String, &'a MetadataValue);
    type IntoIter = btree_map::Iter<'a, String, MetadataValue>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// Parses JSON text that must be an object without repeated keys.
pub(crate) fn parse_object(text: &str) -> Result<Map<String, Value>, MetadataError> {
    let value: Value = serde_json::from_str(text).map_err(|error| {
        MetadataError::new(MetadataErrorKind::NotJson, vec![(None, error.to_string())])
    })?;
    let object = into_object(value)?;
    let repeated = serde_json::from_str::<RepeatedKeys>(text)
        .map(|keys| keys.0)
        .unwrap_or_default();
    if repeated.is_empty() {
        Ok(object)
    } else {
        Err(MetadataError::new(
            MetadataErrorKind::DuplicateKey,
            repeated,
        ))
    }
}

pub(crate) fn into_object(value: Value) -> Result<Map<String, Value>, MetadataError> {
    let found = match value {
        Value::Object(object) => return Ok(object),
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
    };
    Err(MetadataError::new(
        MetadataErrorKind::NotAnObject,
        vec![(None, found.to_owned())],
    ))
}

/// The keys that occur more than once in an object. A parsed map keeps only the last value of each.
struct RepeatedKeys(Vec<Refused>);

impl<'de> Deserialize<'de> for RepeatedKeys {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;

        impl<'de> serde::de::Visitor<'de> for Keys {
            type Value = RepeatedKeys;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<RepeatedKeys, A::Error> {
                let mut counts = BTreeMap::<String, usize>::new();
                while let Some((key, _)) = map.next_entry::<String, serde::de::IgnoredAny>()? {
                    *counts.entry(key).or_default() += 1;
                }
                let repeated = counts.into_iter().filter(|(_, count)| *count > 1);
                Ok(RepeatedKeys(
                    repeated
                        .map(|(key, count)| (Some(key), count.to_string()))
                        .collect(),
                ))
            }
        }

        deserializer.deserialize_map(Keys)
    }
}
