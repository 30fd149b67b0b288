//! Real video files, made once by the `ffmpeg` program.

use std::{path::PathBuf, process::Command, sync::OnceLock};

/// The path of a clip of that frame and length, with moving pictures and a tone.
pub(crate) fn clip(size: &str, seconds: u32) -> PathBuf {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        tempfile::Builder::new()
            .prefix("tl-emulator-clips-")
            .tempdir()
            .unwrap()
    });
    let path = folder.path().join(format!("{size}-{seconds}.mp4"));
    if !path.exists() {
        let part = folder.path().join(format!(
            "{size}-{seconds}-{:?}.part.mp4",
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
