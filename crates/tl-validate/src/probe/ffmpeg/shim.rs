//! Safe wrapper around libavformat; the only `unsafe` code of this crate. Opens one file, describes
//! its streams, and reads packets. `duration` and `read` decide which values to use.
#![expect(
    unsafe_code,
    reason = "libavformat is a C library; every block says why it is sound"
)]

mod decoders;
mod dictionary;
mod input;
mod io;
mod log;
mod names;
mod open;

pub(super) use input::{IndexSummary, Input, PacketTimes, Stream, StreamKind};
pub(super) use io::{Session, SessionStatus, Source};
pub(super) use log::LogCapture;
pub(super) use open::{OpenError, OpenFailure, OpenPolicy};

use ffmpeg_next::ffi;

/// The version of the loaded libavformat, as `major.minor.micro`.
pub(super) fn version() -> String {
    let version = ffmpeg_next::format::version();
    format!(
        "{}.{}.{}",
        version >> 16,
        (version >> 8) & 0xff,
        version & 0xff
    )
}

/// Limits every single allocation by FFmpeg in this process.
pub(super) fn limit_allocations(bytes: usize) {
    // SAFETY: stores one number atomically; FFmpeg reads it at the next allocation.
    unsafe { ffi::av_max_alloc(bytes) }
}
