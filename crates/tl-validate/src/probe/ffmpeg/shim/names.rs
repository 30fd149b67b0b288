//! Names of codecs, pixel formats and colors by number. A number newer than the bindings must not
//! become a Rust enum, so these functions are declared with the integers that C uses.

use std::ffi::{CStr, c_char, c_int, c_uint};

use ffmpeg_next::ffi;

unsafe extern "C" {
    fn avcodec_get_name(id: c_uint) -> *const c_char;
    fn avcodec_find_decoder(id: c_uint) -> *const ffi::AVCodec;
    fn avcodec_descriptor_get(id: c_uint) -> *const ffi::AVCodecDescriptor;
    fn avcodec_profile_name(id: c_uint, profile: c_int) -> *const c_char;
    fn av_get_exact_bits_per_sample(id: c_uint) -> c_int;
    fn av_get_pix_fmt_name(format: c_int) -> *const c_char;
    fn av_pix_fmt_desc_get(format: c_int) -> *const ffi::AVPixFmtDescriptor;
    fn av_color_range_name(value: c_uint) -> *const c_char;
    fn av_color_primaries_name(value: c_uint) -> *const c_char;
    fn av_color_transfer_name(value: c_uint) -> *const c_char;
    fn av_color_space_name(value: c_uint) -> *const c_char;
}

/// Copies a C string that FFmpeg owns; `None` for null.
///
/// # Safety
/// `text` is null or points to a terminated string that lives during the call.
pub(super) unsafe fn copy(text: *const c_char) -> Option<String> {
    // SAFETY: guaranteed by the caller.
    (!text.is_null()).then(|| {
        unsafe { CStr::from_ptr(text) }
            .to_string_lossy()
            .into_owned()
    })
}

pub(super) fn codec(id: u32) -> String {
    // SAFETY: accepts any number; returns a constant string, never null.
    unsafe { copy(avcodec_get_name(id)) }.unwrap_or_default()
}

pub(super) fn has_decoder(id: u32) -> bool {
    // SAFETY: accepts any number; returns null or a constant.
    !unsafe { avcodec_find_decoder(id) }.is_null()
}

pub(super) fn codec_long(id: u32) -> Option<String> {
    // SAFETY: accepts any number; returns null or a constant descriptor whose name is null or a
    // constant string.
    unsafe {
        avcodec_descriptor_get(id)
            .as_ref()
            .and_then(|d| copy(d.long_name))
    }
}

pub(super) fn profile(id: u32, profile: c_int) -> Option<String> {
    // SAFETY: accepts any numbers; returns null or a constant string.
    unsafe { copy(avcodec_profile_name(id, profile)) }
}

pub(super) fn exact_bits_per_sample(id: u32) -> Option<u32> {
    // SAFETY: accepts any number.
    u32::try_from(unsafe { av_get_exact_bits_per_sample(id) })
        .ok()
        .filter(|n| *n > 0)
}

pub(super) fn pixel_format(format: c_int) -> Option<String> {
    // SAFETY: accepts any number; returns null or a constant string.
    unsafe { copy(av_get_pix_fmt_name(format)) }
}

/// Bits per component and whether there is an alpha plane.
pub(super) fn pixel_layout(format: c_int) -> Option<(u32, bool)> {
    // SAFETY: accepts any number; returns null or a constant descriptor.
    let descriptor = unsafe { av_pix_fmt_desc_get(format).as_ref() }?;
    let depth = u32::try_from(descriptor.comp[0].depth)
        .ok()
        .filter(|d| *d > 0)?;
    Some((
        depth,
        descriptor.flags & (ffi::AV_PIX_FMT_FLAG_ALPHA as u64) != 0,
    ))
}

macro_rules! color_names {
    ($($name:ident => $function:ident),* $(,)?) => {$(
        /// The name, or `None` if the file does not specify it.
        pub(super) fn $name(value: u32) -> Option<String> {
            // SAFETY: accepts any number; returns null or a constant string.
            unsafe { copy($function(value)) }.filter(|n| n != "unknown" && n != "reserved")
        }
    )*};
}

color_names! {
    color_range => av_color_range_name,
    color_primaries => av_color_primaries_name,
    color_transfer => av_color_transfer_name,
    color_space => av_color_space_name,
}
