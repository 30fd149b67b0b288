//! Every fix, applied to real files with the command that it prints, removes its finding.
#![cfg(feature = "ffmpeg")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{clip, cut, folder, simple};
use tl_validate::ffmpeg::InProcess;
use tl_validate::{
    Fix, FixOptions, MediaFacts, Prober, Report, Route, RulePack, Severity, Target, check, fix_all,
    fix_all_with,
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

/// Applies the fix of every finding on its own, then the combined fix.
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
fn current_fixes_remove_their_findings() {
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

    // A rules file with limits small enough for test clips.
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
fn trim_lists_losses_and_scale_reencodes() {
    let pack = RulePack::current()
        .extended_with("[[rule]]\nid = \"marengo3.0.duration.max\"\nmax = 8")
        .expect("good");
    let of = |path: PathBuf| {
        let report = check(&probe(&path), &Target::new(Route::Tasks), &pack);
        report.findings[0].fix.clone().expect("a fix")
    };
    let trim = of(simple("ten.mp4", "640x360", 10.0, true));
    assert!(!trim.lossless, "{trim}");
    let end = trim.cut_at_seconds.expect("the end is cut off");
    assert!(end < 8.0, "{trim}");
    assert!(
        trim.losses.len() == 1 && trim.losses[0].contains("of 10"),
        "{:?}",
        trim.losses
    );
    let scale = of(simple("small.mp4", "320x180", 5.0, true));
    assert!(!scale.lossless && scale.losses.is_empty() && scale.cut_at_seconds.is_none());
    insta::assert_snapshot!("scale", scale.to_string());
}

/// Decoded durations of all streams, determined independently of the fix.
fn stream_seconds(path: &Path) -> Vec<f64> {
    let count = probe(path).audio_streams.len() + 1;
    (0..count)
        .map(|stream| {
            let run = Command::new("ffmpeg")
                .args(["-v", "error", "-i"])
                .arg(path)
                .args(["-map", &format!("0:{stream}"), "-f", "framecrc", "-"])
                .output()
                .expect("ffmpeg is there");
            let mut reader = tl_validate::split::PacketReader::new();
            String::from_utf8_lossy(&run.stdout)
                .lines()
                .for_each(|line| reader.line(line));
            reader.streams()[&0].end
        })
        .collect()
}

#[test]
fn last_frame_is_held_until_audio_ends() {
    let (target, pack) = (Target::new(Route::Tasks), RulePack::current());
    let source = clip(
        "short-picture-long-sound.mp4",
        "-f lavfi -i testsrc=size=640x360:rate=25:duration=1 -f lavfi -i sine=duration=9 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac",
    );
    let fix = fix_all(&probe(&source), &target, pack).expect("too short");
    assert!(fix.losses.is_empty(), "{fix}");
    let output = apply(&fix, &source);
    for (stream, seconds) in stream_seconds(&output).into_iter().enumerate() {
        assert!(
            (8.9..9.2).contains(&seconds),
            "{stream}: {seconds} s, {fix}"
        );
    }
    fs::remove_file(output).expect("our own file");
}

#[test]
fn ten_bit_video_is_kept_without_tone_mapping() {
    let (target, pack) = (Target::new(Route::Tasks), RulePack::current());
    let source = clip(
        "hdr-small.mp4",
        "-f lavfi -i testsrc=size=320x180:rate=10:duration=4.5 -c:v libx265 -preset ultrafast -pix_fmt yuv420p10le \
         -x265-params log-level=none:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc",
    );
    let facts = probe(&source);
    let after = |options: &FixOptions| {
        let fix = fix_all_with(&facts, &target, pack, options).expect("too small");
        let output = apply(&fix, &source);
        let video = probe(&output).video().cloned().expect("a picture");
        fs::remove_file(output).expect("our own file");
        video
    };
    let kept = after(&FixOptions::default());
    assert_eq!((kept.bit_depth, kept.is_hdr), (Some(10), true));
    assert_eq!(kept.color_primaries.as_deref(), Some("bt2020"));
    let mapped = after(&FixOptions::default().with_tone_map(true));
    assert_eq!((mapped.bit_depth, mapped.is_hdr), (Some(8), false));
    assert_eq!(mapped.color_transfer.as_deref(), Some("bt709"));
}

#[test]
fn omitted_tracks_are_listed() {
    let source = clip(
        "small-with-tracks.mov",
        "-f lavfi -i testsrc=size=320x180:rate=25:duration=5 -f lavfi -i testsrc=size=64x64:rate=25:duration=5 -map 0 -map 1 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -timecode 01:00:00:00",
    );
    let facts = probe(&source);
    let fix = fix_all(&facts, &Target::new(Route::Tasks), RulePack::current()).expect("too small");
    assert_eq!(
        fix.losses.len(),
        2 + usize::from(facts.other_streams.len() > 1),
        "{:?}",
        fix.losses
    );
    assert_eq!(fix.losses[0], "video track 1 (h264)");
    assert!(
        fix.losses[1].starts_with("data track 2 (") && fix.losses[1].contains("tmcd"),
        "{:?}",
        fix.losses
    );
}
