//! The check of requests.

use std::collections::BTreeSet;

use tl_model::{
    AnalyzeBatchItem, AnalyzeBatchSettings, AnalyzeImage, AnalyzeMode, AnalyzeRequest,
    AnalyzeVideo, MaxTokens, NewAnalyzeBatch, ReferenceImage, ResponseFormat, ResponseFormatType,
    SegmentDefinition, SegmentField, SegmentFieldType,
};

use super::{
    Bounds, DEFAULT_MODEL, MAX_BATCH_ITEMS, MAX_TASK_WINDOW, MAX_WINDOW, MIN_SEGMENT, MIN_WINDOW,
    RequestFault, bounds,
};
use crate::schema::{self, ANALYZE};

/// How a request is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Usage {
    /// Answered in the response.
    Response,
    /// A task, or an item of a batch.
    Task,
}

type Checked = Result<(), RequestFault>;

fn fault(path: &str, reason: impl Into<String>) -> Checked {
    Err(RequestFault::new(path, reason))
}

/// Checks a request against the bounds of its model. A model that this version does not know is
/// checked as far as all models agree.
///
/// # Errors
/// The first violation.
pub fn check(request: &AnalyzeRequest, usage: Usage) -> Checked {
    if let Some((name, _)) = request.extra.iter().find(|(_, value)| !value.is_null()) {
        return fault(
            name,
            "is not a member of the request, or its value has the wrong type",
        );
    }
    let model = request.model_name.clone().unwrap_or(DEFAULT_MODEL);
    let bounds = bounds(&model);
    check_media(request, bounds)?;
    check_prompt(request, bounds)?;
    if let Some(temperature) = request.temperature
        && !(0.0..=1.0).contains(&temperature)
    {
        return fault("temperature", format!("{temperature} is not 0 to 1"));
    }
    if usage == Usage::Response {
        for (name, is_set) in [
            ("custom_id", request.custom_id.is_some()),
            ("analysis_mode", request.analysis_mode.is_some()),
            (
                "min_segment_duration",
                request.min_segment_duration.is_some(),
            ),
            (
                "max_segment_duration",
                request.max_segment_duration.is_some(),
            ),
        ] {
            if is_set {
                return fault(name, "is allowed for tasks only");
            }
        }
    }
    if let Some(id) = &request.custom_id {
        check_custom_id("custom_id", id)?;
    }
    if let Some(mode) = request
        .analysis_mode
        .as_ref()
        .filter(|mode| !mode.is_known())
    {
        return fault(
            "analysis_mode",
            not_one_of(mode.as_str(), AnalyzeMode::KNOWN),
        );
    }
    let is_segmentation = request.is_segmentation();
    check_tokens(request.max_tokens, is_segmentation, bounds)?;
    let has_window = request.start_time.is_some() || request.end_time.is_some();
    if let Some(bounds) = bounds
        && has_window
        && !bounds.window
    {
        return fault("start_time", format!("{} has no window", bounds.model));
    }
    let longest = match usage {
        Usage::Response => MAX_WINDOW,
        Usage::Task => MAX_TASK_WINDOW,
    };
    check_range(request.start_time, request.end_time, longest)?;
    check_segments(request, bounds)?;
    check_format(request.response_format.as_ref(), is_segmentation, bounds)
}

/// Checks that the analyzed window of a video of `duration` seconds has an allowed length. Without
/// it, a video that is too long is refused only after the platform has looked at it.
///
/// # Errors
/// The violation.
pub fn check_window(request: &AnalyzeRequest, duration: f64, usage: Usage) -> Checked {
    let longest = match usage {
        Usage::Response => MAX_WINDOW,
        Usage::Task => MAX_TASK_WINDOW,
    };
    let start = request.start_time.unwrap_or(0.0);
    let end = request.end_time.unwrap_or(duration);
    // Durations of containers are not exact to the last digit.
    if end > duration + 1.0 {
        return fault(
            "end_time",
            format!("{end} is after the end of the video ({duration:.1} s)"),
        );
    }
    check_range(Some(start), Some(end), longest)
}

