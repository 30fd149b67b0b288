//! Tests of the other routes, of playlists, and of files that cannot be read.

use super::*;
use crate::rules::Severity;

#[test]
fn other_routes_say_where_the_file_must_be() {
    use Route::{Asset, AssetUrl, Multipart, Tasks};
    let sentence = |refusing, routes: &[Route]| other_routes_sentence(refusing, routes);
    assert_eq!(sentence(Asset, &[]), None);
    assert_eq!(
        sentence(AssetUrl, &[Asset, Multipart, Tasks]).as_deref(),
        Some(
            "The routes `asset` (from a local file), `multipart` (from a local file) and `tasks` accept this file."
        )
    );
    assert_eq!(
        sentence(Asset, &[AssetUrl]).as_deref(),
        Some("The route `asset-url` (from a public link) accepts this file.")
    );
    assert_eq!(
        sentence(Tasks, &[Multipart, Tasks]).as_deref(),
        Some("The routes `multipart` and `tasks` accept this file.")
    );
}

#[test]
fn only_a_route_that_refuses_leads_to_other_routes() {
    let pack = |severity: &str| {
        let text = format!(
            "name = \"n\"\ndate = \"2026-01-01\"\n\
             [[rule]]\nid = \"long\"\nwhy = \"Too long.\"\nroute = \"tasks\"\n\
             measure = \"duration\"\nunit = \"s\"\nmax = 100\nseverity = \"{severity}\"\n"
        );
        RulePack::from_toml(&text).unwrap()
    };
    let facts = MediaFacts::default().with(|facts| facts.duration_seconds = Some(200.0));
    let found = |severity| {
        let report = check(&facts, &Target::new(Route::Tasks), &pack(severity));
        let mut findings = report.findings.into_iter();
        let finding = findings.find(|finding| finding.rule == "long").unwrap();
        (finding.other_routes.len(), finding.why)
    };
    let (routes, why) = found("error");
    assert_eq!(routes, Route::ALL.len() - 1);
    assert!(why.starts_with("Too long. The routes "), "{why}");
    // The route accepts the file.
    assert_eq!(found("warning"), (0, "Too long.".to_owned()));
}

#[test]
fn playlists_are_checked_by_their_duration_only() {
    let pack = RulePack::from_toml(
        "name = \"n\"\ndate = \"2026-01-01\"\n\
         [[rule]]\nid = \"long\"\nwhy = \"w\"\nmeasure = \"duration\"\nunit = \"s\"\nmax = 100\n\
         [[rule]]\nid = \"tracks\"\nwhy = \"w\"\nmeasure = \"audio_tracks\"\nmin = 1\n",
    )
    .unwrap();
    let target = Target::new(Route::Tasks);
    let found = |seconds| {
        let report = check_playlist(Ok(seconds), &target, &pack);
        let rules = report.findings.iter().map(|finding| finding.rule.clone());
        rules.collect::<Vec<_>>()
    };
    assert!(found(99.0).is_empty());
    assert_eq!(found(101.0), ["long"]);
}

#[test]
fn unreadable_files_are_told_from_unreadable_disks() {
    let of = |kind| {
        let error = ProbeError::new(kind, "a.mp4", "it cannot be read").with_format("mxf");
        let report = check_probe_failure(&error, &Target::new(Route::Tasks), RulePack::current());
        let finding = report
            .findings
            .into_iter()
            .find(|f| f.rule.starts_with("file."));
        finding.unwrap()
    };
    let broken = Some("video_file_broken");
    for kind in [
        ProbeErrorKind::UnopenedFormat,
        ProbeErrorKind::Segment,
        ProbeErrorKind::TooComplex,
        ProbeErrorKind::NotMedia,
        ProbeErrorKind::Io,
    ] {
        let finding = of(kind);
        let (start, code) = match kind {
            ProbeErrorKind::UnopenedFormat => ("The local check opens only common", None),
            ProbeErrorKind::Segment => (
                "The platform reads videos with FFmpeg, which cannot read a single segment",
                broken,
            ),
            ProbeErrorKind::TooComplex => ("Reading this file takes far more time", broken),
            ProbeErrorKind::NotMedia => (
                "The platform reads videos with FFmpeg, which cannot read this file.",
                broken,
            ),
            _ => ("The file could not be checked.", None),
        };
        assert!(finding.why.starts_with(start), "{kind:?}: {}", finding.why);
        assert_eq!(finding.predicted_code.as_deref(), code, "{kind:?}");
        assert_eq!(finding.severity, Severity::Error);
    }
}

#[test]
fn durations_that_are_not_verified_say_what_would_verify_them() {
    let why = |change: fn(&mut MediaFacts)| {
        let facts = MediaFacts::default().with(|facts| {
            facts.duration_unverified = true;
            facts.duration_seconds = Some(5.0);
            change(facts);
        });
        let findings = file_findings(&facts);
        let id = "file.duration_unverified";
        let finding = findings.into_iter().find(|finding| finding.rule == id);
        finding.unwrap().why
    };
    let whole = "Reading the whole file took too long";
    let partly = "Verifying it requires reading more of the file";
    assert!(why(|_| ()).starts_with(whole));
    assert!(why(|facts| facts.partly_read = true).starts_with(partly));
    assert!(why(|facts| facts.duration_seconds = None).starts_with(partly));
}
