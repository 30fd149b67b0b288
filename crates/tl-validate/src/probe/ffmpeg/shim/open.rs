//! Opens a container: selects the demuxer and restricts it.

use std::ffi::{CStr, c_int};
use std::ptr;

use ffmpeg_next::ffi;

use super::dictionary::Dictionary;
use super::input::Input;
use super::io::{CustomIo, Session, SessionStatus, deny_open};
use super::names;
use crate::probe::container;

/// Packets of 4 KiB in which FFmpeg searches the samples of a WAV file for another codec, such as
/// DTS, whose frames take 2 KiB there. By default it compares 1 MB with every format that it knows,
/// which takes 5 ms, ten times as long as the probe of a video.
const WAV_PROBE_PACKETS: &str = "8";

/// The policy for opening a file.
pub(in crate::probe::ffmpeg) struct OpenPolicy {
    pub(in crate::probe::ffmpeg) formats: &'static str,
    pub(in crate::probe::ffmpeg) format_allowed: fn(&str) -> bool,
    /// The demuxer for a file with these first bytes, if it is certain.
    pub(in crate::probe::ffmpeg) format_of_head: fn(&[u8]) -> Option<&'static CStr>,
    pub(in crate::probe::ffmpeg) probe_bytes: u32,
    pub(in crate::probe::ffmpeg) max_streams: u32,
}

/// A file that could not be opened: the reason, the status of the session, and what the file is.
#[derive(Debug)]
pub(in crate::probe::ffmpeg) struct OpenError {
    pub(in crate::probe::ffmpeg) failure: OpenFailure,
    pub(in crate::probe::ffmpeg) status: SessionStatus,
    pub(in crate::probe::ffmpeg) file_kind: Option<container::FileKind>,
}

/// Why a file could not be opened.
#[derive(Debug)]
pub(in crate::probe::ffmpeg) enum OpenFailure {
    /// No demuxer recognizes the file.
    Unrecognized,
    /// The demuxer is not allowed. Contains its name.
    Forbidden(String),
    /// The demuxer failed. Contains its name and FFmpeg's error code.
    Failed(String, c_int),
    /// Allocating the first structures failed.
    OutOfMemory,
}

impl<'a> Input<'a> {
    /// Recognizes the format and opens the file of `session`. On failure, returns the status of the
    /// session and what the file is.
    pub(in crate::probe::ffmpeg) fn open(
        session: Session<'a>,
        policy: &OpenPolicy,
    ) -> Result<Self, Box<OpenError>> {
        let out_of_memory = || {
            Box::new(OpenError {
                failure: OpenFailure::OutOfMemory,
                status: SessionStatus::default(),
                file_kind: None,
            })
        };
        let Some(io) = CustomIo::new(session) else {
            return Err(out_of_memory());
        };
        // SAFETY: plain allocations; checked below.
        let (context, packet) = unsafe { (ffi::avformat_alloc_context(), ffi::av_packet_alloc()) };
        let mut input = Self {
            context,
            packet,
            io,
        };
        if context.is_null() || packet.is_null() {
            return Err(out_of_memory());
        }
        match input.start(policy) {
            Ok(()) => Ok(input),
            Err(failure) => Err(Box::new(OpenError {
                failure,
                file_kind: input.io.session_mut().file_kind(),
                status: input.io.session().status.clone(),
            })),
        }
    }

    fn start(&mut self, policy: &OpenPolicy) -> Result<(), OpenFailure> {
        // SAFETY: `context` is a fresh format context. It borrows the I/O context and the session,
        // which both outlive it because `drop` closes it first. With custom I/O set, FFmpeg opens
        // nothing by name.
        unsafe {
            (*self.context).pb = self.io.context;
            (*self.context).flags |= ffi::AVFMT_FLAG_CUSTOM_IO;
            (*self.context).interrupt_callback = self.io.interrupt();
            (*self.context).io_open = Some(deny_open);
        }
        let format = match self.format_by_head(policy) {
            Some(format) => format,
            None => self
                .probed_format(policy)
                .ok_or(OpenFailure::Unrecognized)?,
        };
        // SAFETY: a demuxer is a constant whose name is a constant string.
        let name = unsafe { names::copy((*format).name) }.unwrap_or_default();
        if !(policy.format_allowed)(&name) {
            return Err(OpenFailure::Forbidden(name));
        }
        self.io.session_mut().set_pace(name == "mpegts");
        if self.io.session().is_expensive() && name.starts_with("mov,") {
            // Without this flag, opening a fragmented file reads every fragment.
            // SAFETY: `context` is ours and not open yet.
            unsafe { (*self.context).flags |= ffi::AVFMT_FLAG_IGNIDX };
        }
        let mut options = Dictionary::new();
        options.set(c"format_whitelist", policy.formats);
        // Matches no protocol, so that nothing can be opened even if `deny_open` is bypassed.
        options.set(c"protocol_whitelist", "none");
        options.set(c"max_streams", &policy.max_streams.to_string());
        options.set(c"probesize", &policy.probe_bytes.to_string());
        if name == "wav" {
            options.set(c"max_probe_packets", WAV_PROBE_PACKETS);
        }
        // SAFETY: `context` is ours and prepared; on failure the call frees it and sets it to null,
        // which `drop` handles.
        let code = unsafe {
            ffi::avformat_open_input(
                &raw mut self.context,
                c"".as_ptr(),
                format.cast_mut().cast(),
                &raw mut options.0,
            )
        };
        if code < 0 {
            Err(OpenFailure::Failed(name, code))
        } else {
            Ok(())
        }
    }

    /// The demuxer that the first bytes of the file identify with certainty. This avoids FFmpeg's
    /// full detection, which takes a tenth of the probe time of a small file.
    fn format_by_head(&self, policy: &OpenPolicy) -> Option<*const ffi::AVInputFormat> {
        let name = (policy.format_of_head)(&self.io.session().head()?)?;
        // SAFETY: looks up a name; returns null or a constant.
        let format: *const ffi::AVInputFormat = unsafe { ffi::av_find_input_format(name.as_ptr()) };
        (!format.is_null()).then_some(format)
    }

    /// The demuxer that FFmpeg's detection selects.
    fn probed_format(&mut self, policy: &OpenPolicy) -> Option<*const ffi::AVInputFormat> {
        let mut format: *const ffi::AVInputFormat = ptr::null();
        // SAFETY: reads through our callbacks and rewinds; `format` is a valid pointer for the
        // result. The name is empty so that no file extension affects the choice.
        let found = unsafe {
            ffi::av_probe_input_buffer2(
                self.io.context,
                (&raw mut format).cast(),
                c"".as_ptr(),
                ptr::null_mut(),
                0,
                policy.probe_bytes,
            )
        };
        (found >= 0 && !format.is_null()).then_some(format)
    }
}
