//! Custom I/O: FFmpeg reads through our own open file (or another source of bytes), within its first size, until the
//! deadline, and nothing else.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::fmt;
use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use ffmpeg_next::ffi;

use super::opening::Lock;
use crate::layout;
use crate::range::{ReadAhead, read_file_at};

/// FFmpeg's own default; 16 to 64 KiB measure the same.
const BUFFER_BYTES: usize = 32 * 1024;

/// Read at once from a source that is no file. FFmpeg is content with fewer bytes than it asks for.
const RANGE_BYTES: usize = 1024 * 1024;

/// What is handed out at once while the format is not known yet: as much as FFmpeg looks at first.
const PROBE_BYTES: usize = 2048;

/// Where the kind of a file shows at sight, it shows within these.
const HEAD_BYTES: usize = 64;

/// What is handed out at once at least: a section of a transport stream.
const GENTLE_LEAST_BYTES: usize = 1024;

/// FFmpeg's time on what it was given last: from here on it gets less, up to there it gets more.
const SLOW: Duration = Duration::from_millis(20);
const QUICK: Duration = Duration::from_millis(2);

/// What one step, such as opening the file or finding the next packet, may take at most. Steps of the test corpus take 0.1 s and
/// read a few megabytes; a hole of 100 GB in an AVI file would be read to its end.
const STEP_BYTES: u64 = 256 * 1024 * 1024;
const STEP_BUSY: Duration = Duration::from_secs(5);

/// Packets that count as one step of the processor.
const PACKETS: u32 = 64;

/// Up to here a source that is no file is read whole in a few fetches, and hence like a file.
const DEAR_BYTES: u64 = 4 * 1024 * 1024;

/// Fetches that [`Session::peek`] may cause in a source that is no file.
const PEEK_FETCHES: u32 = 2;

/// Where the bytes come from.
pub(in crate::ffmpeg) enum Source<'a> {
    File(File),
    Ranges(ReadAhead<'a>),
}

/// How much is handed out at once.
#[derive(Debug, Clone, Copy)]
enum Pace {
    /// Little, because what it is is not known yet.
    Probing,
    /// So much, and less for as long as FFmpeg is slow with it.
    ///
    /// Only between reads can the deadline stop FFmpeg. It takes seconds for 32 KiB of a transport stream that lists
    /// thousands of programs, because it compares each with all others at every section.
    Gentle(usize),
    /// As much as FFmpeg asks for.
    Full,
}

/// What the callbacks know and what they noticed. It outlives the `AVIOContext` that points to it.
pub(in crate::ffmpeg) struct Session<'a> {
    source: Source<'a>,
    peek_fetches: u32,
    /// The size when the file was opened. A file that grows meanwhile is read up to here only.
    size: u64,
    position: u64,
    deadline: Instant,
    scratch: Vec<u8>,
    pace: Pace,
    /// When something was handed out last.
    handed_out: Instant,
    /// When the session began, and the processor time that this thread had used before.
    begun: Instant,
    busy_before: Duration,
    /// What was read and worked before the step that is under way.
    step_bytes: u64,
    step_busy: Duration,
    packets: u32,
    /// What the callbacks noticed.
    pub(in crate::ffmpeg) marks: Marks,
}

/// What happened below FFmpeg, which its own error codes do not tell.
#[derive(Debug, Clone, Default)]
pub(in crate::ffmpeg) struct Marks {
    /// FFmpeg takes a read error for the end of the file, so it is remembered here.
    pub(in crate::ffmpeg) read_error: Option<String>,
    /// Whether the byte budget of the source was spent, which FFmpeg takes for the end of the file as well.
    pub(in crate::ffmpeg) budget_spent: bool,
    /// Whether the deadline stopped a read or a loop.
    pub(in crate::ffmpeg) timed_out: bool,
    /// Whether one step was stopped because it took too many bytes or too much of the processor.
    pub(in crate::ffmpeg) overworked: bool,
    /// When one of both came: the time since the beginning, and the processor time that this thread had used of it.
    pub(in crate::ffmpeg) elapsed: Duration,
    pub(in crate::ffmpeg) busy: Duration,
    /// The time that reads took.
    pub(in crate::ffmpeg) reading: Duration,
    /// What a demuxer wanted to open besides the file.
    pub(in crate::ffmpeg) nested: Option<String>,
    /// Bytes read so far.
    pub(in crate::ffmpeg) bytes_read: u64,
    /// Reads so far.
    pub(in crate::ffmpeg) reads: u64,
}

