//! Runs of the `ffmpeg` program: atomic outputs, deadlines, and no access to undeclared files.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use tl_validate::program::{Cancel, Ffmpeg, Job, ProgramErrorKind};

fn ffmpeg() -> Ffmpeg {
    Ffmpeg::find().unwrap_or_else(|error| panic!("{error}"))
}

/// A job that creates `seconds` of a test pattern, as fast as possible or in real time.
fn picture(seconds: f64, slow: bool) -> Job {
    let source = format!("testsrc=size=64x64:rate=10:duration={seconds}");
    let pace: &[&str] = if slow { &["-re"] } else { &[] };
    Job::new()
        .args(pace)
        .args(["-f", "lavfi", "-i", &source, "-c:v", "mpeg4", "-f", "mp4"])
        .expects_seconds(seconds)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

#[test]
fn result_is_complete_and_progress_reaches_the_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("-odd: name %d.mp4");
    let mut reports = Vec::new();
    let size = ffmpeg()
        .write(&picture(2.0, false), &output, &mut |progress| {
            reports.push(progress);
        })
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(output.metadata().expect("it is there").len(), size);
    assert_eq!(names(folder.path()), ["-odd: name %d.mp4"]);
    let last = reports.last().expect("at least one report");
    assert!(
        last.ended && last.fraction == Some(1.0) && last.out_seconds > 1.5,
        "{last:?}"
    );
}

#[test]
fn existing_file_is_kept_unless_overwriting() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("out.mp4");
    fs::write(&output, "mine").expect("written");
    let error = ffmpeg()
        .write(&picture(0.5, false), &output, &mut |_| {})
        .expect_err("it exists");
    assert_eq!(error.kind(), ProgramErrorKind::Exists, "{error}");
    assert_eq!(fs::read(&output).expect("still there"), b"mine");
    let job = picture(0.5, false).overwriting(true);
    assert!(ffmpeg().write(&job, &output, &mut |_| {}).expect("allowed") > 4);
}

#[test]
fn failure_has_log_and_leaves_no_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let job = picture(0.5, false).args(["-vf", "no_such_filter"]);
    let error = ffmpeg()
        .write(&job, &folder.path().join("out.mp4"), &mut |_| {})
        .expect_err("no such filter");
    assert_eq!(error.kind(), ProgramErrorKind::Failed);
    assert!(
        error
            .log()
            .iter()
            .any(|line| line.contains("no_such_filter")),
        "{error}"
    );
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
fn runs_stop_at_deadline_or_cancellation() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("out.mp4");
    let started = Instant::now();
    let job = picture(60.0, true).deadline(Duration::from_millis(300));
    let error = ffmpeg()
        .write(&job, &output, &mut |_| {})
        .expect_err("too slow");
    assert_eq!(error.kind(), ProgramErrorKind::DeadlinePassed, "{error}");

    let cancel = Cancel::new();
    let handle = cancel.clone();
    let job = picture(60.0, true).cancelled_by(&cancel);
    let error = ffmpeg()
        .write(&job, &output, &mut |_| handle.cancel())
        .expect_err("canceled");
    assert_eq!(error.kind(), ProgramErrorKind::Canceled, "{error}");
    assert!(started.elapsed() < Duration::from_secs(30));
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
fn folders_are_written_atomically() {
    let folder = tempfile::tempdir().expect("a folder");
    let target = folder.path().join("hls");
    let job = picture(2.0, false).args([
        "-f",
        "hls",
        "-hls_segment_filename",
        "part%d.ts",
        "index.m3u8",
    ]);
    // A later muxer option overrides that of `picture`.
    ffmpeg()
        .write_folder(&job, &target, &mut |_| {})
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(
        names(&target).contains(&"index.m3u8".to_owned()),
        "{:?}",
        names(&target)
    );
    let error = ffmpeg()
        .write_folder(&job, &target, &mut |_| {})
        .expect_err("it exists");
    assert_eq!(error.kind(), ProgramErrorKind::Exists);
    assert_eq!(names(folder.path()), ["hls"]);
}

#[test]
fn output_bytes_are_limited() {
    let source = tempfile::tempdir().expect("a folder");
    let clip = source.path().join("clip.mp4");
    ffmpeg()
        .write(&picture(1.0, false), &clip, &mut |_| {})
        .expect("a clip");
    let job = Job::new().input(&clip).args([
        "-frames:v",
        "1",
        "-c:v",
        "mjpeg",
        "-f",
        "image2",
        "-update",
        "1",
    ]);
    let jpeg = ffmpeg()
        .bytes(&job, 100_000)
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(jpeg.starts_with(&[0xff, 0xd8]));
    let error = ffmpeg().bytes(&job, 10).expect_err("more than ten bytes");
    assert_eq!(error.kind(), ProgramErrorKind::Output, "{error}");
}

#[test]
fn inputs_with_references_are_not_followed() {
    let folder = tempfile::tempdir().expect("a folder");
    let clip = folder.path().join("clip.ts");
    let job = picture(1.0, false).args(["-f", "mpegts"]);
    ffmpeg().write(&job, &clip, &mut |_| {}).expect("a clip");
    for (name, text) in [
        (
            "list.mp4",
            "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\nclip.ts\n#EXT-X-ENDLIST\n".to_owned(),
        ),
        (
            "concat.mp4",
            format!("ffconcat version 1.0\nfile '{}'\n", clip.display()),
        ),
    ] {
        let list = folder.path().join(name);
        fs::write(&list, text).expect("written");
        let job = Job::new().input(&list).args(["-c", "copy", "-f", "mp4"]);
        let error = ffmpeg()
            .write(&job, &folder.path().join("out.mp4"), &mut |_| {})
            .expect_err("a playlist is no video");
        assert_eq!(error.kind(), ProgramErrorKind::Failed, "{name}: {error}");
    }
}

#[test]
fn version_and_install_hint_are_reported() {
    assert!(
        ffmpeg()
            .version()
            .expect("a version")
            .starts_with(|c: char| c.is_ascii_alphanumeric())
    );
    let error = Ffmpeg::at("/nonexistent/ffmpeg").expect_err("no such file");
    assert_eq!(error.kind(), ProgramErrorKind::Missing);
    assert!(
        error.to_string().contains("apt-get install ffmpeg"),
        "{error}"
    );
}
