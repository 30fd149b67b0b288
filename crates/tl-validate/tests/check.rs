//! The pure check: findings for given facts, and its properties.

use proptest::prelude::*;
use tl_validate::{
    AudioStream, Engine, MediaFacts, ProbeError, ProbeErrorKind, Report, Route, RulePack, Severity,
    Target, Truncation, Verdict, VideoStream, check, check_probe_failure, check_size, max_size,
};

fn facts(width: u32, height: u32, seconds: f64, bytes: u64) -> MediaFacts {
    MediaFacts::default().with(|facts| {
        facts.file_size_bytes = bytes;
        facts.file_container_format = Some("mov,mp4,m4a,3gp,3g2,mj2".into());
        facts.duration_seconds = Some(seconds);
        facts.video_streams = vec![VideoStream::default().with(|video| {
            video.codec = "h264".into();
            video.width = width;
            video.height = height;
        })];
        facts.audio_streams = vec![AudioStream::default().with(|audio| {
            audio.index = 1;
            audio.codec = "aac".into();
        })];
    })
}

fn good() -> MediaFacts {
    facts(640, 360, 60.0, 5_000_000)
}

fn tasks() -> Target {
    Target::new(Route::Tasks)
}

fn ids(report: &Report, severity: Severity) -> Vec<&str> {
    report
        .findings
        .iter()
        .filter(|f| f.severity == severity)
        .map(|f| f.rule.as_str())
        .collect()
}

#[test]
fn current_bounds_are_inclusive() {
    let check_at = |facts: MediaFacts, errors: &[&str]| {
        let report = check(&facts, &tasks(), RulePack::current());
        assert_eq!(ids(&report, Severity::Error), errors, "{report}");
    };
    check_at(good(), &[]);
    check_at(facts(360, 360, 60.0, 1), &[]);
    check_at(facts(640, 359, 60.0, 1), &["marengo3.0.resolution.min"]);
    check_at(facts(359, 640, 60.0, 1), &["marengo3.0.resolution.min"]);
    check_at(facts(5184, 2160, 60.0, 1), &[]);
    check_at(facts(2160, 5184, 60.0, 1), &[]);
    check_at(
        facts(5186, 2161, 60.0, 1),
        &[
            "marengo3.0.resolution.long.max",
            "marengo3.0.resolution.short.max",
        ],
    );
    check_at(facts(864, 360, 60.0, 1), &[]);
    check_at(facts(866, 360, 60.0, 1), &["marengo3.0.aspect.max"]);
    check_at(facts(360, 866, 60.0, 1), &["marengo3.0.aspect.max"]);
    check_at(facts(640, 360, 4.0, 1), &[]);
    check_at(facts(640, 360, 3.999, 1), &["marengo3.0.duration.min"]);
    check_at(facts(640, 360, 14400.0, 1), &[]);
    check_at(facts(640, 360, 14400.04, 1), &["marengo3.0.duration.max"]);
    check_at(facts(640, 360, 60.0, 2 << 30), &[]);
    check_at(facts(640, 360, 60.0, (2 << 30) + 1), &["tasks.size.max"]);
}

#[test]
fn undocumented_limits_cause_warnings() {
    let check_at = |facts: MediaFacts, warnings: &[&str]| {
        let report = check(&facts, &tasks(), RulePack::current());
        assert_eq!(ids(&report, Severity::Warning), warnings, "{report}");
        assert!(!report.is_refused(), "{report}");
    };
    check_at(good(), &[]);
    check_at(
        facts(2160, 3840, 60.0, 1),
        &["marengo3.0.resolution.height.strict"],
    );
    check_at(facts(1920, 800, 60.0, 1), &["marengo3.0.aspect.max"]);
    check_at(facts(1920, 818, 60.0, 1), &[]);
    check_at(facts(640, 360, 4.02, 1), &["marengo3.0.duration.min"]);
    check_at(facts(640, 360, 60.0, 2_100_000_000), &["tasks.size.max"]);
    let mut anamorphic = good();
    anamorphic.video_streams[0].sample_aspect = Some((4, 3));
    check_at(anamorphic, &["sample_aspect.square"]);
    let mut disagreeing = good();
    disagreeing.duration_seconds = Some(4.5);
    disagreeing.container_duration_seconds = Some(3.9);
    check_at(disagreeing, &["marengo3.0.duration.min"]);
}

