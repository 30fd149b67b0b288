//! The launcher: restricts its own process to what one run of a program needs, then executes the
//! program. `confinement` parses the limits from the arguments.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Resource, getppid};

use super::confinement::{Confinement, NOT_STARTED};
use super::restrict;

/// Maximum number of open files: the program's libraries, inputs and outputs, with some room.
const MAX_OPEN_FILES: u64 = 256;

/// Directories of programs, shared libraries and their data. They contain no media and no keys.
const SYSTEM_FOLDERS: [&str; 10] = [
    "/usr",
    "/bin",
    "/lib",
    "/lib32",
    "/lib64",
    "/opt",
    "/nix/store",
    "/gnu/store",
    "/home/linuxbrew/.linuxbrew",
    "/sys/devices/system",
];

/// Files that the dynamic loader and the C library read at startup.
const SYSTEM_FILES: [&str; 9] = [
    "/etc/ld.so.cache",
    "/etc/ld.so.preload",
    "/etc/localtime",
    "/etc/ssl/openssl.cnf",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/dev/urandom",
    "/dev/zero",
];

/// Restricts this process and executes a program. Returns only on failure, with the exit code to
/// use and the reason.
///
/// This is the entire implementation of `tl-probe exec`: call it from `main` if the first of
/// `arguments` is [`EXEC_ARGUMENT`](crate::worker::EXEC_ARGUMENT). It does not need libav.
pub fn exec(arguments: &[OsString]) -> (u8, String) {
    let reason = match Confinement::from_arguments(arguments) {
        Ok((confinement, program, rest)) => match enter(&confinement, program) {
            Ok(()) => {
                let error = Command::new(program).args(rest).exec();
                format!("`{}` cannot be started: {error}", program.display())
            }
            Err(reason) => reason,
        },
        Err(reason) => format!("invalid arguments of `exec`: {reason}"),
    };
    (NOT_STARTED, reason)
}

fn enter(confinement: &Confinement, program: &OsStr) -> Result<(), String> {
    restrict::close_inherited();
    let ends_with_parent = restrict::end_with_parent();
    // The parent may have exited before the kernel was asked to watch it.
    let parent = getppid().map(|parent| parent.as_raw_nonzero().get().unsigned_abs());
    if ends_with_parent && confinement.parent != 0 && parent != Some(confinement.parent) {
        return Err("the process that started this one has ended".to_owned());
    }
    let limits = limit(confinement).map_err(io::Error::from);

    let mut readable = confinement.readable.clone();
    readable.extend(
        SYSTEM_FOLDERS
            .iter()
            .chain(&SYSTEM_FILES)
            .map(PathBuf::from),
    );
    readable.extend(parts_of(Path::new(program)));
    let mut writable = confinement.writable.clone();
    writable.push("/dev/null".into());
    let landlock = restrict::landlock(&readable, &writable);
    // As root, reading a file of another user requires this capability.
    let capabilities = restrict::drop_capabilities(true);
    let filter = filter();

    if !confinement.required {
        return Ok(());
    }
    for (active, what) in [
        (landlock != "none", "Landlock"),
        (filter, "seccomp"),
        (capabilities, "no_new_privs"),
    ] {
        if !active {
            return Err(format!(
                "the sandbox is incomplete: this kernel does not enforce {what}"
            ));
        }
    }
    limits.map_err(|error| format!("the resource limits cannot be set: {error}"))
}

fn limit(confinement: &Confinement) -> rustix::io::Result<()> {
    restrict::limit(Resource::Core, 0)?;
    restrict::limit(Resource::Nofile, MAX_OPEN_FILES)?;
    restrict::limit(Resource::Fsize, confinement.file_bytes)?;
    restrict::limit(Resource::Cpu, confinement.cpu_seconds)?;
    restrict::limit(Resource::Data, confinement.data_bytes)?;
    restrict::limit(Resource::As, confinement.address_space_bytes)
}

/// The program itself and its own shared libraries: next to `bin`, or listed in the loader's
/// environment variable.
fn parts_of(program: &Path) -> Vec<PathBuf> {
    let program = program
        .canonicalize()
        .unwrap_or_else(|_| program.to_owned());
    let mut parts = Vec::new();
    if let Some(folder) = program.parent()
        && folder.file_name() == Some(OsStr::new("bin"))
    {
        parts.push(folder.with_file_name("lib"));
    }
    if let Some(folders) = std::env::var_os("LD_LIBRARY_PATH") {
        parts.extend(std::env::split_paths(&folders).filter(|folder| folder.is_absolute()));
    }
    parts.push(program);
    parts
}

fn filter() -> bool {
    #[cfg(target_os = "linux")]
    return super::filter::for_program();
    #[cfg(not(target_os = "linux"))]
    return false;
}
