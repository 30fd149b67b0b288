//! Glob patterns that the shell did not expand, such as those in a configuration file.

use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

use super::error::{SourceError, SourceErrorKind};

/// A pattern and the directory below which its matches are.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    pub(super) base: PathBuf,
    /// Matches paths relative to the base.
    pub(super) matcher: GlobMatcher,
    /// The number of directory levels to search, or `None` if the pattern contains `**`.
    pub(super) depth: Option<usize>,
}

impl Pattern {
    /// Parses `path` if it is a pattern: it contains `*`, `?`, `[` or `{`, it is not a link, and no
    /// file has this name.
    pub(super) fn parse(path: &Path) -> Result<Option<Self>, SourceError> {
        let is_pattern = |text: &str| text.contains(['*', '?', '[', '{']);
        let Some(text) = path.to_str() else {
            return Ok(None);
        };
        if !is_pattern(text) || text.contains("://") || path.symlink_metadata().is_ok() {
            return Ok(None);
        }
        let mut base = PathBuf::new();
        let mut rest: Vec<&str> = Vec::new();
        for component in path.components() {
            let part = component.as_os_str().to_str().unwrap_or_default();
            let is_plain = !matches!(component, Component::Normal(_)) || !is_pattern(part);
            if rest.is_empty() && is_plain {
                base.push(component);
            } else {
                rest.push(part);
            }
        }
        let glob = GlobBuilder::new(&rest.join("/"))
            .literal_separator(true)
            .build()
            .map_err(|error| {
                SourceError::new(
                    SourceErrorKind::Pattern,
                    format!("no such file, and `{text}` is not a valid pattern"),
                )
                .with_source(error)
                .with_hint("use `*`, `?`, `[abc]`, `{a,b}` and `**`, as in `clips/**/*.mp4`")
                .at(path)
            })?;
        let has_any_depth = rest.contains(&"**");
        Ok(Some(Self {
            base: match base.as_os_str().is_empty() {
                true => ".".into(),
                false => base,
            },
            matcher: glob.compile_matcher(),
            depth: (!has_any_depth).then_some(rest.len()),
        }))
    }

    /// Whether a path below the base matches.
    pub(super) fn matches(&self, path: &Path) -> bool {
        path.strip_prefix(&self.base)
            .is_ok_and(|inside| self.matcher.is_match(inside))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_is_split_off() {
        let check = |text: &str, expected: Option<(&str, Option<usize>)>| {
            let pattern = Pattern::parse(Path::new(text)).unwrap();
            let found = pattern
                .as_ref()
                .map(|pattern| (pattern.base.to_str().unwrap(), pattern.depth));
            assert_eq!(found, expected, "{text}");
        };
        check("*.mp4", Some((".", Some(1))));
        check("/a/b*/c?.mp4", Some(("/a", Some(2))));
        check("../x/**/*.mp4", Some(("../x", None)));
        check("plain.mp4", None);
        check("https://example.com/a?b=*", None);
    }

    #[test]
    fn a_star_does_not_cross_directories() {
        let pattern = Pattern::parse(Path::new("clips/*.{mp4,mov}"))
            .unwrap()
            .unwrap();
        assert!(pattern.matches(Path::new("clips/a.mov")));
        assert!(!pattern.matches(Path::new("clips/sub/a.mov")));
        assert!(!pattern.matches(Path::new("other/a.mov")));
        let error = Pattern::parse(Path::new("clips/[a.mp4")).unwrap_err();
        assert_eq!(error.kind(), SourceErrorKind::Pattern);
    }
}
