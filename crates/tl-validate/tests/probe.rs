//! Probes valid and invalid real files with every prober; the results must be the same.
#![cfg(all(feature = "ffmpeg", feature = "worker", unix))]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use support::{bytes, clip, cut, folder, good, helper, simple};
use tl_validate::ffmpeg::InProcess;
use tl_validate::worker::{ProbePool, WorkerOptions};
use tl_validate::{
    MediaFacts, ProbeError, ProbeErrorKind, ProbeOptions, Prober, Route, RulePack, Target, Verdict,
    check, check_probe_failure,
};

fn pool() -> ProbePool {
    ProbePool::new(
        WorkerOptions::default()
            .with_program(Some(helper()))
            .with_helpers(2),
    )
    .expect("the example helper")
}

fn both(path: &Path) -> Result<MediaFacts, ProbeError> {
    let inside = InProcess::new().probe(path);
    let outside = pool().probe(path);
    assert_eq!(
        inside,
        outside,
        "in process and in a helper, {}",
        path.display()
    );
    inside
}

fn facts(path: &Path) -> MediaFacts {
    both(path).unwrap_or_else(|error| panic!("{error}"))
}

fn refusal(path: &Path) -> ProbeError {
    let start = Instant::now();
    let error = both(path).expect_err("must not be taken for media");
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{error} took {:?}",
        start.elapsed()
    );
    error
}

fn findings(path: &Path) -> (Verdict, Vec<String>) {
    let target = Target::new(Route::Tasks);
    let report = match both(path) {
        Ok(facts) => check(&facts, &target, RulePack::current()),
        Err(error) => check_probe_failure(&error, &target, RulePack::current()),
    };
    let ids = report.errors().map(|f| f.rule.clone()).collect();
    (report.verdict(), ids)
}

#[test]
fn valid_clip_passes_with_correct_facts() {
    let facts = facts(&good());
    let video = facts.video().expect("a video stream");
    assert_eq!(
        (video.width, video.height, video.codec.as_str()),
        (640, 360, "h264")
    );
    assert_eq!(video.fps, Some(25.0));
    assert_eq!(video.pixel_format.as_deref(), Some("yuv420p"));
    assert_eq!(video.bit_depth, Some(8));
    assert_eq!(video.display_aspect_ratio.as_deref(), Some("16:9"));
    assert!((facts.duration_seconds().expect("a duration") - 5.0).abs() < 0.05);
    let audio = facts.audio().expect("an audio stream");
    assert_eq!(
        (audio.codec.as_str(), audio.channels, audio.sample_rate),
        ("aac", Some(1), Some(44100))
    );
    assert_eq!(audio.channel_layout.as_deref(), Some("mono"));
    assert_eq!(facts.file_mime_type.as_deref(), Some("video/mp4"));
    assert_eq!(
        facts.file_container_format.as_deref(),
        Some("mov,mp4,m4a,3gp,3g2,mj2")
    );
    assert_eq!(
        facts.file_size_bytes,
        fs::metadata(good()).expect("a file").len()
    );
    assert_eq!(
        (facts.has_audio, facts.video_width, facts.is_hdr),
        (Some(true), Some(640), Some(false))
    );
    assert_eq!(findings(&good()), (Verdict::Pass, vec![]));
}

#[test]
fn out_of_bounds_clips_are_refused_by_the_right_rule() {
    let check = |path: PathBuf, rules: &[&str]| {
        let expected: Vec<String> = rules.iter().map(|r| (*r).to_owned()).collect();
        assert_eq!(
            findings(&path),
            (Verdict::Refuse, expected),
            "{}",
            path.display()
        );
    };
    check(
        simple("small.mp4", "320x180", 5.0, true),
        &["marengo3.0.resolution.min"],
    );
    check(
        simple("short.mp4", "640x360", 2.0, true),
        &["marengo3.0.duration.min"],
    );
    check(
        simple("both.mp4", "320x180", 2.0, false),
        &["marengo3.0.resolution.min", "marengo3.0.duration.min"],
    );
    check(
        simple("wide.mp4", "1000x400", 5.0, false),
        &["marengo3.0.aspect.max"],
    );
    check(
        clip("sound.m4a", "-f lavfi -i sine=duration=5 -c:a aac"),
        &["tasks.video.present"],
    );
}

#[test]
fn cover_art_is_not_video() {
    let path = clip(
        "cover.mp3",
        "-f lavfi -i sine=duration=5 -f lavfi -i color=red:size=400x400:duration=0.04 -map 0 -map 1 -c:v png \
         -disposition:v attached_pic -c:a libmp3lame",
    );
    let facts = facts(&path);
    assert!(
        facts.video().is_none() && facts.cover_art().is_some(),
        "{facts:?}"
    );
    assert_eq!(facts.total_video_streams, Some(0));
    assert_eq!(findings(&path).1, ["tasks.video.present"]);
}

