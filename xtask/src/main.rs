//! One entry for set-up, demo, tests and checks.
fn main() {}