impl<'a> Session<'a> {
    pub(in crate::ffmpeg) fn new(source: Source<'a>, size: u64, deadline: Instant) -> Self {
        Self {
            source,
            peek_fetches: PEEK_FETCHES,
            size,
            position: 0,
            deadline,
            scratch: Vec::new(),
            pace: Pace::Probing,
            handed_out: Instant::now(),
            begun: Instant::now(),
            busy_before: processor_time(),
            step_bytes: 0,
            step_busy: processor_time(),
            packets: 0,
            marks: Marks::default(),
        }
    }

    pub(in crate::ffmpeg) fn size(&self) -> u64 {
        self.size
    }

    /// Sets how much is handed out at once, now that the format is known.
    pub(in crate::ffmpeg) fn set_pace(&mut self, gently: bool) {
        self.pace = if gently {
            Pace::Gentle(PROBE_BYTES)
        } else {
            Pace::Full
        };
    }

    /// The most that is handed out this time.
    fn portion(&mut self) -> usize {
        match &mut self.pace {
            Pace::Probing => PROBE_BYTES,
            Pace::Full => usize::MAX,
            Pace::Gentle(most) => {
                let busy = self.handed_out.elapsed();
                if busy > SLOW {
                    *most = (*most / 2).max(GENTLE_LEAST_BYTES);
                } else if busy < QUICK {
                    *most = (*most * 2).min(BUFFER_BYTES);
                }
                *most
            }
        }
    }

    /// Whether reading here and there is dear: each read may be a request over a network, and there is much to read.
    pub(in crate::ffmpeg) fn is_dear(&self) -> bool {
        matches!(self.source, Source::Ranges(_)) && self.size > DEAR_BYTES
    }

    /// How many more bytes the source gives; `None` for any number.
    pub(in crate::ffmpeg) fn remaining(&self) -> Option<u64> {
        match &self.source {
            Source::File(_) => None,
            Source::Ranges(ahead) => ahead.remaining(),
        }
    }

    /// The first bytes of a file; `None` of a remote source, whose reads are counted.
    pub(super) fn head(&self) -> Option<[u8; HEAD_BYTES]> {
        let Source::File(file) = &self.source else {
            return None;
        };
        let mut head = [0; HEAD_BYTES];
        let count = read_file_at(file, &mut head, 0).ok()?;
        (count == HEAD_BYTES).then_some(head)
    }

    /// Reads at an absolute offset, outside of FFmpeg. Of a remote source only little more than is there already.
    pub(in crate::ffmpeg) fn peek(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        match &mut self.source {
            Source::File(file) => read_file_at(file, into, offset),
            Source::Ranges(ahead) => {
                if !ahead.holds(offset) {
                    self.peek_fetches = self
                        .peek_fetches
                        .checked_sub(1)
                        .ok_or(io::ErrorKind::QuotaExceeded)?;
                }
                ahead.read(offset, into)
            }
        }
    }

    /// What the file is, by its bytes.
    pub(in crate::ffmpeg) fn nature(&mut self, lock: &Lock) -> Option<layout::Nature> {
        let size = self.size;
        (lock.nature)(size, &mut |offset, into| self.peek(offset, into))
    }

    /// Exactly `N` bytes at an offset, or `None`.
    pub(in crate::ffmpeg) fn peek_exact<const N: usize>(&mut self, offset: u64) -> Option<[u8; N]> {
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
        if self.marks.timed_out || self.marks.overworked {
            return true;
        }
        self.marks.timed_out = Instant::now() >= self.deadline;
        self.marks.overworked = self.marks.bytes_read - self.step_bytes >= STEP_BYTES
            || processor_time().saturating_sub(self.step_busy) >= STEP_BUSY;
        let ends = self.marks.timed_out || self.marks.overworked;
        if ends {
            self.marks.busy = processor_time().saturating_sub(self.busy_before);
            self.marks.elapsed = self.begun.elapsed();
        }
        ends
    }

    /// The next packet is asked for. To look at the processor for each of them would cost as much as the packets do.
    pub(super) fn begin_packet(&mut self) {
        self.step_bytes = self.marks.bytes_read;
        self.packets = self.packets.wrapping_add(1);
        if self.packets.is_multiple_of(PACKETS) {
            self.step_busy = processor_time();
        }
    }

    /// Something was learned: the next step may take as much again.
    pub(super) fn begin_step(&mut self) {
        self.step_bytes = self.marks.bytes_read;
        self.step_busy = processor_time();
    }

