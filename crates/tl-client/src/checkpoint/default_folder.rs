//! Default folder for checkpoints: the system's location for application state.

use std::path::PathBuf;

/// The default folder of this user, or `None` if the environment does not define one:
/// `$XDG_STATE_HOME/tl/uploads` or `~/.local/state/tl/uploads`; on macOS `~/Library/Application
/// Support/tl/uploads`; on Windows `%LOCALAPPDATA%\tl\uploads`.
#[must_use]
pub fn default_folder() -> Option<PathBuf> {
    folder(|name| std::env::var_os(name).map(PathBuf::from))
}

fn folder(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    // A relative path would depend on the current directory.
    let absolute = |name: &str| variable(name).filter(|path| path.is_absolute());
    let base = absolute("XDG_STATE_HOME").or_else(|| {
        if cfg!(windows) {
            absolute("LOCALAPPDATA")
        } else if cfg!(target_os = "macos") {
            absolute("HOME").map(|home| home.join("Library/Application Support"))
        } else {
            absolute("HOME").map(|home| home.join(".local/state"))
        }
    })?;
    Some(base.join("tl").join("uploads"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(all(unix, not(target_os = "macos")))]
    #[test]
    fn uses_the_state_folder_of_the_system() {
        let check = |variables: &[(&str, &str)], expected: Option<&str>| {
            let found = folder(|name| {
                let (_, value) = variables.iter().find(|(other, _)| *other == name)?;
                Some(value.into())
            });
            assert_eq!(found, expected.map(PathBuf::from), "{variables:?}");
        };
        check(
            &[("XDG_STATE_HOME", "/s"), ("HOME", "/h")],
            Some("/s/tl/uploads"),
        );
        check(
            &[("XDG_STATE_HOME", "s"), ("HOME", "/h")],
            Some("/h/.local/state/tl/uploads"),
        );
        check(&[("HOME", "h")], None);
        check(&[], None);
    }
}