#[test]
fn rotation_and_pixel_aspect_ratio_are_reported() {
    good();
    let rotated = clip(
        "rotated.mp4",
        &format!("-i {} -c copy -metadata:s:v rotate=90", good().display()),
    );
    let facts_of = facts(&rotated);
    let video = facts_of.video().expect("a video stream");
    // FFmpeg versions differ in the direction that they write for this option.
    assert_eq!(video.rotation.map(|r| r % 180), Some(90), "{video:?}");
    assert_eq!(facts_of.display_size(), Some((360, 640)));

    let anamorphic = clip(
        "anamorphic.mp4",
        "-f lavfi -i testsrc=size=720x576:rate=25:duration=5 -vf setsar=16/11 -c:v libx264 -preset ultrafast -pix_fmt yuv420p",
    );
    let facts_of = facts(&anamorphic);
    let video = facts_of.video().expect("a video stream");
    assert_eq!(video.pixel_aspect_ratio.as_deref(), Some("16:11"));
    assert_eq!(facts_of.display_size(), Some((1047, 576)));
    assert_eq!(findings(&anamorphic), (Verdict::Warn, vec![]));
}

#[test]
fn non_media_files_are_classified() {
    let check = |path: &Path, kind: ProbeErrorKind, words: &str| {
        let error = refusal(path);
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert!(
            error.to_string().contains(&*path.to_string_lossy()),
            "{error}"
        );
    };
    check(
        &bytes("text.mp4", b"This is my holiday video.\n"),
        ProbeErrorKind::NotMedia,
        "not a recognized video or audio format",
    );
    check(
        &bytes("noise.mp4", &[0x5a; 5000]),
        ProbeErrorKind::NotMedia,
        "not a recognized video or audio format",
    );
    check(
        &bytes(
            "page.mp4",
            b"<!DOCTYPE html><html><body>Sign in</body></html>",
        ),
        ProbeErrorKind::NotMedia,
        "download page",
    );
    check(&bytes("empty.mp4", b""), ProbeErrorKind::Empty, "0 bytes");
    check(&folder(), ProbeErrorKind::NotAFile, "a directory");
    check(
        &folder().join("no-such.mp4"),
        ProbeErrorKind::NotFound,
        "no such file",
    );
    check(Path::new("/dev/zero"), ProbeErrorKind::NotAFile, "a device");
    check(
        &clip(
            "still.png",
            "-f lavfi -i testsrc=size=640x360:duration=0.04 -frames:v 1",
        ),
        ProbeErrorKind::NotMedia,
        "this is an image",
    );
}

#[test]
fn playlists_are_detected_and_not_followed() {
    let target = good();
    let check = |name: &str, content: String, words: &str| {
        let error = refusal(&bytes(name, content.as_bytes()));
        assert_eq!(error.kind(), ProbeErrorKind::Nested, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    };
    let path = target.display();
    check(
        "hls.mp4",
        format!("#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile://{path}\n#EXT-X-ENDLIST\n"),
        "an HLS playlist",
    );
    check(
        "hls-live.mp4",
        "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:9/a.ts\n".to_owned(),
        "an HLS playlist",
    );
    check(
        "concat.mp4",
        format!("ffconcat version 1.0\nfile '{path}'\n"),
        "an ffconcat list",
    );
    check(
        "dash.mp4",
        format!(
            "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" \
             profiles=\"urn:mpeg:dash:profile:isoff-on-demand:2011\" type=\"static\"><Period><AdaptationSet><Representation \
             id=\"1\"><BaseURL>file://{path}</BaseURL></Representation></AdaptationSet></Period></MPD>"
        ),
        "a DASH manifest",
    );
    check(
        "session.mp4",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
            .to_owned(),
        "an SDP session description",
    );
}

#[test]
fn fifo_does_not_block() {
    let path = folder().join(format!("fifo-{}", std::process::id()));
    let made = std::process::Command::new("mkfifo")
        .arg(&path)
        .status()
        .expect("mkfifo");
    assert!(made.success());
    let error = refusal(&path);
    fs::remove_file(&path).expect("our own FIFO");
    assert_eq!(error.kind(), ProbeErrorKind::NotAFile);
    assert!(error.to_string().contains("a FIFO"), "{error}");
}

#[test]
fn file_without_index_is_broken_with_ffmpeg_log() {
    let error = refusal(&cut("no-moov.mp4", &good(), |n| n / 2));
    assert_eq!(error.kind(), ProbeErrorKind::Broken, "{error}");
    assert!(error.to_string().contains("moov atom not found"), "{error}");
    let report = check_probe_failure(&error, &Target::new(Route::Tasks), RulePack::current());
    assert_eq!(report.predicted_code(), Some("video_file_broken"));
    assert!(report.is_refused());
}

#[test]
fn probes_stop_at_the_deadline() {
    let options = ProbeOptions::default().with_deadline(Duration::ZERO);
    let error = InProcess::with_options(options)
        .probe(&good())
        .expect_err("no time at all");
    assert_eq!(error.kind(), ProbeErrorKind::DeadlinePassed, "{error}");
}

#[test]
fn unreadable_file_is_a_separate_error() {
    use std::os::unix::fs::PermissionsExt;
    let path = bytes("locked.mp4", b"x");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).expect("our own file");
    // Root can read every file; then the content is the error.
    let expected = if fs::File::open(&path).is_ok() {
        ProbeErrorKind::NotMedia
    } else {
        ProbeErrorKind::Unreadable
    };
    assert_eq!(refusal(&path).kind(), expected);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("our own file");
}
