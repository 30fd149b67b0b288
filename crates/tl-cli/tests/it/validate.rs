//! `tl validate`: verdicts and rules; nothing is sent.

use crate::clips;
use crate::tl::{Tl, snapshot};

fn validate(names: &[&str], more: &[&str]) -> crate::tl::Run {
    let folder = clips::folder(&["good.mp4", "small.mp4", "short.mp4"]);
    std::fs::write(folder.path().join("text.mp4"), "text ".repeat(500)).unwrap();
    std::fs::write(
        folder.path().join("whole.toml"),
        "name = \"ours\"\ndate = \"2026-01-01\"\n",
    )
    .unwrap();
    std::fs::write(
        folder.path().join("part.toml"),
        "remove = [\"marengo3.0.duration.min\"]\n",
    )
    .unwrap();
    std::fs::write(folder.path().join("broken.toml"), "this is no TOML\n").unwrap();
    Tl::new(&["validate"])
        .args(names)
        .args(more)
        .in_folder(folder.path())
        .run()
}

#[test]
fn verdicts_are_in_argument_order() {
    let names = [
        "short.mp4",
        "good.mp4",
        "missing.mp4",
        "text.mp4",
        "small.mp4",
    ];
    let run = validate(&names, &[]);
    assert_eq!(run.code, 1);
    snapshot!("validate_several", run);
    let run = validate(&names, &["--json"]);
    let lines = run.json_lines();
    let printed: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                line["input"].as_str().unwrap(),
                line["exit_code"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        printed,
        [
            ("short.mp4", 3),
            ("good.mp4", 0),
            ("missing.mp4", 2),
            ("text.mp4", 3),
            ("small.mp4", 3)
        ]
    );
    assert_eq!(lines[1]["facts"]["video_width"], 640);
    assert_eq!(lines[1]["report"]["verdict"], "pass");
    assert_eq!(
        lines[4]["report"]["findings"][0]["predicted_code"],
        "video_resolution_too_low"
    );
}

#[test]
fn single_file_determines_the_exit_code() {
    for (name, code) in [
        ("good.mp4", 0),
        ("small.mp4", 3),
        ("text.mp4", 3),
        ("missing.mp4", 2),
        (".", 1),
        ("https://youtu.be/dQw4w9WgXcQ", 3),
        ("ftp://example.com/a.mp4", 2),
    ] {
        let run = validate(&[name], &[]);
        assert_eq!(run.code, code, "{}", run.text());
    }
}

#[test]
fn rules_can_be_selected() {
    for (more, code) in [
        (&["--rules", "v1.2"][..], 3),
        (&["--rules", "2026-02-20"], 3),
        (&["--rules", "part.toml"], 0),
        (&["--rules", "whole.toml"], 0),
        (&["--rules", "broken.toml"], 2),
        (&["--rules", "2026-02-20", "--engine", "marengo2.7"], 3),
        (&["--route", "multipart"], 3),
    ] {
        let run = validate(&["short.mp4"], more);
        assert_eq!(run.code, code, "{more:?} {}", run.text());
    }
    snapshot!(
        "rules_broken",
        validate(&["short.mp4"], &["--rules", "broken.toml"])
    );
}

/// A valid clip of 2.5 GB, almost entirely a hole.
fn large(folder: &std::path::Path) {
    let clip = folder.join("good.mp4");
    let copy = folder.join("large.mp4");
    std::fs::copy(clip, &copy).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(copy).unwrap();
    file.set_len(2_500_000_000).unwrap();
}

