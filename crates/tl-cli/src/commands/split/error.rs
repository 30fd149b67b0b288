//! Errors of files that cannot be split.

use tl_validate::split::CannotSplit;

use crate::failure::Failure;
use crate::failure::exit::Exit;

/// Whether re-encoding makes it possible to split the file.
pub(super) fn can_be_encoded(error: &CannotSplit) -> bool {
    matches!(
        error,
        CannotSplit::NoKeyFrame { .. } | CannotSplit::NoTimes | CannotSplit::HiddenFrames
    )
}

/// Error of the file `name`. `reencoded` means that re-encoding was tried.
pub(super) fn cannot_split(name: &str, error: &CannotSplit, reencoded: bool) -> Failure {
    let next = match error {
        error if !reencoded && can_be_encoded(error) => {
            "pass --reencode to re-encode the file with suitable key frames"
        }
        _ => "try another --max-duration, or other rules (--engine, --route, --rules)",
    };
    Failure::new(
        Exit::RefusedLocally,
        "not_split",
        format!("`{name}`: {error}"),
    )
    .hint(next)
}