/// Checks a batch, without the durations of its videos.
///
/// # Errors
/// The first violation.
pub fn check_batch(batch: &NewAnalyzeBatch) -> Checked {
    if let Some(bounds) = bounds(&batch.model_name)
        && !bounds.batches
    {
        let reason = format!("`{}` has no batches: use pegasus1.5", bounds.model);
        return fault("model_name", reason);
    }
    if !batch.analysis_mode.is_known() {
        let reason = not_one_of(batch.analysis_mode.as_str(), AnalyzeMode::KNOWN);
        return fault("analysis_mode", reason);
    }
    let count = batch.requests.len();
    if !(1..=MAX_BATCH_ITEMS).contains(&count) {
        return fault(
            "requests",
            format!("{count} items are not 1 to {MAX_BATCH_ITEMS}"),
        );
    }
    let mut ids = BTreeSet::new();
    for (position, item) in batch.requests.iter().enumerate() {
        let within = |inner: RequestFault| {
            RequestFault::new(format!("requests.{position}.{}", inner.path), inner.reason)
        };
        if let Some(id) = &item.custom_id
            && !ids.insert(id.as_str())
        {
            let path = format!("requests.{position}.custom_id");
            return fault(&path, format!("`{id}` is used by another item"));
        }
        if !matches!(item.video, AnalyzeVideo::Asset(_)) {
            let path = format!("requests.{position}.video");
            return fault(&path, "batches take assets only (type `asset_id`)");
        }
        let mut request = request_of_item(item, batch.defaults.as_ref());
        request.model_name = Some(batch.model_name.clone());
        request.analysis_mode = Some(batch.analysis_mode.clone());
        check(&request, Usage::Task).map_err(within)?;
    }
    Ok(())
}

/// The request that an item of a batch stands for, with its prompt as `prompt_v2`. Model and mode
/// are those of the batch.
#[must_use]
pub fn request_of_item(
    item: &AnalyzeBatchItem,
    defaults: Option<&AnalyzeBatchSettings>,
) -> AnalyzeRequest {
    let none = AnalyzeBatchSettings::default();
    let defaults = defaults.unwrap_or(&none);
    let mut request = AnalyzeRequest::default();
    request.video = Some(item.video.clone());
    request.custom_id.clone_from(&item.custom_id);
    request.prompt_v2 = item.prompt.clone().or_else(|| defaults.prompt.clone());
    let format = item.response_format.as_ref();
    request.response_format = format.or(defaults.response_format.as_ref()).cloned();
    request.temperature = item.temperature.or(defaults.temperature);
    request.max_tokens = item.max_tokens.or(defaults.max_tokens);
    let (min, max) = (item.min_segment_duration, item.max_segment_duration);
    request.min_segment_duration = min.or(defaults.min_segment_duration);
    request.max_segment_duration = max.or(defaults.max_segment_duration);
    request.start_time = item.start_time.or(defaults.start_time);
    request.end_time = item.end_time.or(defaults.end_time);
    request
}

