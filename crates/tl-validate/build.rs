//! Sets the `cfg` for the struct layout of the FFmpeg version in use. The binding crate finds
//! FFmpeg.
#![allow(
    clippy::disallowed_methods,
    reason = "a build script is configured by its environment; `ci purity` is about the crate"
)]

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-check-cfg=cfg(stream_side_data_in_codecpar)");
    // Since FFmpeg 6.1 the display matrix is in the codec parameters. The binding crate exports the
    // version.
    if std::env::var("DEP_FFMPEG_FFMPEG_6_1").is_ok_and(|found| found == "true") {
        println!("cargo:rustc-cfg=stream_side_data_in_codecpar");
    }
}
