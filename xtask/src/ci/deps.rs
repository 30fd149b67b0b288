//! `ci deps`: what depends on what. Each part carries its positive controls.
//!
//! | Room | Question |
//! |---|---|
//! | [`arrows`] | do the crates of the workspace point only where the architecture lets them? |
//! | [`trees`] | is what a crate must not pull in absent from its whole tree? |
//! | [`surface`] | do public signatures name only our own types and the few agreed ones? |

mod arrows;
mod surface;
mod trees;

use crate::failure::Failure;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    // All three are told in one run.
    let results = [
        arrows::run(workspace),
        trees::run(workspace),
        surface::run(workspace),
    ];
    results.into_iter().collect()
}
