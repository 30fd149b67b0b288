//! `cargo xtask test`: sets the machine up, then runs every check and every test.

use crate::ci;
use crate::failure::Failure;
use crate::passed_through;
use crate::setup;
use crate::workspace::Workspace;

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let arguments = passed_through(arguments)?;
    let workspace = Workspace::here()?;
    setup::ensure(&workspace)?;
    if arguments.is_empty() {
        ci::run_all(&workspace)
    } else {
        ci::test::run(&workspace, arguments)
    }
}
