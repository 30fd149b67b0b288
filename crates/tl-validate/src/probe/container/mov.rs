//! The boxes of ISO base media files (mp4, mov, 3gp).

use super::boxes::{Boxes, Mp4Box, Walker};
use super::bytes::Bytes;
#[cfg(feature = "ffmpeg")]
use super::file_kind::FileKind;
use super::layout::Layout;
use super::sidx;

/// An edit that skips more than this exceeds the usual compensation for reordered frames.
const USUAL_DELAY_SECONDS: f64 = 0.25;

/// Known top-level boxes (see [`TopLevel`]).
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

/// Version, flags and count, which precede the boxes of a list (ISO/IEC 14496-12, 8.5.2 and 8.7.2).
const LIST_FIELDS: u64 = 8;

type File<'a, 'r> = Walker<&'a mut Bytes<'r>>;

/// The top-level boxes of a file.
///
/// A box of unknown type ends the list: it is padding or other data after the content. Before the
/// movie box it is skipped, as in FFmpeg, if its type is text and the file contains all of it.
struct TopLevel {
    list: Boxes,
    movie_seen: bool,
}

impl TopLevel {
    fn new(file: &File<'_, '_>) -> Self {
        Self {
            list: Boxes::of_file(file.source.size),
            movie_seen: false,
        }
    }

    fn next(&mut self, file: &mut File<'_, '_>) -> Option<Mp4Box> {
        loop {
            let found = file.next(&mut self.list)?;
            self.movie_seen |= &found.kind == b"moov";
            if TOP_LEVEL.contains(&&found.kind) {
                return Some(found);
            }
            let is_text = found.kind.iter().all(|b| matches!(b, b' '..=b'~'));
            let may_be_skipped = is_text && found.end <= file.source.size && !self.movie_seen;
            may_be_skipped.then_some(())?;
        }
    }
}

pub(super) fn outline(file: &mut Bytes<'_>) -> Option<Layout> {
    let file = &mut Walker::new(file);
    let mut layout = Layout::default();
    let mut boxes = TopLevel::new(file);
    let mut moof_seen = false;
    while let Some(found) = boxes.next(file) {
        let name = String::from_utf8_lossy(&found.kind).into_owned();
        layout.truncated = file
            .source
            .reaches_beyond(&format!("the box `{name}`"), found.end);
        layout.holds_samples = layout.truncated.is_some() && UNINDEXED.contains(&&found.kind);
        match &found.kind {
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
                let seconds = sidx::seconds(file.source, found.body, found.end);
                layout.indexed_seconds = match (layout.indexed_seconds, seconds) {
                    (Some(a), Some(b)) => Some(a.max(b)),
                    (a, b) => a.or(b),
                };
            }
            b"moov" => movie(file, &found, &mut layout),
            _ => {}
        }
    }
    Some(layout)
}

/// The major brand of a file, and its movie box if it has one.
#[cfg(feature = "header")]
#[derive(Debug, Default)]
pub(crate) struct MovIndex {
    pub(crate) brand: Option<[u8; 4]>,
    pub(crate) movie: Option<Mp4Box>,
}

/// Finds the movie box, which describes the streams and locates the samples.
#[cfg(feature = "header")]
pub(super) fn index(file: &mut Bytes<'_>) -> MovIndex {
    let file = &mut Walker::new(file);
    let mut index = MovIndex::default();
    let mut boxes = TopLevel::new(file);
    while let Some(found) = boxes.next(file) {
        match &found.kind {
            b"ftyp" => index.brand = file.field(&found, 0),
            b"moov" => {
                index.movie = Some(found);
                break;
            }
            _ => {}
        }
    }
    index
}

