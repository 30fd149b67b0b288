//! The `ffmpeg` renderer: real files of many kinds, and a program that hangs or fails.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tl_emulator::{Emulator, TimeLimits};

use crate::{
    clips::clip,
    raw::{builder, exchange, form, get, head, index, send_form},
    renditions::rendition,
};

/// Creates a file with `ffmpeg` and these arguments.
fn create_video(folder: &Path, name: &str, arguments: &str) -> PathBuf {
    let path = folder.join(name);
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y"])
        .args(arguments.split(' '))
        .arg(&path)
        .status()
        .expect("the `ffmpeg` program is needed to make test clips");
    assert!(made.success(), "{name}");
    path
}

/// The codecs and frame size of a served file, according to `ffprobe`.
fn served_streams(emulator: &Emulator, path: &str) -> Vec<String> {
    let url = emulator.base_url().join(path).unwrap();
    let entries = "stream=codec_name,width,height";
    let output = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-show_entries",
            entries,
            "-of",
            "csv=p=0",
            url.as_str(),
        ])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text
        .lines()
        .map(|line| line.trim_end_matches(',').to_owned());
    lines.filter(|line| !line.is_empty()).collect()
}

/// Creates an asset with a stream and thumbnails, and returns its rendition.
fn asset(emulator: &Emulator, path: &Path) -> Value {
    let texts = [
        ("method", "direct"),
        ("enable_hls", "true"),
        ("enable_thumbnail", "true"),
    ];
    let mut body = form(&texts, None);
    body.truncate(body.len() - b"--XX--\r\n".len());
    let name = path.file_name().unwrap().to_str().unwrap();
    let part = format!(
        "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n"
    );
    body.extend_from_slice(part.as_bytes());
    body.extend_from_slice(&std::fs::read(path).unwrap());
    body.extend_from_slice(b"\r\n--XX--\r\n");
    let length = body.len().to_string();
    let headers = [
        ("content-type", "multipart/form-data; boundary=XX"),
        ("content-length", length.as_str()),
    ];
    let made = exchange(emulator, &head("POST", "/v1.3/assets", &headers), &body).unwrap();
    assert_eq!(made.status, 201, "{made:?}");
    rendition(emulator, made.json()["_id"].as_str().unwrap())
}

#[test]
fn web_safe_streams_are_copied_and_others_encoded() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = builder().start_blocking().unwrap();
    let video = |size: &str| format!("-f lavfi -i testsrc2=size={size}:rate=25:duration=5");
    let sound = "-f lavfi -i sine=frequency=440:duration=5";
    let x264 = "-c:v libx264 -preset ultrafast -pix_fmt";
    for (name, arguments, streams, thumbnails) in [
        (
            "plain.mp4",
            format!("{} {sound} {x264} yuv420p -c:a aac", video("1280x720")),
            vec!["h264,1280,720", "aac"],
            3,
        ),
        (
            "ten-bit.mp4",
            format!("{} {x264} yuv420p10le", video("1280x720")),
            vec!["h264,640,360"],
            3,
        ),
        (
            "upright.mkv",
            format!("{} {sound} -c:v mpeg4 -c:a flac", video("406x720")),
            vec!["h264,360,640", "aac"],
            3,
        ),
        (
            "small.avi",
            format!("{} -c:v mpeg4", video("360x240")),
            vec!["h264,360,240"],
            3,
        ),
        (
            "transport.ts",
            format!("{} {sound} {x264} yuv420p -c:a aac", video("640x360")),
            vec!["h264,640,360", "aac"],
            // It has a single key frame, which only the first position finds.
            1,
        ),
        (
            "sound.mp3",
            format!("{sound} -c:a libmp3lame"),
            vec!["aac"],
            0,
        ),
        (
            "one-frame.mp4",
            format!("-f lavfi -i testsrc2=size=640x360:rate=1:duration=1 {x264} yuv420p"),
            vec!["h264,640,360"],
            1,
        ),
    ] {
        let path = create_video(folder.path(), name, &arguments);
        let rendered = asset(&emulator, &path);
        assert_eq!(rendered["error"], Value::Null, "{name}");
        let made = &rendered["made"];
        assert_eq!(
            (&made["has_stream"], &made["thumbnails"]),
            (&json!(true), &json!(thumbnails)),
            "{name}"
        );
        let place = format!("/_media/{}", made["folder"].as_str().unwrap());
        assert_eq!(
            served_streams(&emulator, &format!("{place}/stream.mp4")),
            streams,
            "{name}"
        );
        let mut by_playlist = served_streams(&emulator, &format!("{place}/master.m3u8"));
        by_playlist.dedup();
        assert!(
            by_playlist.starts_with(
                &streams
                    .iter()
                    .map(|line| (*line).to_owned())
                    .collect::<Vec<_>>()
            ),
            "{name}: {by_playlist:?}"
        );
        if thumbnails > 0 {
            assert_eq!(
                served_streams(&emulator, &format!("{place}/thumbnail-1.jpg")).len(),
                1,
                "{name}"
            );
        }
    }
}

