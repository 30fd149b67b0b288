//! The container of the parts.

use crate::facts::MediaFacts;
use crate::remedy::fix::fits_mp4;

/// The container that can hold the streams of a file without re-encoding: `mp4`, or `mov` or
/// `matroska` if `mp4` cannot.
///
/// Only `mp4` and `mov` can hide frames at the start, so a QuickTime file stays one.
pub fn container(facts: &MediaFacts) -> &'static str {
    let format = facts.file_container_format.as_deref().unwrap_or_default();
    if fits_mp4(facts) {
        "mp4"
    } else if format.split(',').any(|name| name == "mov") {
        "mov"
    } else {
        "matroska"
    }
}
