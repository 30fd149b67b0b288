//! Every fix, applied to real files by the very command it prints, removes its finding.
#![cfg(feature = "ffmpeg")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{clip, cut, folder, simple};
use tl_validate::ffmpeg::InProcess;
use tl_validate::{
    Fix, MediaFacts, Prober, Report, Route, RulePack, Severity, Target, check, fix_all,
};

fn probe(path: &Path) -> MediaFacts {
    InProcess::new()
        .probe(path)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn apply(fix: &Fix, source: &Path) -> PathBuf {
    let output = folder().join(format!(
        "fixed-{}-{:?}.mp4",
        std::process::id(),
        std::thread::current().id()
    ));
    let _ = fs::remove_file(&output);
    let command = fix.command(&source.to_string_lossy(), &output.to_string_lossy());
    let run = Command::new(&command[0])
        .args(&command[1..])
        .output()
        .expect("ffmpeg is there");
    assert!(
        run.status.success(),
        "{}\n{}",
        command.join(" "),
        String::from_utf8_lossy(&run.stderr)
    );
    output
}

/// Applies every fix of every finding by itself, then the one for all.
fn check_fixes(source: &Path, target: &Target, pack: &RulePack, fixable: &[&str]) {
    let facts = probe(source);
    let report = check(&facts, target, pack);
    let with_fix: Vec<&str> = report
        .findings
        .iter()
        .filter(|f| f.fix.is_some())
        .map(|f| f.rule.as_str())
        .collect();
    assert_eq!(with_fix, fixable, "{}: {report}", source.display());
    for finding in &report.findings {
        let Some(fix) = &finding.fix else { continue };
        let output = apply(fix, source);
        let after = check(&probe(&output), target, pack);
        assert!(
            !after.findings.iter().any(|f| f.rule == finding.rule),
            "{}: {fix}\n{after}",
            source.display()
        );
        fs::remove_file(output).expect("our own file");
    }
    if report.is_refused() {
        let fix = fix_all(&facts, target, pack).expect("all of it can be fixed");
        let output = apply(&fix, source);
        let after: Report = check(&probe(&output), target, pack);
        assert_eq!(
            after
                .findings
                .iter()
                .filter(|f| f.severity == Severity::Error)
                .count(),
            0,
            "{fix}\n{after}"
        );
        fs::remove_file(output).expect("our own file");
    }
}

#[test]
fn fixes_of_today_remove_their_findings() {
    let (target, pack) = (Target::new(Route::Tasks), RulePack::current());
    let check_at = |path: PathBuf, fixable: &[&str]| check_fixes(&path, &target, pack, fixable);
    check_at(
        simple("small.mp4", "320x180", 5.0, true),
        &["marengo3.0.resolution.min"],
    );
    check_at(
        simple("short.mp4", "640x360", 2.0, true),
        &["marengo3.0.duration.min"],
    );
    check_at(
        simple("short-silent.mp4", "640x360", 2.0, false),
        &["marengo3.0.duration.min"],
    );
    check_at(
        simple("both.mp4", "320x180", 2.0, false),
        &["marengo3.0.resolution.min", "marengo3.0.duration.min"],
    );
    check_at(
        simple("wide.mp4", "1000x400", 5.0, false),
        &["marengo3.0.aspect.max"],
    );
    check_at(
        simple("tall.mp4", "100x1000", 5.0, false),
        &["marengo3.0.resolution.min", "marengo3.0.aspect.max"],
    );
    check_at(
        simple("portrait-4k.mp4", "2160x3840", 4.4, false),
        &["marengo3.0.resolution.height.strict"],
    );
    check_at(
        clip(
            "pcm.mov",
            "-f lavfi -i testsrc=size=320x180:rate=25:duration=5 -f lavfi -i sine=duration=5 -c:v prores_ks -c:a pcm_s16le",
        ),
        &["marengo3.0.resolution.min"],
    );
    check_at(
        clip(
            "anamorphic.mp4",
            "-f lavfi -i testsrc=size=720x576:rate=25:duration=5 -vf setsar=16/11 -c:v libx264 -preset ultrafast -pix_fmt yuv420p",
        ),
        &["sample_aspect.square"],
    );
    let whole = clip(
        "faststart-10s.mp4",
        "-f lavfi -i testsrc=size=640x360:rate=25:duration=10 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -movflags +faststart",
    );
    check_at(
        cut("cut-10s.mp4", &whole, |n| n * 8 / 10),
        &["file.truncated"],
    );
}

#[test]
fn fixes_of_other_packs_remove_their_findings() {
    let seed = RulePack::named("v1.2").expect("built in");
    let conversation = Target::new(Route::Tasks).with_option("conversation");
    check_fixes(
        &simple("silent.mp4", "360x640", 5.0, false),
        &conversation,
        seed,
        &["conversation.audio"],
    );

    let listed = RulePack::named("v1.3-2025-06").expect("built in");
    let tasks = Target::new(Route::Tasks);
    check_fixes(
        &simple("wide.mp4", "1000x400", 5.0, false),
        &tasks,
        listed,
        &["aspect.list"],
    );

    // Limits small enough for test clips, by a rules file.
    let with = |rules: &str| {
        RulePack::current()
            .extended_with(rules)
            .expect("a good overlay")
    };
    let small = with("[[rule]]\nid = \"tasks.size.max\"\nmax = 0.2\nunit = \"MB\"");
    let brief = with("[[rule]]\nid = \"marengo3.0.duration.max\"\nmax = 8\nmargin = 0.05");
    let noisy = clip(
        "noisy.mp4",
        "-f lavfi -i testsrc=size=640x360:rate=25:duration=7 -vf noise=alls=40:allf=t -c:v libx264 -preset ultrafast -pix_fmt yuv420p",
    );
    check_fixes(&noisy, &tasks, &small, &["tasks.size.max"]);
    check_fixes(
        &simple("ten.mp4", "640x360", 10.0, true),
        &tasks,
        &brief,
        &["marengo3.0.duration.max"],
    );
}

#[test]
fn a_trim_is_lossless_and_a_scale_is_not() {
    let pack = RulePack::current()
        .extended_with("[[rule]]\nid = \"marengo3.0.duration.max\"\nmax = 8")
        .expect("good");
    let of = |path: PathBuf| {
        let report = check(&probe(&path), &Target::new(Route::Tasks), &pack);
        report.findings[0].fix.clone().expect("a fix")
    };
    assert!(of(simple("ten.mp4", "640x360", 10.0, true)).lossless);
    let scale = of(simple("small.mp4", "320x180", 5.0, true));
    assert!(!scale.lossless);
    insta::assert_snapshot!("scale", scale.to_string());
}
