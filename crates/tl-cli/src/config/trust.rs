//! What a project's file may not do. It comes with a checkout and is read because the user works in
//! its directory, so it could be hostile:
//!
//! - it may not run programs, trust certificates, or choose the database of the ledger;
//! - it may not send the user's API key to another host. Its `base_url` is used only if it is a host
//!   of the platform, one that the user trusts (`trusted_base_urls`), or if the key comes from the
//!   same file;
//! - its `api_key_file` must be below its directory, so that it cannot send other files;
//! - on Unix, it is ignored if it belongs to another user, as in a shared directory such as /tmp.

use std::path::{Path, PathBuf};

use url::Url;

use super::file::{ConfigFile, invalid};
use super::setting::{Setting, Trust};
use super::{Origin, Settings};
use crate::failure::Failure;

/// The host of the platform.
const PLATFORM_HOST: &str = "api.twelvelabs.io";

/// Refuses a project's file with settings that only the user may set.
pub(super) fn check_project(file: &ConfigFile) -> Result<(), Failure> {
    for (name, place) in file.keys() {
        let trust = Setting::named(name).map(|setting| setting.trust);
        if let Some(Trust::User(why)) = trust {
            return Err(invalid(
                file.path(),
                &format!("`{place}` is not allowed in the file of a project: {why}"),
            )
            .hint("set it in the user's file (`tl config path`), as an option or as a variable"));
        }
    }
    Ok(())
}

/// The owner of a file, if it is neither the current user nor root.
pub(super) fn foreign_owner(path: &Path) -> Option<u32> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let owner = std::fs::metadata(path).ok()?.uid();
        let user = rustix::process::geteuid().as_raw();
        (owner != 0 && owner != user).then_some(owner)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// The path of a project's `api_key_file` if it is below the project's directory.
pub(crate) fn project_key_file(file: &Path, key_file: &Path) -> Result<PathBuf, Failure> {
    let folder = file.parent().unwrap_or(Path::new("."));
    // Links are resolved: a link in a checkout must not lead out of it.
    let (real, root) = (key_file.canonicalize(), folder.canonicalize());
    match (real, root) {
        (Ok(real), Ok(root)) if !real.starts_with(&root) => Err(invalid(
            file,
            "`api_key_file` leads out of the directory of the project",
        )
        .hint("set it in the user's file (`tl config path`), or pass --api-key-file")),
        // A file that does not exist is reported when it is read.
        _ => Ok(key_file.to_owned()),
    }
}

/// Refuses a base URL from a project's file unless the key may be sent there. `key_file` is the
/// project's file that the key comes from.
pub(crate) fn check_base_url(
    settings: &Settings,
    base_url: &str,
    origin: &Origin,
    key_file: Option<&Path>,
) -> Result<(), Failure> {
    let Origin::Project(file, _) = origin else {
        return Ok(());
    };
    if is_platform(base_url) || key_file == Some(file.as_path()) {
        return Ok(());
    }
    let trusted = Setting::named("trusted_base_urls")
        .and_then(|setting| settings.get(setting))
        .filter(|(_, origin)| matches!(origin, Origin::User(..)))
        .is_some_and(|(urls, _)| urls.0.iter().any(|trusted| same_base(trusted, base_url)));
    if trusted {
        return Ok(());
    }
    Err(invalid(
        file,
        &format!("`base_url` would send your API key to {base_url}, which you have not allowed"),
    )
    .hint(format!(
        "if you trust it, pass --base-url, or add trusted_base_urls = [\"{base_url}\"] to {}",
        super::user_file().map_or_else(
            || "the user's file".to_owned(),
            |path| format!("`{}`", path.display())
        )
    )))
}

fn is_platform(base_url: &str) -> bool {
    Url::parse(base_url).is_ok_and(|url| {
        url.scheme() == "https"
            && url.host_str() == Some(PLATFORM_HOST)
            && url.port_or_known_default() == Some(443)
    })
}

/// Whether two base URLs are the same, apart from a slash at the end.
fn same_base(one: &str, other: &str) -> bool {
    let plain = |text: &str| {
        Url::parse(text).ok().map(|url| {
            let path = url.path().trim_end_matches('/').to_owned();
            (url.origin(), path)
        })
    };
    plain(one).is_some() && plain(one) == plain(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_platform_is_trusted() {
        for (url, expected) in [
            ("https://api.twelvelabs.io/v1.3", true),
            ("https://api.twelvelabs.io:443/v2", true),
            ("http://api.twelvelabs.io/v1.3", false),
            ("https://api.twelvelabs.io:8443/v1.3", false),
            ("https://api.twelvelabs.io.example.com/", false),
            ("https://api.twelvelabs.io@example.com/", false),
            ("http://127.0.0.1:8899/v1.3", false),
            ("nonsense", false),
        ] {
            assert_eq!(is_platform(url), expected, "{url}");
        }
    }

    #[test]
    fn base_urls_are_compared_as_a_whole() {
        assert!(same_base("https://p.example/v1/", "https://p.example/v1"));
        assert!(!same_base("https://p.example/v1", "https://p.example/v2"));
        assert!(!same_base("https://p.example", "http://p.example"));
        assert!(!same_base("", ""));
    }

    #[test]
    #[cfg(unix)]
    fn a_key_file_must_be_in_the_project() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("project");
        std::fs::create_dir(&root).unwrap();
        std::fs::write(folder.path().join("secret"), "x").unwrap();
        std::fs::write(root.join("key"), "x").unwrap();
        std::os::unix::fs::symlink("../secret", root.join("link")).unwrap();
        let check = |key: &str| project_key_file(&root.join("tl.toml"), &root.join(key)).is_ok();
        assert!(check("key"));
        assert!(!check("../secret"));
        assert!(!check("link"));
        assert!(check("none"));
    }
}
