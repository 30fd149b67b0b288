//! Limits for the `ffmpeg` program while it decodes media: memory, CPU time, file sizes, and the
//! files it may open.
//!
//! This module defines only their representation as arguments of `tl-probe exec`. `program` writes
//! them. `exec` parses them in the helper, restricts its own process and executes the
//! program.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// The argument that starts the helper as a launcher.
pub(crate) const EXEC_ARGUMENT: &str = "exec";

/// Exit code of the launcher if it could not set up the sandbox or start the program. `ffmpeg`
/// itself exits with 0, 1, 255, or the low byte of a negative error number.
pub(crate) const NOT_STARTED: u8 = 125;

/// The limits of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Confinement {
    /// Private memory (`RLIMIT_DATA`), in bytes.
    pub(crate) data_bytes: u64,
    /// Address space (`RLIMIT_AS`), in bytes.
    pub(crate) address_space_bytes: u64,
    /// CPU time of all threads together (`RLIMIT_CPU`), in seconds.
    pub(crate) cpu_seconds: u64,
    /// Size of each file written (`RLIMIT_FSIZE`), in bytes.
    pub(crate) file_bytes: u64,
    /// Id of the parent process. The program is killed when it ends.
    pub(crate) parent: u32,
    /// Fail if the kernel does not support Landlock and seccomp, instead of running without them.
    pub(crate) required: bool,
    /// Files that may be read, in addition to the program and the system's libraries.
    pub(crate) readable: Vec<PathBuf>,
    /// Files that may be read and written, and directories in which files may be created.
    pub(crate) writable: Vec<PathBuf>,
}

const DATA: &str = "--data-bytes";
const ADDRESS_SPACE: &str = "--address-space-bytes";
const CPU: &str = "--cpu-seconds";
const FILE: &str = "--file-bytes";
const PARENT: &str = "--parent";
const REQUIRED: &str = "--require-sandbox";
const READ: &str = "--read";
const WRITE: &str = "--write";
const END: &str = "--";

impl Confinement {
    /// The arguments of the launcher, up to and including the `--` before the program.
    #[cfg_attr(
        not(feature = "program"),
        expect(dead_code, reason = "only `program` starts programs")
    )]
    pub(crate) fn to_arguments(&self) -> Vec<OsString> {
        let mut arguments = vec![OsString::from(EXEC_ARGUMENT)];
        for (name, value) in [
            (DATA, self.data_bytes),
            (ADDRESS_SPACE, self.address_space_bytes),
            (CPU, self.cpu_seconds),
            (FILE, self.file_bytes),
            (PARENT, self.parent.into()),
        ] {
            arguments.extend([name.into(), value.to_string().into()]);
        }
        if self.required {
            arguments.push(REQUIRED.into());
        }
        for (name, paths) in [(READ, &self.readable), (WRITE, &self.writable)] {
            for path in paths {
                arguments.extend([name.into(), path.clone().into_os_string()]);
            }
        }
        arguments.push(END.into());
        arguments
    }

    /// Parses the launcher's arguments, the first of which is [`EXEC_ARGUMENT`]. Returns the
    /// program and its arguments as the rest.
    #[cfg_attr(
        not(all(feature = "worker", unix)),
        expect(dead_code, reason = "only the launcher reads them")
    )]
    pub(crate) fn from_arguments(
        arguments: &[OsString],
    ) -> Result<(Self, &OsStr, &[OsString]), String> {
        let mut confinement = Self::default();
        let mut words = arguments
            .strip_prefix(&[OsString::from(EXEC_ARGUMENT)])
            .ok_or("the first argument is not `exec`")?;
        while let [name, rest @ ..] = words {
            if name == END {
                let [program, rest @ ..] = rest else {
                    return Err("no program after `--`".to_owned());
                };
                return Ok((confinement, program, rest));
            }
            words = rest;
            if name == REQUIRED {
                confinement.required = true;
                continue;
            }
            let [value, rest @ ..] = words else {
                return Err(format!("`{}` has no value", name.display()));
            };
            words = rest;
            let number = || -> Result<u64, String> {
                let number = value.to_str().and_then(|text| text.parse().ok());
                number.ok_or_else(|| format!("`{}` is not a number", value.display()))
            };
            match name.to_str() {
                Some(DATA) => confinement.data_bytes = number()?,
                Some(ADDRESS_SPACE) => confinement.address_space_bytes = number()?,
                Some(CPU) => confinement.cpu_seconds = number()?,
                Some(FILE) => confinement.file_bytes = number()?,
                Some(PARENT) => {
                    confinement.parent = u32::try_from(number()?)
                        .map_err(|_| format!("`{}` is not a process id", value.display()))?;
                }
                Some(READ) => confinement.readable.push(value.into()),
                Some(WRITE) => confinement.writable.push(value.into()),
                _ => return Err(format!("unknown option `{}`", name.display())),
            }
        }
        Err("no `--` before the program".to_owned())
    }
}

#[cfg(test)]
#[cfg(all(feature = "program", feature = "worker", unix))]
mod tests {
    use super::*;

    #[test]
    fn arguments_round_trip() {
        let confinement = Confinement {
            data_bytes: 1,
            address_space_bytes: 2,
            cpu_seconds: 3,
            file_bytes: u64::MAX,
            parent: 5,
            required: true,
            readable: vec!["--write".into(), "/a b/--".into()],
            writable: vec!["/out".into()],
        };
        let mut arguments = confinement.to_arguments();
        arguments.extend(["/usr/bin/ffmpeg", "--", "--read", "x"].map(OsString::from));
        let (read, program, rest) = Confinement::from_arguments(&arguments).expect("well formed");
        assert_eq!(read, confinement);
        assert_eq!(program, "/usr/bin/ffmpeg");
        assert_eq!(rest, ["--", "--read", "x"]);
    }

    #[test]
    fn malformed_arguments_are_rejected() {
        for words in [
            &[][..],
            &["serve"],
            &["exec"],
            &["exec", "--"],
            &["exec", "--cpu-seconds"],
            &["exec", "--cpu-seconds", "many", "--", "ffmpeg"],
            &["exec", "--parent", "99999999999", "--", "ffmpeg"],
            &["exec", "--unknown", "1", "--", "ffmpeg"],
        ] {
            let arguments: Vec<OsString> = words.iter().map(OsString::from).collect();
            assert!(
                Confinement::from_arguments(&arguments).is_err(),
                "{words:?}"
            );
        }
    }
}
