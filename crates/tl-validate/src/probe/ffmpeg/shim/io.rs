//! Custom I/O: FFmpeg reads only from our open file (or another source), up to its initial size and
//! until the deadline.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::fmt;
use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use ffmpeg_next::ffi;

use crate::probe::container;
use crate::probe::file_ranges::read_file_at;
use crate::probe::read_ahead::ReadAhead;

/// FFmpeg's default. 16 to 64 KiB measure the same.
const BUFFER_BYTES: usize = 32 * 1024;

/// Maximum size of a read from a remote source. FFmpeg accepts fewer bytes than it requests.
const RANGE_BYTES: usize = 1024 * 1024;

/// Size of a read while the format is unknown: as much as FFmpeg reads first.
const PROBE_BYTES: usize = 2048;

/// Number of first bytes that are sufficient to identify common formats.
const HEAD_BYTES: usize = 64;

/// Minimum size of a read: one section of a transport stream.
const ADAPTIVE_MIN_BYTES: usize = 1024;

/// FFmpeg's processing time for the previous read: above `SLOW` the reads get smaller, below
/// `QUICK` larger.
const SLOW: Duration = Duration::from_millis(20);
const QUICK: Duration = Duration::from_millis(2);

/// Limits for one step, such as opening the file or finding the next packet. Steps of the test
/// corpus take 0.1 s and read a few megabytes; without a limit, a hole of 100 GB in an AVI file
/// would be read to its end.
const STEP_BYTES: u64 = 256 * 1024 * 1024;
const STEP_CPU_TIME: Duration = Duration::from_secs(5);

/// Number of packets after which the CPU time of a step is reset.
const PACKETS: u32 = 64;

/// Remote sources up to this size are read completely in a few fetches, and are therefore treated
/// like files.
const EXPENSIVE_BYTES: u64 = 4 * 1024 * 1024;

/// Maximum number of fetches from a remote source by [`Session::peek`].
const PEEK_FETCHES: u32 = 2;

/// The source of the bytes.
pub(in crate::probe::ffmpeg) enum Source<'a> {
    File(File),
    Ranges(ReadAhead<'a>),
}

/// Maximum size of a read.
#[derive(Debug, Clone, Copy)]
enum Pace {
    /// Small, because the format is not known yet.
    Probing,
    /// This size, reduced while FFmpeg is slow to process the data.
    ///
    /// The deadline can stop FFmpeg only between reads. 32 KiB of a transport stream that lists
    /// thousands of programs take seconds, because FFmpeg compares each program with all others at
    /// every section.
    Adaptive(usize),
    /// As much as FFmpeg requests.
    Full,
}

/// State of the I/O callbacks. It outlives the `AVIOContext` that points to it.
pub(in crate::probe::ffmpeg) struct Session<'a> {
    source: Source<'a>,
    peek_fetches: u32,
    /// The size when the file was opened. Data appended later is not read.
    size: u64,
    position: u64,
    deadline: Instant,
    scratch: Vec<u8>,
    pace: Pace,
    /// Time of the last completed read.
    last_read: Instant,
    /// Start of the session, and the CPU time that this thread had used before.
    started: Instant,
    cpu_time_before: Duration,
    /// Bytes read and CPU time used before the current step, and its start.
    step_bytes: u64,
    step_cpu_time: Duration,
    step_started: Instant,
    packets: u32,
    /// Events recorded by the callbacks.
    pub(in crate::probe::ffmpeg) status: SessionStatus,
}

/// Events in the custom I/O that FFmpeg's error codes do not report.
#[derive(Debug, Clone, Default)]
pub(in crate::probe::ffmpeg) struct SessionStatus {
    /// The first read error. FFmpeg treats it as the end of the file.
    pub(in crate::probe::ffmpeg) read_error: Option<String>,
    /// Whether the byte budget of the source was used up. FFmpeg treats this as the end of the file
    /// too.
    pub(in crate::probe::ffmpeg) budget_spent: bool,
    /// Whether the deadline stopped a read or a loop.
    pub(in crate::probe::ffmpeg) timed_out: bool,
    /// Whether a step was stopped because it read too many bytes or used too much CPU time.
    pub(in crate::probe::ffmpeg) step_exceeded: bool,
    /// The time since the start when one of these two occurred, and the CPU time that this thread
    /// had used.
    pub(in crate::probe::ffmpeg) elapsed: Duration,
    pub(in crate::probe::ffmpeg) cpu_time: Duration,
    /// Total time spent in reads.
    pub(in crate::probe::ffmpeg) reading: Duration,
    /// A URL or file name that a demuxer tried to open in addition to the file.
    pub(in crate::probe::ffmpeg) nested: Option<String>,
    /// Total bytes read.
    pub(in crate::probe::ffmpeg) bytes_read: u64,
    /// Number of reads.
    pub(in crate::probe::ffmpeg) reads: u64,
}

