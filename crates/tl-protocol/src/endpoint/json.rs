//! JSON bodies: how members are written and read, and why a server rejects one.

use serde::Serialize;
use serde_json::{Map, Value};
use tl_model::{MetadataPatch, UserMetadata};

use super::{
    Received, Rejection,
    parameter::{Described, Parameter, ValueKind},
};

/// A type that is the whole JSON object of a request.
pub trait JsonBody: Serialize + Sized {
    /// The members that the API knows; any other is rejected.
    const MEMBERS: &'static [&'static str];

    /// Reads the object as a server does. The caller has already checked that all members are
    /// known.
    ///
    /// # Errors
    /// The first member that is missing or not allowed.
    fn read(object: &Map<String, Value>) -> Result<Self, Rejection>;

    /// Checks the limits of the API that need no server. A client does it before it sends the
    /// request, a server after it has read the object.
    ///
    /// # Errors
    /// The first member that violates a limit.
    fn check(&self) -> Result<(), Rejection> {
        Ok(())
    }
}

/// The first member of an object that is not in `known`.
pub(super) fn first_unknown<'a>(object: &'a Map<String, Value>, known: &[&str]) -> Option<&'a str> {
    let mut keys = object.keys().map(String::as_str);
    keys.find(|key| !known.contains(key))
}

/// Reads the body of a request as a `T`.
pub(super) fn read_body<T: JsonBody>(request: &Received) -> Result<T, Rejection> {
    let body = T::read(request.json_with(T::MEMBERS)?)?;
    body.check()?;
    Ok(body)
}

/// The members of a body of the type `T`.
pub(super) fn members<T: JsonBody>() -> Vec<Parameter> {
    let members = T::MEMBERS.iter();
    members
        .map(|name| Parameter::json(name, false, ValueKind::Any))
        .collect()
}

/// A field of a request that is one member of a JSON object.
pub trait JsonMember: Serialize + Sized + Described {
    /// Reads the member `name`.
    ///
    /// # Errors
    /// If the member is missing or not allowed.
    fn read(name: &str, object: &Map<String, Value>) -> Result<Self, Rejection>;

    /// Checks the limits of the API that need no server, like [`JsonBody::check`].
    ///
    /// # Errors
    /// If the member `name` violates a limit.
    fn check(&self, name: &str) -> Result<(), Rejection> {
        let _ = name;
        Ok(())
    }
}

impl JsonMember for String {
    fn read(name: &str, object: &Map<String, Value>) -> Result<Self, Rejection> {
        text(object, name).map(str::to_owned)
    }
}

impl JsonMember for MetadataPatch {
    fn read(name: &str, object: &Map<String, Value>) -> Result<Self, Rejection> {
        let value = object.get(name).ok_or_else(|| Rejection::missing(name))?;
        Self::try_from(value.clone()).map_err(|error| Rejection::invalid(name, error.to_string()))
    }
}

/// The platform omits a key whose value is `null`.
impl JsonMember for UserMetadata {
    fn read(name: &str, object: &Map<String, Value>) -> Result<Self, Rejection> {
        MetadataPatch::read(name, object).map(|patch| without_nulls(&patch))
    }
}

/// An absent member and `null` mean the same.
pub(super) fn optional<T: JsonMember>(
    object: &Map<String, Value>,
    name: &str,
) -> Result<Option<T>, Rejection> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(_) => T::read(name, object).map(Some),
    }
}

/// The metadata that a patch sets when it is applied to nothing.
pub(super) fn without_nulls(patch: &MetadataPatch) -> UserMetadata {
    let mut metadata = UserMetadata::new();
    patch.apply_to(&mut metadata);
    metadata
}

/// Returns a required member that must not be `null`.
pub(super) fn required<'a>(
    object: &'a Map<String, Value>,
    name: &str,
) -> Result<&'a Value, Rejection> {
    object
        .get(name)
        .filter(|value| !value.is_null())
        .ok_or_else(|| Rejection::missing(name))
}

