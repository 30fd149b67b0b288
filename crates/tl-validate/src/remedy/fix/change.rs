//! A change to a file, as `plan` decides it and `argv` writes it.

use crate::facts::MediaFacts;
use crate::remedy::fix::FixOptions;

/// Bit rate of re-encoded audio, in bits per second.
pub(super) const AUDIO_BITRATE: u32 = 128_000;

/// The required changes. They are independent of each other, so that one call can apply them all.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Change {
    /// Scale to the first size, then add bars to reach the second.
    pub(super) frame: Option<Frame>,
    /// Cut after this many seconds.
    pub(super) trim: Option<f64>,
    /// Hold the last frame until this many seconds, and at least until the audio ends.
    pub(super) extend: Option<f64>,
    /// Add a silent track.
    pub(super) silence: bool,
    /// Encode the video at this many bits per second.
    pub(super) shrink: Option<u64>,
    /// Write a new container with the readable part.
    pub(super) remux: bool,
    /// Convert high dynamic range to standard range.
    pub(super) tone_map: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) scaled: (u32, u32),
    pub(super) padded: (u32, u32),
}

/// Duration of the longest kept stream: measured, or else according to the headers. The duration of
/// the container is not used: it includes omitted streams and is the value that is wrong most
/// often.
pub(super) fn longest(facts: &MediaFacts, options: &FixOptions) -> f64 {
    let picture = facts.duration_seconds().unwrap_or(0.0);
    let sound = facts.known_audio().filter_map(|a| a.duration_seconds);
    options
        .sound_seconds
        .unwrap_or_else(|| sound.fold(0.0, f64::max))
        .max(picture)
}
