//! Real video files, created once with `ffmpeg` and cached in the output directory of the tests.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// Returns the path of a clip with this frame size and duration, with a test pattern and a tone.
pub(crate) fn clip(size: &str, seconds: u32) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("emulator-clips");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("{size}-{seconds}.mp4"));
    if !path.exists() {
        // Another process may create the same clip. The last one wins.
        let part = folder.join(format!(
            "{size}-{seconds}-{}-{:?}.part.mp4",
            std::process::id(),
            std::thread::current().id()
        ));
        let made = Command::new("ffmpeg")
            .args(["-v", "error", "-nostdin", "-y"])
            .args([
                "-f",
                "lavfi",
                "-i",
                &format!("testsrc2=size={size}:rate=25:duration={seconds}"),
            ])
            .args([
                "-f",
                "lavfi",
                "-i",
                &format!("sine=frequency=440:duration={seconds}"),
            ])
            .args([
                "-c:v",
                "mpeg4",
                "-q:v",
                "9",
                "-c:a",
                "aac",
                "-b:a",
                "64k",
                "-shortest",
            ])
            .arg(&part)
            .status()
            .expect("the `ffmpeg` program is needed to make test clips");
        assert!(made.success());
        std::fs::rename(&part, &path).unwrap();
    }
    path
}
