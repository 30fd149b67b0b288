//! The boxes of ISO base media files (mp4, mov, 3gp).

use super::bytes::Bytes;
#[cfg(feature = "ffmpeg")]
use super::file_kind::FileKind;
use super::layout::Layout;
use super::sidx;

/// Maximum number of boxes to read. A file of a few hours in one-second fragments has about 30,000.
const MAX_BOXES: u32 = 50_000;

/// An edit that skips more than this exceeds the usual compensation for reordered frames.
const USUAL_DELAY_SECONDS: f64 = 0.25;

/// Known top-level boxes. Other types are treated as padding after the content.
const TOP_LEVEL: [&[u8; 4]; 16] = [
    b"ftyp", b"moov", b"mdat", b"moof", b"mfra", b"free", b"skip", b"wide", b"uuid", b"sidx",
    b"styp", b"pdin", b"pnot", b"meta", b"udta", b"emsg",
];

/// Boxes without an index: if one of them claims too much, the file may still contain every sample.
const UNINDEXED: [&[u8; 4]; 5] = [b"mdat", b"free", b"skip", b"wide", b"uuid"];

/// The brands of still images (ISO/IEC 23008-12, AV1 Image File Format, MP4RA), with their common
/// names.
#[cfg(feature = "ffmpeg")]
const STILL_BRANDS: [(&[u8; 4], &str); 12] = [
    (b"avif", "AVIF"),
    (b"avis", "AVIF"),
    (b"heic", "HEIC"),
    (b"heix", "HEIC"),
    (b"heim", "HEIC"),
    (b"heis", "HEIC"),
    (b"hevc", "HEIC"),
    (b"hevx", "HEIC"),
    (b"mif1", "HEIF"),
    (b"mif2", "HEIF"),
    (b"msf1", "HEIF"),
    (b"miaf", "HEIF"),
];

/// Size of a visual sample entry before its child boxes (ISO/IEC 14496-12, 12.1.3 and 12.2.3).
const PICTURE_BYTES: u64 = 78;
const SOUND_BYTES: u64 = 28;

/// Sample entries of encrypted content (ISO/IEC 14496-12, 8.12), and the offset of their child
/// boxes. The last two are Apple's.
const ENCRYPTED_ENTRIES: [(&[u8; 4], u64); 4] = [
    (b"encv", PICTURE_BYTES),
    (b"enca", SOUND_BYTES),
    (b"drmi", PICTURE_BYTES),
    (b"drms", SOUND_BYTES),
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
        layout.holds_samples = layout.truncated.is_some() && UNINDEXED.contains(&&header.kind);
        match &header.kind {
            b"moof" => {
                layout.fragmented = true;
                moof_seen = true;
                // The segment index has already shown that the file is complete.
                if layout.indexed_seconds.is_some() {
                    break;
                }
            }
            // A segment index after the first fragment covers only a later part.
            b"sidx" if !moof_seen => {
                // One per track; the longest is the duration of the file.
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

/// Identifies a file that cannot be played on its own.
#[cfg(feature = "ffmpeg")]
pub(super) fn file_kind(file: &mut Bytes<'_>) -> Option<FileKind> {
    let mut budget = MAX_BOXES;
    let mut position = 0;
    let mut still = None;
    let (mut has_segment, mut has_data, mut movie) = (false, false, None);
    while position < file.size && budget > 0 {
        budget -= 1;
        let Some(header) = header(file, position, u64::MAX) else {
            break;
        };
        if !TOP_LEVEL.contains(&&header.kind) {
            break;
        }
        match &header.kind {
            b"ftyp" => {
                let brand: Option<[u8; 4]> = file.array(header.body);
                still = STILL_BRANDS
                    .iter()
                    .find(|(known, _)| brand.as_ref() == Some(known))
                    .map(|(_, name)| *name);
            }
            b"moov" => {
                movie = Some(header);
                // A video, regardless of the brand.
                still = None;
            }
            b"moof" | b"styp" | b"sidx" => has_segment = true,
            b"mdat" => has_data = true,
            _ => {}
        }
        if movie.is_some() && (has_segment || has_data) {
            // A video: the other boxes of a long recording need not be read.
            return None;
        }
        position = header.end;
    }
    match (still, movie) {
        (Some(format), _) => Some(FileKind::StillPicture(format)),
        (None, None) if has_segment => Some(FileKind::MediaSegment),
        (None, None) => has_data.then_some(FileKind::NoIndex),
        (None, Some(movie)) => {
            let mut fragmented = false;
            children(file, &movie, &mut budget, &mut |_, child, _| {
                fragmented |= &child.kind == b"mvex";
            });
            (fragmented && !has_segment && !has_data).then_some(FileKind::InitSegment)
        }
    }
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

/// Facts about one track.
#[derive(Default)]
struct Track {
    entries: u32,
    media_time: u64,
    timescale: u32,
    handler: [u8; 4],
    external_data: bool,
    encryption: Option<String>,
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
                    b"minf" => {
                        track.external_data |= has_external_data(file, media, budget);
                        track.encryption = encryption(file, media, budget);
                    }
                    _ => {}
                },
            ),
            _ => {}
        },
    );
    // Exact below 2^53, far more than any media time.
    let skipped = if track.timescale == 0 {
        0.0
    } else {
        track.media_time as f64 / f64::from(track.timescale)
    };
    layout.edit_list |= track.entries > 1 || skipped > USUAL_DELAY_SECONDS;
    if matches!(&track.handler, b"vide" | b"soun") {
        layout.external_data |= track.external_data;
        layout.encryption = layout.encryption.take().or(track.encryption);
    }
}

