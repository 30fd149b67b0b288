//! A value of user metadata: the types that the platform accepts, and other values found in
//! responses.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Number, Value};

use crate::number::MAX_SAFE_INTEGER;
use crate::{MetadataError, MetadataErrorKind};

/// The allowed types, as text for error messages.
pub(crate) const ALLOWED: &str = "a string, an integer, a float, a boolean, or an array of strings";

/// A value of user metadata.
///
/// Convert Rust values with `From` (or `TryFrom<f64>`) and JSON with `TryFrom<Value>`, which
/// rejects unsupported types.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum MetadataValue {
    /// A string. The platform omits an empty one.
    String(String),
    /// An integer.
    Integer(MetadataInteger),
    /// A finite float.
    Float(MetadataFloat),
    /// A boolean.
    Bool(bool),
    /// An array of strings. The platform omits an empty one.
    Strings(Vec<String>),
    /// A value of an unsupported type, kept as received. It cannot be created for a request.
    Other(UnsupportedValue),
}

impl MetadataValue {
    /// The string, if the value is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The integer, if the value is one that fits into an `i64`.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Integer(integer) => integer.as_i64(),
            _ => None,
        }
    }

    /// The float, if the value is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Float(float) => Some(float.get()),
            _ => None,
        }
    }

    /// The boolean, if the value is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The items, if the value is an array of strings.
    pub fn as_strings(&self) -> Option<&[String]> {
        match self {
            Self::Strings(items) => Some(items),
            _ => None,
        }
    }

    /// Whether the platform accepts the value: every variant except [`Other`](Self::Other).
    pub fn is_supported(&self) -> bool {
        !matches!(self, Self::Other(_))
    }

    /// Whether the value is a whole number beyond ±9007199254740991 (2^53 − 1). Readers that parse
    /// numbers as floats lose digits of it, so the platform asks for a string instead.
    ///
    /// JSON does not distinguish a float from an integer that exceeds 64 bits, so whole floats
    /// count as well.
    pub fn is_unsafe_integer(&self) -> bool {
        match self {
            Self::Integer(integer) => !integer.is_safe(),
            Self::Float(float) => {
                float.get().fract() == 0.0 && float.get().abs() > MAX_SAFE_INTEGER as f64
            }
            _ => false,
        }
    }

    /// Describes the JSON value if the platform does not accept it.
    pub(crate) fn refusal(value: &Value) -> Option<String> {
        match value {
            Value::Null => Some("null".to_owned()),
            Value::Object(_) => Some("an object".to_owned()),
            Value::Array(items) => {
                let (at, item) = items
                    .iter()
                    .enumerate()
                    .find(|(_, item)| !item.is_string())?;
                let item = match item {
                    Value::Null => "null",
                    Value::Bool(_) => "a boolean",
                    Value::Number(_) => "a number",
                    Value::String(_) => "a string",
                    Value::Array(_) => "an array",
                    Value::Object(_) => "an object",
                };
                Some(format!("an array whose item {} is {item}", at + 1))
            }
            Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        }
    }

    /// Converts any JSON value. Unsupported values become [`Other`](Self::Other).
    pub(crate) fn from_response(value: Value) -> Self {
        if Self::refusal(&value).is_some() {
            return Self::Other(UnsupportedValue(value));
        }
        match value {
            Value::Bool(value) => Self::Bool(value),
            Value::String(text) => Self::String(text),
            Value::Array(items) => Self::Strings(
                items
                    .into_iter()
                    .filter_map(|item| {
                        if let Value::String(text) = item {
                            Some(text)
                        } else {
                            None
                        }
                    })
                    .collect(),
            ),
            Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(value), ..) => Self::from(value),
                (None, Some(value), _) => Self::from(value),
                (None, None, Some(value)) if value.is_finite() => Self::Float(MetadataFloat(value)),
                _ => Self::Other(UnsupportedValue(Value::Number(number))),
            },
            other => Self::Other(UnsupportedValue(other)),
        }
    }
}

/// An integer from −2^63 to 2^64 − 1, as JSON can represent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetadataInteger(Width);

/// Variant order equals value order: a value that fits into an `i64` is always `Signed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Width {
    Signed(i64),
    Unsigned(u64),
}

impl MetadataInteger {
    /// The value, if it is at most 2^63 − 1.
    pub fn as_i64(self) -> Option<i64> {
        match self.0 {
            Width::Signed(value) => Some(value),
            Width::Unsigned(_) => None,
        }
    }

    /// The value, if it is not negative.
    pub fn as_u64(self) -> Option<u64> {
        match self.0 {
            Width::Signed(value) => u64::try_from(value).ok(),
            Width::Unsigned(value) => Some(value),
        }
    }