#[test]
fn default_route_is_that_of_ingest() {
    let folder = clips::folder(&["good.mp4"]);
    large(folder.path());
    let run = |command: &[&str]| Tl::new(command).in_folder(folder.path()).run();
    for (name, more, code, route) in [
        ("good.mp4", &[][..], 0, "asset"),
        ("large.mp4", &[], 0, "multipart"),
        ("large.mp4", &["--route", "tasks"], 3, "tasks"),
    ] {
        let run = run(&[&["validate", "--json", name], more].concat());
        assert_eq!(run.code, code, "{}", run.text());
        let line = run.json();
        assert_eq!(line["report"]["target"]["route"], route, "{name} {more:?}");
        let refusal = &line["report"]["findings"][0];
        let accepting = refusal["other_routes"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        assert_eq!(accepting.contains(&"multipart".into()), code == 3);
    }
    let refused = run(&["validate", "large.mp4", "--route", "tasks"]);
    assert!(
        refused.stdout.contains("`multipart` accept this file."),
        "{}",
        refused.text()
    );
    // Other commands that check files use the same route.
    let fixed = run(&["fix", "large.mp4", "--out", "fixed", "--dry-run"]);
    assert_eq!(fixed.code, 0, "{}", fixed.text());
    assert!(fixed.stdout.contains("already passes"), "{}", fixed.text());
}

#[test]
fn missing_or_broken_helper_is_reported() {
    let folder = clips::folder(&["good.mp4"]);
    let with = |probe: &str| {
        Tl::new(&["validate", "good.mp4"])
            .env("TL_PROBE", probe)
            .in_folder(folder.path())
    };
    snapshot!("helper_missing", with("nowhere").code(2));
    snapshot!("helper_broken", with("/bin/false").code(5));
    let doctor = |probe: &str| {
        Tl::new(&["doctor", "--json"])
            .env("TL_PROBE", probe)
            .env("TWELVE_LABS_API_KEY", crate::tl::KEY)
            .run()
    };
    for (probe, code) in [
        ("nowhere", 2),
        ("/bin/false", 2),
        (env!("CARGO_BIN_EXE_tl-probe"), 0),
    ] {
        let run = doctor(probe);
        assert_eq!(run.code, code, "{}", run.text());
        let report = run.json();
        let helper = report["checks"]
            .as_array()
            .unwrap()
            .iter()
            .find(|check| check["name"] == "probe helper")
            .unwrap();
        assert_eq!(helper["ok"], code == 0, "{helper}");
        if code == 0 {
            assert!(
                helper["detail"].as_str().unwrap().contains("libavformat"),
                "{helper}"
            );
        }
    }
}

#[test]
fn rule_packs_are_compared_and_selected_by_date() {
    let diff = Tl::new(&["rules", "diff", "v1.2", "v1.3-2026-02"]).code(0);
    assert!(
        diff.stdout.contains("differences") && diff.stdout.contains("\n+ marengo3.0."),
        "{}",
        diff.text()
    );
    let json = Tl::new(&["rules", "diff", "v1.2", "2026-02-20", "--json"])
        .code(0)
        .json();
    assert!(
        json["changes"]
            .as_array()
            .unwrap()
            .iter()
            .any(|change| change.get("added").is_some()),
        "{json}"
    );
    let same = Tl::new(&["rules", "diff", "v1.2", "v1.2"]).code(0);
    assert!(same.stdout.contains("no difference"), "{}", same.text());
    let shown = Tl::new(&["rules", "show", "--date", "2026-02-20"]).code(0);
    assert!(shown.stdout.contains("v1.3-2026-02"), "{}", shown.text());
    Tl::new(&["rules", "diff", "v1.2", "nothing"]).code(2);
}

#[test]
fn doctor_reports_sandbox_and_ffmpeg() {
    let doctor = |path: &str| {
        let run = Tl::new(&["doctor", "--json"])
            .env("TWELVE_LABS_API_KEY", crate::tl::KEY)
            .env("FFMPEG", path)
            .code(0);
        let report = run.json();
        let detail = |name: &str| {
            let all = report["checks"].as_array().unwrap();
            let check = all.iter().find(|check| check["name"] == name).unwrap();
            check["detail"].as_str().unwrap().to_owned()
        };
        (detail("protections"), detail("ffmpeg"))
    };
    let (protections, ffmpeg) = doctor("");
    assert!(
        protections.starts_with("complete: limits on, landlock "),
        "{protections}"
    );
    assert!(ffmpeg.starts_with('/'), "{ffmpeg}");
    assert!(doctor("/nowhere/ffmpeg").1.contains("not found"));
}

#[test]
fn shown_rule_pack_can_be_read_again() {
    snapshot!("rules_list", Tl::new(&["rules", "list"]).code(0));
    let toml = Tl::new(&["rules", "show", "v1.2"]).code(0).stdout;
    let folder = clips::folder(&["good.mp4"]);
    std::fs::write(folder.path().join("copy.toml"), toml).unwrap();
    let run = Tl::new(&["validate", "good.mp4", "--rules", "copy.toml", "--json"])
        .in_folder(folder.path())
        .code(0);
    assert_eq!(run.json()["report"]["pack"], "v1.2");
}
