//! `ci bins`: the programs build, and `tl` starts without FFmpeg. `tl-probe`, which does link it, is the positive control.

use std::path::Path;

use crate::ci::{control, verdict};
use crate::failure::Failure;
use crate::programs::Programs;
use crate::shell::Program;
use crate::workspace::Workspace;

pub(crate) fn run(_: &Workspace) -> Result<(), Failure> {
    let programs = Programs::build()?;
    let check = |name: &str| Ok::<_, Failure>(ffmpeg_libraries(&needed(programs.path(name)?)?));
    verdict("bins: `tl` loads no FFmpeg library", &check("tl")?)?;
    control("bins: `tl-probe`", &check("tl-probe")?, "libavformat")
}

/// The lines in which the object file tells what it loads at its start.
fn needed(program: &Path) -> Result<String, Failure> {
    let (tool, option) = if cfg!(target_os = "macos") {
        ("otool", "-L")
    } else {
        // Part of binutils, without which nothing could have been linked.
        ("readelf", "-d")
    };
    Program::new(tool).arg(option).arg(program).read()
}

fn ffmpeg_libraries(text: &str) -> Vec<String> {
    text.lines()
        .filter(|line| line.contains("NEEDED") || line.contains("compatibility version"))
        .filter(|line| {
            [
                "libavformat.",
                "libavcodec.",
                "libavutil.",
                "libswresample.",
            ]
            .iter()
            .any(|library| line.contains(library))
        })
        .map(|line| format!("loads {}", line.trim()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_libraries_that_are_loaded_at_the_start_count() {
        let text = " 0x0001 (NEEDED)  Shared library: [libavformat.so.59]\n 0x0001 (NEEDED)  Shared library: [libc.so.6]\n 0x000f (RPATH) libavformat.so\n";
        let found = ffmpeg_libraries(text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("libavformat.so.59"), "{found:?}");
    }
}
