//! Probes media in this process with libavformat, restricted to one file: no other file is opened,
//! no network is used, allocations are limited, and a deadline applies.
//!
//! FFmpeg's log and its allocation limit are process-wide. While a probe runs on a thread, the
//! warnings of that thread are captured for the error message; the messages of other threads go to
//! FFmpeg's default log.
//!
//! `policy` defines which files may be opened, `read` reads the facts, and `duration` determines
//! the duration. All `unsafe` code is in `shim`.

mod duration;
mod policy;
mod read;
mod shim;

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::facts::MediaFacts;
use crate::probe::container;
use crate::probe::read_ahead::ReadAhead;
use crate::probe::{ProbeError, ProbeErrorKind, ProbeOptions, Prober};
use crate::remote::range::RangeRead;

/// Reads the facts of the file at `path` with the default options.
///
/// # Errors
/// Every [`ProbeErrorKind`] except those about helpers.
///
/// ```no_run
/// let facts = tl_validate::ffmpeg::probe("clip.mp4")?;
/// println!("{:?} s", facts.duration_seconds());
/// # Ok::<(), tl_validate::ProbeError>(())
/// ```
pub fn probe(path: impl AsRef<Path>) -> Result<MediaFacts, ProbeError> {
    InProcess::new().probe(path.as_ref())
}

/// The version of the loaded libavformat, as `major.minor.micro`.
pub fn version() -> String {
    shim::version()
}

/// A [`Prober`] that reads media in this process.
///
/// A crash of libavformat crashes the process. For untrusted files, use `worker::ProbePool`.
#[derive(Debug, Clone, Copy, Default)]
pub struct InProcess {
    options: ProbeOptions,
}

impl InProcess {
    /// A prober with the default options.
    pub fn new() -> Self {
        Self::default()
    }

    /// A prober with `options`.
    pub fn with_options(options: ProbeOptions) -> Self {
        Self { options }
    }
}

impl Prober for InProcess {
    fn probe_file(&self, file: File, name: &str) -> Result<MediaFacts, ProbeError> {
        crate::probe::open::check_regular(&file, name)
            .and_then(|size| probe_source(shim::Source::File(file), size, &self.options))
            .map_err(|error| error.with_name(name))
    }

    fn probe_ranges(
        &self,
        source: &mut dyn RangeRead,
        name: &str,
    ) -> Result<MediaFacts, ProbeError> {
        let ahead = ReadAhead::new(source);
        let size = ahead.size();
        if size == 0 {
            return Err(crate::probe::open::empty(name));
        }
        probe_source(shim::Source::Ranges(ahead), size, &self.options)
            .map_err(|error| error.with_name(name))
    }
}

fn probe_source(
    source: shim::Source<'_>,
    size: u64,
    options: &ProbeOptions,
) -> Result<MediaFacts, ProbeError> {
    shim::limit_allocations(options.max_allocation_bytes);
    let log = shim::LogCapture::start();
    let started = Instant::now();
    let session = shim::Session::new(source, size, started + options.deadline);
    let mut input = shim::Input::open(session, &policy::POLICY).map_err(|error| {
        let shim::OpenError {
            failure,
            status,
            file_kind,
        } = *error;
        session_error(&status, options)
            .or_else(|| status.budget_spent.then(budget_spent))
            .unwrap_or_else(|| with_file_kind(policy::explain(failure), file_kind))
            .with_log(log.lines())
    })?;
    let facts = read::facts_of(&mut input, options, started).map_err(|error| {
        let file_kind = input.session_mut().file_kind();
        with_file_kind(error, file_kind)
    });
    let error = match (session_error(&input.session().status, options), facts) {
        (None, Ok(mut facts)) => {
            facts.warnings = log.lines();
            return Ok(facts);
        }
        (Some(session_error), _) => session_error,
        (None, Err(_)) if input.session().status.budget_spent => budget_spent(),
        (None, Err(error)) => error,
    };
    Err(error.with_log(log.lines()))
}

/// Replaces a vague error by one that says what the file is, if that is known.
fn with_file_kind(error: ProbeError, file_kind: Option<container::FileKind>) -> ProbeError {
    let is_vague = matches!(
        error.kind(),
        ProbeErrorKind::Broken | ProbeErrorKind::NotMedia
    );
    match file_kind.filter(|_| is_vague) {
        Some(file_kind) => policy::explain_file_kind(file_kind),
        None => error,
    }
}

fn budget_spent() -> ProbeError {
    let seen = "the byte budget was spent before the headers were read";
    ProbeError::new(ProbeErrorKind::BudgetSpent, "", seen)
}

/// An expired deadline is attributed to the file, and not to a slow disk or a busy machine, if the
/// probe has used this much CPU time and has spent less time reading than computing. The slowest
/// file of the test corpus takes 0.1 s.
const MIN_CPU_TIME: Duration = Duration::from_secs(1);

fn file_is_too_complex(status: &shim::SessionStatus, options: &ProbeOptions) -> bool {
    let works = status.cpu_time >= MIN_CPU_TIME && status.reading <= status.elapsed / 2;
    status.step_exceeded || (status.timed_out && works && !options.thorough)
}

/// The error that the custom I/O recorded. It takes precedence over FFmpeg's own error.
fn session_error(status: &shim::SessionStatus, options: &ProbeOptions) -> Option<ProbeError> {
    if file_is_too_complex(status, options) {
        let seen = format!(
            "no result after {:.0} s, with {} read and {:.1} s of CPU time used",
            status.elapsed.as_secs_f64(),
            crate::text::bytes(status.bytes_read as f64),
            status.cpu_time.as_secs_f64()
        );
        return Some(ProbeError::new(ProbeErrorKind::TooComplex, "", seen));
    }
    if status.timed_out {
        let seen = format!(
            "reading took longer than {} s",
            options.deadline.as_secs_f64()
        );
        return Some(ProbeError::new(ProbeErrorKind::DeadlinePassed, "", seen));
    }
    if let Some(error) = &status.read_error {
        let seen = format!("the file cannot be read ({error})");
        return Some(ProbeError::new(ProbeErrorKind::Io, "", seen));
    }
    let nested = status.nested.as_ref()?;
    let seen = format!("the file refers to another file (`{nested}`), which was not opened");
    Some(ProbeError::new(ProbeErrorKind::Nested, "", seen))
}
