//! Placeholder of `tl-model`: its rooms follow.