fn check_media(request: &AnalyzeRequest, bounds: Option<&Bounds>) -> Checked {
    match (&request.video, request.image.len()) {
        (Some(_), 1..) => return fault("image", "excludes `video`"),
        (None, 0) => return fault("video", "is required"),
        (Some(AnalyzeVideo::Other(_)), 0) => {
            return fault(
                "video",
                "must have `type` and the member that it names: `url`, `asset_id` or `base64_string`",
            );
        }
        (Some(AnalyzeVideo::Url(url)), 0) if !is_web(url) => {
            return fault("video.url", "must be an http or https URL");
        }
        (Some(_), 0) => return Ok(()),
        (None, count) if count > 20 => {
            return fault("image", format!("{count} images are more than 20"));
        }
        (None, _) => {}
    }
    if let Some(bounds) = bounds
        && !bounds.images
    {
        let reason = format!("{} takes no images: use pegasus1.6", bounds.model);
        return fault("image", reason);
    }
    let mut names = BTreeSet::new();
    for AnalyzeImage {
        name,
        url,
        asset_id,
        base64_string,
        ..
    } in &request.image
    {
        let is_name =
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !is_name || !names.insert(name) {
            let reason = format!("`{name}` must be unique and of `A-Z a-z 0-9 _`");
            return fault("image.name", reason);
        }
        let given = [url.is_some(), asset_id.is_some(), base64_string.is_some()];
        if given.iter().filter(|is_given| **is_given).count() != 1 {
            return fault(
                "image",
                "needs one of `url`, `asset_id` and `base64_string`",
            );
        }
        if url.as_ref().is_some_and(|url| !url.starts_with("https://")) {
            return fault("image.url", "must be an https URL");
        }
    }
    if request.prompt_v2.is_some() {
        return fault("prompt_v2", "excludes `image`");
    }
    match request.prompt.is_some() {
        true => Ok(()),
        false => fault("prompt", "is required with `image`"),
    }
}

