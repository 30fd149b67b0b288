//! `cargo xtask demo`: real clips, the emulator on this machine, and the whole story from check to index.
//!
//! The story itself is the example program `demo` of `tl-client`; here it gets its clips and the probe.

use std::time::Duration;

use crate::clips;
use crate::failure::Failure;
use crate::folder::Folder;
use crate::machine::Machine;
use crate::passed_on;
use crate::programs::Programs;
use crate::setup;
use crate::shell::Program;
use crate::workspace::Workspace;

/// The story takes seconds; what takes this long hangs.
const DEADLINE: Duration = Duration::from_secs(300);

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let arguments = passed_on("demo", arguments)?;
    setup::ensure(&Workspace::here()?)?;
    tell(arguments)
}

/// Builds, makes the clips, and runs the demo program; passes when it ends with exit code 0.
pub(crate) fn tell(arguments: &[String]) -> Result<(), Failure> {
    let programs = Programs::build()?;
    let demo = programs.path("demo")?;
    let probe = programs.path("tl-probe")?;
    let folder = Folder::new("demo")?;
    clips::make(&Machine::this(), folder.path())?;
    Program::new(demo)
        .arg("--clips")
        .arg(folder.path())
        .args(arguments)
        .env("TL_PROBE", probe)
        .deadline(DEADLINE)
        .run()
}