/// Returns a required string.
pub(super) fn text<'a>(object: &'a Map<String, Value>, name: &str) -> Result<&'a str, Rejection> {
    let value = required(object, name)?;
    value.as_str().ok_or_else(|| {
        Rejection::invalid(name, format!("{}: a string is expected", kind_of(value)))
    })
}

/// Returns a required array with at least one item.
pub(super) fn filled<'a>(
    object: &'a Map<String, Value>,
    name: &str,
) -> Result<&'a [Value], Rejection> {
    let value = required(object, name)?;
    match value.as_array() {
        Some(items) if items.is_empty() => Err(Rejection::invalid(name, "the array is empty")),
        Some(items) => Ok(items),
        None => Err(Rejection::invalid(
            name,
            format!("{}: an array is expected", kind_of(value)),
        )),
    }
}

/// Rejects a value that is not a whole number from 1 to `max`.
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

/// Reads a boolean; absence and `null` mean the same.
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

/// Rejects a value that is not in `known`.
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

/// Reads a word of `known`; absence and `null` mean the same.
pub(super) fn optional_word<T: for<'w> From<&'w str> + PartialEq + AsRef<str>>(
    object: &Map<String, Value>,
    name: &str,
    known: &[T],
) -> Result<Option<T>, Rejection> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(_) => {
            word_of(object, name, known)?;
            text(object, name).map(|word| Some(T::from(word)))
        }
    }
}

/// Reads an array of words of `known`; absence and `null` mean an empty one.
pub(super) fn words<T: for<'w> From<&'w str> + PartialEq + AsRef<str>>(
    object: &Map<String, Value>,
    name: &str,
    known: &[T],
) -> Result<Vec<T>, Rejection> {
    let words = texts(object, name)?;
    let unknown = words.iter().find(|word| !known.contains(&T::from(word)));
    if let Some(word) = unknown {
        let seen: String = word.chars().take(60).collect();
        let allowed: Vec<String> = known
            .iter()
            .map(|word| format!("`{}`", word.as_ref()))
            .collect();
        return Err(Rejection::invalid(
            name,
            format!("`{seen}`: one of {} is expected", allowed.join(", ")),
        ));
    }
    Ok(words.iter().map(|word| T::from(word)).collect())
}

/// Reads an array of strings; absence and `null` mean an empty one.
pub(super) fn texts(object: &Map<String, Value>, name: &str) -> Result<Vec<String>, Rejection> {
    let items = match object.get(name) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(other) => {
            return Err(Rejection::invalid(
                name,
                format!("{}: an array is expected", kind_of(other)),
            ));
        }
    };
    items
        .iter()
        .map(|item| {
            item.as_str().map(str::to_owned).ok_or_else(|| {
                Rejection::invalid(name, format!("{}: a string is expected", kind_of(item)))
            })
        })
        .collect()
}

/// Returns an object with no other members than `known`; absence and `null` mean the same.
pub(super) fn optional_object<'a>(
    object: &'a Map<String, Value>,
    name: &str,
    known: &[&str],
) -> Result<Option<&'a Map<String, Value>>, Rejection> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(inner)) => match first_unknown(inner, known) {
            Some(key) => Err(Rejection::unknown(&format!("{name}.{key}"))),
            None => Ok(Some(inner)),
        },
        Some(other) => Err(Rejection::invalid(
            name,
            format!("{}: an object is expected", kind_of(other)),
        )),
    }
}

/// Describes the type of a value.
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

/// Converts the whole object into a `T`, after its members have been checked.
pub(super) fn from_object<T: serde::de::DeserializeOwned>(
    object: &Map<String, Value>,
) -> Result<T, Rejection> {
    serde_json::from_value(Value::Object(object.clone()))
        .map_err(|error| Rejection::invalid("body", error.to_string()))
}
