//! `cargo xtask setup`: looks, says what is missing, installs it, and looks again. Also the first act of `test` and `demo`.

use std::ffi::OsStr;

use crate::failure::Failure;
use crate::machine::{Machine, System};
use crate::needs::{self, Need};
use crate::no_arguments;
use crate::workspace::Workspace;

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    no_arguments("setup", arguments)?;
    ensure(&Workspace::here()?)
}

/// Makes sure that this machine has everything required.
pub(crate) fn ensure(workspace: &Workspace) -> Result<(), Failure> {
    set_up(&Machine::this(), workspace.rust_version()?)
}

fn set_up(machine: &Machine, rust_version: &str) -> Result<(), Failure> {
    let missing = needs::missing(machine, rust_version, Need::ALL);
    if missing.is_empty() {
        eprintln!("setup: everything needed is here");
        return Ok(());
    }
    for (need, seen) in &missing {
        eprintln!("setup: missing: {}: {seen}", need.name());
    }
    let wanted: Vec<Need> = missing.iter().map(|(need, _)| *need).collect();
    install(machine, &wanted)?;
    eprintln!("setup: looking again");
    let still = needs::missing(machine, rust_version, Need::ALL);
    match still.first() {
        None => {
            eprintln!("setup: everything needed is here now");
            Ok(())
        }
        Some((need, seen)) => Err(Failure::new(format!(
            "setup: {} still missing after installing: {seen}{}",
            need.name(),
            advice(*need)
        ))),
    }
}

fn install(machine: &Machine, wanted: &[Need]) -> Result<(), Failure> {
    let by_person = |why: &str, needs: &[Need]| {
        let commands = needs::commands(machine, needs).join(" && ");
        Failure::new(format!("setup: {why}; run: {commands}"))
    };
    if wanted.contains(&Need::Toolchain) {
        return Err(by_person(
            "the Rust toolchain is too old",
            &[Need::Toolchain],
        ));
    }
    if wanted.contains(&Need::Components) {
        if machine.ask("rustup", &["--version"]).is_none() {
            return Err(Failure::new(
                "setup: rustfmt or clippy is missing and there is no rustup to add it; install it where Rust came from",
            ));
        }
        machine
            .program("rustup")
            .args(["component", "add", "rustfmt", "clippy"])
            .run()?;
    }
    let packages = needs::packages(machine.system, wanted);
    let by_system: Vec<Need> = wanted
        .iter()
        .copied()
        .filter(|need| *need != Need::Components)
        .collect();
    if by_system.is_empty() {
        return Ok(());
    }
    if machine.system != System::Apt {
        return Err(by_person(
            "only Debian and Ubuntu are installed by itself",
            &by_system,
        ));
    }
    let Some(privilege) = machine.privilege() else {
        return Err(by_person(
            "not root, and `sudo` asks for a password",
            &by_system,
        ));
    };
    eprintln!("setup: installing by apt-get: {}", packages.join(" "));
    install_by_apt(machine, privilege, &packages)
        .map_err(|failure| by_person(&failure.to_string(), &by_system))
}

fn install_by_apt(machine: &Machine, privilege: &[&str], packages: &[&str]) -> Result<(), Failure> {
    let mut command = vec!["install", "-y", "--no-install-recommends"];
    command.extend(packages);
    if machine.has_apt_lists() {
        let Err(failure) = apt(machine, privilege, &command) else {
            return Ok(());
        };
        // Lists can be older than the archive, which drops superseded files.
        eprintln!("setup: {failure}; once more with fresh package lists");
    }
    apt(machine, privilege, &["update"])?;
    apt(machine, privilege, &command)
}

