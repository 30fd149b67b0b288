//! Plans the change that makes a file pass: the frame size, duration, audio and file size required
//! by the rules. `argv` writes it as an `ffmpeg` call.

use super::argv;
use super::change::{AUDIO_BITRATE, Change, Frame, longest};
use crate::facts::MediaFacts;
use crate::remedy::fix::{Fix, FixOptions};
use crate::rules::Severity;
use crate::rules::{Bound, Measure, Rule};

/// Distance of a cut or an extension from its bound, so that rounding to whole frames and packets
/// does not matter.
const SAFE_SECONDS: f64 = 0.5;

/// The share of a size limit that the encoder may use. Single-pass rate control misses its target
/// by a few percent.
const SAFE_SHARE: f64 = 0.9;

/// Minimum bit rate in bits per second. No fix is offered below it, because the video would be too
/// poor to be useful.
const MIN_VIDEO_BITRATE: f64 = 100_000.0;

/// Maximum bit rate in bits per second, even if a size limit allows more: the maximum of the High
/// profile up to level 4.2 (ITU-T H.264, table A-1: 50,000 kbit/s times 1.25).
const MAX_VIDEO_BITRATE: f64 = 62_500_000.0;

/// The fix for one finding, if there is one for this file.
pub(crate) fn for_rule(rule: &Rule, facts: &MediaFacts, rules: &[&Rule]) -> Option<Fix> {
    let options = FixOptions::default();
    let change = change(rule, facts, rules, &options)?;
    argv::write(&change, facts, &options)
}

/// One fix for all fixable findings, or `None` if there is nothing to fix or no fix exists.
pub(crate) fn for_all(
    broken: &[&Rule],
    facts: &MediaFacts,
    rules: &[&Rule],
    options: &FixOptions,
) -> Option<Fix> {
    let mut all = Change {
        remux: facts.truncated.is_some(),
        ..Change::default()
    };
    for rule in broken {
        let Some(one) = change(rule, facts, rules, options) else {
            continue;
        };
        all.frame = one.frame.or(all.frame);
        all.trim = [one.trim, all.trim].into_iter().flatten().reduce(f64::min);
        all.extend = [one.extend, all.extend]
            .into_iter()
            .flatten()
            .reduce(f64::max);
        all.silence |= one.silence;
        all.shrink = [one.shrink, all.shrink].into_iter().flatten().min();
        all.remux |= one.remux;
    }
    (all != Change::default()).then_some(())?;
    all.tone_map = options.tone_map && facts.video().is_some_and(|video| video.is_hdr);
    argv::write(&all, facts, options)
}

/// The fix for a truncated file: keep the readable part.
pub(crate) fn keep_readable_part(facts: &MediaFacts) -> Option<Fix> {
    argv::write(
        &Change {
            remux: true,
            ..Change::default()
        },
        facts,
        &FixOptions::default(),
    )
}

fn change(
    rule: &Rule,
    facts: &MediaFacts,
    rules: &[&Rule],
    options: &FixOptions,
) -> Option<Change> {
    let nothing = Change::default();
    match (rule.measure, &rule.bound) {
        (
            Measure::ShortSide
            | Measure::LongSide
            | Measure::Width
            | Measure::Height
            | Measure::AspectRatio
            | Measure::AspectList
            | Measure::SampleAspectRatio,
            _,
        ) if rule.severity > Severity::Advice => Some(Change {
            frame: Some(frame(facts.display_size()?, rule, rules)?),
            ..nothing
        }),
        (Measure::Duration, Bound::Max(max)) if rule.severity == Severity::Error => Some(Change {
            trim: Some(max - rule.margin.unwrap_or(0.0) - SAFE_SECONDS).filter(|t| *t > 0.0),
            ..nothing
        }),
        (Measure::Duration, Bound::Min(min)) => {
            facts.video()?;
            facts.duration_seconds()?;
            let enough = min + rule.margin.unwrap_or(0.0) + SAFE_SECONDS;
            Some(Change {
                extend: Some(enough.max(longest(facts, options))),
                ..nothing
            })
        }
        (Measure::AudioTracks, Bound::Min(_)) if facts.video().is_some() => Some(Change {
            silence: true,
            ..nothing
        }),
        (Measure::FileSize, Bound::Max(max)) => {
            facts.video()?;
            let bytes = max * rule.unit.smaller_factor().unwrap_or(1.0) * SAFE_SHARE;
            let sound = if facts.audio_streams.is_empty() {
                0.0
            } else {
                f64::from(AUDIO_BITRATE)
            };
            let rate = bytes * 8.0 / facts.duration_seconds().filter(|d| *d > 0.0)? - sound;
            // The cast saturates; the number is positive and far below 2^53.
            (rate >= MIN_VIDEO_BITRATE).then_some(Change {
                shrink: Some(rate.min(MAX_VIDEO_BITRATE) as u64),
                ..nothing
            })
        }
        _ => None,
    }
}

