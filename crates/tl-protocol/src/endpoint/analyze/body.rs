//! The request bodies of analyses, as a server reads them.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tl_model::{AnalyzeRequest, Extra};

use crate::endpoint::{Parameter, Rejection, ValueKind, json};

/// The members of the body of `POST /analyze`.
pub(super) const SYNC_MEMBERS: &[&str] = &[
    "model_name",
    "video",
    "image",
    "prompt",
    "prompt_v2",
    "temperature",
    "stream",
    "response_format",
    "max_tokens",
    "start_time",
    "end_time",
];

/// The members of the body of `POST /analyze/tasks`.
pub(super) const TASK_MEMBERS: &[&str] = &[
    "model_name",
    "custom_id",
    "video",
    "image",
    "prompt",
    "prompt_v2",
    "analysis_mode",
    "temperature",
    "max_tokens",
    "response_format",
    "min_segment_duration",
    "max_segment_duration",
    "start_time",
    "end_time",
];

/// Reads an object whose members are known.
pub(super) fn read(object: Map<String, Value>) -> Result<AnalyzeRequest, Rejection> {
    let request: AnalyzeRequest = from_object(object)?;
    check_extra("", &request.extra)?;
    Ok(request)
}

/// Reads a whole object. The error names the member that does not fit.
pub(super) fn from_object<T: DeserializeOwned>(object: Map<String, Value>) -> Result<T, Rejection> {
    let members: Vec<_> = object.keys().cloned().collect();
    serde_json::from_value(Value::Object(object)).map_err(|error| {
        let text = error.to_string();
        // `object!` puts the name of the member first.
        let member = members
            .iter()
            .find(|name| text.starts_with(&format!("`{name}`")));
        match member {
            Some(name) => Rejection::invalid(name, text),
            None => Rejection::invalid("body", text),
        }
    })
}

/// Rejects members that were kept because their value has another type. `null` means absent.
pub(super) fn check_extra(path: &str, extra: &Extra) -> Result<(), Rejection> {
    let kept = extra.iter().find(|(_, value)| {
        let is_empty = value.as_array().is_some_and(Vec::is_empty);
        !value.is_null() && !is_empty
    });
    match kept {
        Some((name, value)) => Err(Rejection::invalid(
            &format!("{path}{name}"),
            format!("{} is not expected", json::kind_of(value)),
        )),
        None => Ok(()),
    }
}

/// The members as parameters.
pub(super) fn parameters(members: &[&str]) -> Vec<Parameter> {
    let members = members.iter();
    members
        .map(|name| Parameter::json(name, false, ValueKind::Any))
        .collect()
}
