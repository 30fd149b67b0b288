//! The seccomp filters: the system calls allowed for the helper and for a confined program. All
//! others return EPERM. Killing the process instead would turn a harmless library call (loading
//! character tables) into a crash.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter,
};

/// Reading and responding, memory, time, threads of this process, and exiting.
const HELPER: &[libc::c_long] = &[
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

/// What a program needs in addition to [`HELPER`]: to start, to open files by name, and to run
/// threads. Landlock restricts the files. Sockets, processes, namespaces, tracing, keys, modules
/// and devices are not in the list.
const PROGRAM: &[libc::c_long] = &[
    libc::SYS_execve,
    libc::SYS_openat,
    libc::SYS_newfstatat,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_getdents64,
    libc::SYS_mkdirat,
    libc::SYS_unlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_pwrite64,
    libc::SYS_preadv,
    libc::SYS_pwritev,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_fadvise64,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_flock,
    libc::SYS_umask,
    libc::SYS_getcwd,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_pipe2,
    libc::SYS_pselect6,
    libc::SYS_close_range,
    libc::SYS_nanosleep,
    libc::SYS_clock_getres,
    libc::SYS_times,
    libc::SYS_getrusage,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    libc::SYS_getcpu,
    libc::SYS_set_tid_address,
    libc::SYS_membarrier,
    libc::SYS_mlock,
    libc::SYS_munlock,
    libc::SYS_mincore,
    libc::SYS_get_mempolicy,
    libc::SYS_sched_setaffinity,
    libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler,
    libc::SYS_sched_get_priority_max,
    libc::SYS_sched_get_priority_min,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getppid,
    libc::SYS_getpgid,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_rt_sigsuspend,
];

/// Older variants of the same calls, which newer architectures do not have.
#[cfg(target_arch = "x86_64")]
const PROGRAM_OLD: &[libc::c_long] = &[
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_mkdir,
    libc::SYS_rmdir,
    libc::SYS_unlink,
    libc::SYS_rename,
    libc::SYS_dup2,
    libc::SYS_pipe,
    libc::SYS_poll,
    libc::SYS_select,
    libc::SYS_time,
    libc::SYS_getrlimit,
    libc::SYS_getpgrp,
    libc::SYS_arch_prctl,
];
#[cfg(not(target_arch = "x86_64"))]
const PROGRAM_OLD: &[libc::c_long] = &[];

/// Restricts this process to reading media. Returns whether the kernel enforces it.
#[cfg(feature = "ffmpeg")]
pub(super) fn for_helper() -> bool {
    helper_rules()
        .is_some_and(|rules| apply(rules, SeccompAction::Errno(EPERM), SeccompAction::Allow))
}

#[cfg(feature = "ffmpeg")]
fn helper_rules() -> Option<Rules> {
    let mut rules = allowed(&[HELPER]);
    rules.extend(own_signals()?);
    // The CPU limit is raised before each request (see `restrict::grant_cpu`).
    let cpu = SeccompRule::new(vec![
        equals(0, SeccompCmpArgLen::Dword, 0)?,
        equals(1, SeccompCmpArgLen::Dword, u64::from(libc::RLIMIT_CPU))?,
    ])
    .ok()?;
    rules.insert(number(libc::SYS_prlimit64), vec![cpu]);
    Some(rules)
}

/// Restricts this process to converting files. Returns whether the kernel enforces it.
pub(super) fn for_program() -> bool {
    // Its arguments are in memory, which a filter cannot inspect. After ENOSYS the C library uses
    // `clone` instead.
    let clone3 = apply(
        allowed(&[&[libc::SYS_clone3]]),
        SeccompAction::Allow,
        SeccompAction::Errno(ENOSYS),
    );
    let rules = program_rules();
    let rest =
        rules.is_some_and(|rules| apply(rules, SeccompAction::Errno(EPERM), SeccompAction::Allow));
    clone3 && rest
}

fn program_rules() -> Option<Rules> {
    let mut rules = allowed(&[HELPER, PROGRAM, PROGRAM_OLD]);
    for call in [
        libc::SYS_recvmsg,
        libc::SYS_recvfrom,
        libc::SYS_sendmsg,
        libc::SYS_sendto,
    ] {
        rules.remove(&number(call));
    }
    rules.extend(own_signals()?);
    // Allowed by the second filter, denied by the first with another error.
    rules.insert(number(libc::SYS_clone3), Vec::new());
    // Threads of this process, but no other process.
    let thread = SeccompCondition::new(
        0,
        SeccompCmpArgLen::Dword,
        SeccompCmpOp::MaskedEq(CLONE_THREAD),
        CLONE_THREAD,
    )
    .and_then(|condition| SeccompRule::new(vec![condition]))
    .ok()?;
    rules.insert(number(libc::SYS_clone), vec![thread]);
    // Setting names of threads and memory, but nothing that would disable a protection.
    let mut naming = Vec::new();
    for option in [libc::PR_SET_NAME, libc::PR_GET_NAME, libc::PR_SET_VMA] {
        let option = equals(0, SeccompCmpArgLen::Dword, u64::try_from(option).ok()?)?;
        naming.push(SeccompRule::new(vec![option]).ok()?);
    }
    rules.insert(number(libc::SYS_prctl), naming);
    // Reading the limits of this process.
    let reading = SeccompRule::new(vec![
        equals(0, SeccompCmpArgLen::Dword, 0)?,
        equals(2, SeccompCmpArgLen::Qword, 0)?,
    ])
    .ok()?;
    rules.insert(number(libc::SYS_prlimit64), vec![reading]);
    Some(rules)
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

const EPERM: u32 = libc::EPERM as u32;
const ENOSYS: u32 = libc::ENOSYS as u32;
const CLONE_THREAD: u64 = libc::CLONE_THREAD as u64;

/// `abort` and `raise` signal a thread of this process; signals to other processes are denied.
fn own_signals() -> Option<Rules> {
    let own = SeccompRule::new(vec![equals(
        0,
        SeccompCmpArgLen::Dword,
        std::process::id().into(),
    )?]);
    Some(BTreeMap::from([(
        number(libc::SYS_tgkill),
        vec![own.ok()?],
    )]))
}

fn equals(argument: u8, length: SeccompCmpArgLen, value: u64) -> Option<SeccompCondition> {
    SeccompCondition::new(argument, length, SeccompCmpOp::Eq, value).ok()
}

fn allowed(lists: &[&[libc::c_long]]) -> Rules {
    lists
        .iter()
        .flat_map(|list| list.iter())
        .map(|call| (number(*call), Vec::new()))
        .collect()
}

#[allow(
    clippy::useless_conversion,
    reason = "the width of a call number differs between systems"
)]
fn number(call: libc::c_long) -> i64 {
    i64::from(call)
}

fn apply(rules: Rules, others: SeccompAction, listed: SeccompAction) -> bool {
    let Ok(architecture) = TargetArch::try_from(std::env::consts::ARCH) else {
        return false;
    };
    SeccompFilter::new(rules, others, listed, architecture)
        .and_then(BpfProgram::try_from)
        .is_ok_and(|program| apply_filter(&program).is_ok())
}
