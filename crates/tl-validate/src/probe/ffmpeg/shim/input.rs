//! An open container: its streams, its index and its packets, as plain values.

use std::ffi::{CStr, c_int};
use std::ptr;

use ffmpeg_next::ffi;

use super::decoders::Undecoded;
use super::dictionary::Dictionary;
use super::io::{CustomIo, Session};
use super::names;

/// Type of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::probe::ffmpeg) enum StreamKind {
    Video,
    Audio,
    Subtitle,
    Attachment,
    /// Data streams, and streams of unknown type.
    Data,
}

/// A stream as described by FFmpeg.
#[derive(Debug, Clone)]
pub(in crate::probe::ffmpeg) struct Stream {
    pub(in crate::probe::ffmpeg) index: u32,
    pub(in crate::probe::ffmpeg) kind: StreamKind,
    pub(in crate::probe::ffmpeg) time_base: f64,
    pub(in crate::probe::ffmpeg) start: Option<i64>,
    pub(in crate::probe::ffmpeg) duration: Option<i64>,
    pub(in crate::probe::ffmpeg) frames: Option<u64>,
    pub(in crate::probe::ffmpeg) attached_pic: bool,
    pub(in crate::probe::ffmpeg) default: bool,
    pub(in crate::probe::ffmpeg) codec: String,
    pub(in crate::probe::ffmpeg) codec_long: Option<String>,
    /// Whether the loaded FFmpeg has a decoder for it.
    pub(in crate::probe::ffmpeg) has_decoder: bool,
    pub(in crate::probe::ffmpeg) codec_tag: u32,
    pub(in crate::probe::ffmpeg) profile: Option<String>,
    pub(in crate::probe::ffmpeg) bit_rate: Option<u64>,
    pub(in crate::probe::ffmpeg) width: u32,
    pub(in crate::probe::ffmpeg) height: u32,
    pub(in crate::probe::ffmpeg) sample_aspect: Option<(u32, u32)>,
    pub(in crate::probe::ffmpeg) frame_rate: Option<f64>,
    pub(in crate::probe::ffmpeg) average_frame_rate: Option<f64>,
    pub(in crate::probe::ffmpeg) rotation: Option<i32>,
    pub(in crate::probe::ffmpeg) pixel_format: Option<String>,
    pub(in crate::probe::ffmpeg) bit_depth: Option<u32>,
    pub(in crate::probe::ffmpeg) has_alpha: bool,
    pub(in crate::probe::ffmpeg) field_order: u32,
    pub(in crate::probe::ffmpeg) color_range: Option<String>,
    pub(in crate::probe::ffmpeg) color_primaries: Option<String>,
    pub(in crate::probe::ffmpeg) color_transfer: Option<String>,
    pub(in crate::probe::ffmpeg) color_space: Option<String>,
    pub(in crate::probe::ffmpeg) sample_rate: Option<u32>,
    pub(in crate::probe::ffmpeg) channels: Option<u32>,
    pub(in crate::probe::ffmpeg) channel_layout: Option<String>,
    pub(in crate::probe::ffmpeg) bits_per_sample: Option<u32>,
}

/// The timestamps of one packet, in seconds.
#[derive(Debug, Clone, Copy)]
pub(in crate::probe::ffmpeg) struct PacketTimes {
    pub(in crate::probe::ffmpeg) stream: u32,
    pub(in crate::probe::ffmpeg) presentation: Option<f64>,
    pub(in crate::probe::ffmpeg) decoding: Option<f64>,
    pub(in crate::probe::ffmpeg) duration: f64,
    /// An edit list hides this packet: it is decoded but not displayed.
    pub(in crate::probe::ffmpeg) hidden: bool,
}

impl PacketTimes {
    /// When the packet ends. `frame` is its duration, if it has none itself.
    pub(in crate::probe::ffmpeg) fn end(&self, frame: f64) -> Option<f64> {
        let start = self.presentation.or(self.decoding)?;
        Some(
            start
                + if self.duration > 0.0 {
                    self.duration
                } else {
                    frame
                },
        )
    }
}

