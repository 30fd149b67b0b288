//! `cargo xtask doctor`: reports what the machine has and lacks, and changes nothing.

use std::fmt::Write;

use crate::failure::Failure;
use crate::machine::Machine;
use crate::needs::{self, Need, Seen};
use crate::no_arguments;
use crate::workspace::Workspace;

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    no_arguments("doctor", arguments)?;
    let workspace = Workspace::here()?;
    let (report, complete) = report(&Machine::this(), workspace.rust_version()?);
    print!("{report}");
    if complete {
        Ok(())
    } else {
        Err(Failure::new(
            "something that is needed is missing; the commands are above",
        ))
    }
}

/// The report, and whether everything required is there.
fn report(machine: &Machine, rust_version: &str) -> (String, bool) {
    let mut text = String::new();
    let mut missing = Vec::new();
    let mut optional = Vec::new();
    for need in Need::ALL {
        let (mark, seen) = match need.look(machine, rust_version) {
            Seen::Present(seen) => ("ok", seen),
            Seen::Missing(seen) if need.is_required() => {
                missing.push(*need);
                ("MISSING", seen)
            }
            Seen::Missing(seen) => {
                optional.push(*need);
                ("absent", seen)
            }
        };
        line(&mut text, &format!("{:<20} {mark:<8} {seen}", need.name()));
        line(&mut text, &format!("{:<29} for: {}", "", need.needed_by()));
    }
    if !missing.is_empty() {
        line(
            &mut text,
            "\nTo install what is missing (`cargo xtask setup` does it on Debian and Ubuntu):",
        );
        for command in needs::commands(machine, &missing) {
            line(&mut text, &format!("  {command}"));
        }
    }
    if !optional.is_empty() {
        line(&mut text, "\nOptional:");
        for command in needs::commands(machine, &optional) {
            line(&mut text, &format!("  {command}"));
        }
    }
    (text, missing.is_empty())
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a string takes every line");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::System;
    use crate::simulated::Simulated;

    #[test]
    fn an_empty_machine_is_told_what_to_install() {
        let simulated = Simulated::new(System::Dnf, &[]);
        let (text, complete) = report(&simulated.machine, "1.95");
        assert!(!complete);
        assert!(
            text.contains(
                "\n  sudo dnf install -y gcc glibc-devel pkgconf-pkg-config ffmpeg-free-devel clang-devel ffmpeg-free strace chromium python3\n"
            ),
            "{text}"
        );
        assert!(text.contains("\nOptional:\n"), "{text}");
    }

    #[test]
    fn absent_optional_tools_leave_the_machine_complete() {
        let answers = [
            ("python3", "echo Python 3.11.2"),
            ("rustc", "echo rustc 1.95.0"),
            ("cargo", r#"[ "$1" != nextest ]"#),
            ("cc", "echo cc 12"),
            ("pkg-config", "echo 99.0"),
            ("ffmpeg", "echo ffmpeg version 5.1"),
            ("ffprobe", "echo ffprobe version 5.1"),
            ("strace", "echo strace 6.1"),
            ("chromium", "echo Chromium 156.0"),
        ];
        let simulated = Simulated::new(System::Apt, &answers);
        simulated.file("lib/libclang.so", "");
        simulated.file("lib/clang/14/include/stddef.h", "");
        let (text, complete) = report(&simulated.machine, "1.95");
        assert!(complete, "{text}");
        assert!(!text.contains("MISSING"), "{text}");
        assert!(
            text.contains("cargo install cargo-nextest --locked"),
            "{text}"
        );
    }
}