impl<'a> Session<'a> {
    pub(in crate::probe::ffmpeg) fn new(source: Source<'a>, size: u64, deadline: Instant) -> Self {
        let (now, cpu_time) = (Instant::now(), thread_cpu_time());
        Self {
            source,
            peek_fetches: PEEK_FETCHES,
            size,
            position: 0,
            deadline,
            scratch: Vec::new(),
            pace: Pace::Probing,
            last_read: now,
            started: now,
            cpu_time_before: cpu_time,
            step_bytes: 0,
            step_cpu_time: cpu_time,
            step_started: now,
            packets: 0,
            status: SessionStatus::default(),
        }
    }

    pub(in crate::probe::ffmpeg) fn size(&self) -> u64 {
        self.size
    }

    /// Sets the maximum size of a read, once the format is known.
    pub(in crate::probe::ffmpeg) fn set_pace(&mut self, adaptive: bool) {
        self.pace = if adaptive {
            Pace::Adaptive(PROBE_BYTES)
        } else {
            Pace::Full
        };
    }

    /// Maximum size of the next read.
    fn read_limit(&mut self) -> usize {
        match &mut self.pace {
            Pace::Probing => PROBE_BYTES,
            Pace::Full => usize::MAX,
            Pace::Adaptive(most) => {
                let elapsed = self.last_read.elapsed();
                if elapsed > SLOW {
                    *most = (*most / 2).max(ADAPTIVE_MIN_BYTES);
                } else if elapsed < QUICK {
                    *most = (*most * 2).min(BUFFER_BYTES);
                }
                *most
            }
        }
    }

    /// Whether random access is expensive: each read may be a network request, and the source is
    /// large.
    pub(in crate::probe::ffmpeg) fn is_expensive(&self) -> bool {
        matches!(self.source, Source::Ranges(_)) && self.size > EXPENSIVE_BYTES
    }

    /// Remaining byte budget of the source; `None` for no limit.
    pub(in crate::probe::ffmpeg) fn remaining(&self) -> Option<u64> {
        match &self.source {
            Source::File(_) => None,
            Source::Ranges(ahead) => ahead.remaining(),
        }
    }

    /// The first bytes of a file. `None` for a remote source, whose reads are limited.
    pub(super) fn head(&self) -> Option<[u8; HEAD_BYTES]> {
        let Source::File(file) = &self.source else {
            return None;
        };
        let mut head = [0; HEAD_BYTES];
        let count = read_file_at(file, &mut head, 0).ok()?;
        (count == HEAD_BYTES).then_some(head)
    }

    /// Reads at an absolute offset, outside FFmpeg. Fetches only a little from a remote source
    /// beyond the cached data.
    pub(in crate::probe::ffmpeg) fn peek(
        &mut self,
        offset: u64,
        into: &mut [u8],
    ) -> io::Result<usize> {
        if let Source::Ranges(ahead) = &self.source
            && !ahead.holds(offset)
        {
            self.peek_fetches = self
                .peek_fetches
                .checked_sub(1)
                .ok_or(io::ErrorKind::QuotaExceeded)?;
        }
        self.source.read_at(offset, into)
    }

    /// Identifies a file that is not a video by its bytes.
    pub(in crate::probe::ffmpeg) fn file_kind(&mut self) -> Option<container::FileKind> {
        container::file_kind(self.size, &mut |offset, into| self.peek(offset, into))
    }