/// Summary of a stream's in-memory index.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::probe::ffmpeg) struct IndexSummary {
    pub(in crate::probe::ffmpeg) entries: usize,
    /// End offset of the last sample in the file.
    pub(in crate::probe::ffmpeg) last_byte: u64,
    /// First and last timestamp, in seconds.
    pub(in crate::probe::ffmpeg) first: f64,
    pub(in crate::probe::ffmpeg) last: f64,
}

/// An open container. Closed on drop, before its I/O context.
pub(in crate::probe::ffmpeg) struct Input<'a> {
    pub(super) context: *mut ffi::AVFormatContext,
    pub(super) packet: *mut ffi::AVPacket,
    pub(super) io: CustomIo<'a>,
}

impl<'a> Input<'a> {
    /// Reads as much of the file as needed for values that are not in the headers. Stops at the
    /// session's deadline.
    pub(in crate::probe::ffmpeg) fn find_stream_info(
        &mut self,
        max_pixels: u64,
    ) -> Result<(), c_int> {
        // SAFETY: the context is open.
        let count = unsafe { (*self.context).nb_streams } as usize;
        let mut options: Vec<Dictionary> = (0..count)
            .map(|_| {
                let mut one = Dictionary::new();
                one.set(c"max_pixels", &max_pixels.to_string());
                one
            })
            .collect();
        let mut raw: Vec<*mut ffi::AVDictionary> =
            options.iter_mut().map(Dictionary::take).collect();
        self.io.session_mut().begin_step();
        // SAFETY: the context is open. The call requires one dictionary per stream; it may replace
        // them, so they are read back.
        let code = unsafe {
            let undecoded = Undecoded::of(self.context);
            let code = ffi::avformat_find_stream_info(self.context, raw.as_mut_ptr());
            undecoded.restore(self.context);
            code
        };
        for (owner, raw) in options.iter_mut().zip(raw) {
            owner.0 = raw;
        }
        if code < 0 { Err(code) } else { Ok(()) }
    }

