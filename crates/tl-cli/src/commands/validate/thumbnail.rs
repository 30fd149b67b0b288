//! Thumbnails for the HTML report, taken with FFmpeg in its sandbox or read from the cache.

use std::error::Error as _;
use std::path::Path;
use std::time::Duration;

use tl_validate::program::{Cancel, Ffmpeg, Job, ProgramErrorKind};
use tl_validate::rules::{Bound, Measure};
use tl_validate::{MediaFacts, Report, RulePack, Severity};

use crate::check::cache::program_fingerprint;
use crate::check::local_check::LocalCheck;
use crate::context::Context;
use crate::failure::Failure;
use crate::ffmpeg::sandbox;

/// A thumbnail of 320 pixels takes 5 to 20 kB.
const MAX_BYTES: u64 = 200_000;

/// Timeout per thumbnail; the report does not depend on it.
const DEADLINE: Duration = Duration::from_secs(10);

/// Memory limit of `ffmpeg` for one thumbnail. The largest frame that any rule pack accepts,
/// 5184x2160 at 10 bits, takes 34 MB, and a decoder holds at most 17 of them.
const MAX_MEMORY: u64 = 768 << 20;

/// Increment if thumbnails are taken differently, to invalidate cached ones.
const VERSION: u32 = 1;

/// The thumbnail as JPEG, or why there is none, as a clause.
pub(super) type Thumbnail = Result<Vec<u8>, String>;

/// Takes thumbnails.
pub(super) struct Thumbnailer {
    ffmpeg: Ffmpeg,
    /// Identifies how thumbnails are taken, for the cache.
    producer: String,
    cancel: Cancel,
}

impl Thumbnailer {
    /// Without `ffmpeg`, prints a note and returns `None`. With `--require-sandbox`, a missing
    /// sandbox is an error.
    pub(super) fn new(
        context: &Context,
        require_sandbox: bool,
        cancel: &Cancel,
    ) -> Result<Option<Self>, Failure> {
        match sandbox::ffmpeg(require_sandbox) {
            Ok(ffmpeg) => Ok(Some(Self {
                producer: format!("{VERSION}|{}", program_fingerprint(ffmpeg.path())),
                ffmpeg,
                cancel: cancel.clone(),
            })),
            Err(failure) if require_sandbox && failure.kind() != "ffmpeg_missing" => Err(failure),
            Err(failure) => {
                context
                    .output
                    .note(&format!("no thumbnails: {}", failure.message()));
                Ok(None)
            }
        }
    }

    /// Returns the thumbnail of the file at `path`.
    pub(super) fn of(
        &self,
        checker: &LocalCheck,
        path: &Path,
        facts: &MediaFacts,
        report: &Report,
    ) -> Thumbnail {
        let Some(video) = facts.video() else {
            return Err("the file has no video".to_owned());
        };
        if video.width == 0 || video.height == 0 {
            return Err("the frame size cannot be read".to_owned());
        }
        if exceeds_frame_size(report, checker.pack()) {
            return Err("the frame is larger than the rules allow".to_owned());
        }
        let thumbnail = checker.thumbnail(path, &self.producer, || self.take(path, facts));
        thumbnail.ok_or_else(|| "ffmpeg could not take one".to_owned())
    }

    /// Takes a thumbnail at a tenth of the duration, to skip a black opening. It is empty if the
    /// file has none; `None` means that a retry may succeed.
    fn take(&self, path: &Path, facts: &MediaFacts) -> Option<Vec<u8>> {
        let at = facts.duration_seconds().unwrap_or(0.0) / 10.0;
        let job = Job::new()
            .args(["-ss", &format!("{at:.3}")])
            .args(["-threads", "1"])
            .input(path)
            .args(["-map", "0:V:0", "-frames:v", "1", "-vf"])
            .arg("scale=w=320:h=180:force_original_aspect_ratio=decrease:force_divisible_by=2,setsar=1")
            .args(["-threads", "1", "-pix_fmt", "yuvj420p", "-c:v", "mjpeg", "-q:v", "6", "-f", "image2", "-update", "1"])
            .max_memory(MAX_MEMORY)
            .deadline(DEADLINE)
            .cancelled_by(&self.cancel);
        match self.ffmpeg.bytes(&job, MAX_BYTES) {
            Ok(thumbnail) => Some(thumbnail),
            Err(error) => match error.kind() {
                ProgramErrorKind::Failed => Some(Vec::new()),
                // FFmpeg ended without a frame or with too large an image. A full disk has a source
                // error.
                ProgramErrorKind::Output if error.source().is_none() => Some(Vec::new()),
                _ => None,
            },
        }
    }
}

/// Whether the report rejects the file because of its frame size. Such a file is not decoded.
fn exceeds_frame_size(report: &Report, pack: &RulePack) -> bool {
    report
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .any(|finding| {
            pack.rules().iter().any(|rule| {
                rule.id == finding.rule
                    && matches!(rule.bound, Bound::Max(_))
                    && matches!(
                        rule.measure,
                        Measure::ShortSide | Measure::LongSide | Measure::Width | Measure::Height
                    )
            })
        })
}
