//! Compares facts with rules. Pure: takes facts and returns a report with all findings. Media is
//! read by the probers; the numbers are in the rule packs.

mod compare;
mod observe;

use crate::facts::MediaFacts;
use crate::playlist::PlaylistError;
use crate::probe::unopened;
use crate::probe::{ProbeError, ProbeErrorKind};
use crate::report::Finding;
use crate::report::Report;
use crate::rules::Severity;
use crate::rules::{EngineStatus, Measure, RulePack};
use crate::rules::{Route, Target};

/// Checks facts against the rules of `pack` that apply to `target`.
pub fn check(facts: &MediaFacts, target: &Target, pack: &RulePack) -> Report {
    let mut findings = engine_findings(target, pack);
    findings.extend(file_findings(facts));
    let rules = pack.rules_for(target);
    // Computed only if a route refuses the file.
    let mut others = None;
    for rule in &rules {
        let Some(mut finding) = compare::against(rule, facts) else {
            continue;
        };
        finding.fix = crate::remedy::fix::for_rule(rule, facts, &rules);
        if rule.route.is_some() && finding.severity == Severity::Error {
            finding.other_routes = others
                .get_or_insert_with(|| accepting_routes(facts, target, pack))
                .clone();
            if let Some(sentence) = other_routes_sentence(target.route, &finding.other_routes) {
                finding.why = format!("{} {sentence}", finding.why);
            }
        }
        findings.push(finding);
    }
    Report::new(findings, pack, target)
}

/// The other routes on which no rule refuses the file.
fn accepting_routes(facts: &MediaFacts, target: &Target, pack: &RulePack) -> Vec<Route> {
    let accepts = |route: &Route| {
        let target = Target {
            route: *route,
            ..target.clone()
        };
        !file_findings(facts)
            .into_iter()
            .chain(
                pack.rules_for(&target)
                    .into_iter()
                    .filter_map(|rule| compare::against(rule, facts)),
            )
            .any(|finding| finding.severity == Severity::Error)
    };
    Route::ALL
        .into_iter()
        .filter(|route| *route != target.route)
        .filter(accepts)
        .collect()
}

/// A sentence that lists the routes that accept what `refusing` does not.
fn other_routes_sentence(refusing: Route, routes: &[Route]) -> Option<String> {
    // Local files and URLs use different routes.
    let condition = |route: Route| match (refusing, route) {
        (Route::AssetUrl, Route::Asset | Route::Multipart) => " (from a local file)",
        (Route::AssetUrl, _) | (_, Route::Tasks) => "",
        (_, Route::AssetUrl) => " (from a public link)",
        _ => "",
    };
    let codec_with_tag: Vec<String> = routes
        .iter()
        .map(|route| format!("`{route}`{}", condition(*route)))
        .collect();
    let (last, rest) = codec_with_tag.split_last()?;
    Some(if rest.is_empty() {
        format!("The route {last} accepts this file.")
    } else {
        format!(
            "The routes {} and {last} accept this file.",
            rest.join(", ")
        )
    })
}

/// One `ffmpeg` call that removes every fixable error, or `None` if there is nothing to fix or no
/// fix exists.
///
/// Errors that no call can remove (a retired engine, a file without video) are ignored: check the
/// result again.
pub fn fix_all(
    facts: &MediaFacts,
    target: &Target,
    pack: &RulePack,
) -> Option<crate::remedy::fix::Fix> {
    fix_all_with(
        facts,
        target,
        pack,
        &crate::remedy::fix::FixOptions::default(),
    )
}

/// [`fix_all`] with options.
pub fn fix_all_with(
    facts: &MediaFacts,
    target: &Target,
    pack: &RulePack,
    options: &crate::remedy::fix::FixOptions,
) -> Option<crate::remedy::fix::Fix> {
    let rules = pack.rules_for(target);
    let broken: Vec<&crate::rules::Rule> = rules
        .iter()
        .copied()
        .filter(|rule| compare::against(rule, facts).is_some_and(|f| f.severity == Severity::Error))
        .collect();
    crate::remedy::fix::for_all(&broken, facts, &rules, options)
}

/// Checks a size in bytes against the size rules alone, for files that have not been probed.
pub fn check_size(bytes: u64, target: &Target, pack: &RulePack) -> Report {
    let facts = MediaFacts {
        file_size_bytes: bytes,
        ..MediaFacts::default()
    };
    let findings = pack
        .rules_for(target)
        .into_iter()
        // It is not known yet whether the file is audio only, so apply only the rules for all
        // files.
        .filter(|rule| rule.measure == Measure::FileSize && rule.audio_only.is_none())
        .filter_map(|rule| compare::against(rule, &facts))
        .collect();
    Report::new(findings, pack, target)
}

/// The largest size in bytes that `target` allows, in the larger interpretation of the unit. `None`
/// if no rule limits it.
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

