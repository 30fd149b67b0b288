//! `cargo xtask setup` and `cargo xtask doctor`: test what the machine has, and install the rest.

use std::process::Command;

use anyhow::bail;

use crate::failure::Failure;
use crate::needs::{MANAGERS, NEEDS, Need};
use crate::python;
use crate::workspace::Workspace;

/// Installs what is missing, or fails with the command that does.
pub(crate) fn ensure(workspace: &Workspace) -> Result<(), Failure> {
    install_missing(&Machine::default())?;
    python::tool(workspace, "typos").map(drop)
}

/// Prints every need with what meets it.
pub(crate) fn doctor() -> Result<(), Failure> {
    let machine = Machine::default();
    for need in NEEDS {
        let (state, text) = match machine.test(need) {
            Ok(found) => ("ok", found),
            Err(why) => ("MISSING", why),
        };
        println!("{:<20} {state:<8} {text}", need.name);
        println!("{:<29} for: {}", "", need.used_by);
    }
    let missing = machine.missing();
    if missing.is_empty() {
        return Ok(());
    }
    let install = machine.install_line(&missing)?;
    bail!("something is missing\n  hint: run `{install}`")
}

/// The names of the missing needs.
pub(crate) fn missing() -> Vec<&'static str> {
    let missing = Machine::default().missing();
    missing.iter().map(|need| need.name).collect()
}

/// This machine; in tests, one whose programs are scripts.
#[derive(Debug, Default)]
struct Machine {
    variables: Vec<(&'static str, String)>,
}

impl Machine {
    fn sh(&self, script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).env("LC_ALL", "C");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    fn succeeds(&self, script: &str) -> bool {
        let output = self.sh(script).output();
        output.is_ok_and(|output| output.status.success())
    }

    /// What meets a need, or what is missing: the first line that its test prints.
    fn test(&self, need: &Need) -> Result<String, String> {
        let output = self.sh(need.test).output();
        let output = output.map_err(|error| error.to_string())?;
        let line = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            text.lines().next().unwrap_or_default().trim().to_owned()
        };
        if output.status.success() {
            Ok(line(&output.stdout))
        } else {
            Err(line(&output.stderr))
        }
    }

    fn missing(&self) -> Vec<&'static Need> {
        let missing = |need: &&Need| self.test(need).is_err();
        NEEDS.iter().filter(missing).collect()
    }

    /// The index of the package manager in [`MANAGERS`].
    fn manager(&self) -> Option<usize> {
        MANAGERS
            .iter()
            .position(|manager| self.succeeds(&format!("command -v {}", manager.program)))
    }

    /// The command that installs what is missing, for a person.
    fn install_line(&self, missing: &[&Need]) -> Result<String, Failure> {
        let names: Vec<&str> = missing.iter().map(|need| need.name).collect();
        let Some(index) = self.manager() else {
            bail!("unknown package manager; install {}", names.join(", "));
        };
        let packages = missing.iter().map(|need| need.packages[index]);
        let packages: Vec<&str> = packages.filter(|name| !name.is_empty()).collect();
        if packages.is_empty() {
            bail!("no package provides {}", names.join(", "));
        }
        let needs_sudo = MANAGERS[index].needs_root && !self.is_root();
        let sudo = if needs_sudo { "sudo " } else { "" };
        let install = MANAGERS[index].install;
        Ok(format!("{sudo}{install} {}", packages.join(" ")))
    }

    fn is_root(&self) -> bool {
        self.succeeds("[ \"$(id -u)\" = 0 ]")
    }
}

