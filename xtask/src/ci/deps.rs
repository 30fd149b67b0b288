//! `ci deps`: dependencies between crates, and dependencies that a crate must not have.
//!
//! | Module | Question |
//! |---|---|
//! | [`arrows`] | Do the crates depend only on what the architecture allows? |
//! | [`trees`] | Is what a crate must not depend on absent from its whole tree? |

mod arrows;
mod trees;

use crate::failure::Failure;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    // Both run, so that one run reports everything.
    arrows::run(workspace).and(trees::run(workspace))
}