    /// Reads the next bytes into `scratch`; the number of bytes, or an FFmpeg error code.
    fn read_next(&mut self, wanted: usize) -> Result<usize, c_int> {
        let left = self.size.saturating_sub(self.position);
        let mut wanted = usize::try_from(left).unwrap_or(usize::MAX).min(wanted);
        if matches!(self.source, Source::Ranges(_)) {
            wanted = wanted.min(RANGE_BYTES);
        }
        wanted = wanted.min(self.portion());
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
            self.marks.reading += asked.elapsed();
            match read {
                Ok(0) => return Err(ffi::AVERROR_EOF),
                Ok(n) => {
                    self.position += n as u64;
                    self.marks.bytes_read += n as u64;
                    self.marks.reads += 1;
                    self.handed_out = Instant::now();
                    return Ok(n);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::QuotaExceeded => {
                    self.marks.budget_spent = true;
                    return Err(ffi::AVERROR(ffi::EIO));
                }
                Err(error) => {
                    self.marks
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
                // Below this stands code of others, and above it stands C, which a panic must not pass.
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
            .field("marks", &self.marks)
            .finish_non_exhaustive()
    }
}

/// The processor time of this thread; zero where it cannot be told, which makes a file that is out of time a matter of the machine.
fn processor_time() -> Duration {
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

/// An `AVIOContext` over a [`Session`]; owns both.
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
            // SAFETY: `session` came from `Box::into_raw` above and nothing else holds it.
            drop(unsafe { Box::from_raw(session) });
            return None;
        }
        // SAFETY: the buffer has the size given and is owned by the context from here on; the callbacks match the
        // signatures and get `session`, which `Drop` frees only after the context.
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
            // SAFETY: the context does not exist, so both allocations are still ours alone.
            unsafe {
                ffi::av_free(buffer);
                drop(Box::from_raw(session));
            }
            return None;
        }
        Some(Self { context, session })
    }

    pub(super) fn session(&self) -> &Session<'a> {
        // SAFETY: the session lives as long as `self`. The callbacks make their exclusive reference only while a call
        // into FFmpeg runs, which needs `&mut Input` and hence cannot overlap with this borrow.
        unsafe { &*self.session }
    }

    pub(super) fn session_mut(&mut self) -> &mut Session<'a> {
        // SAFETY: as above; `&mut self` excludes every other borrow, and no call into FFmpeg runs during this one.
        unsafe { &mut *self.session }
    }

    /// What the interrupt callback polls.
    pub(super) fn interrupt(&self) -> ffi::AVIOInterruptCB {
        ffi::AVIOInterruptCB {
            callback: Some(interrupted),
            opaque: self.session.cast(),
        }
    }
}

impl Drop for CustomIo<'_> {
    fn drop(&mut self) {
        // SAFETY: the format context that used this I/O is closed before (see `Input`). The buffer is taken from the
        // context because FFmpeg may have replaced it. `session` is freed last and once.
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
    // SAFETY: `opaque` is the session of `CustomIo::new`; FFmpeg calls back on the thread that called it, one call at a
    // time, and no other reference to the session exists while it runs.
    let session = unsafe { &mut *opaque.cast::<Session<'_>>() };
    match session.read_next(wanted) {
        Ok(n) => {
            // SAFETY: FFmpeg gives room for `size` bytes, `n <= size`, and `scratch` holds `n` bytes. The bytes go
            // through `scratch` because FFmpeg's buffer may be uninitialised, which a Rust slice must not be.
            unsafe { std::ptr::copy_nonoverlapping(session.scratch.as_ptr(), buffer, n) };
            n as c_int
        }
        Err(code) => code,
    }
}

unsafe extern "C" fn seek(opaque: *mut c_void, offset: i64, whence: c_int) -> i64 {
    // SAFETY: as in `read`.
    let session = unsafe { &mut *opaque.cast::<Session<'_>>() };
    // AVSEEK_FORCE may be mixed in and has no meaning here.
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

/// Refuses whatever a demuxer wants to open besides the file it was given.
pub(super) unsafe extern "C" fn deny_open(
    context: *mut ffi::AVFormatContext,
    io: *mut *mut ffi::AVIOContext,
    url: *const c_char,
    _flags: c_int,
    _options: *mut *mut ffi::AVDictionary,
) -> c_int {
    // SAFETY: FFmpeg passes its own live context, a valid place for the result, and a C string or null. The opaque is
    // the session of `CustomIo::interrupt`, which every nested context inherits, or null.
    unsafe {
        *io = std::ptr::null_mut();
        let session = (*context).interrupt_callback.opaque.cast::<Session<'_>>();
        if !session.is_null() {
            let name = if url.is_null() {
                String::new()
            } else {
                CStr::from_ptr(url).to_string_lossy().into_owned()
            };
            (*session).marks.nested.get_or_insert(name);
        }
    }
    ffi::AVERROR(ffi::EPERM)
}
