//! The heap of a process that does nothing but probe.

/// Freed memory up to this size stays with the process.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT_BYTES: i32 = 32 * 1024 * 1024;

/// Keeps what one file has freed for the next one. By itself, the C library gives it back to the system after each file, and
/// each file begins with page faults: more than half of them go away, and with them 5 to 8 % of the time of a small file
/// (187 files of the corpus, glibc 2.36).
///
/// It changes the whole process, so it is for a process of our own.
pub(crate) fn keep() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    for (parameter, bytes) in [
        // Setting one of them ends the adjusting of the others, so all three are set.
        (libc::M_MMAP_THRESHOLD, KEPT_BYTES),
        (libc::M_TRIM_THRESHOLD, KEPT_BYTES),
        (libc::M_TOP_PAD, 1024 * 1024),
    ] {
        // SAFETY: it takes two numbers and may be called at any time. A refusal changes nothing, which is good enough.
        unsafe { libc::mallopt(parameter, bytes) };
    }
}
