//! The members of a JSON body as a server reads them, one by one, with the reason why one is refused.

use serde_json::{Map, Value};

use super::Rejection;

/// A member that must be there and must not be `null`.
pub(super) fn required<'a>(
    object: &'a Map<String, Value>,
    name: &str,
) -> Result<&'a Value, Rejection> {
    object
        .get(name)
        .filter(|value| !value.is_null())
        .ok_or_else(|| Rejection::missing(name))
}

/// A text that must be there.
pub(super) fn text<'a>(object: &'a Map<String, Value>, name: &str) -> Result<&'a str, Rejection> {
    let value = required(object, name)?;
    value.as_str().ok_or_else(|| {
        Rejection::invalid(name, format!("{}: a string is expected", kind_of(value)))
    })
}

/// Refuses what is no whole number from 1 to `max`.
pub(super) fn whole(object: &Map<String, Value>, name: &str, max: u64) -> Result<(), Rejection> {
    let value = required(object, name)?;
    match value.as_u64() {
        Some(number) if (1..=max).contains(&number) => Ok(()),
        _ => {
            let seen = if value.is_number() {
                value.to_string()
            } else {
                kind_of(value).to_owned()
            };
            let allowed = match max {
                u64::MAX => "a whole number of at least 1".to_owned(),
                max => format!("a whole number from 1 to {max}"),
            };
            Err(Rejection::invalid(
                name,
                format!("{seen}: {allowed} is expected"),
            ))
        }
    }
}

/// A boolean; absence and `null` say the same.
pub(super) fn flag(object: &Map<String, Value>, name: &str) -> Result<Option<bool>, Rejection> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(value)) => Ok(Some(*value)),
        Some(other) => Err(Rejection::invalid(
            name,
            format!("{}: a boolean is expected", kind_of(other)),
        )),
    }
}

/// Refuses what is none of the `known` words.
pub(super) fn word_of<T: for<'w> From<&'w str> + PartialEq + AsRef<str>>(
    object: &Map<String, Value>,
    name: &str,
    known: &[T],
) -> Result<(), Rejection> {
    let word = text(object, name)?;
    if known.contains(&T::from(word)) {
        return Ok(());
    }
    let seen: String = word.chars().take(60).collect();
    let allowed: Vec<String> = known
        .iter()
        .map(|word| format!("`{}`", word.as_ref()))
        .collect();
    Err(Rejection::invalid(
        name,
        format!("`{seen}`: one of {} is expected", allowed.join(", ")),
    ))
}

/// What a value is, in words.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// The whole object as a `T`, after its members have been looked at.
pub(super) fn from_object<T: serde::de::DeserializeOwned>(
    object: &Map<String, Value>,
) -> Result<T, Rejection> {
    serde_json::from_value(Value::Object(object.clone()))
        .map_err(|error| Rejection::invalid("body", error.to_string()))
}
