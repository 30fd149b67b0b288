//! Strategies for JSON values as the platform may send them: every member absent, `null` or set,
//! with unknown members and unknown enum values. Whole floats are written without `.0`, as on the
//! platform.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

pub(crate) type Wire = BoxedStrategy<Value>;

const SAFE: i64 = 9_007_199_254_740_991;

pub(crate) fn text() -> Wire {
    prop_oneof!["[ -~]{0,12}", "\\PC{0,6}", any::<String>()]
        .prop_map(Value::from)
        .boxed()
}

/// A known value or any text.
pub(crate) fn word(known: &'static [&'static str]) -> Wire {
    prop_oneof![
        proptest::sample::select(known).prop_map(Value::from),
        text()
    ]
    .boxed()
}

pub(crate) fn number() -> Wire {
    let fraction = any::<f64>().prop_filter("finite, not a whole safe number", |value| {
        value.is_finite() && (value.fract() != 0.0 || value.abs() > SAFE as f64)
    });
    prop_oneof![
        (-SAFE..=SAFE).prop_map(Value::from),
        (0.0..1e5f64).prop_map(plain),
        fraction.prop_map(Value::from)
    ]
    .boxed()
}

fn plain(value: f64) -> Value {
    if value.fract() == 0.0 {
        Value::from(value as i64)
    } else {
        Value::from(value)
    }
}

pub(crate) fn pixels() -> Wire {
    any::<u32>().prop_map(Value::from).boxed()
}

pub(crate) fn count() -> Wire {
    any::<u64>().prop_map(Value::from).boxed()
}

pub(crate) fn list(item: Wire) -> Wire {
    vec(item, 0..4).prop_map(Value::from).boxed()
}

/// Any JSON value, a few levels deep.
pub(crate) fn any_json() -> Wire {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("finite", |value| value.is_finite())
            .prop_map(Value::from),
        text(),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(any::<String>(), inner, 0..4).prop_map(|members| json!(members)),
        ]
    })
    .boxed()
}

