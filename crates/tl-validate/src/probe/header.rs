//! Reads facts from headers alone, in pure Rust and without FFmpeg: mp4, mov, mkv and webm.
//!
//! A reduced prober for builds without FFmpeg. It uses the values in the headers, which can be
//! wrong, including frame size and duration. The facts have [`MediaFacts::header_only`] set, and a
//! report mentions it. Streams are not analyzed, so values that only they contain (pixel format,
//! scan type, frame rate of some files) are missing.
//!
//! The crates `mp4-atom` and `matroska-demuxer` decode boxes and elements. `mov` and `matroska`
//! select them, and `source` limits what they may read.

mod matroska;
mod mov;
mod source;

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use self::source::Source;
use crate::facts::{DurationSource, MediaFacts};
use crate::probe::read_ahead::ReadAhead;
use crate::probe::{FileRanges, ProbeError, ProbeErrorKind, ProbeOptions, Prober};
use crate::remote::range::RangeRead;

/// A [`Prober`] that reads headers only, of mp4, mov, mkv and webm.
///
/// Reads at most 32 MiB of any file in at most 16,000,000 reads, within the deadline of its
/// options. [`ProbeOptions::thorough`] has no effect.
///
/// ```no_run
/// use tl_validate::Prober;
/// use tl_validate::header::HeaderReader;
///
/// let facts = HeaderReader::new().probe("clip.mp4".as_ref())?;
/// assert!(facts.header_only);
/// # Ok::<(), tl_validate::ProbeError>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct HeaderReader {
    options: ProbeOptions,
}

impl HeaderReader {
    /// A reader with the default options.
    pub fn new() -> Self {
        Self::default()
    }

    /// A reader with `options`.
    pub fn with_options(options: ProbeOptions) -> Self {
        Self { options }
    }
}

impl Prober for HeaderReader {
    fn probe_file(&self, file: File, name: &str) -> Result<MediaFacts, ProbeError> {
        crate::probe::open::check_regular(&file, name)?;
        let mut source = FileRanges::new(file).map_err(|error| {
            let seen = format!("the file cannot be read ({error})");
            ProbeError::new(ProbeErrorKind::Io, name, seen)
        })?;
        self.probe_ranges(&mut source, name)
    }

    fn probe_ranges(
        &self,
        source: &mut dyn RangeRead,
        name: &str,
    ) -> Result<MediaFacts, ProbeError> {
        if source.size() == 0 {
            return Err(crate::probe::open::empty(name));
        }
        let deadline = Instant::now() + self.options.deadline;
        let mut source = Source::new(ReadAhead::new(source), deadline);
        // A panic in a dependency is an error of one file and must not abort the run.
        let facts = catch_unwind(AssertUnwindSafe(|| read(&mut source))).unwrap_or_else(|_| {
            let seen = "the headers of the file are invalid";
            Err(ProbeError::new(ProbeErrorKind::Broken, "", seen))
        });
        // An error of the source takes precedence over the decoder's.
        match source.take_error() {
            Some(error) => Err(error),
            None => facts,
        }
        .map_err(|error| error.with_name(name))
    }
}

fn read(source: &mut Source<'_>) -> Result<MediaFacts, ProbeError> {
    let mut head = [0u8; 16];
    let length = source.peek(0, &mut head).unwrap_or(0);
    let mut facts = match detect(&head[..length]) {
        Kind::Mov => mov::facts(source)?,
        Kind::Matroska => matroska::facts(source)?,
        Kind::Nested(words) => {
            let seen = format!("this is {words}, not a video file");
            return Err(ProbeError::new(ProbeErrorKind::Nested, "", seen));
        }
        Kind::Other => {
            let seen = "the file is not mp4, mov, mkv or webm; other formats require FFmpeg";
            return Err(ProbeError::new(ProbeErrorKind::UnsupportedFormat, "", seen));
        }
    };
    if facts.video().is_none() && facts.audio_streams.is_empty() {
        let seen = "the headers list no video or audio";
        return Err(ProbeError::new(ProbeErrorKind::Broken, "", seen)
            .with_format(facts.file_container_format.unwrap_or_default()));
    }
    facts.file_size_bytes = source.size();
    facts.header_only = true;
    facts.duration_unverified = true;
    facts.duration_seconds = facts
        .video()
        .map_or_else(
            || facts.audio().and_then(|a| a.duration_seconds),
            |v| v.duration_seconds,
        )
        .or(facts.container_duration_seconds)
        .filter(|seconds| seconds.is_finite() && *seconds > 0.0);
    facts.duration_source = facts.duration_seconds.map(|_| DurationSource::Header);
    // The casts saturate.
    facts.container_bitrate_bps = facts
        .duration_seconds
        .map(|seconds| (facts.file_size_bytes as f64 * 8.0 / seconds) as u64)
        .filter(|bits| *bits > 0);
    facts.probed_with = Some(format!("header reader {}", env!("CARGO_PKG_VERSION")));
    facts.summarize();
    Ok(facts)
}

enum Kind {
    Mov,
    Matroska,
    Nested(&'static str),
    Other,
}

fn detect(head: &[u8]) -> Kind {
    let starts = |with: &[u8]| head.starts_with(with);
    match head.get(4..8) {
        _ if starts(&[0x1a, 0x45, 0xdf, 0xa3]) => Kind::Matroska,
        Some(b"ftyp" | b"moov" | b"mdat" | b"wide" | b"free" | b"skip" | b"pnot") => Kind::Mov,
        _ if starts(b"#EXTM3U") => Kind::Nested("an HLS playlist"),
        _ if starts(b"ffconcat") => Kind::Nested("an ffconcat list"),
        _ if starts(b"v=0") => Kind::Nested("an SDP session description"),
        _ => Kind::Other,
    }
}