    pub(in crate::probe::ffmpeg) fn session(&self) -> &Session<'a> {
        self.io.session()
    }

    pub(in crate::probe::ffmpeg) fn session_mut(&mut self) -> &mut Session<'a> {
        self.io.session_mut()
    }

    /// Name of the demuxer with all its aliases.
    pub(in crate::probe::ffmpeg) fn format(&self) -> String {
        // SAFETY: an open context has a demuxer, whose name is a constant string.
        unsafe { names::copy((*(*self.context).iformat).name) }.unwrap_or_default()
    }

    /// Whether timestamps may jump in this container, so that they alone do not give the duration.
    pub(in crate::probe::ffmpeg) fn may_jump(&self) -> bool {
        // SAFETY: an open context has a demuxer, which is a constant.
        unsafe { (*(*self.context).iformat).flags & ffi::AVFMT_TS_DISCONT != 0 }
    }

    /// Container duration in seconds, if FFmpeg knows it.
    pub(in crate::probe::ffmpeg) fn duration(&self) -> Option<f64> {
        // SAFETY: the context is open.
        timestamp(unsafe { (*self.context).duration })
            .map(|d| d as f64 / f64::from(ffi::AV_TIME_BASE))
    }

    /// Whether FFmpeg estimated the durations from the bit rate.
    pub(in crate::probe::ffmpeg) fn duration_is_a_guess(&self) -> bool {
        // SAFETY: the context is open. The field is read as the integer that it is in C, because a
        // newer value must not become an enum; 2 is AVFMT_DURATION_FROM_BITRATE.
        unsafe {
            (&raw const (*self.context).duration_estimation_method)
                .cast::<u32>()
                .read()
                == 2
        }
    }

    /// Start time of the container in seconds.
    pub(in crate::probe::ffmpeg) fn start_time(&self) -> Option<f64> {
        // SAFETY: the context is open.
        timestamp(unsafe { (*self.context).start_time })
            .map(|d| d as f64 / f64::from(ffi::AV_TIME_BASE))
    }

    /// Bit rate of the container.
    pub(in crate::probe::ffmpeg) fn bit_rate(&self) -> Option<u64> {
        // SAFETY: the context is open.
        positive(unsafe { (*self.context).bit_rate })
    }

    /// A tag of the container, or of one stream.
    pub(in crate::probe::ffmpeg) fn tag(&self, stream: Option<u32>, key: &CStr) -> Option<String> {
        let dictionary = match stream {
            // SAFETY: the context is open.
            None => unsafe { (*self.context).metadata },
            // SAFETY: `stream_pointer` returns a live stream or null.
            Some(index) => unsafe { self.stream_pointer(index).as_ref()?.metadata },
        };
        // SAFETY: a dictionary (null is an empty one) and two C strings; the entry lives as long as
        // the dictionary.
        unsafe {
            let entry = ffi::av_dict_get(dictionary, key.as_ptr(), ptr::null(), 0);
            entry.as_ref().and_then(|e| names::copy(e.value))
        }
    }

    /// Number of streams found so far.
    pub(in crate::probe::ffmpeg) fn stream_count(&self) -> u32 {
        // SAFETY: the context is open.
        unsafe { (*self.context).nb_streams }
    }

    fn stream_pointer(&self, index: u32) -> *mut ffi::AVStream {
        if index >= self.stream_count() {
            return ptr::null_mut();
        }
        // SAFETY: the array has `nb_streams` entries, each a live stream.
        unsafe { *(*self.context).streams.add(index as usize) }
    }

    /// Makes FFmpeg drop the packets of a stream.
    pub(in crate::probe::ffmpeg) fn discard(&mut self, index: u32) {
        // SAFETY: a live stream or null.
        if let Some(stream) = unsafe { self.stream_pointer(index).as_mut() } {
            stream.discard = ffi::AVDiscard::AVDISCARD_ALL;
        }
    }

    /// Describes one stream.
    pub(in crate::probe::ffmpeg) fn stream(&self, index: u32) -> Option<Stream> {
        let pointer = self.stream_pointer(index);
        if pointer.is_null() {
            return None;
        }
        // SAFETY: a live stream has live codec parameters. Fields that are enums in the bindings
        // are read as integers through a raw pointer, so that a value newer than the bindings is
        // never an invalid enum.
        unsafe {
            let parameters = (*pointer).codecpar;
            let codec_id = (&raw const (*parameters).codec_id).cast::<u32>().read();
            let kind = match (&raw const (*parameters).codec_type).cast::<c_int>().read() {
                0 => StreamKind::Video,
                1 => StreamKind::Audio,
                3 => StreamKind::Subtitle,
                4 => StreamKind::Attachment,
                _ => StreamKind::Data,
            };
            let layout =
                names::pixel_layout((*parameters).format).filter(|_| kind == StreamKind::Video);
            let aspect = ffi::av_guess_sample_aspect_ratio(self.context, pointer, ptr::null_mut());
            Some(Stream {
                index,
                kind,
                time_base: quotient((*pointer).time_base).unwrap_or(0.0),
                start: timestamp((*pointer).start_time),
                duration: timestamp((*pointer).duration).filter(|d| *d > 0),
                frames: positive((*pointer).nb_frames),
                attached_pic: (*pointer).disposition & ffi::AV_DISPOSITION_ATTACHED_PIC != 0,
                default: (*pointer).disposition & ffi::AV_DISPOSITION_DEFAULT != 0,
                codec: names::codec(codec_id),
                codec_long: names::codec_long(codec_id),
                has_decoder: names::has_decoder(codec_id),
                codec_tag: (*parameters).codec_tag,
                profile: names::profile(codec_id, (*parameters).profile),
                bit_rate: positive((*parameters).bit_rate),
                width: u32::try_from((*parameters).width).unwrap_or(0),
                height: u32::try_from((*parameters).height).unwrap_or(0),
                sample_aspect: pair(aspect),
                frame_rate: quotient((*pointer).r_frame_rate),
                average_frame_rate: quotient((*pointer).avg_frame_rate),
                rotation: rotation(pointer),
                pixel_format: names::pixel_format((*parameters).format)
                    .filter(|_| kind == StreamKind::Video),
                bit_depth: layout.map(|l| l.0),
                has_alpha: layout.is_some_and(|l| l.1),
                field_order: (&raw const (*parameters).field_order).cast::<u32>().read(),
                color_range: names::color_range(
                    (&raw const (*parameters).color_range).cast::<u32>().read(),
                ),
                color_primaries: names::color_primaries(
                    (&raw const (*parameters).color_primaries)
                        .cast::<u32>()
                        .read(),
                ),
                color_transfer: names::color_transfer(
                    (&raw const (*parameters).color_trc).cast::<u32>().read(),
                ),
                color_space: names::color_space(
                    (&raw const (*parameters).color_space).cast::<u32>().read(),
                ),
                sample_rate: u32::try_from((*parameters).sample_rate)
                    .ok()
                    .filter(|n| *n > 0),
                channels: u32::try_from((*parameters).ch_layout.nb_channels)
                    .ok()
                    .filter(|n| *n > 0),
                channel_layout: channel_layout(&raw const (*parameters).ch_layout),
                bits_per_sample: names::exact_bits_per_sample(codec_id).or_else(|| {
                    u32::try_from((*parameters).bits_per_raw_sample)
                        .ok()
                        .filter(|n| *n > 0)
                }),
            })
        }
    }

    /// Summarizes the demuxer's in-memory index. Does not read from the file.
    pub(in crate::probe::ffmpeg) fn index_summary(&self, index: u32) -> Option<IndexSummary> {
        let stream = self.stream_pointer(index);
        if stream.is_null() {
            return None;
        }
        // SAFETY: a live stream; entries are read one at a time within the count, and the index
        // does not change meanwhile.
        unsafe {
            let base = quotient((*stream).time_base)?;
            let count = ffi::avformat_index_get_entries_count(stream);
            let mut summary = IndexSummary::default();
            for i in 0..count {
                let entry = ffi::avformat_index_get_entry(stream, i).as_ref()?;
                let end = entry.pos.saturating_add(i64::from(entry.size()));
                summary.last_byte = summary.last_byte.max(u64::try_from(end).unwrap_or(0));
                // Samples hidden by an edit list are read but not displayed.
                if entry.flags() & ffi::AVINDEX_DISCARD_FRAME != 0 {
                    continue;
                }
                let time = entry.timestamp as f64 * base;
                if summary.entries == 0 {
                    summary.first = time;
                }
                summary.last = time;
                summary.entries += 1;
            }
            (summary.entries > 0).then_some(summary)
        }
    }

    /// The timestamps of the next packet. `None` at the end of the file, or if reading stops for
    /// another reason, which the session records.
    pub(in crate::probe::ffmpeg) fn next_packet(&mut self) -> Option<PacketTimes> {
        self.io.session_mut().begin_packet();
        // SAFETY: an open context and our own packet, which is unreferenced before it is used
        // again.
        unsafe {
            if ffi::av_read_frame(self.context, self.packet) < 0 {
                ffi::av_packet_unref(self.packet);
                return None;
            }
            let stream = u32::try_from((*self.packet).stream_index).unwrap_or(u32::MAX);
            let base = self
                .stream_pointer(stream)
                .as_ref()
                .and_then(|s| quotient(s.time_base))
                .unwrap_or(0.0);
            let seconds = |value: i64| timestamp(value).map(|v| v as f64 * base);
            let found = PacketTimes {
                stream,
                presentation: seconds((*self.packet).pts),
                decoding: seconds((*self.packet).dts),
                duration: (*self.packet).duration.max(0) as f64 * base,
                hidden: (*self.packet).flags & ffi::AV_PKT_FLAG_DISCARD != 0,
            };
            ffi::av_packet_unref(self.packet);

            Some(found)
        }
    }

    /// Seeks to the last key frame at or before `seconds` of a stream. Returns whether it
    /// succeeded.
    pub(in crate::probe::ffmpeg) fn seek(&mut self, stream: u32, seconds: f64) -> bool {
        self.io.session_mut().begin_step();
        // SAFETY: a live stream or null.
        let Some(base) = (unsafe {
            self.stream_pointer(stream)
                .as_ref()
                .and_then(|s| quotient(s.time_base))
        }) else {
            return false;
        };
        // The cast saturates.
        let target = (seconds / base) as i64;
        // SAFETY: an open context and the number of a live stream.
        unsafe {
            ffi::av_seek_frame(
                self.context,
                stream as c_int,
                target,
                ffi::AVSEEK_FLAG_BACKWARD,
            ) >= 0
        }
    }

    /// Seeks to a byte offset, for containers without an index. Returns whether it succeeded.
    pub(in crate::probe::ffmpeg) fn seek_byte(&mut self, offset: u64) -> bool {
        self.io.session_mut().begin_step();
        let offset = i64::try_from(offset).unwrap_or(i64::MAX);
        // SAFETY: an open context; -1 selects no stream.
        unsafe { ffi::av_seek_frame(self.context, -1, offset, ffi::AVSEEK_FLAG_BYTE) >= 0 }
    }
}

