//! How long the video truly is, and which stage of looking said so.

use super::read::stream_duration;
use super::shim::{Input, Stream, StreamKind};
use crate::{DurationSource, MediaFacts, ProbeOptions};

/// Fills the duration fields of `facts`.
pub(super) fn settle(
    input: &mut Input,
    streams: &[Stream],
    facts: &mut MediaFacts,
    _options: &ProbeOptions,
) {
    let main = facts
        .video()
        .map(|v| v.index)
        .or_else(|| facts.audio().map(|a| a.index));
    let Some(stream) = main.and_then(|index| streams.iter().find(|s| s.index == index)) else {
        return;
    };
    debug_assert!(stream.kind != StreamKind::Other);
    facts.duration_seconds = stream_duration(input, stream).or(facts.container_duration_seconds);
    facts.duration_source = facts.duration_seconds.map(|_| DurationSource::Header);
}
