//! Commands whose programs are beside what they examine: chaos, packages, orchestrators, mutation
//! tests, the documentation site.

use std::path::Path;

use xshell::Cmd;

use crate::failure::Failure;
use crate::programs::Programs;
use crate::python;
use crate::setup;
use crate::shell::Logged;
use crate::workspace::Workspace;

/// Bulk ingestions that are killed and disturbed, with an oracle: an example of tl-bulk.
pub(crate) fn chaos(arguments: &[String]) -> Result<(), Failure> {
    let workspace = Workspace::here()?;
    setup::ensure(&workspace)?;
    run_chaos(&workspace, arguments)
}

/// [`chaos`] without its set-up.
pub(crate) fn run_chaos(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    Ok(chaos_of(workspace, &Programs::build(workspace)?, arguments)?.run()?)
}

/// Three minutes of chaos, ready to run.
pub(crate) fn short_chaos(workspace: &Workspace) -> Result<Logged, Failure> {
    let minutes = ["--minutes".into(), "3".into()];
    let command = chaos_of(workspace, &Programs::build(workspace)?, &minutes)?;
    Ok(Logged::new(
        command,
        workspace.target.join("xtask/chaos.log"),
    ))
}

fn chaos_of<'w>(
    workspace: &'w Workspace,
    built: &Programs,
    arguments: &[String],
) -> Result<Cmd<'w>, Failure> {
    let chaos = workspace.sh.cmd(built.path("chaos")?).args(arguments);
    Ok(chaos.arg("--tl").arg(built.path("tl")?))
}

/// Packages with self-contained programs: the crate `dist`.
pub(crate) fn dist(arguments: &[String]) -> Result<(), Failure> {
    let workspace = Workspace::here()?;
    let dist = workspace.cargo("run --quiet --package tl-dist --");
    Ok(dist.args(arguments).run()?)
}

/// Changes of the pure logic that a test must notice: a script in `mutants`.
pub(crate) fn mutants(arguments: &[String]) -> Result<(), Failure> {
    let workspace = Workspace::here()?;
    let run = workspace.sh.cmd("python3").arg("mutants/run.py");
    Ok(run.args(arguments).run()?)
}

/// The documentation as a site, with its links checked: a script in `docs/site`.
pub(crate) fn site(workspace: &Workspace) -> Result<(), Failure> {
    let built = Programs::build(workspace)?;
    let build = workspace.sh.cmd("python3").arg("docs/site/build.py");
    Ok(build.arg("--tl").arg(built.path("tl")?).run()?)
}

/// Ray and Prefect drive `tl ingest-one`: a script beside their documentation.
pub(crate) fn orchestrators(arguments: &[String]) -> Result<(), Failure> {
    let workspace = Workspace::here()?;
    setup::ensure(&workspace)?;
    let folder = Path::new("docs/orchestrators");
    let engines = folder.join("requirements.txt");
    let bin = python::environment(&workspace, "orchestrators", &engines)?;
    let built = Programs::build(&workspace)?;
    let run = workspace
        .sh
        .cmd(bin.join("python"))
        .arg(folder.join("run.py"));
    let programs = built.path("tl")?.parent();
    Ok(run.args(programs).args(arguments).run()?)
}
