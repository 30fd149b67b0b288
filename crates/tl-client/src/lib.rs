//! Placeholder of `tl-client`: its rooms follow.
