//! What the verbs need from the machine: which verb needs it, and which packages bring it.
//!
//! How a need is looked for is in `probes`; this file is the table.

use crate::machine::{Machine, System};
use crate::probes;

/// One thing that a machine has or lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Toolchain,
    Components,
    CCompiler,
    PkgConfig,
    FfmpegLibraries,
    Libclang,
    FfmpegProgram,
    /// `strace`, with which the tests watch what a probe opens.
    Strace,
    /// `chromium`, in which the tests look at the emulator's page.
    Chromium,
    Nextest,
    Python,
}

/// What was seen when a need was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It is there: what and where.
    Present(String),
    /// It is not there, or not usable: what was seen instead.
    Missing(String),
}

impl Need {
    /// Everything that `doctor` looks at, in the order in which it matters.
    pub(crate) const ALL: &'static [Self] = &[
        Self::Toolchain,
        Self::Components,
        Self::CCompiler,
        Self::PkgConfig,
        Self::FfmpegLibraries,
        Self::Libclang,
        Self::FfmpegProgram,
        Self::Strace,
        Self::Chromium,
        Self::Python,
        Self::Nextest,
    ];

    /// What compiling the media parts needs.
    pub(crate) const MEDIA_BUILD: &'static [Self] = &[
        Self::CCompiler,
        Self::PkgConfig,
        Self::FfmpegLibraries,
        Self::Libclang,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Toolchain => "Rust toolchain",
            Self::Components => "rustfmt and clippy",
            Self::CCompiler => "C compiler",
            Self::PkgConfig => "pkg-config",
            Self::FfmpegLibraries => "FFmpeg libraries",
            Self::Libclang => "libclang",
            Self::FfmpegProgram => "ffmpeg and ffprobe",
            Self::Strace => "strace",
            Self::Chromium => "Chromium",
            Self::Nextest => "cargo-nextest",
            Self::Python => "python3 with venv",
        }
    }

    /// Who needs it, for the reader of `doctor`.
    pub(crate) fn needed_by(self) -> &'static str {
        match self {
            Self::Toolchain => "everything",
            Self::Components => "test; ci fmt, clippy, features, purity",
            Self::CCompiler => "every build (cryptography, linking)",
            Self::PkgConfig | Self::FfmpegLibraries | Self::Libclang => {
                "test, demo; ci bins, clippy, features, doc, fuzz, test (crate feature `ffmpeg`, program `tl-probe`)"
            }
            Self::FfmpegProgram => "test, demo (they make their own video clips)",
            Self::Strace => "test (on Linux: it watches what the probe opens)",
            Self::Chromium => "test (it looks at the emulator's page)",
            Self::Nextest => "optional: without it, test uses `cargo test`",
            Self::Python => {
                "test, bench; ci python (the official Python client drives the emulator)"
            }
        }
    }

    /// Whether some verb cannot run without it.
    pub(crate) fn is_required(self) -> bool {
        !matches!(self, Self::Nextest)
    }

    /// The packages that bring it.
    pub(crate) fn packages(self, system: System) -> &'static [&'static str] {
        use System::{Apt, Brew, Dnf, Other, Pacman};
        match (self, system) {
            (Self::CCompiler, Apt) => &["gcc", "libc6-dev"],
            (Self::CCompiler, Dnf) => &["gcc", "glibc-devel"],
            (Self::CCompiler, Pacman | Other) => &["gcc"],
            (Self::PkgConfig, Apt | Other) => &["pkg-config"],
            (Self::PkgConfig, Dnf) => &["pkgconf-pkg-config"],
            (Self::PkgConfig, Pacman | Brew) => &["pkgconf"],
            (Self::FfmpegLibraries, Apt) => &["libavformat-dev"],
            (Self::FfmpegLibraries, Dnf) => &["ffmpeg-free-devel"],
            (Self::FfmpegLibraries, Pacman | Brew) => &["ffmpeg"],
            (Self::FfmpegLibraries, Other) => &["the FFmpeg development libraries, 5.1 or newer"],
            (Self::Libclang, Apt) => &["libclang-dev"],
            (Self::Libclang, Dnf) => &["clang-devel"],
            (Self::Libclang, Pacman | Other) => &["clang"],
            (Self::Libclang, Brew) => &["llvm"],
            (Self::FfmpegProgram, Dnf) => &["ffmpeg-free"],
            (Self::FfmpegProgram, _) => &["ffmpeg"],
            (Self::Strace, Brew) => &[],
            (Self::Strace, _) => &["strace"],
            (Self::Chromium, _) => &["chromium"],
            (Self::Python, Apt) => &["python3", "python3-venv"],
            (Self::Python, Dnf | Other) => &["python3"],
            (Self::Python, Pacman | Brew) => &["python"],
            // These come with Rust, or from Apple: see `by_hand`.
            (Self::Toolchain | Self::Components | Self::Nextest, _) | (Self::CCompiler, Brew) => {
                &[]
            }
        }
    }

    /// The command for what no package manager brings.
    pub(crate) fn by_hand(self, system: System) -> Option<&'static str> {
        match (self, system) {
            (Self::Toolchain, _) => Some("rustup update stable"),
            (Self::Components, _) => Some("rustup component add rustfmt clippy"),
            (Self::CCompiler, System::Brew) => Some("xcode-select --install"),
            (Self::Nextest, _) => Some("cargo install cargo-nextest --locked"),
            _ => None,
        }
    }

    /// Looks for it.
    pub(crate) fn look(self, machine: &Machine, rust_version: &str) -> Seen {
        match self {
            Self::Toolchain => probes::toolchain(machine, rust_version),
            Self::Components => probes::components(machine),
            Self::CCompiler => probes::c_compiler(machine),
            Self::PkgConfig => probes::pkg_config(machine),
            Self::FfmpegLibraries => probes::ffmpeg_libraries(machine),
            Self::Libclang => crate::libclang::look(machine),
            Self::FfmpegProgram => probes::ffmpeg_programs(machine),
            Self::Strace => probes::strace(machine),
            Self::Chromium => probes::chromium(machine),
            Self::Nextest => probes::nextest(machine),
            Self::Python => probes::python(machine),
        }
    }
}

