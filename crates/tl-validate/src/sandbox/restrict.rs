//! Restricts a process before it decodes untrusted media: inherited descriptors, resource limits,
//! capabilities, Landlock and seccomp. Protections that the kernel does not support are skipped and
//! reported; the caller decides whether that is an error.

use std::fmt;
#[cfg(all(feature = "ffmpeg", target_os = "linux"))]
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};

/// The protections that are active in a helper.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Protections {
    /// Version of libavformat in the helper.
    pub libavformat: String,
    /// Limits on memory, CPU time, open files and written files are set.
    pub limits: bool,
    /// Landlock denies opening any file (and, on newer kernels, any TCP connection): `full`,
    /// `partial` or `none`.
    pub landlock: String,
    /// A filter returns EPERM for every system call that reading media does not need.
    pub system_call_filter: bool,
    /// The process has no capabilities, and cannot gain any by executing a program.
    #[serde(default)]
    pub no_capabilities: bool,
    /// The kernel kills the process when its parent ends.
    #[serde(default)]
    pub ends_with_parent: bool,
}

impl Protections {
    /// Whether all essential protections are active: limits, Landlock (any version) and the system
    /// call filter.
    ///
    /// Older versions of Landlock do not restrict the network; the system call filter denies
    /// sockets too.
    pub fn are_complete(&self) -> bool {
        self.limits && self.landlock != "none" && self.system_call_filter
    }
}

impl fmt::Display for Protections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = |on| if on { "on" } else { "OFF" };
        write!(
            f,
            "limits {}, landlock {}, system call filter {}, capabilities {}, ends with its parent: {}",
            state(self.limits),
            self.landlock,
            state(self.system_call_filter),
            if self.no_capabilities { "none" } else { "KEPT" },
            if self.ends_with_parent { "yes" } else { "NO" },
        )
    }
}

/// Private memory of the helper, in bytes. The worst measured decompression bomb takes 300 MB.
#[cfg(feature = "ffmpeg")]
const MAX_DATA_BYTES: u64 = 512 * 1024 * 1024;

/// Maximum number of open files: the socket, the file, the standard streams, and files that
/// libraries open at startup.
#[cfg(feature = "ffmpeg")]
const MAX_OPEN_FILES: u64 = 32;

/// CPU time for startup and the protocol, in addition to the limit of a request, in seconds.
#[cfg(feature = "ffmpeg")]
const SPARE_CPU_SECONDS: u64 = 10;

/// Applies all restrictions of a helper with this version of libavformat, and returns the active
/// ones. With `writes_files`, written
/// files are not limited, for a process whose standard output may be a file.
#[cfg(feature = "ffmpeg")]
pub(crate) fn enter(libavformat: String, writes_files: bool) -> Protections {
    Protections {
        libavformat,
        limits: limit_helper(writes_files).is_ok(),
        ends_with_parent: end_with_parent(),
        landlock: landlock(&[], &[]).to_owned(),
        no_capabilities: drop_capabilities(false),
        // Last, because the others need system calls that it denies.
        system_call_filter: filter_helper(),
    }
}

#[cfg(feature = "ffmpeg")]
fn limit_helper(writes_files: bool) -> rustix::io::Result<()> {
    limit(Resource::Core, 0)?;
    if !writes_files {
        limit(Resource::Fsize, 0)?;
    }
    limit(Resource::Nofile, MAX_OPEN_FILES)?;
    limit(Resource::Data, MAX_DATA_BYTES)?;
    #[cfg(target_os = "linux")]
    grant_cpu(Duration::ZERO)?;
    Ok(())
}

/// Allows this process this much more CPU time. A helper serves many files, so the limit is raised
/// for each request; only the soft limit is set.
#[cfg(all(feature = "ffmpeg", target_os = "linux"))]
pub(crate) fn grant_cpu(time: Duration) -> rustix::io::Result<()> {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime).tv_sec;
    let until = u64::try_from(used)
        .unwrap_or_default()
        .saturating_add(time.as_secs())
        .saturating_add(SPARE_CPU_SECONDS);
    let maximum = rustix::process::getrlimit(Resource::Cpu).maximum;
    setrlimit(
        Resource::Cpu,
        Rlimit {
            current: Some(maximum.map_or(until, |maximum| maximum.min(until))),
            maximum,
        },
    )
}