/// A report for a file that could not be probed, so that a broken file is reported like any other.
///
/// The verdict is [`Verdict::Refuse`](crate::Verdict::Refuse). Use
/// [`crate::ProbeErrorKind::is_about_the_file`] to distinguish a bad file from a bad disk.
pub fn check_probe_failure(error: &ProbeError, target: &Target, pack: &RulePack) -> Report {
    let kind = error.kind();
    let about_the_file = kind.is_about_the_file();
    let reason = match kind {
        ProbeErrorKind::UnopenedFormat => {
            "The local check opens only common video formats; the platform may support this one."
        }
        ProbeErrorKind::Segment => {
            "The platform reads videos with FFmpeg, which cannot read a single segment of a stream."
        }
        ProbeErrorKind::TooComplex => {
            "Reading this file takes far more time or memory than a typical video, so the platform is expected to fail too."
        }
        _ if about_the_file => {
            "The platform reads videos with FFmpeg, which cannot read this file."
        }
        _ => "The file could not be checked.",
    };
    let finding = Finding {
        rule: format!("file.{}", error.kind()),
        severity: Severity::Error,
        // Leave FFmpeg's messages out: they address FFmpeg developers, not the owner of a file.
        observed: error.seen().to_owned(),
        allowed: error.allowed().to_owned(),
        why: format!("{reason} {}", error.next()),
        assumption: None,
        documentation: documentation(pack),
        source: "local check".to_owned(),
        since: None,
        predicted_code: (about_the_file && kind != ProbeErrorKind::UnopenedFormat)
            .then(|| "video_file_broken".to_owned()),
        other_routes: Vec::new(),
        fix: error
            .format()
            .filter(|_| kind == ProbeErrorKind::UnopenedFormat)
            .and_then(unopened::unopened)
            .filter(|format| format.can_be_transcoded)
            .map(|format| crate::remedy::fix::transcode(format.name)),
    };
    let mut findings = engine_findings(target, pack);
    findings.push(finding);
    Report::new(findings, pack, target)
}

/// Checks the playlist of a recording, which the platform fetches by its URL: that it is one, and
/// its duration in seconds against the duration rules. Its segments are not read.
pub fn check_playlist(
    playlist: Result<f64, &PlaylistError>,
    target: &Target,
    pack: &RulePack,
) -> Report {
    let mut findings = engine_findings(target, pack);
    match playlist {
        Ok(seconds) => {
            let facts = MediaFacts {
                duration_seconds: Some(seconds),
                ..MediaFacts::default()
            };
            let rules = pack.rules_for(target);
            let of_all = rules.into_iter().filter(|rule| rule.audio_only.is_none());
            let of_duration = of_all.filter(|rule| rule.measure == Measure::Duration);
            findings.extend(of_duration.filter_map(|rule| compare::against(rule, &facts)));
        }
        Err(error) => {
            let is_encrypted = error.is_encrypted();
            findings.push(Finding {
                rule: "file.playlist".to_owned(),
                severity: if is_encrypted {
                    Severity::Warning
                } else {
                    Severity::Error
                },
                observed: error.to_string(),
                allowed: "the URL of an HLS manifest in VOD format".to_owned(),
                why: "The platform fetches recordings by their HLS manifest and rejects live streams."
                    .to_owned(),
                assumption: is_encrypted.then(|| {
                    "the platform does not document whether it reads encrypted segments".to_owned()
                }),
                documentation:
                    "https://docs.twelvelabs.io/v1.3/api-reference/upload-content/direct-uploads/create"
                        .to_owned(),
                source: "documentation in the official Python client 1.3.6 of October 2026"
                    .to_owned(),
                since: None,
                predicted_code: None,
                other_routes: Vec::new(),
                fix: None,
            });
        }
    }
    Report::new(findings, pack, target)
}

/// The documentation page for findings without a rule: the one that most rules of the pack refer
/// to.
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
                "The platform no longer accepts videos for this engine.",
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
            other_routes: Vec::new(),
            fix: None,
        });
    }
    findings
}

/// Findings about the file itself, independent of the rules.
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
        other_routes: Vec::new(),
        fix: None,
    };
    let mut findings = Vec::new();
    if let Some(cut) = &facts.truncated {
        findings.push(Finding {
            assumption: Some("the platform does not document how it handles such files".to_owned()),
            predicted_code: Some("video_file_broken".to_owned()),
            fix: crate::remedy::fix::keep_readable_part(facts),
            ..local(
                "file.truncated",
                Severity::Error,
                format!("the file is truncated: {}", cut.detail),
                "a complete file",
                "The missing part cannot be indexed; copy or download the file again.",
            )
        });
    }
    if facts.header_only {
        findings.push(local(
            "file.header_only",
            Severity::Advice,
            "header only: only the headers of the file were read".to_owned(),
            "a full probe",
            "Sizes and durations come from the headers, which can be wrong; install `tl-probe` for a full check.",
        ));
    } else if facts.duration_unverified {
        let claim = facts.duration_seconds().map_or_else(
            || "the headers contain none".to_owned(),
            |seconds| format!("the header claims {} s", crate::text::plain(seconds)),
        );
        findings.push(local(
            "file.duration_unverified",
            Severity::Warning,
            format!("duration not verified: {claim}"),
            "a duration confirmed by the content",
            if facts.partly_read || facts.duration_seconds().is_none() {
                "Verifying it requires reading more of the file; download the file and check it locally."
            } else {
                "Reading the whole file took too long, or its frames have no timestamps; use a longer deadline to verify it."
            },
        ));
    }
    findings
}

#[cfg(test)]
mod tests;
