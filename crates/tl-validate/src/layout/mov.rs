//! The boxes of ISO base media files (mp4, mov, 3gp).

use super::{Bytes, Layout, sidx};

/// Boxes looked at, at most. A file of a few hours in one-second fragments has about 30,000.
const MAX_BOXES: u32 = 50_000;

/// An edit that skips more than this is more than the usual compensation for reordered frames.
const USUAL_DELAY_SECONDS: f64 = 0.25;

/// Boxes that stand at the top level. Anything else there is taken for padding behind the file.
const TOP_LEVEL: [&[u8; 4]; 16] = [
    b"ftyp", b"moov", b"mdat", b"moof", b"mfra", b"free", b"skip", b"wide", b"uuid", b"sidx",
    b"styp", b"pdin", b"pnot", b"meta", b"udta", b"emsg",
];

#[derive(Clone, Copy)]
struct Header {
    kind: [u8; 4],
    body: u64,
    end: u64,
}

pub(super) fn outline(file: &mut Bytes<'_>) -> Option<Layout> {
    let mut layout = Layout::default();
    let mut budget = MAX_BOXES;
    let mut position = 0;
    let mut moof_seen = false;
    while position < file.size && budget > 0 {
        budget -= 1;
        let Some(header) = header(file, position, u64::MAX) else {
            break;
        };
        if !TOP_LEVEL.contains(&&header.kind) {
            break;
        }
        let name = String::from_utf8_lossy(&header.kind).into_owned();
        layout.truncated = file.reaches_beyond(&format!("the box `{name}`"), header.end);
        match &header.kind {
            b"moof" => {
                layout.fragmented = true;
                moof_seen = true;
                // The index has told already that everything is there.
                if layout.indexed_seconds.is_some() {
                    break;
                }
            }
            // One behind the first fragment is about a later part only.
            b"sidx" if !moof_seen => {
                // One for each track; the longest is the file's.
                let seconds = sidx::seconds(file, header.body, header.end);
                layout.indexed_seconds = match (layout.indexed_seconds, seconds) {
                    (Some(a), Some(b)) => Some(a.max(b)),
                    (a, b) => a.or(b),
                };
            }
            b"moov" => movie(file, &header, &mut layout, &mut budget),
            _ => {}
        }
        position = header.end;
    }
    Some(layout)
}

fn header(file: &mut Bytes<'_>, position: u64, limit: u64) -> Option<Header> {
    let head: [u8; 8] = file.array(position)?;
    let (size, kind) = head.split_at(4);
    let size = u64::from(u32::from_be_bytes(size.try_into().ok()?));
    let kind: [u8; 4] = kind.try_into().ok()?;
    let (size, head) = match size {
        0 => (file.size.min(limit).checked_sub(position)?, 8),
        1 => (
            file.array(position.checked_add(8)?)
                .map(u64::from_be_bytes)?,
            16,
        ),
        size => (size, 8),
    };
    (size >= head).then_some(())?;
    Some(Header {
        kind,
        body: position + head,
        end: position.checked_add(size)?,
    })
}

/// Calls `visit` for each box within `parent`.
fn children(
    file: &mut Bytes<'_>,
    parent: &Header,
    budget: &mut u32,
    visit: &mut dyn FnMut(&mut Bytes<'_>, &Header, &mut u32),
) {
    let mut position = parent.body;
    while position < parent.end && *budget > 0 {
        *budget -= 1;
        let Some(child) = header(file, position, parent.end) else {
            return;
        };
        visit(file, &child, budget);
        position = child.end;
    }
}

fn movie(file: &mut Bytes<'_>, movie: &Header, layout: &mut Layout, budget: &mut u32) {
    children(
        file,
        movie,
        budget,
        &mut |file, child, budget| match &child.kind {
            b"mvex" => layout.fragmented = true,
            b"trak" => track(file, child, layout, budget),
            _ => {}
        },
    );
}

/// What is learned of one track.
#[derive(Default)]
struct Track {
    entries: u32,
    media_time: u64,
    timescale: u32,
    handler: [u8; 4],
    elsewhere: bool,
}

fn track(file: &mut Bytes<'_>, header: &Header, layout: &mut Layout, budget: &mut u32) {
    let mut track = Track::default();
    children(
        file,
        header,
        budget,
        &mut |file, child, budget| match &child.kind {
            b"edts" => children(file, child, budget, &mut |file, list, _| {
                if &list.kind == b"elst" {
                    (track.entries, track.media_time) = edits(file, list.body).unwrap_or_default();
                }
            }),
            b"mdia" => children(
                file,
                child,
                budget,
                &mut |file, media, budget| match &media.kind {
                    b"mdhd" => {
                        let version = file.array::<1>(media.body).map_or(0, |v| v[0]);
                        let at = media
                            .body
                            .saturating_add(if version == 1 { 20 } else { 12 });
                        track.timescale = file.u32_be(at).unwrap_or(0);
                    }
                    b"hdlr" => {
                        track.handler =
                            file.array(media.body.saturating_add(8)).unwrap_or_default();
                    }
                    b"minf" => track.elsewhere |= data_is_elsewhere(file, media, budget),
                    _ => {}
                },
            ),
            _ => {}
        },
    );
    // Exact below 2^53, and no media time is near it.
    let skipped = if track.timescale == 0 {
        0.0
    } else {
        track.media_time as f64 / f64::from(track.timescale)
    };
    layout.edit_list |= track.entries > 1 || skipped > USUAL_DELAY_SECONDS;
    layout.elsewhere |= track.elsewhere && matches!(&track.handler, b"vide" | b"soun");
}

/// Whether a track's data references say that the data is in another file. All of them do, or it is not sure.
fn data_is_elsewhere(file: &mut Bytes<'_>, minf: &Header, budget: &mut u32) -> bool {
    let (mut here, mut away) = (0u32, 0u32);
    children(file, minf, budget, &mut |file, dinf, budget| {
        if &dinf.kind != b"dinf" {
            return;
        }
        children(file, dinf, budget, &mut |file, dref, budget| {
            if &dref.kind != b"dref" {
                return;
            }
            // Version, flags and count stand before the references.
            let list = Header {
                body: dref.body.saturating_add(8),
                ..*dref
            };
            children(file, &list, budget, &mut |file, reference, _| match file
                .u32_be(reference.body)
                .map(|flags| flags & 1)
            {
                Some(0) => away += 1,
                _ => here += 1,
            });
        });
    });
    away > 0 && here == 0
}

/// Number of edits, and the media time at which the first one starts (0 for an empty edit).
fn edits(file: &mut Bytes<'_>, body: u64) -> Option<(u32, u64)> {
    let version = file.array::<1>(body)?[0];
    let entries = file.u32_be(body.checked_add(4)?)?;
    let media_time = if version == 1 {
        file.array(body.checked_add(16)?).map(i64::from_be_bytes)?
    } else {
        i64::from(file.array(body.checked_add(12)?).map(i32::from_be_bytes)?)
    };
    Some((entries, u64::try_from(media_time).unwrap_or(0)))
}
