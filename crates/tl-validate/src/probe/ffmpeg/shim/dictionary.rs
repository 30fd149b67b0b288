//! Options for FFmpeg as an `AVDictionary`.

use std::ffi::{CStr, CString};
use std::ptr;

use ffmpeg_next::ffi;

/// An `AVDictionary` that is freed on drop.
pub(super) struct Dictionary(pub(super) *mut ffi::AVDictionary);

impl Dictionary {
    pub(super) fn new() -> Self {
        Self(ptr::null_mut())
    }

    pub(super) fn set(&mut self, key: &CStr, value: &str) {
        let value = CString::new(value).expect("option values are constants without a zero byte");
        // SAFETY: the dictionary is null or live; both strings are copied.
        unsafe { ffi::av_dict_set(&raw mut self.0, key.as_ptr(), value.as_ptr(), 0) };
    }

    pub(super) fn take(&mut self) -> *mut ffi::AVDictionary {
        std::mem::replace(&mut self.0, ptr::null_mut())
    }
}

impl Drop for Dictionary {
    fn drop(&mut self) {
        // SAFETY: null or live; set to null by the call.
        unsafe { ffi::av_dict_free(&raw mut self.0) };
    }
}
