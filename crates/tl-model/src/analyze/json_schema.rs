//! A JSON schema as text: the platform returns properties in the order in which they are declared.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, value::RawValue};

/// A JSON schema. It is sent exactly as written, because the order of the properties matters.
///
/// ```
/// let schema: tl_model::JsonSchema = r#"{"type": "object", "properties": {"z": {"type": "string"}, "a": {"type": "null"}}}"#.parse()?;
/// assert!(serde_json::to_string(&schema)?.find("\"z\"") < serde_json::to_string(&schema)?.find("\"a\""));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone)]
pub struct JsonSchema(Box<RawValue>);

impl JsonSchema {
    /// The text as it is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// The schema as a value. It loses the order of the properties.
    #[must_use]
    pub fn to_value(&self) -> Value {
        serde_json::from_str(self.as_str()).unwrap_or_default()
    }
}

impl FromStr for JsonSchema {
    type Err = serde_json::Error;

    /// Reads a schema. Whether it is a valid one is not checked.
    fn from_str(text: &str) -> Result<Self, serde_json::Error> {
        // Without the line breaks, which a framing by lines does not allow.
        let raw: Box<RawValue> = serde_json::from_str(text)?;
        let compact = match raw.get().contains(['\n', '\r']) {
            true => serde_json::from_str(&without_line_breaks(raw.get()))?,
            false => raw,
        };
        Ok(Self(compact))
    }
}

/// Line breaks occur in JSON between values only: a string has `\n` as two characters.
fn without_line_breaks(json: &str) -> String {
    json.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

impl From<Value> for JsonSchema {
    fn from(value: Value) -> Self {
        let raw = serde_json::value::to_raw_value(&value);
        // A `Value` is always valid JSON.
        Self(raw.unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }
}

/// The order of the properties is no difference.
impl PartialEq for JsonSchema {
    fn eq(&self, other: &Self) -> bool {
        self.to_value() == other.to_value()
    }
}

impl fmt::Debug for JsonSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JsonSchema").field(&self.as_str()).finish()
    }
}

impl Serialize for JsonSchema {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for JsonSchema {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::from)
    }
}