/// Identifies a file that cannot be played on its own.
#[cfg(feature = "ffmpeg")]
pub(super) fn file_kind(file: &mut Bytes<'_>) -> Option<FileKind> {
    let file = &mut Walker::new(file);
    let mut boxes = TopLevel::new(file);
    let mut still = None;
    let (mut has_segment, mut has_data, mut movie) = (false, false, None);
    while let Some(found) = boxes.next(file) {
        match &found.kind {
            b"ftyp" => {
                let brand: Option<[u8; 4]> = file.field(&found, 0);
                still = STILL_BRANDS
                    .iter()
                    .find(|(known, _)| brand.as_ref() == Some(known))
                    .map(|(_, name)| *name);
            }
            b"moov" => {
                movie = Some(found);
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
    }
    match (still, movie) {
        (Some(format), _) => Some(FileKind::StillPicture(format)),
        (None, None) if has_segment => Some(FileKind::MediaSegment),
        (None, None) => has_data.then_some(FileKind::NoIndex),
        (None, Some(movie)) => {
            let is_fragmented = file.next_of(&mut Boxes::within(&movie), b"mvex").is_some();
            (is_fragmented && !has_segment && !has_data).then_some(FileKind::InitSegment)
        }
    }
}

fn movie(file: &mut File<'_, '_>, movie: &Mp4Box, layout: &mut Layout) {
    let mut children = Boxes::within(movie);
    while let Some(child) = file.next(&mut children) {
        match &child.kind {
            b"mvex" => layout.fragmented = true,
            b"trak" => track(file, &child, layout),
            _ => {}
        }
    }
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

fn track(file: &mut File<'_, '_>, found: &Mp4Box, layout: &mut Layout) {
    let mut track = Track::default();
    let mut children = Boxes::within(found);
    while let Some(child) = file.next(&mut children) {
        match &child.kind {
            b"edts" => {
                let mut lists = Boxes::within(&child);
                while let Some(list) = file.next_of(&mut lists, b"elst") {
                    (track.entries, track.media_time) = edits(file, &list).unwrap_or_default();
                }
            }
            b"mdia" => media(file, &child, &mut track),
            _ => {}
        }
    }
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

fn media(file: &mut File<'_, '_>, found: &Mp4Box, track: &mut Track) {
    let mut children = Boxes::within(found);
    while let Some(child) = file.next(&mut children) {
        match &child.kind {
            b"mdhd" => {
                let version = file.field(&child, 0);
                let at = if version == Some([1]) { 20 } else { 12 };
                track.timescale = file.field(&child, at).map_or(0, u32::from_be_bytes);
            }
            b"hdlr" => track.handler = file.field(&child, 8).unwrap_or_default(),
            b"minf" => {
                track.external_data |= has_external_data(file, &child);
                track.encryption = encryption(file, &child);
            }
            _ => {}
        }
    }
}

/// The encryption scheme of a track: that of the first sample entry with one.
fn encryption(file: &mut File<'_, '_>, minf: &Mp4Box) -> Option<String> {
    let mut tables = Boxes::within(minf);
    while let Some(stbl) = file.next_of(&mut tables, b"stbl") {
        let mut descriptions = Boxes::within(&stbl);
        while let Some(stsd) = file.next_of(&mut descriptions, b"stsd") {
            let mut entries = Boxes::after(&stsd, LIST_FIELDS);
            while let Some(entry) = file.next(&mut entries) {
                let known = ENCRYPTED_ENTRIES
                    .iter()
                    .find(|(kind, _)| **kind == entry.kind);
                let found = known.and_then(|(kind, fields)| {
                    // QuickTime has more audio fields: 16 bytes in version 1, 36 in version 2.
                    let more = match file.field(&entry, 8) {
                        Some([0, 1]) if *fields == SOUND_BYTES => 16,
                        Some([0, 2]) if *fields == SOUND_BYTES => 36,
                        _ => 0,
                    };
                    let apple = kind.starts_with(b"drm").then_some("FairPlay");
                    scheme(file, Boxes::after(&entry, *fields + more), apple)
                });
                if found.is_some() {
                    return found;
                }
            }
        }
    }
    None
}

/// The protection scheme in the boxes of a sample entry; `None` if samples are unencrypted by
/// default (ISO/IEC 23001-7, 8.2: `default_isProtected`).
fn scheme(file: &mut File<'_, '_>, mut boxes: Boxes, known: Option<&str>) -> Option<String> {
    let mut name = known.map(str::to_owned);
    let mut in_the_clear = false;
    while let Some(sinf) = file.next_of(&mut boxes, b"sinf") {
        let mut children = Boxes::within(&sinf);
        while let Some(child) = file.next(&mut children) {
            match &child.kind {
                b"schm" => {
                    let scheme: Option<[u8; 4]> = file.field(&child, 4);
                    let text = scheme.filter(|word| word.iter().all(u8::is_ascii_graphic));
                    if let (Some(text), None) = (text, known) {
                        name = Some(String::from_utf8_lossy(&text).into_owned());
                    }
                }
                b"schi" => {
                    let mut details = Boxes::within(&child);
                    while let Some(tenc) = file.next_of(&mut details, b"tenc") {
                        in_the_clear = file.field(&tenc, 6) == Some([0]);
                    }
                }
                _ => {}
            }
        }
    }
    (!in_the_clear).then(|| name.unwrap_or_else(|| "method not stated".to_owned()))
}

/// Whether a track's data is in another file, according to all of its data references.
fn has_external_data(file: &mut File<'_, '_>, minf: &Mp4Box) -> bool {
    let (mut here, mut away) = (0u32, 0u32);
    let mut infos = Boxes::within(minf);
    while let Some(dinf) = file.next_of(&mut infos, b"dinf") {
        let mut lists = Boxes::within(&dinf);
        while let Some(dref) = file.next_of(&mut lists, b"dref") {
            let mut references = Boxes::after(&dref, LIST_FIELDS);
            while let Some(reference) = file.next(&mut references) {
                match file.field(&reference, 0).map(u32::from_be_bytes) {
                    Some(flags) if flags & 1 == 0 => away += 1,
                    _ => here += 1,
                }
            }
        }
    }
    away > 0 && here == 0
}

/// Number of edits, and the media time of the first one (0 for an empty edit).
fn edits(file: &mut File<'_, '_>, list: &Mp4Box) -> Option<(u32, u64)> {
    let [version] = file.field(list, 0)?;
    let entries = file.field(list, 4).map(u32::from_be_bytes)?;
    let media_time = if version == 1 {
        file.field(list, 16).map(i64::from_be_bytes)?
    } else {
        i64::from(file.field(list, 12).map(i32::from_be_bytes)?)
    };
    Some((entries, u64::try_from(media_time).unwrap_or(0)))
}