/// The encryption scheme of a track: that of the first sample entry with one.
fn encryption(file: &mut Bytes<'_>, minf: &Header, budget: &mut u32) -> Option<String> {
    let mut found = None;
    children(file, minf, budget, &mut |file, stbl, budget| {
        if &stbl.kind != b"stbl" {
            return;
        }
        children(file, stbl, budget, &mut |file, stsd, budget| {
            if &stsd.kind != b"stsd" {
                return;
            }
            // Version, flags and count precede the entries.
            let list = Header {
                body: stsd.body.saturating_add(8),
                ..*stsd
            };
            children(file, &list, budget, &mut |file, entry, budget| {
                let known = ENCRYPTED_ENTRIES
                    .iter()
                    .find(|(kind, _)| **kind == entry.kind);
                if let Some((kind, fields)) = known.filter(|_| found.is_none()) {
                    // QuickTime has more audio fields: 16 bytes in version 1, 36 in version 2.
                    let version = file.array::<2>(entry.body.saturating_add(8));
                    let more = match version {
                        Some([0, 1]) if *fields == SOUND_BYTES => 16,
                        Some([0, 2]) if *fields == SOUND_BYTES => 36,
                        _ => 0,
                    };
                    let boxes = Header {
                        body: entry.body.saturating_add(*fields + more),
                        ..*entry
                    };
                    let apple = kind.starts_with(b"drm").then_some("FairPlay");
                    found = scheme(file, &boxes, apple, budget);
                }
            });
        });
    });
    found
}

/// The protection scheme in the boxes of a sample entry; `None` if samples are unencrypted by
/// default (ISO/IEC 23001-7, 8.2: `default_isProtected`).
fn scheme(
    file: &mut Bytes<'_>,
    boxes: &Header,
    known: Option<&str>,
    budget: &mut u32,
) -> Option<String> {
    let mut name = known.map(str::to_owned);
    let mut in_the_clear = false;
    children(file, boxes, budget, &mut |file, sinf, budget| {
        if &sinf.kind != b"sinf" {
            return;
        }
        children(
            file,
            sinf,
            budget,
            &mut |file, child, budget| match &child.kind {
                b"schm" => {
                    let scheme: Option<[u8; 4]> = file.array(child.body.saturating_add(4));
                    let text = scheme.filter(|word| word.iter().all(u8::is_ascii_graphic));
                    if let (Some(text), None) = (text, known) {
                        name = Some(String::from_utf8_lossy(&text).into_owned());
                    }
                }
                b"schi" => children(file, child, budget, &mut |file, tenc, _| {
                    if &tenc.kind == b"tenc" {
                        let protected: Option<[u8; 1]> = file.array(tenc.body.saturating_add(6));
                        in_the_clear = protected == Some([0]);
                    }
                }),
                _ => {}
            },
        );
    });
    (!in_the_clear).then(|| name.unwrap_or_else(|| "method not stated".to_owned()))
}

/// Whether a track's data is in another file, according to all of its data references.
fn has_external_data(file: &mut Bytes<'_>, minf: &Header, budget: &mut u32) -> bool {
    let (mut here, mut away) = (0u32, 0u32);
    children(file, minf, budget, &mut |file, dinf, budget| {
        if &dinf.kind != b"dinf" {
            return;
        }
        children(file, dinf, budget, &mut |file, dref, budget| {
            if &dref.kind != b"dref" {
                return;
            }
            // Version, flags and count precede the references.
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

/// Number of edits, and the media time of the first one (0 for an empty edit).
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
