//! Manifests in JSON Lines.

use std::fmt;
use std::io::Read;

use serde::de::{DeserializeSeed, Error as _, MapAccess, Visitor};
use serde_json::Value;
use tl_model::UserMetadata;

use super::Name;
use super::row::{Column, Row};
use crate::source::entry::Entry;
use crate::source::error::SourceError;
use crate::source::lines::{Line, Lines, MAX_LINE};

/// The rows of a manifest in JSON Lines.
#[derive(Debug)]
pub(super) struct JsonRows {
    lines: Lines,
    name: Name,
}

impl JsonRows {
    pub(super) fn new(input: Box<dyn Read + Send>, name: Name) -> Self {
        Self {
            lines: Lines::new(input, b'\n'),
            name,
        }
    }

    pub(super) fn next(&mut self) -> Option<Result<Entry, SourceError>> {
        loop {
            let (line, bytes) = match self.lines.next() {
                Ok(Some((line, Line::Bytes(bytes)))) => (line, bytes),
                Ok(Some((line, Line::TooLong))) => {
                    return Some(Err(self
                        .name
                        .row(line, &format!("it has more than {MAX_LINE} bytes"))
                        .with_hint("put one object on each line")));
                }
                Ok(None) => return None,
                Err(error) => {
                    return Some(Err(self
                        .name
                        .whole("it cannot be read to its end")
                        .with_source(error)
                        .with_hint("check the disk and try again")));
                }
            };
            if bytes.trim_ascii().is_empty() {
                continue;
            }
            if line == 1 && bytes.trim_ascii_start().starts_with(b"[") {
                return Some(Err(self
                    .name
                    .whole("it is a JSON array, not one object per line")
                    .with_hint("convert it: jq -c '.[]' FILE")));
            }
            return Some(self.entry(line, &bytes));
        }
    }

    fn entry(&self, line: u64, bytes: &[u8]) -> Result<Entry, SourceError> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            self.name
                .row(line, "it is not UTF-8")
                .with_source(error)
                .with_hint("save the manifest as UTF-8")
        })?;
        let mut members = Members::default();
        let mut deserializer = serde_json::Deserializer::from_str(text);
        MembersSeed(&mut members)
            .deserialize(&mut deserializer)
            .and_then(|()| deserializer.end())
            .map_err(|error| {
                let column = error.column();
                self.name
                    .row(line, &format!("it is not a JSON object (column {column})"))
                    .with_source(error)
                    .with_hint("write one object per line: {\"uri\": \"clips/a.mp4\"}")
            })?;
        members
            .row()
            .and_then(|row| row.entry(line))
            .map_err(|error| self.name.wrap(line, error))
    }
}

/// The members of an object in order, with repeated ones.
#[derive(Default)]
struct Members {
    values: Vec<(String, Value)>,
    /// Read apart, because a repeated key inside is an error.
    metadata: Option<UserMetadata>,
}

impl Members {
    fn row(self) -> Result<Row, SourceError> {
        let invalid =
            |why: String| SourceError::new(crate::source::error::SourceErrorKind::Row, why);
        let mut row = Row::default();
        if let Some(metadata) = &self.metadata {
            row.set_metadata(metadata)?;
        }
        let mut seen: Vec<&str> = Vec::new();
        for (name, value) in &self.values {
            if seen.contains(&name.as_str()) {
                return Err(invalid(format!("member `{name}` occurs twice"))
                    .with_hint("remove one of them"));
            }
            seen.push(name);
            let column = Column::parse(name).map_err(invalid)?;
            match (column, value) {
                (_, Value::Null) => {}
                (Column::Text(key) | Column::Json(key), value) => {
                    row.insert(&key, value.clone())?;
                }
                (column, Value::String(text)) => row.set(&column, text)?,
                (_, value) => {
                    return Err(invalid(format!(
                        "`{name}` is {}, but a text is expected",
                        described(value)
                    )));
                }
            }
        }
        Ok(row)
    }
}

fn described(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

struct MembersSeed<'m>(&'m mut Members);

impl<'de> DeserializeSeed<'de> for MembersSeed<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for MembersSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            if name != "metadata" {
                let value = map.next_value()?;
                self.0.values.push((name, value));
            } else if self.0.metadata.is_some() {
                return Err(A::Error::custom("`metadata` occurs twice"));
            } else {
                self.0.metadata = map.next_value()?;
            }
        }
        Ok(())
    }
}
