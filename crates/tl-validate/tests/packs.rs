//! The built-in rule packs: parsing, round trips, selection and extension.

use tl_validate::rules::{RuleChange, Unit};
use tl_validate::{Engine, Route, RulePack, Severity, Target};

#[test]
fn built_in_packs_round_trip_through_toml() {
    let all = RulePack::all();
    assert_eq!(all.len(), 6);
    for info in &all {
        let pack = RulePack::named(&info.name).expect("a listed pack");
        let text = pack.to_toml().expect("packs are plain data");
        assert_eq!(
            &RulePack::from_toml(&text).expect("own output"),
            pack,
            "{}",
            info.name
        );
        for rule in pack.rules() {
            assert!(
                !rule.source.is_empty() && rule.documentation.starts_with("https://"),
                "{}: {rule:?}",
                info.name
            );
            assert!(rule.why.ends_with('.'), "{}: {}", info.name, rule.why);
        }
        for engine in pack.engines_for(&Target::new(Route::Tasks)) {
            assert!(
                pack.engine(engine).is_some(),
                "{}: default engine {engine} is not listed",
                info.name
            );
        }
        for engine in pack.rules().iter().filter_map(|r| r.engine.as_ref()) {
            assert!(
                pack.engine(engine).is_some(),
                "{}: {engine} has rules but is not listed",
                info.name
            );
        }
    }
    let dates: Vec<_> = all.iter().map(|p| p.date).collect();
    assert!(dates.is_sorted(), "{dates:?}");
}

#[test]
fn built_in_packs_are_those_of_their_files() {
    for info in RulePack::all() {
        let path = format!("{}/rules/{}.toml", env!("CARGO_MANIFEST_DIR"), info.name);
        let text = std::fs::read_to_string(path).expect("a file named like its pack");
        let pack = RulePack::from_toml(&text).expect("a pack");
        assert_eq!(RulePack::named(&info.name).expect("a listed pack"), &pack);
    }
}

#[test]
fn date_selects_the_pack_of_that_day() {
    let check = |date: &str, name: &str| {
        let date = date.parse().expect("a date");
        assert_eq!(RulePack::on(date).expect("old enough").name(), name);
    };
    check("2024-06-30", "v1.2");
    check("2025-06-01", "v1.3-2025-06");
    check("2026-02-16", "v1.3-2025-06");
    check("2026-02-17", "v1.3-2026-02");
    check("2030-01-01", RulePack::current().name());
    let too_old =
        RulePack::on("2020-01-01".parse().expect("a date")).expect_err("before the first pack");
    assert!(too_old.to_string().contains("2023-01-01"), "{too_old}");
}

#[test]
fn rules_file_changes_adds_and_removes_rules() {
    let pack = RulePack::current()
        .extended_with(
            r#"
            remove = ["sample_aspect.square"]
            [[rule]]
            id = "marengo3.0.duration.max"
            max = 36000
            [[rule]]
            id = "ours.codec"
            measure = "video_codec"
            one_of = ["h264", "hevc"]
            severity = "warning"
            "#,
        )
        .expect("a good overlay");
    assert_eq!(pack.name(), "v1.3-2026-10+custom");
    let rule = |id: &str| pack.rules().iter().find(|r| r.id == id);
    let longer = rule("marengo3.0.duration.max").expect("still there");
    assert_eq!(longer.bound.number(), Some(36000.0));
    assert_eq!(longer.engine, Some(Engine::Marengo30));
    assert_eq!(
        rule("ours.codec").map(|r| r.severity),
        Some(Severity::Warning)
    );
    assert!(rule("sample_aspect.square").is_none());
}

#[test]
fn invalid_rules_files_are_rejected_with_reason() {
    let check = |text: &str, reason: &str| {
        let error = RulePack::current()
            .extended_with(text)
            .expect_err(text)
            .to_string();
        assert!(error.contains(reason), "{error}");
    };
    check("nonsense", "cannot be read");
    check(
        "[[rule]]\nid = \"x\"\nmeasure = \"duration\"\nmim = 4",
        "mim",
    );
    check(
        "[[rule]]\nid = \"x\"\nmeasure = \"duration\"\nunit = \"s\"",
        "exactly one",
    );
    check(
        "[[rule]]\nid = \"x\"\nmeasure = \"duration\"\nunit = \"s\"\nmin = 1\nmax = 2",
        "exactly one",
    );
    check(
        "[[rule]]\nid = \"x\"\nmeasure = \"duration\"\nunit = \"px\"\nmin = 1",
        "unit",
    );
    check(
        "[[rule]]\nid = \"x\"\nmeasure = \"duration\"\nunit = \"s\"\nmin = nan",
        "finite",
    );
    check(
        "[[rule]]\nid = \"x\"\nmeasure = \"container\"\nmin = 1",
        "word",
    );
    check("[[rule]]\nid = \"x\"\nmin = 1", "has no measure");
    check("remove = [\"nope\"]", "nope");
    check(
        "[[rule]]\nid = \"x\"\nmeasure=\"audio_tracks\"\nmin = 1\n[[rule]]\nid = \"x\"\nmeasure=\"audio_tracks\"\nmin = 1",
        "twice",
    );
    assert!(
        RulePack::named("v9")
            .expect_err("no such pack")
            .to_string()
            .contains("v1.2")
    );
}

#[test]
fn pack_differences_are_listed_by_rule() {
    let (old, new) = (
        RulePack::named("v1.3-2026-02").expect("built in"),
        RulePack::named("v1.3-2026-10").expect("built in"),
    );
    assert_eq!(old.changes_to(old), []);
    let changes = old.changes_to(new);
    let multipart = changes.iter().find_map(|change| match change {
        RuleChange::Changed { from, to } if from.id == "multipart.size.max" => {
            Some((from.unit, to.unit))
        }
        _ => None,
    });
    assert_eq!(multipart, Some((Unit::Bytes, Unit::Gigabytes)));
    assert!(
        changes
            .iter()
            .any(|c| matches!(c, RuleChange::Removed(r) if r.id == "marengo2.7.duration.max"))
    );
    assert!(
        changes
            .iter()
            .any(|c| matches!(c, RuleChange::Added(r) if r.id == "pegasus1.6.duration.min"))
    );
}

#[test]
fn route_limit_ignores_engines() {
    let check = |pack: &str, route, bytes: Option<(u64, u64)>| {
        let limit = RulePack::named(pack).expect("built in").route_limit(route);
        let found = limit.map(|l| (l.bytes, l.certain_bytes));
        assert_eq!(found, bytes, "{pack} {route}");
    };
    check("v1.3-2026-10", Route::Tasks, Some((2 << 30, 2_000_000_000)));
    check("v1.3-2026-10", Route::Asset, Some((200 << 20, 200_000_000)));
    check(
        "v1.3-2026-10",
        Route::AssetUrl,
        Some((4 << 30, 4_000_000_000)),
    );
    check(
        "v1.3-2026-10",
        Route::Multipart,
        Some((10 << 30, 10_000_000_000)),
    );
    check(
        "v1.3-2026-02",
        Route::Multipart,
        Some((4_294_967_296, 4_294_967_296)),
    );
    check("v1.1.1", Route::Multipart, None);

    // Limits of engines and audio-only files do not affect the route.
    let custom = RulePack::current()
        .extended_with("[[rule]]\nid = \"multipart.size.max\"\nmax = 20")
        .expect("a good overlay");
    let limit = custom.route_limit(Route::Multipart).expect("it has one");
    assert_eq!(
        (limit.bytes, limit.rule.as_str()),
        (20 << 30, "multipart.size.max")
    );
}
