//! The check of requests.

use std::collections::BTreeSet;

use tl_model::{
    AnalyzeBatchItem, AnalyzeBatchSettings, AnalyzeImage, AnalyzeMode, AnalyzeRequest,
    AnalyzeVideo, MaxTokens, NewAnalyzeBatch, ReferenceImage, ResponseFormat, ResponseFormatType,
};

use super::{
    Bounds, DEFAULT_MODEL, MAX_BATCH_ITEMS, MAX_TASK_WINDOW, MAX_WINDOW, MIN_SEGMENT, MIN_WINDOW,
    RequestFault, bounds, segments::check_definitions,
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

pub(super) type Checked = Result<(), RequestFault>;

pub(super) fn fault(path: &str, reason: impl Into<String>) -> Checked {
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
    match &request.prompt {
        Some(prompt) => check_mentions(prompt, &names),
        None => fault("prompt", "is required with `image`"),
    }
}

/// A prompt mentions all images as `<@name>`, or none (Python client 1.3.6).
fn check_mentions(prompt: &str, names: &BTreeSet<&String>) -> Checked {
    let is_mentioned = |name: &&&String| prompt.contains(&format!("<@{name}>"));
    let left_out = names.iter().find(|name| !is_mentioned(name));
    match (names.iter().any(|name| is_mentioned(&name)), left_out) {
        (true, Some(name)) => {
            let reason = format!("mentions some images, but not `<@{name}>`: all or none");
            fault("prompt", reason)
        }
        _ => Ok(()),
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

pub(super) fn check_references(path: &str, images: &[ReferenceImage]) -> Checked {
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

pub(super) fn not_one_of<T: AsRef<str>>(seen: &str, known: &[T]) -> String {
    let known: Vec<_> = known.iter().map(AsRef::as_ref).collect();
    format!("`{seen}` is not one of {}", known.join(", "))
}

#[cfg(test)]
mod tests;
