//! `endurance`: a large file through both colours while the platform and the client are killed. The stories are the example
//! program `endurance` of `tl-client`; here it gets its clip and the probe, and is built as users build it.

use std::time::Duration;

use crate::clips;
use crate::failure::Failure;
use crate::folder::Folder;
use crate::machine::Machine;
use crate::programs::Programs;
use crate::shell::Program;
use crate::workspace::Workspace;

/// The stories take two minutes on two processors; what takes this long hangs.
const DEADLINE: Duration = Duration::from_secs(15 * 60);

pub(super) fn run(_: &Workspace) -> Result<(), Failure> {
    let built = Programs::build()?;
    let probe = built.path("tl-probe")?;
    let programs = Programs::of_package("tl-client", &["async", "blocking", "worker"])?;
    let folder = Folder::new("endurance")?;
    clips::make(&Machine::this(), folder.path())?;
    Program::new(programs.path("endurance")?)
        .arg("--clip")
        .arg(folder.path().join("good.mp4"))
        .env("TL_PROBE", probe)
        .deadline(DEADLINE)
        .run()
}
