//! Errors of FFmpeg as errors of a command.

use tl_validate::program::{ProgramError, ProgramErrorKind};

use crate::failure::Failure;
use crate::failure::exit::Exit;

/// Converts an FFmpeg error.
pub(crate) fn ffmpeg_failure(error: &ProgramError) -> Failure {
    let (exit, kind) = match error.kind() {
        ProgramErrorKind::Missing => (Exit::Usage, "ffmpeg_missing"),
        ProgramErrorKind::NotConfined => (Exit::Usage, "sandbox_incomplete"),
        ProgramErrorKind::Exists | ProgramErrorKind::Output => (Exit::Usage, "output"),
        ProgramErrorKind::Canceled => (Exit::by_signal(), "interrupted"),
        ProgramErrorKind::DeadlinePassed => (Exit::Temporary, "deadline_passed"),
        _ => (Exit::RefusedLocally, "ffmpeg_failed"),
    };
    let mut failure = Failure::new(exit, kind, error.what()).with_log(error.log());
    if let Some(source) = std::error::Error::source(error) {
        failure = failure.with_source(source);
    }
    let next = error.next().trim_end_matches('.');
    let mut letters = next.chars();
    let step: String = letters
        .next()
        .map(|first| first.to_lowercase().chain(letters).collect())
        .unwrap_or_default();
    failure.hint(step)
}
