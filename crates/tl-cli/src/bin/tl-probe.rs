//! The helper that links libavformat.
fn main() {}
