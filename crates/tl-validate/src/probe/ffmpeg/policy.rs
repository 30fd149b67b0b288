//! Which formats may be opened, and the error messages for files that are not.

use std::ffi::CStr;

use super::shim::{OpenFailure, OpenPolicy};
use crate::probe::{ProbeError, ProbeErrorKind, container, unopened};

/// The allowed demuxers: self-contained video containers, raw video streams, and audio containers
/// (to report "audio only"). Demuxers that open other files or the network are not listed.
const FORMATS: &str = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,mxf,gif,h264,hevc,m4v,\
                       dv,ivf,obu,mp3,wav,aac,flac";

/// Bytes read to recognize the format, and at most as many again to analyze the streams. The
/// results are the same as with FFmpeg's default of 5 MB on 141 measured files.
const PROBE_BYTES: u32 = 1_000_000;

/// More streams than any real video has.
const MAX_STREAMS: u32 = 64;

/// About ten times the largest frame that the platform accepts (5184x2160).
pub(super) const MAX_PIXELS: u64 = 128 * 1024 * 1024;

pub(super) const POLICY: OpenPolicy = OpenPolicy {
    formats: FORMATS,
    format_allowed,
    format_of_head,
    probe_bytes: PROBE_BYTES,
    max_streams: MAX_STREAMS,
};

/// Whether any alias of a demuxer (`mov,mp4,m4a`) is allowed.
fn format_allowed(name: &str) -> bool {
    name.split(',')
        .any(|alias| FORMATS.split(',').any(|allowed| allowed == alias))
}

/// The brands of plain MP4 files (ISO/IEC 14496-12, MP4RA). `qt  ` is not listed: a QuickTime file
/// may contain an MPEG program stream, which needs another demuxer.
const MP4_BRANDS: [&[u8; 4]; 12] = [
    b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V ", b"dash",
    b"3gp4", b"3gp5",
];

/// The demuxer for a file with these first bytes, for the two most common formats. FFmpeg's own
/// detection gives the same result for these bytes.
fn format_of_head(head: &[u8]) -> Option<&'static CStr> {
    let is = |offset: usize, bytes: &[u8]| {
        head.get(offset..)
            .is_some_and(|rest| rest.starts_with(bytes))
    };
    if is(4, b"ftyp") && MP4_BRANDS.iter().any(|brand| is(8, *brand)) {
        return Some(c"mp4");
    }
    let names = |kind: &[u8]| head.windows(kind.len()).any(|window| window == kind);
    if is(0, &[0x1a, 0x45, 0xdf, 0xa3]) && (names(b"matroska") || names(b"webm")) {
        return Some(c"matroska");
    }
    None
}

/// Formats that refer to other files, with their descriptions.
const NESTED: [(&str, &str); 9] = [
    ("hls", "an HLS playlist"),
    ("applehttp", "an HLS playlist"),
    ("dash", "a DASH manifest"),
    ("webm_dash_manifest", "a WebM DASH manifest"),
    ("concat", "an ffconcat list"),
    ("sdp", "an SDP session description"),
    ("rtsp", "an RTSP description"),
    ("imf", "an IMF composition"),
    ("smoothstreaming", "a Smooth Streaming manifest"),
];

pub(super) fn explain(failure: OpenFailure) -> ProbeError {
    match failure {
        OpenFailure::Unrecognized => ProbeError::new(
            ProbeErrorKind::NotMedia,
            "",
            "not a recognized video or audio format",
        ),
        OpenFailure::Forbidden(name) => forbidden(&name),
        OpenFailure::Failed(name, code) if is_out_of_memory(code) => ProbeError::new(
            ProbeErrorKind::TooComplex,
            "",
            format!(
                "the {} file requires more memory or streams than allowed",
                short(&name)
            ),
        )
        .with_format(name),
        OpenFailure::Failed(name, _) => ProbeError::new(
            ProbeErrorKind::Broken,
            "",
            format!(
                "this looks like a {} file, but it is damaged or incomplete",
                short(&name)
            ),
        )
        .with_format(name),
        OpenFailure::OutOfMemory => ProbeError::new(
            ProbeErrorKind::TooComplex,
            "",
            "there is no memory left to open the file",
        ),
    }
}

/// Whether an FFmpeg error code means that an allocation failed. Too many streams cause the same
/// error.
pub(super) fn is_out_of_memory(code: i32) -> bool {
    // FFmpeg negates the operating system's error number; ENOMEM is 12 on every supported system.
    code == -12
}

/// The error for a file that no demuxer plays.
pub(super) fn explain_file_kind(file_kind: container::FileKind) -> ProbeError {
    let kind = match file_kind {
        container::FileKind::StillPicture(_) => ProbeErrorKind::NotMedia,
        container::FileKind::InitSegment | container::FileKind::MediaSegment => {
            ProbeErrorKind::Segment
        }
        container::FileKind::NoIndex => ProbeErrorKind::Broken,
    };
    ProbeError::new(kind, "", file_kind.words())
}

fn forbidden(name: &str) -> ProbeError {
    let mut aliases = name.split(',');
    if let Some((_, words)) =
        aliases.find_map(|alias| NESTED.iter().find(|(format, _)| *format == alias))
    {
        return ProbeError::new(
            ProbeErrorKind::Nested,
            "",
            format!("this is {words}, not a video file"),
        )
        .with_format(name);
    }
    if let Some(format) = unopened::unopened(name) {
        let seen = format!(
            "this is a {} file, a format that the local check does not open",
            format.name
        );
        return ProbeError::new(ProbeErrorKind::UnopenedFormat, "", seen).with_format(name);
    }
    let picture = name.contains("image2") || name.ends_with("_pipe");
    let seen = if picture {
        format!(
            "this is an image ({}), not a video",
            name.trim_end_matches("_pipe")
        )
    } else {
        format!("the format `{}` is not a video format", short(name))
    };
    ProbeError::new(ProbeErrorKind::NotMedia, "", seen).with_format(name)
}

/// The first alias of a demuxer, which is its common name.
fn short(name: &str) -> &str {
    name.split(',').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_certain_formats_are_detected_by_head() {
        assert_eq!(format_of_head(b"\0\0\0\x20ftypisom"), Some(c"mp4"));
        assert_eq!(
            format_of_head(b"\x1a\x45\xdf\xa3....webm"),
            Some(c"matroska")
        );
        let others: [&[u8]; 6] = [
            b"",
            b"\0\0\0\x14ftypqt  ",
            b"\0\0\0\x0cftypjp2 ",
            b"isomftyp",
            b"\x1a\x45\xdf\xa3....other",
            b"webm",
        ];
        for head in others {
            assert_eq!(format_of_head(head), None, "{head:?}");
        }
    }

    #[test]
    fn formats_detected_by_head_are_allowed() {
        for name in ["mp4", "matroska"] {
            assert!(format_allowed(name));
        }
    }
}