#[test]
fn v1_2_pack_matches_its_guide() {
    let pack = RulePack::named("v1.2").expect("built in");
    let errors = |facts: &MediaFacts, target: &Target| -> Vec<String> {
        check(facts, target, pack)
            .errors()
            .map(|f| f.rule.clone())
            .collect()
    };
    let marengo = tasks();
    let pegasus = tasks().with_engine(Engine::Pegasus1);
    assert!(errors(&facts(640, 360, 4.0, 1), &marengo).is_empty());
    assert!(errors(&facts(640, 360, 7200.0, 1), &marengo).is_empty());
    assert_eq!(
        errors(&facts(640, 360, 7201.0, 1), &marengo),
        ["marengo2.6.duration.max"]
    );
    assert_eq!(
        errors(&facts(640, 360, 4.0, 1), &pegasus),
        ["pegasus1.duration.min"]
    );
    assert!(errors(&facts(640, 360, 1800.0, 1), &pegasus).is_empty());
    assert_eq!(
        errors(&facts(640, 360, 1801.0, 1), &pegasus),
        ["pegasus1.duration.max"]
    );
    assert!(errors(&facts(3840, 2160, 60.0, 1), &marengo).is_empty());
    assert_eq!(
        errors(&facts(5184, 2160, 60.0, 1), &marengo),
        ["resolution.long.max"]
    );

    let mut silent = good();
    silent.audio_streams.clear();
    assert!(errors(&silent, &marengo).is_empty());
    assert_eq!(
        errors(&silent, &marengo.clone().with_option("conversation")),
        ["conversation.audio"]
    );

    let advice = check(&facts(1280, 720, 60.0, 1), &marengo, pack);
    assert_eq!(ids(&advice, Severity::Advice), ["resolution.advised"]);
    assert_eq!(advice.verdict(), Verdict::Pass);
}

#[test]
fn each_route_has_its_own_size_limit() {
    let check_at = |pack: &str, route, limit: Option<u64>| {
        let target = Target::new(route).with_engine("none");
        assert_eq!(
            max_size(&target, RulePack::named(pack).expect("built in")),
            limit,
            "{pack} {route}"
        );
    };
    let (mb, gb) = (1u64 << 20, 1u64 << 30);
    check_at("v1.3-2026-10", Route::Tasks, Some(2 * gb));
    check_at("v1.3-2026-10", Route::Asset, Some(200 * mb));
    check_at("v1.3-2026-10", Route::AssetUrl, Some(4 * gb));
    check_at("v1.3-2026-10", Route::Multipart, Some(10 * gb));
    check_at("v1.3-2026-02", Route::Multipart, Some(4_294_967_296));
    check_at("v1.3-2025-06", Route::Asset, None);

    let too_large = check_size(3 * gb, &tasks(), RulePack::current());
    assert_eq!(too_large.predicted_code(), Some("video_filesize_too_large"));
    assert!(!check_size(2 * gb, &tasks(), RulePack::current()).is_refused());
}

#[test]
fn retired_and_unknown_engines_are_reported() {
    let of = |engine: &str| check(&good(), &tasks().with_engine(engine), RulePack::current());
    assert_eq!(ids(&of("marengo2.7"), Severity::Error), ["engine.retired"]);
    assert_eq!(of("marengo2.7").predicted_code(), Some("parameter_invalid"));
    assert_eq!(ids(&of("marengo9"), Severity::Warning), ["engine.unknown"]);
    assert_eq!(
        ids(&of("marengo3.5"), Severity::Warning),
        ["engine.undocumented"]
    );
}

#[test]
fn unknown_values_are_refused() {
    let mut unknown = good();
    unknown.duration_seconds = None;
    let report = check(&unknown, &tasks(), RulePack::current());
    assert_eq!(
        ids(&report, Severity::Error),
        ["marengo3.0.duration.min", "marengo3.0.duration.max"]
    );
    unknown.header_only = true;
    let report = check(&unknown, &tasks(), RulePack::current());
    assert_eq!(report.verdict(), Verdict::Warn, "{report}");
}

#[test]
fn reports_match_snapshots() {
    let mut all = facts(320, 100, 2.0, 2_200_000_000);
    all.truncated = Some(Truncation::default().with(|value| {
        value.expected_bytes = Some(3_000_000_000);
        value.detail = "the box `mdat` is not whole".into();
    }));
    let text = |report: &Report| report.to_string();
    insta::assert_snapshot!("good", text(&check(&good(), &tasks(), RulePack::current())));
    insta::assert_snapshot!(
        "everything_wrong",
        text(&check(&all, &tasks(), RulePack::current()))
    );
    insta::assert_snapshot!(
        "close_to_a_bound",
        text(&check(
            &facts(640, 360, 3.9999, 1),
            &tasks(),
            RulePack::current()
        ))
    );
    let broken = ProbeError::new(
        ProbeErrorKind::Broken,
        "clip.mp4",
        "this looks like a mov file, but it is damaged or incomplete",
    )
    .with_log(vec!["moov atom not found".into()]);
    insta::assert_snapshot!(
        "broken",
        text(&check_probe_failure(&broken, &tasks(), RulePack::current()))
    );
    insta::assert_json_snapshot!(
        "small_json",
        check(&facts(320, 180, 60.0, 1), &tasks(), RulePack::current())
    );
}

