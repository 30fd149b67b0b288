//! Tells the FFmpeg shim which layout of FFmpeg it is built against. Finding FFmpeg is the binding crate's work.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-check-cfg=cfg(stream_side_data_in_codecpar)");
    // From FFmpeg 6.1 on the display matrix lies in the codec parameters. The binding crate exports what it found.
    if std::env::var("DEP_FFMPEG_FFMPEG_6_1").is_ok_and(|found| found == "true") {
        println!("cargo:rustc-cfg=stream_side_data_in_codecpar");
    }
}