#[cfg(unix)]
fn fake_ffmpeg(folder: &Path, script: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join("ffmpeg");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn task(emulator: &Emulator, index: &str) -> (String, String) {
    let bytes = std::fs::read(clip("640x360", 5)).unwrap();
    let created = send_form(
        emulator,
        &form(&[("index_id", index)], Some(("a.mp4", &bytes))),
    )
    .json();
    let id = |name: &str| created[name].as_str().unwrap().to_owned();
    (id("_id"), id("video_id"))
}

#[cfg(unix)]
#[test]
fn hanging_or_failing_ffmpeg_is_reported() {
    for (script, reason) in [
        ("exec sleep 60", "did not finish within"),
        ("echo 'no room in here' >&2; exit 1", "no room in here"),
        // It exits successfully without any output.
        ("exit 0", "playlist"),
    ] {
        let place = tempfile::tempdir().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let limits = TimeLimits::default().with_render(Duration::from_millis(1500));
        let emulator = builder()
            .ffmpeg(fake_ffmpeg(place.path(), script))
            .time_limits(limits)
            .data_dir(folder.path())
            .start_blocking()
            .unwrap();
        let index = index(&emulator);
        let (task, video) = task(&emulator, &index);
        let rendered = rendition(&emulator, &video)["error"].clone();
        assert!(
            rendered.as_str().unwrap().contains(reason),
            "{script}: {rendered}"
        );
        let hls = get(&emulator, &format!("/v1.3/tasks/{task}")).json()["hls"]["status"].clone();
        assert_eq!(hls, "ERROR", "{script}");
        // Only the video itself.
        let left: Vec<_> = std::fs::read_dir(folder.path().join("media"))
            .unwrap()
            .collect();
        assert_eq!(left.len(), 1, "{script}: {left:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn ffmpeg_runs_twice_at_most_and_ends_with_the_emulator() {
    let place = tempfile::tempdir().unwrap();
    // The script writes nothing because the sandbox forbids it. No other process sleeps this long.
    let script = "exec sleep 6173";
    let emulator = builder()
        .ffmpeg(fake_ffmpeg(place.path(), script))
        .start_blocking()
        .unwrap();
    let index = index(&emulator);
    for _ in 0..4 {
        task(&emulator, &index);
    }
    let running = || -> Vec<String> {
        let processes = std::fs::read_dir("/proc").unwrap();
        processes
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let command = std::fs::read(entry.path().join("cmdline")).ok()?;
                (command == b"sleep\x006173\0").then(|| entry.file_name().into_string().ok())?
            })
            .collect()
    };
    let started = Instant::now();
    while running().len() < 2 {
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "{:?}",
            running()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(300));
    let pids = running();
    assert_eq!(pids.len(), 2, "{pids:?}");
    let started = Instant::now();
    drop(emulator);
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
    for pid in pids {
        assert!(!Path::new("/proc").join(&pid).exists(), "{pid} still runs");
    }
}
