//! The system under us: which package manager it has, who we are on it, and the environment of the programs we ask.
//!
//! What is looked for on it is in `needs` and `probes`.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::shell::Program;

/// How a system gets its packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum System {
    /// Debian, Ubuntu and their children.
    Apt,
    /// Fedora and its children.
    Dnf,
    /// Arch Linux and its children.
    Pacman,
    /// macOS with Homebrew.
    Brew,
    /// Anything else.
    Other,
}

impl System {
    /// Reads the text of `/etc/os-release`: `ID` decides, then `ID_LIKE`.
    pub(crate) fn of_os_release(text: &str) -> Self {
        let field = |name: &str| {
            text.lines()
                .filter_map(|line| line.trim().split_once('='))
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.trim_matches(['"', '\'']).to_ascii_lowercase())
                .unwrap_or_default()
        };
        let (id, like) = (field("ID"), field("ID_LIKE"));
        std::iter::once(id.as_str())
            .chain(like.split_whitespace())
            .find_map(|word| match word {
                "debian" | "ubuntu" => Some(Self::Apt),
                "fedora" | "rhel" | "centos" => Some(Self::Dnf),
                "arch" | "archlinux" => Some(Self::Pacman),
                _ => None,
            })
            .unwrap_or(Self::Other)
    }

    /// The command that installs packages by hand; root needs no `sudo`, and in a container often has none.
    pub(crate) fn install_line(self, packages: &[&str], is_root: bool) -> String {
        let packages = packages.join(" ");
        let sudo = if is_root { "" } else { "sudo " };
        match self {
            Self::Apt => format!(
                "{sudo}apt-get update && {sudo}apt-get install -y --no-install-recommends {packages}"
            ),
            Self::Dnf => format!("{sudo}dnf install -y {packages}"),
            Self::Pacman => format!("{sudo}pacman -S --needed {packages}"),
            Self::Brew => format!("brew install {packages}"),
            Self::Other => format!("install with this system's package manager: {packages}"),
        }
    }
}

/// This machine, or in tests a simulated one.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) system: System,
    /// Variables that differ from our own environment, for us and for the programs we ask.
    overrides: BTreeMap<OsString, Option<OsString>>,
    /// Folders where libraries live, as patterns with `*` for one path component.
    pub(crate) library_dirs: Vec<String>,
    apt_lists: PathBuf,
}

impl Machine {
    /// The machine we run on.
    pub(crate) fn this() -> Self {
        let system = if cfg!(target_os = "macos") {
            System::Brew
        } else {
            // A system without the file is one whose package manager we do not know.
            System::of_os_release(&std::fs::read_to_string("/etc/os-release").unwrap_or_default())
        };
        let library_dirs: &[&str] = if cfg!(target_os = "macos") {
            &[
                "/opt/homebrew/opt/llvm*/lib",
                "/usr/local/opt/llvm*/lib",
                "/Library/Developer/CommandLineTools/usr/lib",
                "/Applications/Xcode.app/Contents/Developer/Toolchains/XcodeDefault.xctoolchain/usr/lib",
            ]
        } else {
            &[
                "/usr/local/llvm*/lib*",
                "/usr/local/lib*/*/*",
                "/usr/local/lib*/*",
                "/usr/local/lib*",
                "/usr/lib*/*/*",
                "/usr/lib*/*",
                "/usr/lib*",
            ]
        };
        Self {
            system,
            overrides: BTreeMap::new(),
            library_dirs: library_dirs.iter().map(|dir| (*dir).to_owned()).collect(),
            apt_lists: "/var/lib/apt/lists".into(),
        }
    }

    /// A machine that has only the programs of one folder.
    #[cfg(test)]
    pub(crate) fn simulated(system: System, dir: &Path) -> Self {
        let mut overrides = BTreeMap::new();
        overrides.insert("PATH".into(), Some(dir.join("bin").into()));
        overrides.insert("CARGO".into(), Some("cargo".into()));
        for unset in [
            "CC",
            "PKG_CONFIG",
            "PKG_CONFIG_PATH",
            "FFMPEG_DIR",
            "LIBCLANG_PATH",
            "LLVM_CONFIG_PATH",
            "LD_LIBRARY_PATH",
        ] {
            overrides.insert(unset.into(), None);
        }
        Self {
            system,
            overrides,
            library_dirs: vec![format!("{}/lib*", dir.display())],
            apt_lists: dir.join("lists"),
        }
    }