impl Drop for Input<'_> {
    fn drop(&mut self) {
        // SAFETY: both pointers are null or ours; the calls accept null. The I/O context is dropped
        // after this.
        unsafe {
            ffi::av_packet_free(&raw mut self.packet);
            ffi::avformat_close_input(&raw mut self.context);
        }
    }
}

fn timestamp(value: i64) -> Option<i64> {
    (value != ffi::AV_NOPTS_VALUE).then_some(value)
}

fn positive(value: i64) -> Option<u64> {
    u64::try_from(value).ok().filter(|v| *v > 0)
}

fn quotient(value: ffi::AVRational) -> Option<f64> {
    (value.num > 0 && value.den > 0).then(|| f64::from(value.num) / f64::from(value.den))
}

fn pair(value: ffi::AVRational) -> Option<(u32, u32)> {
    let both = (
        u32::try_from(value.num).ok()?,
        u32::try_from(value.den).ok()?,
    );
    (both.0 > 0 && both.1 > 0).then_some(both)
}

/// # Safety
/// `layout` points to a live channel layout.
unsafe fn channel_layout(layout: *const ffi::AVChannelLayout) -> Option<String> {
    let mut buffer = [0u8; 64];
    // SAFETY: guaranteed by the caller, and a buffer with its length; the result is terminated if
    // it fits.
    let written = unsafe {
        let is_unspecified = (&raw const (*layout).order).cast::<c_int>().read() == 0;
        match (*layout).nb_channels {
            ..=0 => return None,
            // Every program treats one unspecified channel as mono.
            1 if is_unspecified => return Some("mono".to_owned()),
            2 if is_unspecified => return Some("stereo".to_owned()),
            _ => {}
        }
        ffi::av_channel_layout_describe(layout, buffer.as_mut_ptr().cast(), buffer.len())
    };
    if written <= 0 {
        return None;
    }
    CStr::from_bytes_until_nul(&buffer)
        .ok()
        .map(|text| text.to_string_lossy().into_owned())
}

