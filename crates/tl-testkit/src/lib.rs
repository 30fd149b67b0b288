//! Placeholder of `tl-testkit`: its rooms follow.
