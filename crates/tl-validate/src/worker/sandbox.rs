//! What a helper gives up before it looks at the first file: memory, files, the file system, the network, and every
//! system call that reading needs not. What the kernel lacks is left out and told, never an error.

use serde::{Deserialize, Serialize};

/// The protections that are active in a helper.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Protections {
    /// Version of libavformat in the helper.
    pub libavformat: String,
    /// Limits on memory, open files and written files are set.
    pub limits: bool,
    /// Landlock refuses to open any file (and, on newer kernels, any TCP connection): `full`, `partial` or `none`.
    pub landlock: String,
    /// A filter answers EPERM to every system call that reading media does not need.
    pub system_call_filter: bool,
}

/// Private memory of the helper, in bytes. The worst of the measured bombs takes 300 MB.
#[cfg(feature = "ffmpeg")]
const MAX_DATA_BYTES: u64 = 512 * 1024 * 1024;

/// Open files: the socket, the file, the standard streams, and what libraries open at start.
#[cfg(feature = "ffmpeg")]
const MAX_OPEN_FILES: u64 = 32;

/// Gives everything up that can be given up, and tells what that was.
#[cfg(feature = "ffmpeg")]
pub(super) fn enter() -> Protections {
    Protections {
        libavformat: crate::ffmpeg::version(),
        limits: limit().is_ok(),
        landlock: landlock().to_owned(),
        // Last, because the others need calls that it refuses.
        system_call_filter: filter_system_calls(),
    }
}

#[cfg(feature = "ffmpeg")]
fn limit() -> rustix::io::Result<()> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let at_most = |resource, value| {
        let limit = Rlimit {
            current: Some(value),
            maximum: Some(value),
        };
        setrlimit(resource, limit)
    };
    at_most(Resource::Core, 0)?;
    at_most(Resource::Fsize, 0)?;
    at_most(Resource::Nofile, MAX_OPEN_FILES)?;
    at_most(Resource::Data, MAX_DATA_BYTES)
}

#[cfg(all(feature = "ffmpeg", not(target_os = "linux")))]
fn landlock() -> &'static str {
    "none"
}

#[cfg(all(feature = "ffmpeg", target_os = "linux"))]
fn landlock() -> &'static str {
    use landlock::{ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetStatus, Scope};
    // No rule is added, so nothing is allowed. Older kernels take the part they know.
    let abi = ABI::V6;
    let restricted = Ruleset::default()
        .handle_access(AccessFs::from_all(abi))
        .and_then(|r| r.handle_access(AccessNet::from_all(abi)))
        .and_then(|r| r.scope(Scope::from_all(abi)))
        .and_then(Ruleset::create)
        .and_then(landlock::RulesetCreated::restrict_self);
    match restricted.map(|status| status.ruleset) {
        Ok(RulesetStatus::FullyEnforced) => "full",
        Ok(RulesetStatus::PartiallyEnforced) => "partial",
        _ => "none",
    }
}

#[cfg(all(feature = "ffmpeg", not(target_os = "linux")))]
fn filter_system_calls() -> bool {
    false
}

#[cfg(all(feature = "ffmpeg", target_os = "linux"))]
fn filter_system_calls() -> bool {
    use std::collections::BTreeMap;

    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter};
    /// Reading and answering, memory, time, threads of this process, and the way out. Everything else, above all opening
    /// and connecting, is answered with EPERM; killing would turn a demuxer's harmless extra (character tables) into a crash.
    const ALLOWED: &[libc::c_long] = &[
        libc::SYS_read,
        libc::SYS_pread64,
        libc::SYS_readv,
        libc::SYS_write,
        libc::SYS_writev,
        libc::SYS_recvmsg,
        libc::SYS_recvfrom,
        libc::SYS_sendmsg,
        libc::SYS_sendto,
        libc::SYS_close,
        libc::SYS_fstat,
        libc::SYS_statx,
        libc::SYS_lseek,
        libc::SYS_fcntl,
        libc::SYS_ppoll,
        libc::SYS_mmap,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_mprotect,
        libc::SYS_madvise,
        libc::SYS_brk,
        libc::SYS_futex,
        libc::SYS_clock_gettime,
        libc::SYS_clock_nanosleep,
        libc::SYS_gettimeofday,
        libc::SYS_getrandom,
        libc::SYS_sched_yield,
        libc::SYS_sched_getaffinity,
        libc::SYS_getpid,
        libc::SYS_gettid,
        libc::SYS_tgkill,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
        libc::SYS_restart_syscall,
        libc::SYS_rseq,
        libc::SYS_set_robust_list,
        libc::SYS_exit,
        libc::SYS_exit_group,
    ];
    let Ok(architecture) = TargetArch::try_from(std::env::consts::ARCH) else {
        return false;
    };
    #[allow(
        clippy::useless_conversion,
        reason = "the width of a call number differs between systems"
    )]
    let rules: BTreeMap<i64, Vec<_>> = ALLOWED
        .iter()
        .map(|call| (i64::from(*call), Vec::new()))
        .collect();
    let refuse = SeccompAction::Errno(libc::EPERM as u32);
    let program = SeccompFilter::new(rules, refuse, SeccompAction::Allow, architecture)
        .and_then(BpfProgram::try_from);
    program.is_ok_and(|program| apply_filter(&program).is_ok())
}