    /// Exactly `N` bytes at an offset, or `None`.
    pub(in crate::probe::ffmpeg) fn peek_exact<const N: usize>(
        &mut self,
        offset: u64,
    ) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        let mut filled = 0;
        while filled < N {
            match self.peek(offset.checked_add(filled as u64)?, &mut bytes[filled..]) {
                Ok(0) | Err(_) => return None,
                Ok(read) => filled += read,
            }
        }
        Some(bytes)
    }

    fn expired(&mut self) -> bool {
        if self.status.timed_out || self.status.step_exceeded {
            return true;
        }
        let now = Instant::now();
        self.status.timed_out = now >= self.deadline;
        // A thread uses no more CPU time than time passes, and the clock of the latter needs no
        // system call.
        self.status.step_exceeded = self.status.bytes_read - self.step_bytes >= STEP_BYTES
            || (now - self.step_started >= STEP_CPU_TIME
                && thread_cpu_time().saturating_sub(self.step_cpu_time) >= STEP_CPU_TIME);
        let ends = self.status.timed_out || self.status.step_exceeded;
        if ends {
            self.status.cpu_time = thread_cpu_time().saturating_sub(self.cpu_time_before);
            self.status.elapsed = self.started.elapsed();
        }
        ends
    }

    /// Called before each packet. Querying the clocks for every packet would cost as much as reading
    /// it.
    pub(super) fn begin_packet(&mut self) {
        self.step_bytes = self.status.bytes_read;
        self.packets = self.packets.wrapping_add(1);
        if self.packets.is_multiple_of(PACKETS) {
            self.begin_step();
        }
    }

    /// Resets the limits for the next step.
    pub(super) fn begin_step(&mut self) {
        self.step_bytes = self.status.bytes_read;
        self.step_started = Instant::now();
        self.step_cpu_time = thread_cpu_time();
    }

    /// Reads the next bytes into `scratch`. Returns their number or an FFmpeg error code.
    fn read_next(&mut self, wanted: usize) -> Result<usize, c_int> {
        let left = self.size.saturating_sub(self.position);
        let mut wanted = usize::try_from(left).unwrap_or(usize::MAX).min(wanted);
        if matches!(self.source, Source::Ranges(_)) {
            wanted = wanted.min(RANGE_BYTES);
        }
        wanted = wanted.min(self.read_limit());
        if wanted == 0 {
            return Err(ffi::AVERROR_EOF);
        }
        if self.scratch.len() < wanted {
            self.scratch.resize(wanted, 0);
        }
        loop {
            if self.expired() {
                return Err(ffi::AVERROR_EXIT);
            }
            let asked = Instant::now();
            let read = self
                .source
                .read_at(self.position, &mut self.scratch[..wanted]);
            self.status.reading += asked.elapsed();
            match read {
                Ok(0) => return Err(ffi::AVERROR_EOF),
                Ok(n) => {
                    self.position += n as u64;
                    self.status.bytes_read += n as u64;
                    self.status.reads += 1;
                    self.last_read = Instant::now();
                    return Ok(n);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::QuotaExceeded => {
                    self.status.budget_spent = true;
                    return Err(ffi::AVERROR(ffi::EIO));
                }
                Err(error) => {
                    self.status
                        .read_error
                        .get_or_insert_with(|| error.to_string());
                    return Err(ffi::AVERROR(ffi::EIO));
                }
            }
        }
    }

    fn seek(&mut self, offset: i64, whence: c_int) -> Option<i64> {
        let base = match whence {
            0 => 0,
            1 => i64::try_from(self.position).ok()?,
            2 => i64::try_from(self.size).ok()?,
            _ => return None,
        };
        let target = base.checked_add(offset)?;
        self.position = u64::try_from(target).ok()?;
        Some(target)
    }
}

impl Source<'_> {
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => read_file_at(file, into, offset),
            Self::Ranges(ahead) => {
                // The source is foreign code and the caller is C, so a panic must not unwind
                // further.
                let read = AssertUnwindSafe(|| ahead.read(offset, into));
                catch_unwind(read)
                    .unwrap_or_else(|_| Err(io::Error::other("the source of bytes panicked")))
            }
        }
    }
}

impl fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("size", &self.size)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// The CPU time of this thread; zero if unknown, so that an expired deadline is attributed to the
/// machine.
fn thread_cpu_time() -> Duration {
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or(0);
        Duration::new(seconds, nanoseconds)
    }
    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    {
        Duration::ZERO
    }
}

/// An `AVIOContext` for a [`Session`]; owns both.
pub(super) struct CustomIo<'a> {
    pub(super) context: *mut ffi::AVIOContext,
    session: *mut Session<'a>,
}

impl<'a> CustomIo<'a> {
    pub(super) fn new(session: Session<'a>) -> Option<Self> {
        let session = Box::into_raw(Box::new(session));
        // SAFETY: plain allocation; the result is checked.
        let buffer = unsafe { ffi::av_mallocz(BUFFER_BYTES) };
        if buffer.is_null() {
            // SAFETY: `session` came from `Box::into_raw` above and has no other owner.
            drop(unsafe { Box::from_raw(session) });
            return None;
        }
        // SAFETY: the buffer has the given size and is owned by the context from here on; the
        // callbacks match the signatures and receive `session`, which `Drop` frees only after the
        // context.
        let context = unsafe {
            ffi::avio_alloc_context(
                buffer.cast(),
                BUFFER_BYTES as c_int,
                0,
                session.cast(),
                Some(read),
                None,
                Some(seek),
            )
        };
        if context.is_null() {
            // SAFETY: the context was not created, so both allocations are still ours.
            unsafe {
                ffi::av_free(buffer);
                drop(Box::from_raw(session));
            }
            return None;
        }
        Some(Self { context, session })
    }