fn install_missing(machine: &Machine) -> Result<(), Failure> {
    let missing = machine.missing();
    if missing.is_empty() {
        eprintln!("setup: nothing is missing");
        return Ok(());
    }
    for need in &missing {
        let why = machine.test(need).unwrap_or_else(|why| why);
        eprintln!("setup: missing {}: {why}", need.name);
    }
    let line = machine.install_line(&missing)?;
    if machine.manager() != Some(0) {
        bail!("setup: only Debian and Ubuntu are set up automatically\n  hint: run `{line}`");
    }
    if !machine.is_root() && !machine.succeeds("sudo -n true") {
        bail!("setup: not root, and `sudo` asks for a password\n  hint: run `{line}`");
    }
    // Package lists are absent in container images, and old ones name files that are gone.
    // The lock is waited for because a fresh machine may be updating itself.
    let apt = |line: &str| {
        let line = line.replace(
            "apt-get",
            "env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300",
        );
        eprintln!("$ {line}");
        machine
            .sh(&line)
            .status()
            .is_ok_and(|status| status.success())
    };
    let update = if machine.is_root() {
        "apt-get update"
    } else {
        "sudo apt-get update"
    };
    let installed = apt(&line) || (apt(update) && apt(&line));
    if !installed {
        bail!("setup: the installation failed\n  hint: run `{update} && {line}`");
    }
    match machine.missing().first() {
        None => {
            eprintln!("setup: installed");
            Ok(())
        }
        Some(need) => bail!(
            "setup: {} still missing after the installation: {}",
            need.name,
            machine.test(need).unwrap_or_else(|why| why)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xshell::{Shell, TempDir};

    /// A machine whose programs are scripts; `$HERE` is its folder.
    struct Simulated {
        machine: Machine,
        sh: Shell,
        folder: TempDir,
    }

    /// A fresh Debian: `apt-get install` provides everything and logs its arguments.
    const FRESH: &[(&str, &str)] = &[
        ("cargo", "exit 0"),
        ("cc", "echo cc 12"),
        ("git", "echo git 2"),
        ("id", "echo 0"),
        ("env", r#"shift; exec "$@""#),
        (
            "pkg-config",
            r#"[ -e "$HERE/installed" ] || { echo none >&2; exit 1; }"#,
        ),
        ("ffmpeg", r#"[ -e "$HERE/installed" ]"#),
        ("ffprobe", r#"[ -e "$HERE/installed" ]"#),
        ("strace", r#"[ -e "$HERE/installed" ]"#),
        ("chromium", r#"[ -e "$HERE/installed" ]"#),
        ("initdb", r#"[ -e "$HERE/installed" ]"#),
        ("npm", r#"[ -e "$HERE/installed" ]"#),
        ("node", r#"[ -e "$HERE/installed" ]"#),
        ("python3", r#"[ -e "$HERE/installed" ]"#),
        (
            "apt-get",
            r#"echo "$*" >> "$HERE/log"
               case "$*" in *install*) : > "$HERE/installed"; : > "$HERE/lib/libclang.so";; esac"#,
        ),
    ];

    const INSTALL: &str = "-o DPkg::Lock::Timeout=300 install -y --no-install-recommends pkg-config libavformat-dev libclang-dev ffmpeg strace chromium postgresql nodejs npm python3 python3-venv\n";
    const UPDATE: &str = "-o DPkg::Lock::Timeout=300 update\n";

    fn simulated(changes: &[(&str, &str)]) -> Simulated {
        let sh = Shell::new().unwrap();
        let folder = sh.create_temp_dir().unwrap();
        let here = folder.path().display().to_string();
        let bin = sh.create_dir(folder.path().join("bin")).unwrap();
        sh.write_file(folder.path().join("lib/clang/14/include/stddef.h"), "")
            .unwrap();
        let unchanged = FRESH
            .iter()
            .filter(|(name, _)| changes.iter().all(|(n, _)| n != name));
        for (name, script) in unchanged.chain(changes) {
            let text = format!("#!/bin/sh\nHERE='{here}'\n{script}\n");
            // Written by a child: a thread that forks while this process holds the file open for
            // writing would keep it from being executed.
            let write = r#"printf %s "$1" > "$2" && chmod 755 "$2""#;
            let path = bin.join(name);
            sh.cmd("/bin/sh")
                .args(["-c", write, "sh", &text])
                .arg(path)
                .quiet()
                .run()
                .unwrap();
        }
        let unset = ["CC", "CHROMIUM", "FFMPEG_DIR", "PKG_CONFIG"];
        let mut variables: Vec<_> = unset.map(|name| (name, String::new())).into();
        variables.push(("PATH", bin.display().to_string()));
        variables.push(("LIBCLANG_PATH", format!("{here}/lib")));
        variables.push(("POSTGRES_BIN", format!("{here}/none")));
        let machine = Machine { variables };
        Simulated {
            machine,
            sh,
            folder,
        }
    }

    /// Runs set-up; compares what apt-get was asked, and the result.
    fn check(simulated: &Simulated, log: &str, expect: Result<(), &str>) {
        let result = install_missing(&simulated.machine).map_err(|failure| failure.to_string());
        let path = simulated.folder.path().join("log");
        assert_eq!(simulated.sh.read_file(path).unwrap_or_default(), log);
        match (result, expect) {
            (Ok(()), Ok(())) => {}
            (Err(failure), Err(part)) => assert!(failure.contains(part), "{failure}"),
            (result, _) => panic!("{result:?}"),
        }
    }

    #[test]
    fn a_fresh_debian_is_set_up_once() {
        let simulated = simulated(&[]);
        check(&simulated, INSTALL, Ok(()));
        check(&simulated, INSTALL, Ok(()));
    }

    #[test]
    fn package_lists_are_updated_after_a_failed_installation() {
        let stale = r#"echo "$*" >> "$HERE/log"
            case "$*" in
                *update*) : > "$HERE/fresh";;
                *) [ -e "$HERE/fresh" ] || exit 100
                   : > "$HERE/installed"; : > "$HERE/lib/libclang.so";;
            esac"#;
        let simulated = simulated(&[("apt-get", stale)]);
        check(&simulated, &format!("{INSTALL}{UPDATE}{INSTALL}"), Ok(()));
    }

    #[test]
    fn sudo_is_used_if_it_asks_for_no_password() {
        let sudo = r#"[ "$1" = -n ] && shift; exec "$@""#;
        let user = ("id", "echo 1000");
        let asks_nothing = simulated(&[user, ("sudo", sudo), ("true", "")]);
        check(&asks_nothing, INSTALL, Ok(()));
        let hint = "hint: run `sudo apt-get install -y --no-install-recommends pkg-config ";
        check(&simulated(&[user, ("sudo", "exit 1")]), "", Err(hint));
    }

    #[test]
    fn other_systems_get_the_command() {
        let simulated = simulated(&[("brew", "")]);
        let bin = simulated.folder.path().join("bin/apt-get");
        simulated.sh.remove_path(bin).unwrap();
        let hint = "run `brew install pkgconf ffmpeg llvm ffmpeg chromium postgresql node python`";
        check(&simulated, "", Err(hint));
    }

    #[test]
    fn a_package_that_does_not_help_is_named() {
        let old = r#"echo "libavformat 58.76.100 is too old" >&2; exit 1"#;
        let why = "FFmpeg libraries still missing after the installation: libavformat 58.76.100";
        check(&simulated(&[("pkg-config", old)]), INSTALL, Err(why));
    }

    #[test]
    fn a_failed_installation_ends_with_the_command() {
        let broken = r#"echo "$*" >> "$HERE/log"; exit 100"#;
        let hint = "hint: run `apt-get update && apt-get install";
        let simulated = simulated(&[("apt-get", broken)]);
        check(&simulated, &format!("{INSTALL}{UPDATE}"), Err(hint));
    }

    #[test]
    fn a_compiler_without_headers_and_a_libclang_without_headers_are_missing() {
        let bare = r#"[ "$1" = --version ] || { echo "no stdlib.h" >&2; exit 1; }"#;
        let simulated = simulated(&[("cc", bare)]);
        let test = |name: &str| {
            let need = NEEDS.iter().find(|need| need.name == name).unwrap();
            simulated.machine.test(need)
        };
        assert_eq!(test("C compiler"), Err("no stdlib.h".into()));
        let lib = simulated.folder.path().join("lib");
        assert!(test("libclang").unwrap_err().starts_with("no libclang in"));
        let write = |name| simulated.sh.write_file(lib.join(name), "").unwrap();
        write("libclang-cpp.so.14");
        assert!(test("libclang").unwrap_err().starts_with("no libclang in"));
        write("libclang-14.so.1");
        assert!(test("libclang").unwrap().ends_with("libclang-14.so.1"));
        simulated.sh.remove_path(lib.join("clang")).unwrap();
        let why = test("libclang").unwrap_err();
        assert!(why.ends_with("but not its headers"), "{why}");
    }

    #[test]
    fn this_machine_passes_what_it_was_set_up_for() {
        for need in NEEDS {
            assert_eq!(Machine::default().test(need).err(), None, "{}", need.name);
        }
    }
}
