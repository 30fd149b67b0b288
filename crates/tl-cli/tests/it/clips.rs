//! Real clips, created by FFmpeg once per build directory, and invalid files.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// The clip named `name`: `good.mp4` (640x360, 5 s, with audio), `small.mp4` (320x180), `short.mp4`
/// (2 s).
fn clip(name: &str) -> PathBuf {
    let (size, seconds) = match name {
        "good.mp4" => ("640x360", 5),
        "small.mp4" => ("320x180", 5),
        "short.mp4" => ("640x360", 2),
        other => panic!("there is no clip {other}"),
    };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clips");
    std::fs::create_dir_all(&folder).expect("the build folder can be written");
    let clip = folder.join(name);
    if clip.exists() {
        return clip;
    }
    // Tests run in parallel, so the clip is created atomically.
    let unfinished = tempfile::Builder::new()
        .suffix(".mp4")
        .tempfile_in(&folder)
        .expect("the build folder can be written");
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "lavfi", "-i"])
        .arg(format!("testsrc=size={size}:rate=25:duration={seconds}"))
        .args(["-f", "lavfi", "-i"])
        .arg(format!("sine=duration={seconds}"))
        .args([
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-pix_fmt",
            "yuv420p",
            "-c:a",
            "aac",
        ])
        .arg(unfinished.path())
        .status()
        .expect("the program ffmpeg runs: `cargo xtask setup` installs it");
    assert!(status.success(), "ffmpeg makes {name}");
    unfinished
        .persist(&clip)
        .expect("the clip can be put in its place");
    clip
}

/// A directory with these clips.
pub(crate) fn folder(names: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in names {
        std::fs::copy(clip(name), folder.path().join(name)).expect("a clip can be copied");
    }
    folder
}
