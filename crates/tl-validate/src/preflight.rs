//! Checks a video in memory with one call: no file, no helper process, no network.

use crate::header::HeaderReader;
use crate::{ProbeError, Prober, Report, RulePack, Target, check, check_probe_failure};

/// Checks a video in memory against the current rules, for example an upload before it is forwarded.
/// `name` is used only in messages. Real files take milliseconds; a hostile one can take up to 10 s,
/// so in an async program call it on a thread that may block.
///
/// The prober is always [`HeaderReader`], whatever other features are on: it is pure Rust, so
/// untrusted bytes do not reach FFmpeg in this process. It reads the headers of mp4, mov, mkv and
/// webm; the report notes that ([`MediaFacts::header_only`](crate::MediaFacts::header_only)). For a
/// complete check, give the bytes to [`Prober::probe_ranges`] of another prober, and its facts to
/// [`check()`]. To use other rules, do the same with this prober.
///
/// ```
/// use tl_validate::{Route, Target, validate_bytes};
///
/// let report = validate_bytes("clip.mp4", b"#EXTM3U\n", &Target::new(Route::Asset))?;
/// assert!(report.is_refused(), "it is a playlist");
/// # Ok::<(), tl_validate::ProbeError>(())
/// ```
///
/// # Errors
/// [`ProbeErrorKind::UnsupportedFormat`](crate::ProbeErrorKind::UnsupportedFormat) for another
/// format, which the platform may support;
/// [`ProbeErrorKind::DeadlinePassed`](crate::ProbeErrorKind::DeadlinePassed) after 10 s. A problem
/// with the video itself is in the report.
pub fn validate_bytes(name: &str, bytes: &[u8], target: &Target) -> Result<Report, ProbeError> {
    let mut source = bytes;
    match HeaderReader::new().probe_ranges(&mut source, name) {
        Ok(facts) => Ok(check(&facts, target, RulePack::current())),
        Err(error) if error.kind().is_about_the_file() => {
            Ok(check_probe_failure(&error, target, RulePack::current()))
        }
        Err(error) => Err(error),
    }
}