    /// An environment variable as the programs on this machine see it. An empty one counts as unset.
    pub(crate) fn var(&self, name: &str) -> Option<OsString> {
        match self.overrides.get(OsStr::new(name)) {
            Some(value) => value.clone(),
            None => std::env::var_os(name),
        }
        .filter(|value| !value.is_empty())
    }

    /// The program that a variable names, or its usual name.
    pub(crate) fn named(&self, variable: &str, usual: &str) -> OsString {
        self.var(variable).unwrap_or_else(|| usual.into())
    }

    /// A child process in this machine's environment.
    pub(crate) fn program(&self, name: impl AsRef<OsStr>) -> Program {
        self.overrides
            .iter()
            .fold(Program::new(name), |program, (name, value)| {
                program.quiet_env(name, value.as_deref())
            })
    }

    /// What a program prints; `None` if it is not there or fails.
    pub(crate) fn ask(&self, name: impl AsRef<OsStr>, args: &[&str]) -> Option<String> {
        let said = self
            .program(name)
            .quiet_env(OsStr::new("LC_ALL"), Some(OsStr::new("C")))
            .args(args)
            .listen()
            .ok()?;
        said.success.then_some(said.stdout)
    }

    pub(crate) fn is_root(&self) -> bool {
        self.ask("id", &["-u"]).is_some_and(|id| id.trim() == "0")
    }

    /// Whether we may install packages without being asked for a password, and what to put before the command.
    pub(crate) fn privilege(&self) -> Option<&'static [&'static str]> {
        if self.is_root() {
            Some(&[])
        } else {
            self.ask("sudo", &["-n", "true"])
                .map(|_| &["sudo", "-n"] as &[&str])
        }
    }

    /// Whether apt knows any package at all; container images come without its lists.
    pub(crate) fn has_apt_lists(&self) -> bool {
        std::fs::read_dir(&self.apt_lists)
            .into_iter()
            .flatten()
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().contains("_Packages"))
    }

    /// The existing folders that match a pattern, where `*` stands for any part of one component.
    pub(crate) fn folders(pattern: &str) -> Vec<PathBuf> {
        let mut found = vec![PathBuf::from("/")];
        for part in pattern.split('/').filter(|part| !part.is_empty()) {
            found = found
                .iter()
                .flat_map(|dir| folders_named(dir, part))
                .collect();
        }
        found
    }
}

fn folders_named(dir: &Path, part: &str) -> Vec<PathBuf> {
    let Some((before, after)) = part.split_once('*') else {
        let path = dir.join(part);
        return if path.is_dir() { vec![path] } else { vec![] };
    };
    let mut found: Vec<PathBuf> = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.len() >= before.len() + after.len()
                && name.starts_with(before)
                && name.ends_with(after)
        })
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systems_are_recognised_by_their_os_release() {
        let cases = [
            ("ID=debian\nVERSION_ID=\"12\"\n", System::Apt),
            ("NAME=\"Ubuntu\"\nID=ubuntu\nID_LIKE=debian\n", System::Apt),
            ("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", System::Apt),
            ("ID=fedora\n", System::Dnf),
            (
                "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n",
                System::Dnf,
            ),
            ("ID=arch\n", System::Pacman),
            ("ID=manjaro\nID_LIKE=arch\n", System::Pacman),
            ("ID=alpine\n", System::Other),
            ("", System::Other),
        ];
        for (text, system) in cases {
            assert_eq!(System::of_os_release(text), system, "{text:?}");
        }
    }

    #[test]
    fn each_system_has_its_own_install_command() {
        let packages = ["one", "two"];
        for (system, start) in [
            (
                System::Apt,
                "sudo apt-get update && sudo apt-get install -y",
            ),
            (System::Dnf, "sudo dnf install -y"),
            (System::Pacman, "sudo pacman -S --needed"),
            (System::Brew, "brew install"),
        ] {
            let line = system.install_line(&packages, false);
            let as_root = system.install_line(&packages, true);
            assert_eq!(as_root, line.replace("sudo ", ""));
            assert!(
                line.starts_with(start) && line.ends_with(" one two"),
                "{line}"
            );
        }
    }

    #[test]
    fn patterns_find_existing_folders_only() {
        assert_eq!(Machine::folders("/etc"), [PathBuf::from("/etc")]);
        assert!(Machine::folders("/et*").contains(&PathBuf::from("/etc")));
        assert!(Machine::folders("/nowhere/*/lib").is_empty());
    }
}
