//! Placeholder of `tl-protocol`: its rooms follow.
