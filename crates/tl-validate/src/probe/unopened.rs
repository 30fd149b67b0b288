//! Container formats that FFmpeg supports but the probe does not open, by demuxer name. The
//! allowlist is in `ffmpeg/policy`. A format on neither list is not known to contain video or
//! audio.

/// A format that is not opened because it is rare and its demuxer old or complex. It may contain a
/// video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unopened {
    /// FFmpeg's name of the demuxer.
    pub(crate) demuxer: &'static str,
    /// The common name of the format.
    pub(crate) name: &'static str,
    /// Whether `ffmpeg` may convert it to MP4: it contains video, and its demuxer reads only one
    /// file.
    pub(crate) can_be_transcoded: bool,
}

const fn video(demuxer: &'static str, name: &'static str) -> Unopened {
    Unopened {
        demuxer,
        name,
        can_be_transcoded: true,
    }
}

const fn other(demuxer: &'static str, name: &'static str) -> Unopened {
    Unopened {
        demuxer,
        name,
        can_be_transcoded: false,
    }
}

/// The formats, as listed by `ffmpeg -demuxers` of FFmpeg 5.1 to 8.0 (2026-11-28).
const UNOPENED: [Unopened; 34] = [
    video("nut", "NUT"),
    video("rm", "RealMedia"),
    video("wtv", "Windows Recorded TV (WTV)"),
    video("yuv4mpegpipe", "YUV4MPEG2 (Y4M, raw frames)"),
    other("nsv", "Nullsoft Streaming Video"),
    other("nuv", "NuppelVideo"),
    other("gxf", "GXF"),
    other("lxf", "VR native stream (LXF)"),
    other("pva", "TechnoTrend PVA"),
    other("pmp", "PMP"),
    other("ty", "TiVo TY"),
    other("vivo", "Vivo"),
    other("roq", "id RoQ"),
    other("smk", "Smacker"),
    other("bink", "Bink"),
    other("flic", "FLIC"),
    other("film_cpk", "Sega FILM"),
    other("swf", "Flash (SWF)"),
    other("thp", "THP"),
    other("cavsvideo", "raw AVS video"),
    other("dirac", "raw Dirac"),
    other("h261", "raw H.261"),
    other("h263", "raw H.263"),
    other("vc1", "raw VC-1"),
    other("vvc", "raw VVC"),
    other("dnxhd", "raw DNxHD"),
    other("aiff", "AIFF"),
    other("au", "AU"),
    other("caf", "Core Audio Format"),
    other("amr", "AMR"),
    other("ac3", "raw AC-3"),
    other("eac3", "raw E-AC-3"),
    other("dts", "raw DTS"),
    other("ape", "Monkey's Audio"),
];

/// Looks up a format by any alias of its demuxer.
pub(crate) fn unopened(demuxer: &str) -> Option<Unopened> {
    demuxer.split(',').find_map(|alias| {
        UNOPENED
            .iter()
            .copied()
            .find(|format| format.demuxer == alias)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_unique_and_found_by_alias() {
        for (at, format) in UNOPENED.iter().enumerate() {
            let later = &UNOPENED[at + 1..];
            assert!(later.iter().all(|other| other.demuxer != format.demuxer));
            let aliases = format!("x,{}", format.demuxer);
            assert_eq!(unopened(&aliases), Some(*format));
        }
        assert_eq!(unopened("tty"), None);
    }
}