/// An object: required members are set; each optional one is absent, `null` or set; up to three
/// unknown members.
pub(crate) fn object(
    required: Vec<(&'static str, Wire)>,
    optional: Vec<(&'static str, Wire)>,
) -> Wire {
    let (required_names, required): (Vec<_>, Vec<_>) = required.into_iter().unzip();
    let (optional_names, optional): (Vec<_>, Vec<_>) = optional
        .into_iter()
        .map(|(name, value)| (name, prop_oneof![1 => Just(None), 1 => Just(Some(Value::Null)), 4 => value.prop_map(Some)]))
        .unzip();
    let unknown = btree_map("x_[a-z]{1,6}", any_json(), 0..3);
    (required, optional, unknown)
        .prop_map(move |(required, optional, unknown)| {
            let mut members: Map<String, Value> = unknown.into_iter().collect();
            members.extend(
                required_names
                    .iter()
                    .map(|name| name.to_string())
                    .zip(required),
            );
            let optional = optional_names.iter().zip(optional);
            members.extend(optional.filter_map(|(name, value)| Some((name.to_string(), value?))));
            Value::Object(members)
        })
        .boxed()
}

pub(crate) fn all(names: &[&'static str], kind: fn() -> Wire) -> Vec<(&'static str, Wire)> {
    names.iter().map(|name| (*name, kind())).collect()
}

pub(crate) fn system_metadata() -> Wire {
    object(
        vec![],
        vec![
            ("duration", number()),
            ("filename", text()),
            ("fps", number()),
            ("height", pixels()),
            ("width", pixels()),
            ("size", number()),
        ],
    )
}

pub(crate) fn hls() -> Wire {
    object(
        vec![],
        vec![
            ("video_url", text()),
            ("thumbnail_urls", list(text())),
            (
                "status",
                word(&["PROCESSING", "COMPLETE", "CANCELED", "ERROR"]),
            ),
            ("updated_at", text()),
        ],
    )
}

pub(crate) fn task() -> Wire {
    object(
        vec![("_id", text())],
        vec![
            ("video_id", text()),
            ("created_at", text()),
            ("updated_at", text()),
            (
                "status",
                word(&[
                    "validating",
                    "pending",
                    "queued",
                    "indexing",
                    "ready",
                    "failed",
                    "uploading",
                ]),
            ),
            ("index_id", text()),
            ("system_metadata", system_metadata()),
            ("hls", hls()),
            ("error_reason", any_json()),
            ("estimated_time", text()),
            ("metadata", system_metadata()),
        ],
    )
}

pub(crate) fn created_task() -> Wire {
    object(vec![("_id", text())], vec![("video_id", text())])
}

pub(crate) fn index_model() -> Wire {
    object(
        vec![],
        vec![
            (
                "model_name",
                word(&["marengo2.7", "marengo3.0", "pegasus1.2"]),
            ),
            (
                "model_options",
                list(word(&["visual", "audio", "conversation", "logo"])),
            ),
            ("engine_name", text()),
            ("engine_options", any_json()),
        ],
    )
}

pub(crate) fn index() -> Wire {
    object(
        vec![("_id", text())],
        vec![
            ("created_at", text()),
            ("updated_at", text()),
            ("expires_at", text()),
            ("index_name", text()),
            ("total_duration", number()),
            ("video_count", number()),
            ("models", list(index_model())),
            ("addons", list(word(&["thumbnail"]))),
        ],
    )
}

pub(crate) fn created_index() -> Wire {
    object(vec![("_id", text())], vec![])
}

pub(crate) fn new_index() -> Wire {
    object(
        vec![("index_name", text()), ("models", list(index_model()))],
        vec![("addons", list(word(&["thumbnail"])))],
    )
}

pub(crate) fn update_index() -> Wire {
    object(vec![("index_name", text())], vec![])
}

pub(crate) fn transcription_segment() -> Wire {
    object(
        vec![],
        vec![("start", number()), ("end", number()), ("value", text())],
    )
}

/// Embeddings of two numbers that an `f32` can hold.
pub(crate) fn embedding() -> Wire {
    let numbers = Just(json!([0.5, -0.25])).boxed();
    let segment = object(
        vec![("float", numbers)],
        vec![
            ("start_offset_sec", number()),
            ("end_offset_sec", number()),
            (
                "embedding_option",
                word(&["visual", "audio", "transcription"]),
            ),
            ("embedding_scope", word(&["clip"])),
        ],
    );
    let video = object(vec![], vec![("segments", list(segment))]);
    object(
        vec![],
        vec![("model_name", text()), ("video_embedding", video)],
    )
}

pub(crate) fn video() -> Wire {
    object(
        vec![("_id", text())],
        vec![
            ("asset_id", text()),
            ("created_at", text()),
            ("updated_at", text()),
            ("indexed_at", text()),
            ("system_metadata", system_metadata()),
            ("user_metadata", user_metadata()),
            ("hls", hls()),
            ("embedding", embedding()),
            ("transcription", list(transcription_segment())),
            ("metadata", system_metadata()),
        ],
    )
}

pub(crate) fn update_video() -> Wire {
    object(vec![("user_metadata", metadata_patch())], vec![])
}

pub(crate) fn page_info() -> Wire {
    object(
        vec![],
        vec![
            ("limit_per_page", count()),
            ("page", count()),
            ("total_page", count()),
            ("total_results", count()),
        ],
    )
}

pub(crate) fn page_of_tasks() -> Wire {
    let data = prop_oneof![1 => Just(Value::Null), 4 => list(task())].boxed();
    object(vec![("data", data)], vec![("page_info", page_info())])
}

/// A metadata value that the platform accepts.
pub(crate) fn metadata_value() -> Wire {
    prop_oneof![
        text(),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("finite", |value| value.is_finite())
            .prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        list(text()),
    ]
    .boxed()
}

/// Metadata as a response may contain it: any value.
pub(crate) fn user_metadata() -> Wire {
    btree_map(
        any::<String>(),
        prop_oneof![metadata_value(), any_json()],
        0..5,
    )
    .prop_map(|members| json!(members))
    .boxed()
}

/// Metadata as a request may contain it.
pub(crate) fn strict_user_metadata() -> Wire {
    btree_map(any::<String>(), metadata_value(), 0..5)
        .prop_map(|members| json!(members))
        .boxed()
}

pub(crate) fn metadata_patch() -> Wire {
    btree_map(
        any::<String>(),
        prop_oneof![metadata_value(), Just(Value::Null)],
        0..5,
    )
    .prop_map(|members| json!(members))
    .boxed()
}

pub(crate) fn webhook_model() -> Wire {
    object(
        vec![],
        vec![
            ("name", word(&["marengo3.0"])),
            ("options", list(word(&["visual", "audio"]))),
        ],
    )
}

pub(crate) fn index_task_data() -> Wire {
    object(
        vec![("id", text())],
        vec![
            ("metadata", system_metadata()),
            ("status", word(&["ready", "failed"])),
            ("models", list(webhook_model())),
            ("tags", list(text())),
            ("engines", any_json()),
        ],
    )
}

pub(crate) fn analyze_video_source() -> Wire {
    object(
        vec![],
        vec![
            (
                "type",
                word(&["url", "base64_string", "asset_id", "video_id"]),
            ),
            ("url", text()),
            ("asset_id", text()),
            ("video_id", text()),
            ("index_id", text()),
            ("system_metadata", system_metadata()),
        ],
    )
}

pub(crate) fn analyze_error() -> Wire {
    object(vec![], vec![("message", text())])
}

pub(crate) fn analyze_task_data() -> Wire {
    object(
        vec![("id", text())],
        vec![
            ("custom_id", text()),
            (
                "status",
                word(&[
                    "queued",
                    "pending",
                    "processing",
                    "ready",
                    "failed",
                    "canceled",
                ]),
            ),
            ("created_at", text()),
            ("video_source", analyze_video_source()),
            ("error", analyze_error()),
        ],
    )
}

pub(crate) fn webhook_event() -> Wire {
    fn event(types: &'static [&'static str], data: Wire) -> Wire {
        let event_type = proptest::sample::select(types)
            .prop_map(Value::from)
            .boxed();
        object(
            vec![("id", text()), ("type", event_type)],
            vec![("created_at", text()), ("data", data)],
        )
    }
    prop_oneof![
        event(
            &["index.task.ready", "index.task.failed"],
            index_task_data()
        ),
        event(
            &[
                "analyze.task.ready",
                "analyze.task.failed",
                "analyze.task.canceled"
            ],
            analyze_task_data()
        ),
        event(
            &["analyze.batch.completed", "", "index.task.paused"],
            any_json()
        ),
    ]
    .boxed()
}