/// The clockwise rotation of a stream's display matrix, in whole degrees from 0 to 359.
///
/// # Safety
/// `stream` points to a live stream.
unsafe fn rotation(stream: *mut ffi::AVStream) -> Option<i32> {
    const DISPLAY_MATRIX: c_int = ffi::AVPacketSideDataType::AV_PKT_DATA_DISPLAYMATRIX as c_int;
    // SAFETY: guaranteed by the caller; the array has `count` entries.
    let (data, count): (*const ffi::AVPacketSideData, c_int) = unsafe {
        #[cfg(stream_side_data_in_codecpar)]
        {
            let parameters = (*stream).codecpar;
            (
                (*parameters).coded_side_data,
                (*parameters).nb_coded_side_data,
            )
        }
        #[cfg(not(stream_side_data_in_codecpar))]
        {
            ((*stream).side_data, (*stream).nb_side_data)
        }
    };
    for i in 0..usize::try_from(count).unwrap_or(0) {
        // SAFETY: within the count. The type is read as an integer, as everywhere. The matrix
        // consists of nine 32-bit numbers, copied because it may be unaligned.
        unsafe {
            let item = data.add(i);
            let kind = (&raw const (*item).type_).cast::<c_int>().read();
            if kind == DISPLAY_MATRIX && (*item).size >= 36 && !(*item).data.is_null() {
                let mut matrix = [0i32; 9];
                ptr::copy_nonoverlapping(
                    (*item).data.cast::<u8>(),
                    matrix.as_mut_ptr().cast::<u8>(),
                    36,
                );
                let counterclockwise = ffi::av_display_rotation_get(matrix.as_ptr());
                return counterclockwise
                    .is_finite()
                    .then(|| (-counterclockwise.round() as i32).rem_euclid(360));
            }
        }
    }
    None
}
