//! Holding facts against rules. Pure: facts in, report out, all findings, never only the first.
//! Reading media lives in the probers; the numbers live in the rule packs.

mod compare;
mod observe;

use crate::report::{Finding, Severity};
use crate::rules::{EngineStatus, Measure, RulePack};
use crate::{MediaFacts, ProbeError, Report, Target};

/// Checks facts against the rules of `pack` that hold for `target`.
pub fn check(facts: &MediaFacts, target: &Target, pack: &RulePack) -> Report {
    let mut findings = engine_findings(target, pack);
    findings.extend(file_findings(facts));
    let rules = pack.rules_for(target);
    for rule in &rules {
        findings.extend(compare::against(rule, facts).map(|finding| Finding {
            fix: crate::fix::for_rule(rule, facts, &rules),
            ..finding
        }));
    }
    Report::new(findings, pack, target)
}

/// One `ffmpeg` call that removes every error which can be removed, or `None` where there is nothing to do or no way.
///
/// Errors that no call can remove (a retired engine, a file without video) are left out: check the result again.
pub fn fix_all(facts: &MediaFacts, target: &Target, pack: &RulePack) -> Option<crate::Fix> {
    fix_all_with(facts, target, pack, &crate::FixOptions::default())
}

/// [`fix_all`] with options.
pub fn fix_all_with(
    facts: &MediaFacts,
    target: &Target,
    pack: &RulePack,
    options: &crate::FixOptions,
) -> Option<crate::Fix> {
    let rules = pack.rules_for(target);
    let broken: Vec<&crate::rules::Rule> = rules
        .iter()
        .copied()
        .filter(|rule| compare::against(rule, facts).is_some_and(|f| f.severity == Severity::Error))
        .collect();
    crate::fix::for_all(&broken, facts, &rules, options)
}

/// Checks a size in bytes against the size rules alone, for bytes that have not been probed (yet).
pub fn check_size(bytes: u64, target: &Target, pack: &RulePack) -> Report {
    let facts = MediaFacts {
        file_size_bytes: bytes,
        ..MediaFacts::default()
    };
    let findings = pack
        .rules_for(target)
        .into_iter()
        // Whether it is sound alone is not known yet, so only what holds for every file is asked.
        .filter(|rule| rule.measure == Measure::FileSize && rule.audio_only.is_none())
        .filter_map(|rule| compare::against(rule, &facts))
        .collect();
    Report::new(findings, pack, target)
}

/// The largest size in bytes that `target` allows, in the larger reading of the unit; `None` when no rule bounds it.
pub fn max_size(target: &Target, pack: &RulePack) -> Option<u64> {
    pack.rules_for(target)
        .into_iter()
        .filter(|rule| {
            rule.measure == Measure::FileSize
                && rule.audio_only.is_none()
                && rule.severity == Severity::Error
        })
        .filter_map(|rule| match rule.bound {
            // Bounds are validated to be finite when a pack is read, and the cast saturates.
            crate::rules::Bound::Max(max) => Some((max * rule.unit.factor()) as u64),
            _ => None,
        })
        .min()
}

/// A report for a file that could not be probed, so that "broken file" is an answer like any other.
///
/// The report refuses the file. Ask [`crate::ProbeErrorKind::is_about_the_file`] to tell a bad file from a bad disk.
pub fn check_probe_failure(error: &ProbeError, target: &Target, pack: &RulePack) -> Report {
    let about_the_file = error.kind().is_about_the_file();
    let mut observed = error.seen().to_owned();
    if let Some(line) = error.log().last() {
        observed.push_str(&format!(" (FFmpeg says: {line})"));
    }
    let finding = Finding {
        rule: format!("file.{}", error.kind()),
        severity: Severity::Error,
        observed,
        allowed: error.allowed().to_owned(),
        why: if about_the_file {
            format!(
                "The platform reads videos with FFmpeg, and this file cannot be read. {}",
                error.next()
            )
        } else {
            format!("The file could not be checked. {}", error.next())
        },
        assumption: None,
        documentation: documentation(pack),
        source: "local check".to_owned(),
        since: None,
        predicted_code: about_the_file.then(|| "video_file_broken".to_owned()),
        fix: None,
    };
    let mut findings = engine_findings(target, pack);
    findings.push(finding);
    Report::new(findings, pack, target)
}

