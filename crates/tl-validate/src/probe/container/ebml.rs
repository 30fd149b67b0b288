//! The top-level elements of Matroska and WebM: the header, the segment and its children.

use super::bytes::Bytes;
#[cfg(feature = "ffmpeg")]
use super::file_kind::FileKind;
use super::layout::Layout;

#[cfg(feature = "ffmpeg")]
const HEADER: u64 = 0x1a45_dfa3;
const SEGMENT: u64 = 0x1853_8067;
const TRACKS: u64 = 0x1654_ae6b;
const TRACK_ENTRY: u64 = 0xae;
const CLUSTER: u64 = 0x1f43_b675;

/// The path from a track to its encryption (RFC 9559, 5.1.4.1.31): encodings, encoding, encryption.
const ENCRYPTION: [u64; 3] = [0x6d80, 0x6240, 0x5035];

/// Maximum number of elements to read. A file of some hours has a few thousand clusters.
const MAX_ELEMENTS: u32 = 50_000;

/// An element: its id, start and end of its content; the end is `None` if its size is unknown.
struct Element {
    id: u64,
    body: u64,
    end: Option<u64>,
}

pub(super) fn outline(file: &mut Bytes<'_>) -> Option<Layout> {
    let segment = segment(file)?;
    let truncated = segment
        .end
        .and_then(|end| file.reaches_beyond("the segment", end));
    let holds_samples = truncated.is_some() && last_element_is_whole(file, &segment);
    Some(Layout {
        truncated,
        holds_samples,
        encryption: is_encrypted(file, &segment).then(|| "Matroska content encryption".to_owned()),
        ..Layout::default()
    })
}

/// Identifies a file that cannot be played on its own.
#[cfg(feature = "ffmpeg")]
pub(super) fn file_kind(file: &mut Bytes<'_>) -> Option<FileKind> {
    let first = element(file, 0)?;
    if first.id == CLUSTER {
        return Some(FileKind::MediaSegment);
    }
    (first.id == HEADER).then_some(())?;
    let segment = segment(file)?;
    let (mut has_tracks, mut has_cluster) = (false, false);
    children(file, segment.body, segment.end, &mut |_, child| {
        has_tracks |= child.id == TRACKS;
        has_cluster |= child.id == CLUSTER;
        !has_cluster
    });
    (has_tracks && !has_cluster).then_some(FileKind::InitSegment)
}

fn segment(file: &mut Bytes<'_>) -> Option<Element> {
    let mut position = 0;
    // The header, possibly a void element, then the segment.
    for _ in 0..8 {
        let element = element(file, position)?;
        if element.id == SEGMENT {
            return Some(element);
        }
        position = element.end?;
    }
    None
}

fn element(file: &mut Bytes<'_>, position: u64) -> Option<Element> {
    let (id, length) = number(file, position, false)?;
    let (size, size_length) = number(file, position + length, true)?;
    let body = position + length + size_length;
    // All ones mean "until the end", as written by live muxers.
    let unknown = size == (1u64 << (7 * size_length)) - 1;
    let end = if unknown {
        None
    } else {
        Some(body.checked_add(size)?)
    };
    Some(Element { id, body, end })
}

/// Calls `visit` for each element from `position`, until it returns false or an element of unknown
/// size is reached. Returns the end of the last element.
fn children(
    file: &mut Bytes<'_>,
    mut position: u64,
    end: Option<u64>,
    visit: &mut dyn FnMut(&mut Bytes<'_>, &Element) -> bool,
) -> Option<u64> {
    let end = end.unwrap_or(file.size).min(file.size);
    for _ in 0..MAX_ELEMENTS {
        if position >= end {
            break;
        }
        let child = element(file, position)?;
        if !visit(file, &child) {
            break;
        }
        position = child.end?;
    }
    Some(position)
}

/// Whether the file ends exactly at the end of an element of the segment, so that only the
/// segment's size is wrong.
fn last_element_is_whole(file: &mut Bytes<'_>, segment: &Element) -> bool {
    children(file, segment.body, None, &mut |_, _| true) == Some(file.size)
}

fn is_encrypted(file: &mut Bytes<'_>, segment: &Element) -> bool {
    let mut found = false;
    children(file, segment.body, segment.end, &mut |file, child| {
        if child.id == TRACKS {
            children(file, child.body, child.end, &mut |file, track| {
                found |= track.id == TRACK_ENTRY && holds(file, track, &ENCRYPTION);
                !found
            });
        }
        !matches!(child.id, TRACKS | CLUSTER)
    });
    found
}

/// Whether there is an element at a path below `parent`.
fn holds(file: &mut Bytes<'_>, parent: &Element, path: &[u64]) -> bool {
    let [wanted, rest @ ..] = path else {
        return true;
    };
    let mut found = false;
    children(file, parent.body, parent.end, &mut |file, child| {
        found = child.id == *wanted && holds(file, child, rest);
        !found
    });
    found
}

/// A variable-length integer and its length. `strip` removes the marker bit, which sizes exclude
/// and ids include.
fn number(file: &mut Bytes<'_>, position: u64, strip: bool) -> Option<(u64, u64)> {
    let first = file.array::<1>(position)?[0];
    let length = u64::from(first.leading_zeros()) + 1;
    (length <= 8).then_some(())?;
    let mut value = u64::from(first);
    if strip {
        value &= (1 << (8 - length)) - 1;
    }
    for i in 1..length {
        value = value << 8 | u64::from(file.array::<1>(position.checked_add(i)?)?[0]);
    }
    Some((value, length))
}