/// The bounds on a frame, taken together.
struct Limits<'a> {
    rules: Vec<&'a Rule>,
}

impl Limits<'_> {
    fn least(&self, measure: Measure) -> Option<f64> {
        let bounds = self.rules.iter().filter(|r| r.measure == measure);
        bounds
            .filter_map(|r| {
                if let Bound::Min(n) = r.bound {
                    Some(n)
                } else {
                    None
                }
            })
            .reduce(f64::max)
    }

    fn most(&self, measure: Measure) -> Option<f64> {
        let bounds = self.rules.iter().filter(|r| r.measure == measure);
        bounds
            .filter_map(|r| match r.bound {
                // A value within the margin would still cause a warning.
                Bound::Max(n) => Some(n - r.margin.unwrap_or(0.0) * 1.01),
                _ => None,
            })
            .reduce(f64::min)
    }

    /// Listed aspect ratios, as width divided by height.
    fn listed(&self) -> Vec<f64> {
        let lists = self
            .rules
            .iter()
            .filter(|r| r.measure == Measure::AspectList);
        lists
            .filter_map(|r| {
                if let Bound::OneOf(words) = &r.bound {
                    Some(words)
                } else {
                    None
                }
            })
            .flatten()
            .filter_map(|word| {
                let (w, h) = word.split_once(':')?;
                Some(w.parse::<f64>().ok()? / h.parse::<f64>().ok()?)
            })
            .filter(|ratio| ratio.is_finite() && *ratio > 0.0)
            .collect()
    }
}

/// The nearest frame that satisfies every rule about frames: bars for the aspect ratio, then
/// scaling for the size.
fn frame(shown: (u32, u32), cause: &Rule, rules: &[&Rule]) -> Option<Frame> {
    let limits = Limits {
        rules: rules
            .iter()
            .copied()
            .filter(|r| r.severity == Severity::Error || r.id == cause.id)
            .collect(),
    };
    let (width, height) = (f64::from(shown.0), f64::from(shown.1));
    (width >= 1.0 && height >= 1.0).then_some(())?;
    let (mut full_width, mut full_height) = (width, height);
    let listed = limits.listed();
    if let Some(ratio) = listed.into_iter().min_by(|a, b| {
        let distance = |r: &f64| (width / height / r).ln().abs();
        distance(a).total_cmp(&distance(b))
    }) {
        (full_width, full_height) = if width / height > ratio {
            (width, width / ratio)
        } else {
            (height * ratio, height)
        };
    }
    if let Some(most) = limits.most(Measure::AspectRatio) {
        full_width = full_width.max(full_height / most);
        full_height = full_height.max(full_width / most);
    }
    let (long, short) = (full_width.max(full_height), full_width.min(full_height));
    let mut factor = 1.0f64;
    if let Some(least) = limits.least(Measure::ShortSide) {
        factor = factor.max(least / short);
    }
    for (measure, side) in [
        (Measure::LongSide, long),
        (Measure::ShortSide, short),
        (Measure::Width, full_width),
        (Measure::Height, full_height),
    ] {
        if let Some(most) = limits.most(measure) {
            factor = factor.min(most / side);
        }
    }
    let even = |side: f64| {
        let side = side * factor;
        // Encoders require even sides. Rounding down when shrinking and up when growing stays
        // within the violated bound.
        let halves = if factor < 1.0 {
            (side / 2.0 + 1e-9).floor()
        } else {
            (side / 2.0 - 1e-9).ceil()
        };
        (halves.max(1.0) * 2.0) as u32
    };
    let padded = (even(full_width), even(full_height));
    let scaled = (even(width).min(padded.0), even(height).min(padded.1));
    Some(Frame { scaled, padded })
}

#[cfg(test)]
mod tests;
