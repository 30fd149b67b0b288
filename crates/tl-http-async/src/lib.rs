//! Placeholder of `tl-http-async`: its rooms follow.
