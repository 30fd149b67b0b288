//! User metadata on the command line: `--metadata KEY=VALUE`, `--metadata KEY:=JSON`,
//! `--metadata-json OBJECT`.

use clap::Args;
use serde_json::{Map, Value};
use tl_bulk::source::{Template, Templates};
use tl_model::{MetadataPatch, UserMetadata};

use crate::failure::Failure;

/// Options for user metadata.
#[derive(Debug, Args)]
#[command(next_help_heading = "Metadata")]
pub(crate) struct MetadataArgs {
    /// Set a text value, or KEY:=JSON for other types. Repeatable
    #[arg(long = "metadata", short = 'm', value_name = "KEY=VALUE")]
    metadata: Vec<String>,
    /// Set all metadata as one JSON object
    #[arg(
        long = "metadata-json",
        value_name = "OBJECT",
        conflicts_with = "metadata"
    )]
    metadata_json: Option<String>,
}

impl MetadataArgs {
    /// Returns the metadata, or `None` if none was given.
    pub(crate) fn read(&self) -> Result<Option<UserMetadata>, Failure> {
        let refused = |error: tl_model::MetadataError| {
            Failure::usage(error.to_string()).hint(
                "flatten nested values (`city=Rome` instead of `where`), or pass them as one string",
            )
        };
        match (&self.metadata_json, self.metadata.as_slice()) {
            (Some(text), _) => text.parse().map(Some).map_err(refused),
            (None, []) => Ok(None),
            (None, pairs) => UserMetadata::try_from(Value::Object(object(pairs)?))
                .map(Some)
                .map_err(refused),
        }
    }
}

impl MetadataArgs {
    /// Returns the change that sets the given keys and deletes those of `unset`.
    ///
    /// # Errors
    /// If the metadata is invalid, or a key is both set and unset.
    pub(crate) fn patch(&self, unset: Vec<String>) -> Result<MetadataPatch, Failure> {
        let set = self.read()?.map(MetadataPatch::from);
        let mut patch = set.unwrap_or_default();
        for key in unset {
            if patch.iter().any(|(set, _)| *set == key) {
                return Err(
                    Failure::usage(format!("metadata key `{key}` is both set and unset"))
                        .hint("omit one of the two"),
                );
            }
            patch.delete(key);
        }
        Ok(patch)
    }

    /// Returns the metadata as templates: texts may contain `{stem}`, `{dir}` and others.
    pub(crate) fn templates(&self) -> Result<Templates, Failure> {
        let mut templates = Templates::new();
        let Some(metadata) = self.read()? else {
            return Ok(templates);
        };
        let value = serde_json::to_value(metadata).unwrap_or_default();
        for (key, value) in value.as_object().into_iter().flatten() {
            templates = match value {
                // An object in JSON has no templates: it is taken as it is.
                Value::String(text) if self.metadata_json.is_none() => {
                    templates.with_metadata(key, Template::parse(text)?)
                }
                value => templates.with_constant(key, value.clone()),
            };
        }
        Ok(templates)
    }
}

fn object(pairs: &[String]) -> Result<Map<String, Value>, Failure> {
    let mut object = Map::new();
    for pair in pairs {
        let (key, value) = pair_of(pair)?;
        if object.insert(key.to_owned(), value).is_some() {
            return Err(
                Failure::usage(format!("metadata key `{key}` is set more than once"))
                    .hint("pass one value per key; `KEY:=[\"a\",\"b\"]` sets a list of texts"),
            );
        }
    }
    Ok(object)
}

/// Splits `KEY=VALUE` or `KEY:=JSON`.
pub(crate) fn pair_of(pair: &str) -> Result<(&str, Value), Failure> {
    let (key, text) = pair
        .split_once('=')
        .filter(|(key, _)| !key.trim_end_matches(':').is_empty())
        .ok_or_else(|| {
            Failure::usage(format!("metadata `{pair}` is not KEY=VALUE"))
                .hint("use KEY=VALUE, or KEY:=JSON for a number, a boolean or a list of texts")
        })?;
    let Some(key) = key.strip_suffix(':') else {
        return Ok((key, Value::from(text)));
    };
    let value = serde_json::from_str(text).map_err(|error| {
        Failure::usage(format!(
            "metadata `{pair}`: invalid JSON after `:=` ({error})"
        ))
        .hint("use KEY=VALUE for a text; after `:=`, use for example 5, 2.5, true or [\"a\",\"b\"]")
    })?;
    Ok((key, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[&str], json: Option<&str>) -> Result<String, String> {
        MetadataArgs {
            metadata: pairs.iter().map(|pair| (*pair).to_owned()).collect(),
            metadata_json: json.map(str::to_owned),
        }
        .read()
        .map(|metadata| metadata.map_or_else(String::new, |metadata| metadata.to_string()))
        .map_err(|failure| failure.message().to_owned())
    }

    #[test]
    fn parses_text_and_json_values() {
        assert_eq!(
            read(
                &[
                    "camera=left",
                    "take:=5",
                    "kept:=true",
                    "who:=[\"a\",\"b\"]",
                    "url=http://x/?a=b"
                ],
                None
            )
            .unwrap(),
            r#"{"camera":"left","kept":true,"take":5,"url":"http://x/?a=b","who":["a","b"]}"#
        );
        assert_eq!(read(&[], Some(r#"{"a": 1.5}"#)).unwrap(), r#"{"a":1.5}"#);
        assert_eq!(read(&[], None).unwrap(), "");
    }

    #[test]
    fn unsupported_metadata_is_rejected() {
        let check = |pairs: &[&str], json: Option<&str>, part: &str| {
            let message = read(pairs, json).unwrap_err();
            assert!(message.contains(part), "{message}");
        };
        check(
            &["where:={\"city\": \"Rome\"}"],
            None,
            "an object under the key \"where\"",
        );
        check(
            &[],
            Some(r#"{"where": {"city": "Rome"}}"#),
            "an object under the key \"where\"",
        );
        check(&[], Some("[1]"), "not a JSON object");
        check(&[], Some("{"), "not JSON");
        check(&["a=1", "a=2"], None, "more than once");
        check(&["nothing"], None, "not KEY=VALUE");
        check(&["=x"], None, "not KEY=VALUE");
        check(&[":=1"], None, "not KEY=VALUE");
        check(&["n:=five"], None, "invalid JSON after `:=`");
    }
}
