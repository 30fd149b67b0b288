//! Finds the helper program.

use std::path::{Path, PathBuf};

use crate::probe::{ProbeError, ProbeErrorKind};

/// Finds the helper: `explicit`, or else `$TL_PROBE`, or else `tl-probe` next to this program or
/// one directory up.
///
/// # Errors
/// [`ProbeErrorKind::HelperMissing`] with every path that was tried.
pub fn find_helper(explicit: Option<&Path>) -> Result<PathBuf, ProbeError> {
    if let Some(path) = explicit {
        return existing(path, "given explicitly");
    }
    if let Some(path) = std::env::var_os("TL_PROBE").filter(|v| !v.is_empty()) {
        return existing(Path::new(&path), "named by TL_PROBE");
    }
    let name = format!("tl-probe{}", std::env::consts::EXE_SUFFIX);
    let here = std::env::current_exe().ok();
    let places: Vec<PathBuf> = here
        .iter()
        .flat_map(|exe| exe.ancestors().skip(1).take(2))
        .map(|directory| directory.join(&name))
        .collect();
    places.iter().find(|p| p.is_file()).cloned().ok_or_else(|| {
        let looked: Vec<String> = places.iter().map(|p| p.display().to_string()).collect();
        missing(format!(
            "the helper `tl-probe` was not found (looked at {})",
            looked.join(" and ")
        ))
    })
}

fn existing(path: &Path, how: &str) -> Result<PathBuf, ProbeError> {
    if path.is_file() {
        Ok(path.to_owned())
    } else {
        Err(missing(format!(
            "the helper `{}`, {how}, is not a file",
            path.display()
        )))
    }
}

fn missing(seen: String) -> ProbeError {
    ProbeError::new(ProbeErrorKind::HelperMissing, "", seen)
}
