//! The limits of knowledge stores that need no server: metadata and names.
//!
//! Source of the numbers: documentation in the official Python client 1.3.6 of October 2026.

use serde_json::{Map, Value};
use tl_model::{MetadataValue, UserMetadata};

use crate::endpoint::{Rejection, json};

/// Maximum number of items of a request that adds or removes them.
pub(super) const MAX_ITEM_IDS: usize = 500;

/// The limits of custom metadata.
pub(super) struct MetadataLimits {
    /// Maximum number of pairs.
    pairs: usize,
    /// Maximum length of a string value, in characters.
    text: usize,
}

/// Of stores and collections.
pub(super) const OF_STORE: MetadataLimits = MetadataLimits {
    pairs: 10,
    text: 2048,
};
/// Of items.
pub(super) const OF_ITEM: MetadataLimits = MetadataLimits {
    pairs: 50,
    text: 8192,
};
/// Maximum length of a key, in characters.
const MAX_KEY: usize = 128;

/// Reads custom metadata. Unlike the metadata of assets, `null` is refused.
pub(super) fn read_metadata(
    object: &Map<String, Value>,
) -> Result<Option<UserMetadata>, Rejection> {
    match object.get("metadata") {
        None | Some(Value::Null) => Ok(None),
        Some(value) => UserMetadata::try_from(value.clone())
            .map(Some)
            .map_err(|error| Rejection::invalid("metadata", error.to_string())),
    }
}

pub(super) fn check_metadata(
    metadata: Option<&UserMetadata>,
    limits: &MetadataLimits,
) -> Result<(), Rejection> {
    let Some(metadata) = metadata else {
        return Ok(());
    };
    let invalid = |detail: String| Err(Rejection::invalid("metadata", detail));
    if metadata.len() > limits.pairs {
        return invalid(format!(
            "{} pairs: at most {} are allowed",
            metadata.len(),
            limits.pairs
        ));
    }
    for (key, value) in metadata {
        let shown: String = key.chars().take(60).collect();
        let length = key.chars().count();
        if length == 0 || length > MAX_KEY {
            return invalid(format!(
                "the key `{shown}` has {length} characters: 1 to {MAX_KEY} are allowed"
            ));
        }
        let text = value.as_str().map_or(0, |text| text.chars().count());
        if text > limits.text {
            return invalid(format!(
                "the value of `{shown}` has {text} characters: at most {} are allowed",
                limits.text
            ));
        }
        if value.is_unsafe_integer() {
            return invalid(format!(
                "the value of `{shown}` is beyond ±9007199254740991: send it as a string"
            ));
        }
        if let MetadataValue::Other(_) = value {
            return invalid(format!(
                "the value of `{shown}` is not a string, a number, a boolean or an array of strings"
            ));
        }
    }
    Ok(())
}

/// Reads a name, which is required.
pub(super) fn read_name(object: &Map<String, Value>) -> Result<&str, Rejection> {
    json::text(object, "name")
}

/// Refuses an empty name.
pub(super) fn check_name(name: &str) -> Result<(), Rejection> {
    if name.is_empty() {
        return Err(Rejection::invalid("name", "the name is empty"));
    }
    Ok(())
}