/// What of the required is missing, with what was seen instead.
pub(crate) fn missing(
    machine: &Machine,
    rust_version: &str,
    needs: &[Need],
) -> Vec<(Need, String)> {
    needs
        .iter()
        .filter(|need| need.is_required())
        .filter_map(|need| match need.look(machine, rust_version) {
            Seen::Present(_) => None,
            Seen::Missing(seen) => Some((*need, seen)),
        })
        .collect()
}

/// The commands that bring what is missing, for a person to type.
pub(crate) fn commands(machine: &Machine, needs: &[Need]) -> Vec<String> {
    let system = machine.system;
    let packages = packages(system, needs);
    let by_hand = needs.iter().filter_map(|need| need.by_hand(system));
    let mut commands: Vec<String> = by_hand.map(String::from).collect();
    if !packages.is_empty() {
        commands.push(system.install_line(&packages, machine.is_root()));
    }
    commands
}

/// The packages of all these needs, each once, in order.
pub(crate) fn packages(system: System, needs: &[Need]) -> Vec<&'static str> {
    let mut packages = Vec::new();
    for package in needs.iter().flat_map(|need| need.packages(system)) {
        if !packages.contains(package) {
            packages.push(package);
        }
    }
    packages
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulated::Simulated;

    #[test]
    fn debian_gets_the_packages_of_what_is_missing_and_no_others() {
        assert_eq!(
            packages(System::Apt, Need::ALL),
            [
                "gcc",
                "libc6-dev",
                "pkg-config",
                "libavformat-dev",
                "libclang-dev",
                "ffmpeg",
                "strace",
                "chromium",
                "python3",
                "python3-venv"
            ]
        );
        assert_eq!(packages(System::Apt, &[Need::Libclang]), ["libclang-dev"]);
    }

    #[test]
    fn a_package_that_serves_two_needs_is_installed_once() {
        assert_eq!(
            commands(
                &Simulated::new(System::Pacman, &[]).machine,
                &[Need::FfmpegLibraries, Need::FfmpegProgram]
            ),
            ["sudo pacman -S --needed ffmpeg"]
        );
    }

    #[test]
    fn every_need_has_a_way_to_be_met_on_every_system() {
        for system in [
            System::Apt,
            System::Dnf,
            System::Pacman,
            System::Brew,
            System::Other,
        ] {
            let simulated = Simulated::new(system, &[]);
            // macOS has no strace, and there it is not asked for.
            let unused = |need: &&Need| (**need, system) == (Need::Strace, System::Brew);
            for need in Need::ALL.iter().filter(|need| !unused(need)) {
                assert!(
                    !commands(&simulated.machine, &[*need]).is_empty(),
                    "{need:?} on {system:?}"
                );
            }
        }
    }
}
