//! Tests of the check of requests.

use serde_json::{Value, json};

use super::*;

fn checked(changes: &Value, usage: Usage) -> String {
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
            json!({"model_name": "pegasus1.6", "video": null, "prompt": "<@a>", "image": image}),
            "",
        ),
        (
            json!({"model_name": "pegasus1.6", "video": null, "prompt": "<@a> or not?",
                "image": [image[0], {"name": "b", "asset_id": "1"}]}),
            "prompt: mentions some images, but not `<@b>`: all or none",
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
        let seen = checked(&changes, Usage::Response);
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
        checked(&all, Usage::Task)
    };
    let scene = json!({"id": "scene", "description": "a scene"});
    let field = |field: Value| json!({"id": "scene", "description": "a scene", "fields": [field]});
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
            ranges(json!([{"start_time": 0, "end_time": 5}, {"start_time": 5, "end_time": 10}])),
            json!({}),
            "",
        ),
        (
            ranges(json!([{"start_time": 0, "end_time": 6}, {"start_time": 5, "end_time": 10}])),
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
    let item = |id: &str| json!({"video": {"type": "asset_id", "asset_id": "a"}, "custom_id": id});
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