    pub(super) fn session(&self) -> &Session<'a> {
        // SAFETY: the session lives as long as `self`. The callbacks create their exclusive
        // reference only during a call into FFmpeg, which needs `&mut Input` and hence cannot
        // overlap with this borrow.
        unsafe { &*self.session }
    }

    pub(super) fn session_mut(&mut self) -> &mut Session<'a> {
        // SAFETY: as above; `&mut self` excludes every other borrow, and no call into FFmpeg runs
        // during this one.
        unsafe { &mut *self.session }
    }

    /// The interrupt callback, which FFmpeg polls.
    pub(super) fn interrupt(&self) -> ffi::AVIOInterruptCB {
        ffi::AVIOInterruptCB {
            callback: Some(interrupted),
            opaque: self.session.cast(),
        }
    }
}

impl Drop for CustomIo<'_> {
    fn drop(&mut self) {
        // SAFETY: the format context that used this I/O context is already closed (see `Input`).
        // The buffer is taken from the context because FFmpeg may have replaced it. `session` is
        // freed last and only once.
        unsafe {
            ffi::av_freep((&raw mut (*self.context).buffer).cast());
            ffi::avio_context_free(&raw mut self.context);
            drop(Box::from_raw(self.session));
        }
    }
}

unsafe extern "C" fn read(opaque: *mut c_void, buffer: *mut u8, size: c_int) -> c_int {
    let Some(wanted) = usize::try_from(size).ok().filter(|n| *n > 0) else {
        return ffi::AVERROR(ffi::EINVAL);
    };
    // SAFETY: `opaque` is the session of `CustomIo::new`; FFmpeg calls back on the calling thread,
    // one call at a time, and no other reference to the session exists meanwhile.
    let session = unsafe { &mut *opaque.cast::<Session<'_>>() };
    match session.read_next(wanted) {
        Ok(n) => {
            // SAFETY: FFmpeg provides `size` bytes, `n <= size`, and `scratch` holds `n` bytes. The
            // bytes go through `scratch` because FFmpeg's buffer may be uninitialized, which a Rust
            // slice must not be.
            unsafe { std::ptr::copy_nonoverlapping(session.scratch.as_ptr(), buffer, n) };
            n as c_int
        }
        Err(code) => code,
    }
}

unsafe extern "C" fn seek(opaque: *mut c_void, offset: i64, whence: c_int) -> i64 {
    // SAFETY: as in `read`.
    let session = unsafe { &mut *opaque.cast::<Session<'_>>() };
    // AVSEEK_FORCE may be set and has no meaning here.
    let whence = whence & !ffi::AVSEEK_FORCE;
    if whence == ffi::AVSEEK_SIZE {
        return i64::try_from(session.size).unwrap_or(i64::MAX);
    }
    session
        .seek(offset, whence)
        .unwrap_or_else(|| i64::from(ffi::AVERROR(ffi::EINVAL)))
}

unsafe extern "C" fn interrupted(opaque: *mut c_void) -> c_int {
    // SAFETY: as in `read`; FFmpeg polls between reads, never during one.
    let session = unsafe { &mut *opaque.cast::<Session<'_>>() };
    c_int::from(session.expired())
}

/// Refuses to open anything other than the given file.
pub(super) unsafe extern "C" fn deny_open(
    context: *mut ffi::AVFormatContext,
    io: *mut *mut ffi::AVIOContext,
    url: *const c_char,
    _flags: c_int,
    _options: *mut *mut ffi::AVDictionary,
) -> c_int {
    // SAFETY: FFmpeg passes its own live context, a valid pointer for the result, and a C string or
    // null. The opaque pointer is the session of `CustomIo::interrupt`, which every nested context
    // inherits, or null.
    unsafe {
        *io = std::ptr::null_mut();
        let session = (*context).interrupt_callback.opaque.cast::<Session<'_>>();
        if !session.is_null() {
            let name = if url.is_null() {
                String::new()
            } else {
                CStr::from_ptr(url).to_string_lossy().into_owned()
            };
            (*session).status.nested.get_or_insert(name);
        }
    }
    ffi::AVERROR(ffi::EPERM)
}
