//! Runs the targets of `tl-fuzz-targets` by name.

use std::sync::OnceLock;

use tl_fuzz_targets::Target;

/// Runs a target once.
///
/// # Panics
/// If no such target exists, or it fails.
pub fn run(name: &str, data: &[u8]) {
    static TARGET: OnceLock<&'static Target> = OnceLock::new();
    let target = TARGET.get_or_init(|| Target::named(name).expect("a target of this name"));
    (target.run)(data);
}