fn apt(machine: &Machine, privilege: &[&str], command: &[&str]) -> Result<(), Failure> {
    // `env` because sudo drops variables; the lock is waited for because a fresh machine may be updating itself.
    let mut words: Vec<&str> = privilege.to_vec();
    words.extend(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
    words.extend(["-o", "DPkg::Lock::Timeout=300"]);
    words.extend(command);
    let (first, rest) = words
        .split_first()
        .expect("the words hold `apt-get` at least");
    machine.program(OsStr::new(first)).args(rest).run()
}

/// What to do when a package was installed and does not help.
fn advice(need: Need) -> &'static str {
    match need {
        Need::FfmpegLibraries => {
            "; this release may be too old (Debian 12, Ubuntu 24.04 and newer are fine): point PKG_CONFIG_PATH or FFMPEG_DIR at FFmpeg 5.1 or newer"
        }
        Need::Libclang => "; point LIBCLANG_PATH at the folder of libclang.so",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulated::Simulated;

    /// A fresh Debian: Rust and a C compiler. `apt-get install` brings the rest and notes what it was asked.
    const FRESH: &[(&str, &str)] = &[
        ("rustc", "echo rustc 1.95.0"),
        ("cargo", "exit 0"),
        ("cc", "echo cc 12"),
        ("id", "echo 0"),
        ("env", r#"shift; exec "$@""#),
        (
            "pkg-config",
            r#"[ -e "$HERE/installed" ] || exit 1; echo 60.3.100"#,
        ),
        ("ffmpeg", r#"[ -e "$HERE/installed" ]"#),
        ("ffprobe", r#"[ -e "$HERE/installed" ]"#),
        ("strace", r#"[ -e "$HERE/installed" ]"#),
        ("chromium", r#"[ -e "$HERE/installed" ]"#),
        (
            "python3",
            r#"[ -e "$HERE/installed" ] && echo Python 3.11.2"#,
        ),
        (
            "apt-get",
            r#"echo "$*" >> "$HERE/log"
            case "$*" in
                *install*) : > "$HERE/installed"; : > "$HERE/lib/libclang.so"; : > "$HERE/lib/clang/14/include/stddef.h";;
            esac"#,
        ),
    ];

    const INSTALL: &str = "-o DPkg::Lock::Timeout=300 install -y --no-install-recommends pkg-config libavformat-dev libclang-dev ffmpeg strace chromium python3 python3-venv\n";
    const UPDATE: &str = "-o DPkg::Lock::Timeout=300 update\n";

    fn with(changes: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
        let kept = |name: &str| changes.iter().all(|(changed, _)| *changed != name);
        let fresh = FRESH.iter().copied().filter(|(name, _)| kept(name));
        fresh.chain(changes.iter().copied()).collect()
    }

    fn machine(system: System, programs: &[(&str, &str)]) -> Simulated {
        let simulated = Simulated::new(system, programs);
        std::fs::create_dir_all(simulated.dir.join("lib/clang/14/include")).unwrap();
        simulated
    }

    /// Runs setup, and compares what apt-get was asked and how it ended.
    fn check(simulated: &Simulated, log: &str, expect: Result<(), &str>) {
        let result = set_up(&simulated.machine, "1.95").map_err(|failure| failure.to_string());
        assert_eq!(simulated.text("log"), log);
        match (result, expect) {
            (Ok(()), Ok(())) => {}
            (Err(failure), Err(part)) => {
                assert!(failure.contains(part), "{failure}");
                assert_eq!(failure.lines().count(), 1, "{failure}");
            }
            (result, _) => panic!("{result:?}"),
        }
    }

    #[test]
    fn a_fresh_debian_gets_what_it_lacks_and_a_second_run_does_nothing() {
        let simulated = machine(System::Apt, FRESH);
        simulated.file("lists/deb.example_Packages", "");
        check(&simulated, INSTALL, Ok(()));
        check(&simulated, INSTALL, Ok(()));
    }

    #[test]
    fn missing_package_lists_are_fetched_first() {
        check(
            &machine(System::Apt, FRESH),
            &format!("{UPDATE}{INSTALL}"),
            Ok(()),
        );
    }

    #[test]
    fn stale_package_lists_are_fetched_after_a_failed_install() {
        let stale = r#"echo "$*" >> "$HERE/log"
            case "$*" in
                *update*) : > "$HERE/fresh";;
                *) [ -e "$HERE/fresh" ] || exit 100
                   : > "$HERE/installed"; : > "$HERE/lib/libclang.so"; : > "$HERE/lib/clang/14/include/stddef.h";;
            esac"#;
        let simulated = machine(System::Apt, &with(&[("apt-get", stale)]));
        simulated.file("lists/deb.example_Packages", "");
        check(&simulated, &format!("{INSTALL}{UPDATE}{INSTALL}"), Ok(()));
    }

    #[test]
    fn sudo_is_used_when_it_asks_for_no_password() {
        let sudo = r#"shift; echo "sudo $*" >> "$HERE/sudo"; "$@""#;
        let programs = with(&[("id", "echo 1000"), ("sudo", sudo), ("true", "exit 0")]);
        let simulated = machine(System::Apt, &programs);
        simulated.file("lists/deb.example_Packages", "");
        check(&simulated, INSTALL, Ok(()));
        assert!(
            simulated
                .text("sudo")
                .contains("sudo env DEBIAN_FRONTEND=noninteractive apt-get -o"),
            "{}",
            simulated.text("sudo")
        );
    }

    #[test]
    fn without_privilege_the_exact_command_is_printed() {
        let programs = with(&[("id", "echo 1000"), ("sudo", "exit 1")]);
        check(
            &machine(System::Apt, &programs),
            "",
            Err(
                "run: sudo apt-get update && sudo apt-get install -y --no-install-recommends pkg-config libavformat-dev libclang-dev ffmpeg strace chromium python3 python3-venv",
            ),
        );
    }

    #[test]
    fn other_systems_get_the_exact_command() {
        check(
            &machine(System::Pacman, FRESH),
            "",
            Err("run: pacman -S --needed pkgconf ffmpeg clang strace chromium python"),
        );
        check(
            &machine(System::Brew, FRESH),
            "",
            Err("run: brew install pkgconf ffmpeg llvm chromium python"),
        );
    }

    #[test]
    fn a_package_that_does_not_help_is_named() {
        let old = r#"[ -e "$HERE/installed" ] || exit 1; echo 58.76.100"#;
        let simulated = machine(System::Apt, &with(&[("pkg-config", old)]));
        simulated.file("lists/deb.example_Packages", "");
        check(
            &simulated,
            INSTALL,
            Err(
                "FFmpeg libraries still missing after installing: libavformat 58.76.100, but 59.27",
            ),
        );
    }

    #[test]
    fn an_install_that_fails_ends_with_the_command_to_run_by_hand() {
        let broken = r#"echo "$*" >> "$HERE/log"; exit 100"#;
        check(
            &machine(System::Apt, &with(&[("apt-get", broken)])),
            UPDATE,
            Err("update` ended with exit status: 100"),
        );
    }

    #[test]
    fn a_missing_component_is_added_by_rustup() {
        let cargo = r#"[ -e "$HERE/component" ]"#;
        let rustup =
            r#"echo "$*" >> "$HERE/rustup"; case "$1" in component) : > "$HERE/component";; esac"#;
        let simulated = machine(System::Apt, &with(&[("cargo", cargo), ("rustup", rustup)]));
        simulated.file("installed", "");
        simulated.file("lib/libclang.so", "");
        simulated.file("lib/clang/14/include/stddef.h", "");
        check(&simulated, "", Ok(()));
        assert_eq!(
            simulated.text("rustup"),
            "--version\ncomponent add rustfmt clippy\n"
        );
    }
}