fn any_target() -> impl Strategy<Value = Target> {
    let engines = proptest::sample::subsequence(Engine::KNOWN.to_vec(), 0..3);
    (
        proptest::sample::select(Route::ALL.to_vec()),
        engines,
        any::<bool>(),
    )
        .prop_map(|(route, engines, conversation)| {
            let target = engines
                .into_iter()
                .fold(Target::new(route), Target::with_engine);
            if conversation {
                target.with_option("conversation")
            } else {
                target
            }
        })
}

fn any_pack() -> impl Strategy<Value = &'static RulePack> {
    let names: Vec<String> = RulePack::all().into_iter().map(|p| p.name).collect();
    proptest::sample::select(names).prop_map(|name| RulePack::named(&name).expect("built in"))
}

proptest! {
    /// A file that exceeds a bound by more never gets a better verdict.
    #[test]
    fn verdict_is_monotone_in_each_bound(
        target in any_target(), pack in any_pack(), a in 1u32..40_000, b in 1u32..40_000,
    ) {
        let (low, high) = (a.min(b), a.max(b));
        let verdict = |facts: &MediaFacts| check(facts, &target, pack).is_refused();
        let size = |bytes: u32| facts(640, 360, 60.0, u64::from(bytes) * 1_000_000);
        prop_assert!(verdict(&size(low)) <= verdict(&size(high)), "size");
        // Values within the other bound of every pack, so that only one bound matters.
        let length = |seconds: u32| facts(640, 360, f64::from(seconds), 1);
        if low >= 60 {
            prop_assert!(verdict(&length(low)) <= verdict(&length(high)), "too long");
        } else if high <= 600 {
            prop_assert!(verdict(&length(high)) <= verdict(&length(low)), "too short");
        }
        // Squares, so that the aspect ratio stays valid while the size changes.
        let square = |side: u32| facts(side, side, 60.0, 1);
        if low >= 1000 {
            prop_assert!(verdict(&square(low)) <= verdict(&square(high)), "too large");
        } else if high <= 1000 {
            prop_assert!(verdict(&square(high)) <= verdict(&square(low)), "too small");
        }
    }

    /// The strictest of several competing rules does not depend on the order of comparison.
    #[test]
    fn strictest_of_is_associative_and_commutative(pack in any_pack(), i in 0usize..200, j in 0usize..200, k in 0usize..200) {
        let rules = pack.rules();
        let (a, b, c) = (&rules[i % rules.len()], &rules[j % rules.len()], &rules[k % rules.len()]);
        prop_assert_eq!(a.strictest(b), b.strictest(a));
        prop_assert_eq!(a.strictest(a).map(|r| &r.id), a.strictest(a).map(|_| &a.id));
        if let (Some(ab), Some(bc)) = (a.strictest(b), b.strictest(c)) {
            prop_assert_eq!(ab.strictest(c), a.strictest(bc));
        }
    }

    /// Adding an engine never makes a target less strict.
    #[test]
    fn adding_engines_never_relaxes_the_verdict(
        pack in any_pack(), target in any_target(), extra in 0usize..10,
        width in 1u32..6000, height in 1u32..6000, seconds in 0u32..20_000, megabytes in 1u64..12_000,
    ) {
        prop_assume!(!target.engines.is_empty());
        let file = facts(width, height, f64::from(seconds), megabytes * 1_000_000);
        let more = target.clone().with_engine(Engine::KNOWN[extra].clone());
        if check(&file, &target, pack).is_refused() {
            prop_assert!(check(&file, &more, pack).is_refused());
        }
    }

    /// Every finding has the texts that a report needs.
    #[test]
    fn findings_are_complete(
        pack in any_pack(), target in any_target(),
        width in 0u32..6000, height in 0u32..6000, seconds in 0u32..20_000, megabytes in 0u64..12_000,
    ) {
        let report = check(&facts(width, height, f64::from(seconds), megabytes * 1_000_000), &target, pack);
        for finding in &report.findings {
            prop_assert!(!finding.observed.is_empty() && !finding.allowed.is_empty() && !finding.why.is_empty());
            prop_assert!(finding.documentation.starts_with("https://"), "{finding}");
            prop_assert!(finding.severity != Severity::Error || finding.predicted_code.is_some()
                || finding.rule.starts_with("conversation") || finding.rule == "audio.present", "{finding}");
        }
        let json = serde_json::to_string(&report).expect("plain data");
        prop_assert_eq!(serde_json::from_str::<Report>(&json).expect("own output"), report);
    }
}