    /// Whether the value is within ±9007199254740991 (2^53 − 1).
    pub fn is_safe(self) -> bool {
        match self.0 {
            Width::Signed(value) => value.unsigned_abs() <= MAX_SAFE_INTEGER,
            Width::Unsigned(_) => false,
        }
    }
}

impl From<i64> for MetadataInteger {
    fn from(value: i64) -> Self {
        Self(Width::Signed(value))
    }
}

impl From<u64> for MetadataInteger {
    fn from(value: u64) -> Self {
        Self(i64::try_from(value).map_or(Width::Unsigned(value), Width::Signed))
    }
}

impl fmt::Display for MetadataInteger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Width::Signed(value) => fmt::Display::fmt(&value, f),
            Width::Unsigned(value) => fmt::Display::fmt(&value, f),
        }
    }
}

/// A float that is neither infinite nor NaN, because JSON cannot represent those.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct MetadataFloat(f64);

impl MetadataFloat {
    /// The value.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl fmt::Display for MetadataFloat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A JSON value of an unsupported type, kept as received.
#[derive(Debug, Clone, PartialEq)]
pub struct UnsupportedValue(Value);

impl UnsupportedValue {
    /// The value as received.
    pub fn as_value(&self) -> &Value {
        &self.0
    }
}

impl From<&str> for MetadataValue {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for MetadataValue {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<bool> for MetadataValue {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<Vec<String>> for MetadataValue {
    fn from(items: Vec<String>) -> Self {
        Self::Strings(items)
    }
}

impl<const N: usize> From<[&str; N]> for MetadataValue {
    fn from(items: [&str; N]) -> Self {
        Self::Strings(items.into_iter().map(str::to_owned).collect())
    }
}

macro_rules! from_integer {
    ($($integer:ty as $wide:ty),+) => {
        $(impl From<$integer> for MetadataValue {
            fn from(value: $integer) -> Self {
                Self::Integer(MetadataInteger::from(<$wide>::from(value)))
            }
        })+
    };
}
from_integer!(
    i8 as i64, i16 as i64, i32 as i64, i64 as i64, u8 as u64, u16 as u64, u32 as u64, u64 as u64
);

impl TryFrom<f64> for MetadataValue {
    type Error = MetadataError;

    fn try_from(value: f64) -> Result<Self, Self::Error> {
        if value.is_finite() {
            Ok(Self::Float(MetadataFloat(value)))
        } else {
            Err(MetadataError::new(
                MetadataErrorKind::ValueNotAllowed,
                vec![(None, format!("the float {value}"))],
            ))
        }
    }
}

impl TryFrom<Value> for MetadataValue {
    type Error = MetadataError;

    fn try_from(value: Value) -> Result<Self, Self::Error> {
        match Self::refusal(&value) {
            None => Ok(Self::from_response(value)),
            Some(found) => Err(MetadataError::new(
                MetadataErrorKind::ValueNotAllowed,
                vec![(None, found)],
            )),
        }
    }
}

impl From<MetadataValue> for Value {
    fn from(value: MetadataValue) -> Self {
        match value {
            MetadataValue::String(text) => Self::String(text),
            MetadataValue::Integer(integer) => match integer.0 {
                Width::Signed(value) => Self::from(value),
                Width::Unsigned(value) => Self::from(value),
            },
            MetadataValue::Float(float) => {
                Number::from_f64(float.0).map_or(Self::Null, Self::Number)
            }
            MetadataValue::Bool(value) => Self::Bool(value),
            MetadataValue::Strings(items) => Self::from(items),
            MetadataValue::Other(other) => other.0,
        }
    }
}

impl Serialize for MetadataValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::String(text) => serializer.serialize_str(text),
            Self::Integer(integer) => match integer.0 {
                Width::Signed(value) => serializer.serialize_i64(value),
                Width::Unsigned(value) => serializer.serialize_u64(value),
            },
            Self::Float(float) => serializer.serialize_f64(float.0),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Strings(items) => items.serialize(serializer),
            Self::Other(other) => other.0.serialize(serializer),
        }
    }
}

/// Lenient, for responses: see [`UserMetadata`](crate::UserMetadata).
impl<'de> Deserialize<'de> for MetadataValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::from_response)
    }
}

/// The value on one line: a string unchanged, everything else as JSON.
impl fmt::Display for MetadataValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String(text) => f.write_str(text),
            other => fmt::Display::fmt(&Value::from(other.clone()), f),
        }
    }
}