/// The page for findings that belong to no rule: the one that most rules of the pack name.
fn documentation(pack: &RulePack) -> String {
    pack.rules()
        .first()
        .map(|rule| rule.documentation.clone())
        .unwrap_or_default()
}

fn engine_findings(target: &Target, pack: &RulePack) -> Vec<Finding> {
    let known: Vec<&str> = pack
        .engines()
        .iter()
        .filter(|entry| entry.status != EngineStatus::Retired)
        .map(|entry| entry.name.as_str())
        .collect();
    let mut findings = Vec::new();
    for engine in pack.engines_for(target) {
        let entry = pack.engine(engine);
        let note = entry.and_then(|e| e.note.clone());
        let (rule, severity, why, code) = match entry.map(|e| e.status) {
            Some(EngineStatus::Current) => continue,
            Some(EngineStatus::Undocumented) => (
                "engine.undocumented",
                Severity::Warning,
                "No limits of this engine are published; only those of the route are checked.",
                None,
            ),
            Some(EngineStatus::Retired) => (
                "engine.retired",
                Severity::Error,
                "The platform no longer takes videos for this engine.",
                Some("parameter_invalid"),
            ),
            None => (
                "engine.unknown",
                Severity::Warning,
                "This rule pack does not know the engine; only the limits of the route are checked.",
                None,
            ),
        };
        findings.push(Finding {
            rule: rule.to_owned(),
            severity,
            observed: match note {
                Some(note) => format!("engine {engine} ({note})"),
                None => format!("engine {engine}"),
            },
            allowed: known.join(", "),
            why: why.to_owned(),
            assumption: None,
            documentation: documentation(pack),
            source: format!("rule pack {}", pack.name()),
            since: Some(pack.date()),
            predicted_code: code.map(str::to_owned),
            fix: None,
        });
    }
    findings
}

/// What is wrong with the file whatever the rules say.
fn file_findings(facts: &MediaFacts) -> Vec<Finding> {
    let local = |rule: &str, severity, observed: String, allowed: &str, why: &str| Finding {
        rule: rule.to_owned(),
        severity,
        observed,
        allowed: allowed.to_owned(),
        why: why.to_owned(),
        assumption: None,
        documentation: String::new(),
        source: "local check".to_owned(),
        since: None,
        predicted_code: None,
        fix: None,
    };
    let mut findings = Vec::new();
    if let Some(cut) = &facts.truncated {
        findings.push(Finding {
            assumption: Some(
                "the platform does not document what it does with such files".to_owned(),
            ),
            predicted_code: Some("video_file_broken".to_owned()),
            fix: crate::fix::keep_readable_part(facts),
            ..local(
                "file.truncated",
                Severity::Error,
                format!("the file is cut off: {}", cut.detail),
                "a complete file",
                "What is missing cannot be indexed; copy or download the file again.",
            )
        });
    }
    if facts.header_only {
        findings.push(local(
            "file.header_only",
            Severity::Advice,
            "header only: nothing but the file's headers was read".to_owned(),
            "a full probe",
            "Sizes and durations are what the headers claim, and headers can be wrong; install `tl-probe` for a full check.",
        ));
    } else if facts.duration_unverified {
        let claim = facts.duration_seconds().map_or_else(
            || "the file's headers do not tell it".to_owned(),
            |seconds| format!("the header claims {} s", crate::rules::plain(seconds)),
        );
        findings.push(local(
            "file.duration_unverified",
            Severity::Warning,
            format!("duration not verified: {claim}"),
            "a duration that the content bears out",
            if facts.partly_read || facts.duration_seconds().is_none() {
                "More of the file would have to be read; download it and check it here to be sure."
            } else {
                "Reading the whole file took too long, or its frames bear no time; give the probe more time to be sure."
            },
        ));
    }
    findings
}
