//! Tiny real clips, encoded once per build directory by the `ffmpeg` program. No expectations live here.
#![allow(dead_code, reason = "each test binary uses its part")]

#[cfg(unix)]
pub(crate) mod attacks;
pub(crate) mod corpus;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// The folder of generated clips.
pub(crate) fn folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("clips");
    fs::create_dir_all(&folder).expect("the build directory can be written to");
    folder
}

/// A name that no other test, process or thread writes to.
fn draft(name: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    folder().join(format!("{}-{number}.{name}", std::process::id()))
}

/// Encodes `name` with these arguments, unless it is there already. Fails loudly when `ffmpeg` is missing or fails.
pub(crate) fn clip(name: &str, arguments: &str) -> PathBuf {
    let path = folder().join(name);
    if path.exists() {
        return path;
    }
    // One encodes, the others wait for it: test processes run side by side.
    let lock = fs::File::create(folder().join(format!("{name}.lock")))
        .expect("the build directory can be written to");
    lock.lock().expect("the file system knows locks");
    if path.exists() {
        return path;
    }
    let draft = draft(name);
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner", "-loglevel", "error", "-y"])
        .args(arguments.split_whitespace())
        .arg(&draft)
        .output()
        .expect("the `ffmpeg` program is needed to make test clips (apt-get install ffmpeg)");
    assert!(
        output.status.success(),
        "ffmpeg {arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    fs::rename(&draft, &path).expect("same folder");
    path
}

/// A picture of `size` for `seconds`, with sound or without.
pub(crate) fn simple(name: &str, size: &str, seconds: f64, sound: bool) -> PathBuf {
    let sound = if sound {
        format!(
            "-f lavfi -i sine=frequency=440:sample_rate=44100:duration={seconds} -c:a aac -shortest"
        )
    } else {
        "-an".to_owned()
    };
    clip(
        name,
        &format!(
            "-f lavfi -i testsrc=size={size}:rate=25:duration={seconds} {sound} -c:v libx264 -preset ultrafast -pix_fmt yuv420p"
        ),
    )
}

/// The clip that nothing is wrong with: 640x360, 5 s, with sound.
pub(crate) fn good() -> PathBuf {
    simple("good.mp4", "640x360", 5.0, true)
}

/// A file with these bytes.
pub(crate) fn bytes(name: &str, content: &[u8]) -> PathBuf {
    let path = folder().join(name);
    if fs::read(&path).is_ok_and(|there| there == content) {
        return path;
    }
    let draft = draft(name);
    fs::write(&draft, content).expect("the build directory can be written to");
    fs::rename(&draft, &path).expect("same folder");
    path
}

/// The first part of a file.
pub(crate) fn cut(name: &str, of: &Path, keep: impl Fn(usize) -> usize) -> PathBuf {
    let whole = fs::read(of).expect("a generated clip");
    bytes(name, &whole[..keep(whole.len())])
}

/// The example helper, which `cargo test` builds along with the tests.
pub(crate) fn helper() -> PathBuf {
    let exe = std::env::current_exe().expect("tests know their own path");
    let target = exe.ancestors().nth(2).expect("target/debug/deps/test");
    let helper = target.join("examples/probe_helper");
    assert!(
        helper.is_file(),
        "{} was not built; run `cargo build --examples --features ffmpeg,worker`",
        helper.display()
    );
    helper
}
