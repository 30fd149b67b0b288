//! Placeholder of `tl-validate`: its rooms follow.
