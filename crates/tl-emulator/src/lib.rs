//! Placeholder of `tl-emulator`: its rooms follow.