fn is_web(url: &str) -> bool {
    url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

fn check_prompt(request: &AnalyzeRequest, bounds: Option<&Bounds>) -> Checked {
    if request.is_segmentation() {
        let given = [
            ("prompt", request.prompt.is_some()),
            ("prompt_v2", request.prompt_v2.is_some()),
        ];
        return match given.iter().find(|(_, is_given)| *is_given) {
            Some((name, _)) => fault(name, "is not allowed with `time_based_metadata`"),
            None => Ok(()),
        };
    }
    match (&request.prompt, &request.prompt_v2) {
        (Some(_), Some(_)) => fault("prompt_v2", "excludes `prompt`"),
        (None, None) => fault("prompt", "is required"),
        (Some(prompt), None) if prompt.trim().is_empty() => fault("prompt", "is empty"),
        (Some(_), None) => Ok(()),
        (None, Some(prompt)) => {
            if let Some(bounds) = bounds
                && !bounds.structured_prompt
            {
                let reason = format!("{} has no structured prompts", bounds.model);
                return fault("prompt_v2", reason);
            }
            if prompt.input_text.trim().is_empty() {
                return fault("prompt_v2.input_text", "is empty");
            }
            check_references("prompt_v2.media_sources", &prompt.media_sources)
        }
    }
}

fn check_references(path: &str, images: &[ReferenceImage]) -> Checked {
    if images.len() > 4 {
        return fault(path, format!("{} images are more than 4", images.len()));
    }
    for image in images {
        if image.media_type != "image" {
            let reason = format!("`{}` is not `image`", image.media_type);
            return fault(&format!("{path}.media_type"), reason);
        }
        let given = [
            image.url.is_some(),
            image.asset_id.is_some(),
            image.base64_string.is_some(),
        ];
        if given.iter().filter(|is_given| **is_given).count() != 1 {
            return fault(path, "needs one of `url`, `asset_id` and `base64_string`");
        }
    }
    Ok(())
}

fn check_custom_id(path: &str, id: &str) -> Checked {
    let is_valid = (1..=64).contains(&id.len())
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    match is_valid {
        true => Ok(()),
        false => fault(path, format!("`{id}` is not 1 to 64 of `A-Z a-z 0-9 _ -`")),
    }
}

fn check_tokens(
    tokens: Option<MaxTokens>,
    is_segmentation: bool,
    bounds: Option<&Bounds>,
) -> Checked {
    let (Some(tokens), Some(bounds)) = (tokens, bounds) else {
        return Ok(());
    };
    let allowed = match is_segmentation {
        true => bounds.segment_tokens.unwrap_or(bounds.tokens),
        false => bounds.tokens,
    };
    match tokens {
        MaxTokens::Limit(limit) if (allowed.min..=allowed.max).contains(&limit) => Ok(()),
        MaxTokens::Limit(limit) => {
            let (min, max, model) = (allowed.min, allowed.max, bounds.model);
            fault(
                "max_tokens",
                format!("{limit} is not {min} to {max} ({model})"),
            )
        }
        _ if bounds.unlimited && is_segmentation => Ok(()),
        _ => fault(
            "max_tokens",
            "`unlimited` is for `time_based_metadata` with pegasus1.6",
        ),
    }
}

fn check_range(start: Option<f64>, end: Option<f64>, longest: f64) -> Checked {
    if let Some(start) = start.filter(|start| !(start.is_finite() && *start >= 0.0)) {
        return fault("start_time", format!("{start} is not a number of seconds"));
    }
    let Some(end) = end else { return Ok(()) };
    let length = end - start.unwrap_or(0.0);
    if !(length.is_finite() && length >= MIN_WINDOW) {
        return fault(
            "end_time",
            format!("the window is {length:.3} s long, at least {MIN_WINDOW} s are needed"),
        );
    }
    // Without a start, the window begins with the container, whose first time may not be 0.
    if start.is_some() && length > longest {
        return fault(
            "end_time",
            format!("the window is {length:.3} s long, at most {longest} s are analyzed"),
        );
    }
    Ok(())
}

fn check_segments(request: &AnalyzeRequest, bounds: Option<&Bounds>) -> Checked {
    let (min, max) = (request.min_segment_duration, request.max_segment_duration);
    for (name, value) in [("min_segment_duration", min), ("max_segment_duration", max)] {
        let Some(value) = value else { continue };
        if !request.is_segmentation() {
            return fault(name, "is allowed with `time_based_metadata` only");
        }
        if !(value.is_finite() && value >= MIN_SEGMENT) {
            return fault(name, format!("{value} is less than {MIN_SEGMENT} s"));
        }
    }
    if let (Some(min), Some(max)) = (min, max)
        && max < min
    {
        return fault(
            "max_segment_duration",
            format!("{max} is less than `min_segment_duration` ({min})"),
        );
    }
    if !request.is_segmentation() {
        return Ok(());
    }
    if let Some(bounds) = bounds
        && bounds.segment_tokens.is_none()
    {
        return fault(
            "analysis_mode",
            format!("{} does not segment", bounds.model),
        );
    }
    let definitions = request.response_format.iter();
    let mut definitions = definitions.flat_map(|format| &format.segment_definitions);
    if definitions.any(|definition| !definition.time_ranges.is_empty()) {
        let excluded = [
            ("start_time", request.start_time.is_some()),
            ("end_time", request.end_time.is_some()),
            ("min_segment_duration", min.is_some()),
            ("max_segment_duration", max.is_some()),
            (
                "max_tokens",
                request.max_tokens == Some(MaxTokens::Unlimited),
            ),
        ];
        if let Some((name, _)) = excluded.iter().find(|(_, is_set)| *is_set) {
            return fault(name, "excludes `time_ranges`");
        }
    }
    Ok(())
}

fn check_format(
    format: Option<&ResponseFormat>,
    is_segmentation: bool,
    bounds: Option<&Bounds>,
) -> Checked {
    let path = "response_format";
    let Some(format) = format else {
        return match is_segmentation {
            true => fault(path, "is required with `time_based_metadata`"),
            false => Ok(()),
        };
    };
    match (&format.kind, is_segmentation) {
        (ResponseFormatType::SegmentDefinitions, true) => check_definitions(format),
        (ResponseFormatType::JsonSchema, false) => check_schema(format, bounds),
        (kind, true) => fault(
            "response_format.type",
            format!("`{kind}` is not `segment_definitions`, which `time_based_metadata` needs"),
        ),
        (kind, false) => fault(
            "response_format.type",
            format!("`{kind}` is not `json_schema`"),
        ),
    }
}

fn check_schema(format: &ResponseFormat, bounds: Option<&Bounds>) -> Checked {
    let path = "response_format.json_schema";
    let Some(schema) = &format.json_schema else {
        return fault(path, "is required");
    };
    let schema = schema.to_value();
    schema::lint(&schema, &ANALYZE).map_err(|faults| {
        // At least one.
        let first = faults.faults().first().cloned();
        let first = first.unwrap_or_else(|| RequestFault::new("", faults.to_string()));
        let path = match first.path.as_str() {
            "" => path.to_owned(),
            inner => format!("{path}.{inner}"),
        };
        RequestFault::new(path, first.reason)
    })?;
    match bounds {
        Some(bounds) if !bounds.timestamps && has_timestamp(&schema) => fault(
            path,
            format!("{} does not have the type `timestamp`", bounds.model),
        ),
        _ => Ok(()),
    }
}

fn has_timestamp(schema: &serde_json::Value) -> bool {
    match schema {
        serde_json::Value::Object(members) => {
            members.get("type").is_some_and(|kind| kind == "timestamp")
                || members.values().any(has_timestamp)
        }
        serde_json::Value::Array(items) => items.iter().any(has_timestamp),
        _ => false,
    }
}

fn check_definitions(format: &ResponseFormat) -> Checked {
    let path = "response_format.segment_definitions";
    let count = format.segment_definitions.len();
    if !(1..=20).contains(&count) {
        return fault(path, format!("{count} definitions are not 1 to 20"));
    }
    if let Some(times) = format
        .segment_time_format
        .as_ref()
        .filter(|times| !times.is_known())
    {
        let reason = not_one_of(times.as_str(), tl_model::TimeFormat::KNOWN);
        return fault("response_format.segment_time_format", reason);
    }
    let mut ids = BTreeSet::new();
    for definition in &format.segment_definitions {
        if definition.id.is_empty() || !ids.insert(definition.id.as_str()) {
            let reason = format!("`{}` must be unique and not empty", definition.id);
            return fault(&format!("{path}.id"), reason);
        }
        check_definition(path, definition)?;
    }
    Ok(())
}

fn check_definition(path: &str, definition: &SegmentDefinition) -> Checked {
    if definition.description.trim().is_empty() {
        return fault(&format!("{path}.description"), "is empty");
    }
    check_references(&format!("{path}.media_sources"), &definition.media_sources)?;
    check_fields(&format!("{path}.fields"), &definition.fields, false)?;
    let ranges = format!("{path}.time_ranges");
    let mut times = Vec::new();
    for range in &definition.time_ranges {
        let (Some(start), Some(end)) = (range.start_time, range.end_time) else {
            return fault(&ranges, "needs `start_time` and `end_time`");
        };
        if !(start >= 0.0 && end.is_finite() && end - start >= MIN_SEGMENT) {
            let reason = format!("{start} to {end} is shorter than {MIN_SEGMENT} s");
            return fault(&ranges, reason);
        }
        times.push((start, end));
    }
    times.sort_by(|a, b| a.0.total_cmp(&b.0));
    match times.windows(2).find(|two| two[0].1 > two[1].0) {
        Some(two) => fault(&ranges, format!("{:?} and {:?} overlap", two[0], two[1])),
        None => Ok(()),
    }
}

fn check_fields(path: &str, fields: &[SegmentField], is_nested: bool) -> Checked {
    let mut names = BTreeSet::new();
    for field in fields {
        let name = field.name.as_str();
        if name.is_empty() || !names.insert(name) {
            return fault(
                &format!("{path}.name"),
                format!("`{name}` must be unique and not empty"),
            );
        }
        if ["start_time", "end_time", "metadata"].contains(&name) {
            return fault(&format!("{path}.name"), format!("`{name}` is reserved"));
        }
        let is_timestamp = field.kind == SegmentFieldType::Timestamp;
        let is_format = field
            .format
            .as_ref()
            .is_some_and(|format| format.is_known());
        if is_timestamp != field.format.is_some() || (is_timestamp && !is_format) {
            return fault(
                &format!("{path}.format"),
                "is required for `timestamp` (seconds, hh:mm:ss, hh:mm:ss.fff), and for no other type",
            );
        }
        if field.values.len() > 100 || (is_timestamp && !field.values.is_empty()) {
            return fault(
                &format!("{path}.enum"),
                "has at most 100 values, and none for `timestamp`",
            );
        }
        let items = format!("{path}.items");
        match (&field.kind, &field.items) {
            (SegmentFieldType::Array, Some(inner))
                if ["string", "number", "boolean", "integer"].contains(&inner.kind.as_str()) => {}
            (SegmentFieldType::TimeArray, Some(inner)) if inner.kind == "object" && !is_nested => {
                check_fields(&format!("{items}.fields"), &inner.fields, true)?;
            }
            (SegmentFieldType::Array, _) => {
                return fault(
                    &format!("{items}.type"),
                    "must be `string`, `number`, `boolean` or `integer` for `array`",
                );
            }
            (SegmentFieldType::TimeArray, _) => {
                return fault(
                    &items,
                    "must have the type `object` and fields for `time_array`",
                );
            }
            (kind, _) if !kind.is_known() => {
                let reason = not_one_of(kind.as_str(), SegmentFieldType::KNOWN);
                return fault(&format!("{path}.type"), reason);
            }
            (_, Some(_)) => return fault(&items, "is allowed for `array` and `time_array` only"),
            (_, None) => {}
        }
    }
    Ok(())
}

fn not_one_of<T: AsRef<str>>(seen: &str, known: &[T]) -> String {
    let known: Vec<_> = known.iter().map(AsRef::as_ref).collect();
    format!("`{seen}` is not one of {}", known.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn checked(changes: Value, usage: Usage) -> String {
        let mut body = json!({"model_name": "pegasus1.5", "prompt": "why?",
            "video": {"type": "asset_id", "asset_id": "a1"}});
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => _ = body.as_object_mut().unwrap().remove(name),
                value => body[name] = value.clone(),
            }
        }
        let request: AnalyzeRequest = serde_json::from_value(body).unwrap();
        match check(&request, usage) {
            Ok(()) => String::new(),
            Err(fault) => fault.to_string(),
        }
    }

    #[test]
    fn each_bound_is_checked() {
        let image = json!([{"name": "a", "url": "https://x/a.png"}]);
        for (changes, expected) in [
            (json!({}), ""),
            (json!({"model_name": null}), ""),
            (json!({"model_name": "pegasus9"}), ""),
            (json!({"video": null}), "video: is required"),
            (
                json!({"video": {"type": "url", "url": "ftp://x/a.mp4"}}),
                "video.url: must be an http or https URL",
            ),
            (
                json!({"video": {"type": "video_id", "video_id": "x"}}),
                "video: must have `type` and",
            ),
            (json!({"prompt": null}), "prompt: is required"),
            (json!({"prompt": " "}), "prompt: is empty"),
            (
                json!({"temperature": 1.5}),
                "temperature: 1.5 is not 0 to 1",
            ),
            (
                json!({"temperature": "warm"}),
                "temperature: is not a member of the request, or",
            ),
            (json!({"threshold": 3}), "threshold: is not a member"),
            (
                json!({"max_tokens": 511}),
                "max_tokens: 511 is not 512 to 98304 (pegasus1.5)",
            ),
            (
                json!({"max_tokens": "unlimited"}),
                "max_tokens: `unlimited` is for",
            ),
            (
                json!({"model_name": "pegasus1.2", "max_tokens": 5000}),
                "max_tokens: 5000 is not 2 to 4096",
            ),
            (
                json!({"model_name": "pegasus1.2", "start_time": 1}),
                "start_time: pegasus1.2 has no window",
            ),
            (
                json!({"start_time": 5, "end_time": 5.5}),
                "end_time: the window is 0.500 s long, at least 1 s",
            ),
            (
                json!({"start_time": 0, "end_time": 3601}),
                "end_time: the window is 3601.000 s long, at most 3600 s",
            ),
            (
                json!({"start_time": -1}),
                "start_time: -1 is not a number of seconds",
            ),
            (
                json!({"video": null, "image": image}),
                "image: pegasus1.5 takes no images: use pegasus1.6",
            ),
            (json!({"image": image}), "image: excludes `video`"),
            (
                json!({"model_name": "pegasus1.6", "video": null, "image": image}),
                "",
            ),
            (
                json!({"custom_id": "a"}),
                "custom_id: is allowed for tasks only",
            ),
            (
                json!({"response_format": {"type": "xml"}}),
                "response_format.type: `xml` is not `json_schema`",
            ),
            (
                json!({"response_format": {"type": "json_schema"}}),
                "response_format.json_schema: is required",
            ),
            (
                json!({"response_format": {"type": "json_schema", "json_schema": {"type": "array", "maxItems": 2}}}),
                "response_format.json_schema.maxItems: not supported",
            ),
        ] {
            let seen = checked(changes.clone(), Usage::Response);
            assert!(
                seen.starts_with(expected) && seen.is_empty() == expected.is_empty(),
                "{changes} {seen}"
            );
        }
    }

    #[test]
    fn segmentation_is_checked() {
        let with = |definition: Value, changes: Value| {
            let mut all = json!({"prompt": null, "analysis_mode": "time_based_metadata",
                "response_format": {"type": "segment_definitions", "segment_definitions": [definition]}});
            for (name, value) in changes.as_object().unwrap() {
                all[name] = value.clone();
            }
            checked(all, Usage::Task)
        };
        let scene = json!({"id": "scene", "description": "a scene"});
        let field =
            |field: Value| json!({"id": "scene", "description": "a scene", "fields": [field]});
        let ranges =
            |ranges: Value| json!({"id": "scene", "description": "a scene", "time_ranges": ranges});
        for (definition, changes, expected) in [
            (
                scene.clone(),
                json!({"min_segment_duration": 2, "max_segment_duration": 9, "start_time": 0, "end_time": 7200}),
                "",
            ),
            (
                scene.clone(),
                json!({"prompt": "why?"}),
                "prompt: is not allowed",
            ),
            (
                scene.clone(),
                json!({"max_tokens": 1000}),
                "max_tokens: 1000 is not 2048",
            ),
            (
                scene.clone(),
                json!({"min_segment_duration": 1}),
                "min_segment_duration: 1 is less",
            ),
            (
                scene.clone(),
                json!({"min_segment_duration": 4, "max_segment_duration": 3}),
                "max_segment_duration: 3 is less",
            ),
            (
                scene.clone(),
                json!({"model_name": "pegasus1.2"}),
                "analysis_mode: pegasus1.2 does not segment",
            ),
            (
                scene,
                json!({"response_format": {"type": "json_schema"}}),
                "response_format.type",
            ),
            (
                json!({"id": "", "description": "x"}),
                json!({}),
                "response_format.segment_definitions.id",
            ),
            (
                ranges(
                    json!([{"start_time": 0, "end_time": 5}, {"start_time": 5, "end_time": 10}]),
                ),
                json!({}),
                "",
            ),
            (
                ranges(
                    json!([{"start_time": 0, "end_time": 6}, {"start_time": 5, "end_time": 10}]),
                ),
                json!({}),
                "response_format.segment_definitions.time_ranges: (0.0, 6.0) and (5.0, 10.0) overlap",
            ),
            (
                ranges(json!([{"start_time": 0, "end_time": 1}])),
                json!({}),
                "response_format.segment_definitions.time_ranges: 0 to 1 is shorter",
            ),
            (
                ranges(json!([{"start_time": 0, "end_time": 5}])),
                json!({"start_time": 1}),
                "start_time: excludes `time_ranges`",
            ),
            (
                field(json!({"name": "metadata", "type": "string", "description": "x"})),
                json!({}),
                "response_format.segment_definitions.fields.name: `metadata` is reserved",
            ),
            (
                field(json!({"name": "at", "type": "timestamp", "description": "x"})),
                json!({}),
                "response_format.segment_definitions.fields.format",
            ),
            (
                field(json!({"name": "a", "type": "array", "description": "x"})),
                json!({}),
                "response_format.segment_definitions.fields.items.type",
            ),
            (
                field(json!({"name": "a", "type": "date", "description": "x"})),
                json!({}),
                "response_format.segment_definitions.fields.type: `date` is not one of",
            ),
            (
                field(
                    json!({"name": "a", "type": "time_array", "description": "x", "items": {"type": "object", "fields": [{"name": "b", "type": "string", "description": "y"}]}}),
                ),
                json!({}),
                "",
            ),
        ] {
            let seen = with(definition.clone(), changes.clone());
            assert!(
                seen.starts_with(expected) && seen.is_empty() == expected.is_empty(),
                "{definition} {changes} {seen}"
            );
        }
    }

    #[test]
    fn batches_are_checked() {
        let batch = |items: Value, model: &str| {
            let batch = json!({"model_name": model, "analysis_mode": "general", "requests": items,
                "defaults": {"prompt": {"input_text": "why?"}}});
            let batch: NewAnalyzeBatch = serde_json::from_value(batch).unwrap();
            check_batch(&batch)
                .err()
                .map_or(String::new(), |fault| fault.to_string())
        };
        let item =
            |id: &str| json!({"video": {"type": "asset_id", "asset_id": "a"}, "custom_id": id});
        assert_eq!(batch(json!([item("a"), item("b")]), "pegasus1.5"), "");
        assert_eq!(
            batch(json!([item("a"), item("a")]), "pegasus1.5"),
            "requests.1.custom_id: `a` is used by another item"
        );
        assert_eq!(
            batch(json!([item("a")]), "pegasus1.6"),
            "model_name: `pegasus1.6` has no batches: use pegasus1.5"
        );
        assert_eq!(
            batch(json!([]), "pegasus1.5"),
            "requests: 0 items are not 1 to 1000"
        );
        let url = json!([{"video": {"type": "url", "url": "https://x/a.mp4"}}]);
        assert_eq!(
            batch(url, "pegasus1.5"),
            "requests.0.video: batches take assets only (type `asset_id`)"
        );
        let hot = json!([{"video": {"type": "asset_id", "asset_id": "a"}, "temperature": 2}]);
        assert_eq!(
            batch(hot, "pegasus1.5"),
            "requests.0.temperature: 2 is not 0 to 1"
        );
    }

    #[test]
    fn window_of_a_known_video() {
        let mut request = AnalyzeRequest::default();
        let length = |request: &AnalyzeRequest, duration, usage| {
            check_window(request, duration, usage)
                .err()
                .map(|fault| fault.to_string())
        };
        assert_eq!(length(&request, 3600.0, Usage::Response), None);
        assert!(
            length(&request, 3700.0, Usage::Response)
                .unwrap()
                .contains("at most 3600 s")
        );
        assert_eq!(length(&request, 3700.0, Usage::Task), None);
        assert!(
            length(&request, 0.5, Usage::Task)
                .unwrap()
                .contains("at least 1 s")
        );
        request.end_time = Some(60.0);
        assert!(
            length(&request, 30.0, Usage::Task)
                .unwrap()
                .contains("after the end")
        );
        request.start_time = Some(3000.0);
        request.end_time = Some(3060.0);
        assert_eq!(length(&request, 9000.0, Usage::Response), None);
    }
}
