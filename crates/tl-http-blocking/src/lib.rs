//! Placeholder of `tl-http-blocking`: its rooms follow.
