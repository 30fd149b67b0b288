//! Compares one file with one rule.

use super::observe::{Observed, observe};
use crate::facts::MediaFacts;
use crate::report::Finding;
use crate::rules::Severity;
use crate::rules::{Bound, Measure, Rule, with_unit};
use crate::text::{bytes, plain};

/// Relative tolerance for listed aspect ratios. The platform accepts 854x480 as 16:9, which is 0.08
/// % off.
const LISTED_ASPECT_TOLERANCE: f64 = 0.01;

pub(super) fn against(rule: &Rule, facts: &MediaFacts) -> Option<Finding> {
    if rule
        .audio_only
        .is_some_and(|wanted| wanted != facts.video().is_none())
    {
        return None;
    }
    match observe(rule.measure, facts) {
        Observed::NotApplicable => None,
        Observed::Unknown => Some(unknown(rule, facts)),
        Observed::Words(words) => {
            let Bound::OneOf(allowed) = &rule.bound else {
                return None;
            };
            let found = words
                .iter()
                .any(|word| allowed.iter().any(|a| a.eq_ignore_ascii_case(word)));
            (!found).then(|| {
                finding(
                    rule,
                    rule.severity,
                    format!("{} {}", rule.measure, words.join(",")),
                )
            })
        }
        Observed::Number(value) if rule.measure == Measure::AspectList => {
            listed_aspect(rule, facts, value)
        }
        Observed::Number(value) => number(rule, facts, value),
    }
}

fn number(rule: &Rule, facts: &MediaFacts, value: f64) -> Option<Finding> {
    let in_unit = value / rule.unit.factor();
    if !rule.bound.allows(in_unit) {
        return Some(finding(rule, rule.severity, observed(rule, facts, value)));
    }
    if rule.severity == Severity::Advice {
        return None;
    }
    if let (Bound::Max(max), Some(smaller)) = (&rule.bound, rule.unit.smaller_factor())
        && value > max * smaller
    {
        return Some(finding(
            rule,
            Severity::Warning,
            observed(rule, facts, value),
        ));
    }
    let bound = rule.bound.number()?;
    if rule.measure == Measure::Duration
        && let Some(container) = facts.container_duration_seconds
        && !rule.bound.allows(container)
    {
        let text = format!(
            "{}, but the container claims {} s",
            observed(rule, facts, value),
            plain(container)
        );
        return Some(finding(rule, Severity::Warning, text));
    }
    // Widen the margin slightly to absorb the rounding of the division, so that a value at its edge
    // counts as inside.
    let near = rule
        .margin
        .is_some_and(|margin| (in_unit - bound).abs() <= margin + 1e-9);
    near.then(|| {
        let text = format!(
            "{}, which is very close to the bound",
            observed(rule, facts, value)
        );
        finding(rule, Severity::Warning, text)
    })
}

fn listed_aspect(rule: &Rule, facts: &MediaFacts, ratio: f64) -> Option<Finding> {
    let Bound::OneOf(allowed) = &rule.bound else {
        return None;
    };
    let found = allowed
        .iter()
        .filter_map(|text| parse_ratio(text))
        .any(|listed| (ratio / listed - 1.0).abs() <= LISTED_ASPECT_TOLERANCE);
    (!found).then(|| finding(rule, rule.severity, observed(rule, facts, ratio)))
}

fn parse_ratio(text: &str) -> Option<f64> {
    let (width, height) = text.split_once(':')?;
    let (width, height) = (width.parse::<f64>().ok()?, height.parse::<f64>().ok()?);
    (width > 0.0 && height > 0.0).then(|| width / height)
}

/// The finding for a rule whose value is unknown. The file is refused, unless it was read only in
/// part.
fn unknown(rule: &Rule, facts: &MediaFacts) -> Finding {
    let severity = if facts.header_only || facts.partly_read {
        rule.severity.min(Severity::Warning)
    } else {
        rule.severity
    };
    finding(
        rule,
        severity,
        format!("the {} cannot be determined from the file", rule.measure),
    )
}

