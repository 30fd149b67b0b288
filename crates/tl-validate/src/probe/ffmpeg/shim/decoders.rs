//! Skips decoders that the stream analysis does not need. If the header of an audio stream has all
//! required values, opening its decoder would only add cost: for a small file, as much as the rest
//! of the probe.

use std::ffi::{c_int, c_uint};

use ffmpeg_next::ffi;

const AAC: c_uint = ffi::AVCodecID::AV_CODEC_ID_AAC as c_uint;
const VORBIS: c_uint = ffi::AVCodecID::AV_CODEC_ID_VORBIS as c_uint;
const OPUS: c_uint = ffi::AVCodecID::AV_CODEC_ID_OPUS as c_uint;
const AUDIO: c_int = ffi::AVMediaType::AVMEDIA_TYPE_AUDIO as c_int;

/// A speech codec known to FFmpeg that has neither a decoder nor a parser.
const WITHOUT_DECODER: ffi::AVCodecID = ffi::AVCodecID::AV_CODEC_ID_SMV;

/// The streams that are not decoded. They carry the codec [`WITHOUT_DECODER`] until
/// [`restore`](Undecoded::restore).
pub(super) struct Undecoded(Vec<(usize, c_uint)>);

impl Undecoded {
    /// Disables the decoders of all audio streams whose header is sufficient.
    ///
    /// # Safety
    /// `context` is open.
    pub(super) unsafe fn of(context: *mut ffi::AVFormatContext) -> Self {
        let mut undecoded = Vec::new();
        // SAFETY: looks up a number. A later FFmpeg may have the decoder.
        if unsafe { ffi::avcodec_find_decoder(WITHOUT_DECODER) }.is_null() {
            // SAFETY: guaranteed by the caller. An open context has `nb_streams` live streams,
            // which have live parameters, whose enums are read and written as integers, as
            // everywhere.
            unsafe {
                for index in 0..(*context).nb_streams as usize {
                    let parameters = (**(*context).streams.add(index)).codecpar;
                    let place = (&raw mut (*parameters).codec_id).cast::<c_uint>();
                    let id = place.read();
                    if header_tells_all(parameters, id) {
                        undecoded.push((index, id));
                        place.write(WITHOUT_DECODER as c_uint);
                    }
                }
            }
        }
        Self(undecoded)
    }

    /// Restores the codecs of the streams.
    ///
    /// # Safety
    /// `context` is the one passed to [`of`](Undecoded::of), and is open.
    pub(super) unsafe fn restore(self, context: *mut ffi::AVFormatContext) {
        for (index, id) in self.0 {
            // SAFETY: guaranteed by the caller; streams are never removed.
            unsafe {
                let parameters = (**(*context).streams.add(index)).codecpar;
                (&raw mut (*parameters).codec_id).cast::<c_uint>().write(id);
            }
        }
    }
}

/// Whether the header gives the definite sample rate and channels, without a decoder.
///
/// # Safety
/// `parameters` are live.
unsafe fn header_tells_all(parameters: *const ffi::AVCodecParameters, id: c_uint) -> bool {
    // SAFETY: guaranteed by the caller; `extradata` has `extradata_size` bytes.
    unsafe {
        let kind = (&raw const (*parameters).codec_type).cast::<c_int>().read();
        // With more channels, only the decoder knows their layout.
        if kind != AUDIO
            || (*parameters).sample_rate <= 0
            || !(1..=2).contains(&(*parameters).ch_layout.nb_channels)
        {
            return false;
        }
        let len = usize::try_from((*parameters).extradata_size).unwrap_or(0);
        match id {
            VORBIS | OPUS => true,
            AAC if !(*parameters).extradata.is_null() => {
                is_plain_aac(std::slice::from_raw_parts((*parameters).extradata, len))
            }
            _ => false,
        }
    }
}

/// Whether an `AudioSpecificConfig` (ISO/IEC 14496-3, 1.6.2.1) describes AAC-LC without extensions
/// that change sample rate or channels (SBR, PS), which only the decoder detects.
fn is_plain_aac(config: &[u8]) -> bool {
    let [first, second, rest @ ..] = config else {
        return false;
    };
    let object_type = first >> 3;
    let rate_index = (first & 7) << 1 | second >> 7;
    let says_no_extension = match rest {
        [] => true,
        // Sync word 0x2b7, object type 5 (SBR), and a bit that signals its presence.
        [0x56, 0xe5, is_there, ..] => is_there >> 7 == 0,
        _ => false,
    };
    object_type == 2 && rate_index != 15 && says_no_extension
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_aac_without_extensions_needs_no_decoder() {
        // As written by FFmpeg's encoder: stereo at 44.1 kHz, without and with the signal that
        // there is no SBR.
        assert!(is_plain_aac(&[0x12, 0x10]));
        assert!(is_plain_aac(&[0x12, 0x10, 0x56, 0xe5, 0x00]));
        let sbr_is_there = [0x12, 0x10, 0x56, 0xe5, 0x80];
        // 5 is SBR, 29 is SBR with PS, 4 is AAC-LTP; 15 is an explicit rate.
        let sbr = [5 << 3 | 2, 0x10];
        let ps = [29 << 3 | 2, 0x10];
        let ltp = [4 << 3 | 2, 0x10];
        let explicit_rate = [2 << 3 | 7, 0x80];
        let others: [&[u8]; 8] = [
            &sbr_is_there,
            &sbr,
            &ps,
            &ltp,
            &explicit_rate,
            &[0x12, 0x10, 0x00],
            &[0x12],
            &[],
        ];
        for config in others {
            assert!(!is_plain_aac(config), "{config:?}");
        }
    }
}
