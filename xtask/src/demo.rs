//! `cargo xtask demo`: real clips and an emulator on this machine, from the check to the index.
//!
//! The demo itself is the example `demo` of `tl-client`; here it gets its clips and the helper.

use std::time::Duration;

use xshell::cmd;

use crate::failure::Failure;
use crate::passed_through;
use crate::programs::Programs;
use crate::setup;
use crate::shell::run_within;
use crate::workspace::Workspace;

/// The demo takes seconds; one that takes this long hangs.
const DEMO_LIMIT: Duration = Duration::from_secs(300);

/// The endurance run takes two minutes on two processors; one that takes this long hangs.
const ENDURANCE_LIMIT: Duration = Duration::from_secs(15 * 60);

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let arguments = passed_through(arguments)?;
    let workspace = Workspace::here()?;
    setup::ensure(&workspace)?;
    demo(&workspace, arguments)
}

/// Builds the demo, makes its clips and runs it.
pub(crate) fn demo(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    let sh = &workspace.sh;
    let built = Programs::build(workspace)?;
    let (demo, corpus) = (built.path("demo")?, built.path("tl-corpus")?);
    let folder = sh.create_temp_dir()?;
    let clips = folder.path();
    cmd!(sh, "{corpus} --clips {clips}").run()?;
    let demo = cmd!(sh, "{demo} --clips {clips} {arguments...}");
    run_within(demo.env("TL_PROBE", built.path("tl-probe")?), DEMO_LIMIT)
}

/// A large file through both clients while the platform and the client are killed: the example
/// `endurance` of `tl-client`. `cargo run --release -p tl-client --example endurance` has a tighter
/// bound on memory, and takes minutes to build.
pub(crate) fn endurance(workspace: &Workspace) -> Result<(), Failure> {
    let sh = &workspace.sh;
    let built = Programs::build(workspace)?;
    let corpus = built.path("tl-corpus")?;
    let endurance = built.path("endurance")?;
    let folder = sh.create_temp_dir()?;
    let clips = folder.path();
    cmd!(sh, "{corpus} --clips {clips}").run()?;
    let clip = clips.join("good.mp4");
    let endurance = cmd!(sh, "{endurance} --clip {clip}");
    run_within(
        endurance.env("TL_PROBE", built.path("tl-probe")?),
        ENDURANCE_LIMIT,
    )
}