/// The observed value as text: the frame size for rules about a side, otherwise the number with its
/// unit.
fn observed(rule: &Rule, facts: &MediaFacts, value: f64) -> String {
    let frame = facts
        .video()
        .map(|v| format!("{}x{}", v.width, v.height))
        .unwrap_or_default();
    match rule.measure {
        Measure::ShortSide | Measure::LongSide | Measure::Width | Measure::Height => {
            format!("{frame} ({} {} px)", rule.measure, plain(value))
        }
        Measure::AspectRatio => format!("{frame} (aspect ratio {}:1)", plain(value)),
        Measure::AspectList => format!("{frame} (aspect ratio {})", plain(value)),
        Measure::FileSize => format!("file size {}", bytes(value)),
        Measure::AudioTracks if value == 0.0 => "no audio track".to_owned(),
        Measure::VideoTracks if value == 0.0 => "no video track".to_owned(),
        Measure::DecodableVideoTracks if value == 0.0 => format!(
            "FFmpeg has no decoder for the video ({})",
            facts
                .video()
                .map_or_else(String::new, |video| codec_with_tag(
                    &video.codec,
                    video.codec_tag.as_deref()
                ))
        ),
        Measure::DecodableAudioTracks if value == 0.0 => format!(
            "FFmpeg has no decoder for the audio ({})",
            facts
                .audio()
                .map_or_else(String::new, |audio| codec_with_tag(
                    &audio.codec,
                    audio.codec_tag.as_deref()
                ))
        ),
        Measure::Encryption => format!(
            "the content is encrypted ({})",
            facts.encryption.as_deref().unwrap_or("method not stated")
        ),
        Measure::ClaimedDurationShare => format!(
            "the header claims {} s, but the file contains only {} s",
            plain(facts.claimed_duration_seconds.unwrap_or_default()),
            plain(facts.duration_seconds.unwrap_or_default())
        ),
        Measure::ExcessBytes => format!(
            "{}; every sample is in the file",
            facts
                .overclaim
                .as_ref()
                .map_or("", |claim| claim.detail.as_str())
        ),
        Measure::MeasuredBitRate | Measure::BitsPerPixel => format!(
            "{} for a duration of {} s ({} {})",
            bytes(facts.file_size_bytes as f64),
            plain(facts.duration_seconds.unwrap_or_default()),
            rule.measure,
            distinct(rule, value)
        ),
        _ => format!("{} {}", rule.measure, distinct(rule, value)),
    }
}

/// The name of a codec in a report, with its four-character code. For a codec unknown to FFmpeg the
/// code is the only information.
fn codec_with_tag(codec: &str, tag: Option<&str>) -> String {
    match (codec, tag) {
        ("" | "none", Some(tag)) => format!("codec `{tag}`"),
        ("" | "none", None) => "an unknown codec".to_owned(),
        (codec, Some(tag)) => format!("codec {codec}, `{tag}`"),
        (codec, None) => format!("codec {codec}"),
    }
}

/// The value with its unit; with all digits if rounding would make it equal to the bound.
fn distinct(rule: &Rule, value: f64) -> String {
    let text = with_unit(value, rule.measure, rule.unit);
    let bound = rule
        .bound
        .number()
        .filter(|bound| (bound - value).abs() > f64::EPSILON);
    if bound.is_some_and(|bound| with_unit(bound, rule.measure, rule.unit) == text) {
        text.replacen(&plain(value), &value.to_string(), 1)
    } else {
        text
    }
}

fn finding(rule: &Rule, severity: Severity, observed: String) -> Finding {
    Finding {
        rule: rule.id.clone(),
        severity,
        observed,
        allowed: rule.to_string(),
        why: rule.why.clone(),
        assumption: rule.assumption.clone(),
        documentation: rule.documentation.clone(),
        source: rule.source.clone(),
        since: Some(rule.since),
        predicted_code: rule.code.clone(),
        other_routes: Vec::new(),
        fix: None,
    }
}

#[cfg(test)]
mod tests;
