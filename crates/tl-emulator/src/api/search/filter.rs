//! The filter of a search: which videos are searched.

use serde_json::Value;
use tl_model::SearchFilter;

use crate::{api::metadata, core::records::VideoRecord};

/// Whether a video meets all conditions. Their form was checked before.
pub(super) fn passes(filter: &SearchFilter, video: &VideoRecord) -> bool {
    let mut conditions = filter.conditions().iter();
    conditions.all(|(field, condition)| holds(video, field, condition))
}

fn holds(video: &VideoRecord, field: &str, condition: &Value) -> bool {
    let measured = &video.measured;
    #[expect(clippy::cast_precision_loss, reason = "exact up to 8 PiB")]
    let number = match field {
        "duration" => measured.duration,
        "width" => measured.width.map(f64::from),
        "height" => measured.height.map(f64::from),
        "size" => Some(measured.size as f64),
        _ => None,
    };
    match (field, condition) {
        ("id", Value::Array(ids)) => ids.iter().any(|id| id == video.id.as_str()),
        ("id", condition) => condition == video.id.as_str(),
        ("filename", condition) => condition == video.filename.as_str(),
        ("duration" | "width" | "height" | "size", condition) => {
            number.is_some_and(|number| number_holds(number, condition))
        }
        (key, Value::Object(_)) => {
            let value = video.user_metadata.get(key);
            let value = value.and_then(|value| Value::from(value.clone()).as_f64());
            value.is_some_and(|number| number_holds(number, condition))
        }
        (key, Value::String(text)) => metadata::matches(&video.user_metadata, key, text),
        (key, other) => metadata::matches(&video.user_metadata, key, &other.to_string()),
    }
}

fn number_holds(number: f64, condition: &Value) -> bool {
    let bound = |name: &str| condition.get(name).and_then(Value::as_f64);
    match condition.as_f64() {
        Some(wanted) => number.total_cmp(&wanted).is_eq(),
        None => {
            bound("gte").is_none_or(|low| number >= low)
                && bound("lte").is_none_or(|high| number <= high)
        }
    }
}
