//! Small real clips, encoded once per build directory by the `ffmpeg` program.
#![allow(dead_code, reason = "each test binary uses its part")]

#[cfg(unix)]
pub(crate) mod attacks;
pub(crate) mod corpus;

use std::fs;
use std::path::{Path, PathBuf};

/// The directory of generated clips.
pub(crate) fn folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("clips");
    fs::create_dir_all(&folder).expect("the build directory can be written to");
    folder
}

/// Encodes `name` with these arguments, unless it exists. Panics if `ffmpeg` is missing or fails.
pub(crate) fn clip(name: &str, arguments: &str) -> PathBuf {
    let made = tl_corpus::clip(&folder(), name, arguments);
    made.unwrap_or_else(|failure| panic!("{failure}"))
}

/// A test pattern of `size` for `seconds`, with or without audio.
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

/// The valid clip: 640x360, 5 s, with audio.
pub(crate) fn good() -> PathBuf {
    simple("good.mp4", "640x360", 5.0, true)
}

/// Writes a file with this content.
pub(crate) fn bytes(name: &str, content: &[u8]) -> PathBuf {
    let made = tl_corpus::bytes(&folder(), name, content);
    made.unwrap_or_else(|failure| panic!("{failure}"))
}

/// The first part of a file.
pub(crate) fn cut(name: &str, of: &Path, keep: impl Fn(usize) -> usize) -> PathBuf {
    let whole = fs::read(of).expect("a generated clip");
    bytes(name, &whole[..keep(whole.len())])
}

/// The example helper, which `cargo test` builds with the tests.
pub(crate) fn helper() -> PathBuf {
    example("probe_helper")
}

/// The example helper that fails on every probe.
pub(crate) fn stubborn_helper() -> PathBuf {
    example("stubborn_helper")
}

fn example(name: &str) -> PathBuf {
    let exe = std::env::current_exe().expect("tests know their own path");
    let target = exe.ancestors().nth(2).expect("target/debug/deps/test");
    let helper = target.join("examples").join(name);
    assert!(
        helper.is_file(),
        "{} was not built; run `cargo build --examples --features ffmpeg,worker`",
        helper.display()
    );
    helper
}
