//! The check of segment definitions.

use std::collections::BTreeSet;

use tl_model::{ResponseFormat, SegmentDefinition, SegmentField, SegmentFieldType};

use super::{
    MIN_SEGMENT,
    check::{Checked, check_references, fault, not_one_of},
};

/// Checks the definitions of a segmentation.
pub(super) fn check_definitions(format: &ResponseFormat) -> Checked {
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
