//! User metadata of assets and videos: what is accepted, and how it is changed and matched.

use tl_model::{MetadataPatch, MetadataValue, UserMetadata, Value};

use crate::core::{
    Refusal,
    quirks::{self, Quirks},
};

/// The metadata of a new video. Empty values are dropped, as on the platform.
pub(crate) fn initial(metadata: UserMetadata, quirks: &Quirks) -> Result<UserMetadata, Refusal> {
    refuse_reserved(&metadata, quirks)?;
    let is_empty = |value: &MetadataValue| {
        value.as_str() == Some("") || value.as_strings().is_some_and(<[String]>::is_empty)
    };
    Ok(metadata
        .into_iter()
        .filter(|(_, value)| !is_empty(value))
        .collect())
}

/// Refuses changes of reserved keys.
pub(crate) fn check_patch(patch: &MetadataPatch, quirks: &Quirks) -> Result<(), Refusal> {
    let mut metadata = UserMetadata::new();
    patch.apply_to(&mut metadata);
    refuse_reserved(&metadata, quirks)
}

/// Sets the given keys, deletes those with `null`, and keeps the rest.
pub(crate) fn merge(metadata: &mut UserMetadata, patch: &MetadataPatch) {
    for (key, value) in patch.iter() {
        match value {
            None => _ = metadata.remove(key),
            // Documented for the metadata of assets: an empty string is ignored.
            Some(value) if value.as_str() == Some("") => {}
            Some(value) => _ = metadata.insert(key.as_str(), value.clone()),
        }
    }
}

/// Whether `key` has `value`, given as text. A list matches each of its strings.
pub(crate) fn matches(metadata: &UserMetadata, key: &str, value: &str) -> bool {
    let Some(found) = metadata.get(key) else {
        return false;
    };
    if let Some(strings) = found.as_strings() {
        return strings.iter().any(|string| string == value);
    }
    if let Some(text) = found.as_str() {
        return text == value;
    }
    if let Some(flag) = found.as_bool() {
        return value.parse() == Ok(flag);
    }
    let Ok(wanted) = value.parse::<f64>() else {
        return false;
    };
    // Compare as floats: `5` and `5.0` are the same number.
    let actual = Value::from(found.clone()).as_f64();
    actual.is_some_and(|actual| actual.total_cmp(&wanted).is_eq())
}

fn refuse_reserved(metadata: &UserMetadata, quirks: &Quirks) -> Result<(), Refusal> {
    if quirks.get(&quirks::RESERVED_KEYS) != "refuse" {
        return Ok(());
    }
    match metadata.reserved_keys().next() {
        Some(key) => Err(Refusal::invalid(
            "user_metadata",
            &format!("the key `{key}` is reserved"),
        )),
        None => Ok(()),
    }
}
