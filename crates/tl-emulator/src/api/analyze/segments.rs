//! Segments by definition: those of a sidecar, or else regular ones.

use serde_json::{Map, Value, json};
use tl_model::{AnalyzeRequest, SegmentDefinition, SegmentField, TimeFormat};

use crate::core::{
    Refusal,
    answers::{AnswerSource, Generator, Scene, Sidecar, format_time, hash},
};

/// The length of regular segments, in seconds.
const REGULAR: f64 = 10.0;
/// Maximum number of regular segments of a definition.
const MAX_SEGMENTS: usize = 200;

/// The answer as a JSON text: `{"<definition>": [{"start_time": …, "end_time": …, "metadata": {…}}]}`.
pub(super) fn answer(
    request: &AnalyzeRequest,
    sidecar: Option<&Sidecar>,
    window: (f64, f64),
    seed: u64,
) -> Result<(String, AnswerSource), Refusal> {
    let format = request.response_format.as_ref();
    let definitions = format
        .map(|format| format.segment_definitions.as_slice())
        .unwrap_or_default();
    let times = format.and_then(|format| format.segment_time_format.as_ref());
    let scenes = sidecar
        .map(|sidecar| sidecar.segments.as_slice())
        .filter(|scenes| !scenes.is_empty());
    let mut answer = Map::new();
    for definition in definitions {
        let ranges: Vec<(f64, f64)> = definition
            .time_ranges
            .iter()
            .filter_map(|range| Some((range.start_time?, range.end_time?)))
            .collect();
        let ranges = if ranges.is_empty() {
            vec![window]
        } else {
            ranges
        };
        let found: Vec<(f64, f64, Option<&Scene>)> = match scenes {
            Some(scenes) => ranges
                .iter()
                .flat_map(|range| of_scenes(scenes, definition, *range))
                .collect(),
            None => ranges
                .iter()
                .flat_map(|range| regular(request, *range))
                .collect(),
        };
        let mut segments = Vec::new();
        for (start, end, scene) in found {
            let seed = seed ^ hash(format!("{} {start} {end}", definition.id).as_bytes());
            let mut segment =
                json!({"start_time": time(start, times), "end_time": time(end, times)});
            if !definition.fields.is_empty() {
                segment["metadata"] = metadata(definition, scene, (start, end), seed)?;
            }
            segments.push(segment);
        }
        answer.insert(definition.id.clone(), segments.into());
    }
    let source = match scenes {
        Some(_) => AnswerSource::Fixture,
        None => AnswerSource::Generated,
    };
    Ok((Value::from(answer).to_string(), source))
}

/// The scenes that the definition is about, cut to the range. A scene belongs to a definition if one
/// of its labels is the definition's name, or occurs in its description. If no label does, all
/// scenes belong to it.
fn of_scenes<'s>(
    scenes: &'s [Scene],
    definition: &SegmentDefinition,
    (start, end): (f64, f64),
) -> Vec<(f64, f64, Option<&'s Scene>)> {
    let text = definition.description.to_lowercase();
    let is_about = |scene: &Scene| {
        scene.labels.iter().any(|label| {
            let label = label.to_lowercase();
            label == definition.id.to_lowercase() || text.contains(&label)
        })
    };
    let is_any = scenes.iter().any(is_about);
    let inside = scenes
        .iter()
        .filter(|scene| scene.start < end && scene.end > start);
    let about = inside.filter(|scene| !is_any || is_about(scene));
    about
        .map(|scene| (scene.start.max(start), scene.end.min(end), Some(scene)))
        .collect()
}

fn regular(
    request: &AnalyzeRequest,
    (start, end): (f64, f64),
) -> Vec<(f64, f64, Option<&'static Scene>)> {
    let min = request.min_segment_duration.unwrap_or(2.0);
    let length = REGULAR
        .min(request.max_segment_duration.unwrap_or(f64::MAX))
        .max(min);
    let mut segments = Vec::new();
    let mut at = start;
    while at < end && segments.len() < MAX_SEGMENTS {
        let next = (at + length).min(end);
        // The rest may be shorter than a segment.
        if next - at >= min || segments.is_empty() {
            segments.push((at, next, None));
        }
        at = next;
    }
    segments
}

fn metadata(
    definition: &SegmentDefinition,
    scene: Option<&Scene>,
    range: (f64, f64),
    seed: u64,
) -> Result<Value, Refusal> {
    let schema = object(&definition.fields);
    let texts: Vec<String> = scene
        .map(|scene| scene.text.clone())
        .filter(|text| !text.is_empty())
        .into_iter()
        .collect();
    let generated = Generator::new(&schema, seed, range, &texts).generate();
    let mut metadata = generated.map_err(|reason| {
        Refusal::invalid("response_format.segment_definitions.fields", &reason)
    })?;
    for field in &definition.fields {
        if let Some(value) = scene.and_then(|scene| scene.metadata.get(&field.name)) {
            metadata[&field.name] = value.clone();
        }
    }
    Ok(metadata)
}

/// The fields as a schema.
fn object(fields: &[SegmentField]) -> Value {
    let mut properties = Map::new();
    for field in fields {
        let mut schema = json!({ "type": field.kind.as_str() });
        if !field.values.is_empty() {
            schema = json!({ "enum": field.values });
        }
        if let Some(format) = &field.format {
            schema["format"] = format.as_str().into();
        }
        if let Some(items) = &field.items {
            schema["items"] = match items.kind.as_str() {
                "object" => object(&items.fields),
                kind => json!({ "type": kind }),
            };
        }
        if field.kind.as_str() == "time_array" {
            schema["type"] = "array".into();
            schema["items"]["properties"]["start_time"] = json!({"type": "number"});
            schema["items"]["properties"]["end_time"] = json!({"type": "number"});
        }
        properties.insert(field.name.clone(), schema);
    }
    let names: Vec<_> = properties.keys().cloned().collect();
    json!({ "type": "object", "properties": properties, "required": names })
}

fn time(seconds: f64, format: Option<&TimeFormat>) -> Value {
    match format {
        Some(TimeFormat::Clock) => format_time(seconds, false).into(),
        Some(TimeFormat::ClockMillis) => format_time(seconds, true).into(),
        _ => seconds.into(),
    }
}