#[cfg(all(feature = "ffmpeg", not(target_os = "linux")))]
pub(crate) fn grant_cpu(_: std::time::Duration) -> rustix::io::Result<()> {
    Ok(())
}

/// Sets close-on-exec for every descriptor except the standard streams.
pub(crate) fn close_inherited() {
    #[cfg(target_os = "linux")]
    close_fds::set_fds_cloexec(3, &[]);
}

/// Sets both limits of a resource. A lower existing limit is kept.
pub(crate) fn limit(resource: Resource, value: u64) -> rustix::io::Result<()> {
    let maximum = rustix::process::getrlimit(resource).maximum;
    let value = maximum.map_or(value, |maximum| maximum.min(value));
    setrlimit(
        resource,
        Rlimit {
            current: Some(value),
            maximum: Some(value),
        },
    )
}

/// Asks the kernel to kill this process when the thread that started it ends.
#[cfg(target_os = "linux")]
pub(crate) fn end_with_parent() -> bool {
    let signal = Some(rustix::process::Signal::KILL);
    rustix::process::set_parent_process_death_signal(signal).is_ok()
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn end_with_parent() -> bool {
    false
}

/// Drops all capabilities, or all except the one to open files of other users, and ensures that no
/// executed program gains new ones. Capabilities exist if `tl` runs as root. Landlock still
/// determines which files can be opened.
#[cfg(target_os = "linux")]
pub(crate) fn drop_capabilities(may_open_files: bool) -> bool {
    use rustix::thread::{
        CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
        remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
    };
    let keep = if may_open_files {
        CapabilitySet::DAC_OVERRIDE
    } else {
        CapabilitySet::empty()
    };
    let Ok(held) = capabilities(None) else {
        return false;
    };
    // Dropping these requires a capability itself, so do it first; without capabilities there is
    // nothing to drop.
    for capability in CapabilitySet::all().iter() {
        if !keep.contains(capability) {
            let _ = remove_capability_from_bounding_set(capability);
        }
    }
    let _ = clear_ambient_capability_set();
    let sets = CapabilitySets {
        effective: held.effective & keep,
        permitted: held.permitted & keep,
        inheritable: CapabilitySet::empty(),
    };
    set_no_new_privs(true).is_ok() && set_capabilities(None, sets).is_ok()
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn drop_capabilities(_: bool) -> bool {
    false
}

/// Denies every file except those below `readable` and `writable`, every TCP connection and every
/// abstract socket.
#[cfg(target_os = "linux")]
pub(crate) fn landlock(
    readable: &[std::path::PathBuf],
    writable: &[std::path::PathBuf],
) -> &'static str {
    use landlock::{
        ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
        Scope, path_beneath_rules,
    };
    // Older kernels enforce the part that they support.
    let abi = ABI::V6;
    let read = AccessFs::from_read(abi);
    // Devices, sockets, links and programs cannot be created in an output directory.
    let write = AccessFs::ReadFile
        | AccessFs::ReadDir
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::RemoveFile
        | AccessFs::RemoveDir;
    let restricted = Ruleset::default()
        .handle_access(AccessFs::from_all(abi))
        .and_then(|r| r.handle_access(AccessNet::from_all(abi)))
        .and_then(|r| r.scope(Scope::from_all(abi)))
        .and_then(Ruleset::create)
        // A path that does not exist gets no rule and stays denied.
        .and_then(|r| r.add_rules(path_beneath_rules(readable, read)))
        .and_then(|r| r.add_rules(path_beneath_rules(writable, write)))
        .and_then(landlock::RulesetCreated::restrict_self);
    match restricted.map(|status| status.ruleset) {
        Ok(RulesetStatus::FullyEnforced) => "full",
        Ok(RulesetStatus::PartiallyEnforced) => "partial",
        _ => "none",
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn landlock(_: &[std::path::PathBuf], _: &[std::path::PathBuf]) -> &'static str {
    "none"
}

#[cfg(feature = "ffmpeg")]
fn filter_helper() -> bool {
    #[cfg(target_os = "linux")]
    return super::filter::for_helper();
    #[cfg(not(target_os = "linux"))]
    return false;
}
