//! File discovery: files as given, directories searched recursively, patterns and lists. Files are
//! streamed, not collected, so that memory does not grow with their number.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use ignore::overrides::{Override, OverrideBuilder};
use ignore::{DirEntry, WalkBuilder};

use super::error::{SourceError, SourceErrorKind};
use super::list::{List, ListReader};
use super::pattern::Pattern;

/// Ignore file, in addition to `.ignore`.
const IGNORE_FILE: &str = ".tlignore";

/// Lowercase extensions of media files.
const MEDIA: [&str; 42] = [
    "264", "265", "3g2", "3gp", "aac", "asf", "av1", "avi", "divx", "f4v", "flac", "flv", "gif",
    "h264", "h265", "hevc", "ivf", "m2ts", "m2v", "m4a", "m4v", "mkv", "mov", "mp3", "mp4", "mpe",
    "mpeg", "mpg", "mts", "mxf", "obu", "ogg", "ogm", "ogv", "qt", "ts", "vob", "wav", "webm",
    "wmv", "m1v", "mp2",
];

/// Which files a search finds. Patterns have the syntax of `.gitignore`.
///
/// It applies to files in directories and to matches of patterns. A file that is named, on the
/// command line or in a list, is always used.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct WalkOptions {
    /// Only files that match, with any extension. If empty, files with a media extension.
    pub include: Vec<String>,
    /// Files and directories to skip.
    pub exclude: Vec<String>,
    /// Follow symbolic links. Loops are detected.
    pub follow_symlinks: bool,
    /// Files with any extension.
    pub all_files: bool,
    /// The smallest size in bytes.
    pub min_size: Option<u64>,
    /// The largest size in bytes.
    pub max_size: Option<u64>,
    /// Only files modified at this time or later.
    pub newer_than: Option<SystemTime>,
    /// Only files modified before this time.
    pub older_than: Option<SystemTime>,
}

impl WalkOptions {
    /// Media files of every size and age.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Finds only files that match one of the patterns.
    #[must_use]
    pub fn with_include(mut self, globs: Vec<String>) -> Self {
        self.include = globs;
        self
    }

    /// Skips files and directories that match one of the patterns.
    #[must_use]
    pub fn with_exclude(mut self, globs: Vec<String>) -> Self {
        self.exclude = globs;
        self
    }

    /// Follows symbolic links.
    #[must_use]
    pub fn with_symlinks(mut self, follow: bool) -> Self {
        self.follow_symlinks = follow;
        self
    }

    /// Finds files with any extension.
    #[must_use]
    pub fn with_all_files(mut self, all: bool) -> Self {
        self.all_files = all;
        self
    }

    /// Skips files that are smaller, in bytes.
    #[must_use]
    pub fn with_min_size(mut self, bytes: impl Into<Option<u64>>) -> Self {
        self.min_size = bytes.into();
        self
    }

    /// Skips files that are larger, in bytes.
    #[must_use]
    pub fn with_max_size(mut self, bytes: impl Into<Option<u64>>) -> Self {
        self.max_size = bytes.into();
        self
    }

    /// Skips files that were modified before this time.
    #[must_use]
    pub fn with_newer_than(mut self, time: impl Into<Option<SystemTime>>) -> Self {
        self.newer_than = time.into();
        self
    }

    /// Skips files that were modified at this time or later.
    #[must_use]
    pub fn with_older_than(mut self, time: impl Into<Option<SystemTime>>) -> Self {
        self.older_than = time.into();
        self
    }

    fn has_stat_filter(&self) -> bool {
        self.min_size.is_some()
            || self.max_size.is_some()
            || self.newer_than.is_some()
            || self.older_than.is_some()
    }

    /// Whether size and age of the file are in the bounds.
    fn admits(&self, entry: &DirEntry) -> Result<bool, ignore::Error> {
        if !self.has_stat_filter() {
            return Ok(true);
        }
        let stat = entry.metadata()?;
        let size = stat.len();
        let is_old_enough = |time: SystemTime| self.older_than.is_none_or(|than| time < than);
        let is_new_enough = |time: SystemTime| self.newer_than.is_none_or(|than| time >= than);
        // Without a time, the file is not filtered by it.
        let fits_time = stat
            .modified()
            .map_or(true, |time| is_old_enough(time) && is_new_enough(time));
        Ok(fits_time
            && self.min_size.is_none_or(|min| size >= min)
            && self.max_size.is_none_or(|max| size <= max))
    }

    /// Compiles the patterns relative to `root`.
    fn patterns(&self, root: &Path) -> Result<(Override, Override), SourceError> {
        let build = |globs: &[String], sign: &str, option: &str| {
            let mut builder = OverrideBuilder::new(root);
            for glob in globs {
                builder
                    .add(&format!("{sign}{glob}"))
                    .map_err(|error| bad_pattern(option, glob, error))?;
            }
            builder
                .build()
                .map_err(|error| bad_pattern(option, &globs.join(" "), error))
        };
        Ok((
            build(&self.include, "", "--include")?,
            build(&self.exclude, "!", "--exclude")?,
        ))
    }
}

/// Validated paths to search.
#[derive(Debug, Clone)]
pub struct Walk {
    roots: Vec<PathBuf>,
    lists: Vec<List>,
    options: WalkOptions,
}

impl Walk {
    /// Creates a walk over files, directories and patterns.
    ///
    /// # Errors
    /// [`SourceErrorKind::Pattern`] if a pattern is invalid.
    pub fn new(
        roots: impl IntoIterator<Item = impl Into<PathBuf>>,
        options: WalkOptions,
    ) -> Result<Self, SourceError> {
        let walk = Self {
            roots: roots.into_iter().map(Into::into).collect(),
            lists: Vec::new(),
            options,
        };
        // Report an invalid pattern before searching.
        walk.options.patterns(Path::new("."))?;
        for root in &walk.roots {
            Pattern::parse(root)?;
        }
        Ok(walk)
    }

    /// Adds the paths of a list, after the roots and the lists before it.
    ///
    /// # Errors
    /// [`SourceErrorKind::Unreadable`] if it cannot be opened.
    pub fn with_list(mut self, list: List) -> Result<Self, SourceError> {
        if !list.is_stdin() {
            list.open()?;
        }
        self.lists.push(list);
        Ok(self)
    }

    /// Number of inputs, if known in advance: only files, no directories, patterns or lists.
    #[must_use]
    pub fn count(&self) -> Option<usize> {
        let is_one = |root: &PathBuf| !root.is_dir() && matches!(Pattern::parse(root), Ok(None));
        (self.lists.is_empty() && self.roots.iter().all(is_one)).then_some(self.roots.len())
    }

    /// The files in order: the roots, each directory by name, then the lists. A named file is
    /// returned whether or not it exists.
    #[must_use]
    pub fn paths(&self) -> Paths {
        Paths {
            roots: self.roots.clone().into(),
            lists: self.lists.clone().into(),
            list: None,
            search: None,
            options: self.options.clone(),
        }
    }
}

/// The files that a [`Walk`] finds. An error is about one path; the iterator continues after it.
#[derive(Debug)]
pub struct Paths {
    roots: VecDeque<PathBuf>,
    lists: VecDeque<List>,
    list: Option<ListReader>,
    search: Option<Search>,
    options: WalkOptions,
}

/// A file, and where it came from.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    /// The line of a list.
    pub(super) line: Option<u64>,
    /// Whether it was named, and not found by a search.
    pub(super) is_named: bool,
}

/// A directory that is being searched.
struct Search {
    walk: ignore::Walk,
    root: PathBuf,
    include: Override,
    pattern: Option<Pattern>,
    line: Option<u64>,
    /// Whether something was found or failed.
    has_result: bool,
}

impl std::fmt::Debug for Search {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Search")
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

impl Paths {
    pub(super) fn next_found(&mut self) -> Option<Result<Found, SourceError>> {
        loop {
            if let Some(search) = &mut self.search {
                if let Some(found) = search.next(&self.options) {
                    return Some(found);
                }
                self.search = None;
            }
            let (path, line) = if let Some(root) = self.roots.pop_front() {
                (root, None)
            } else if let Some(list) = &mut self.list {
                match list.next() {
                    Some(Ok((line, path))) => (path, Some(line)),
                    Some(Err(error)) => return Some(Err(error)),
                    None => {
                        self.list = None;
                        continue;
                    }
                }
            } else {
                match self.lists.pop_front()?.open() {
                    Ok(list) => self.list = Some(list),
                    Err(error) => return Some(Err(error)),
                }
                continue;
            };
            match Search::start(&path, line, &self.options) {
                Ok(Some(search)) => self.search = Some(search),
                Ok(None) => {
                    return Some(Ok(Found {
                        path,
                        line,
                        is_named: true,
                    }));
                }
                Err(error) => return Some(Err(error.at(&path))),
            }
        }
    }
}

impl Iterator for Paths {
    type Item = Result<PathBuf, SourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_found().map(|found| found.map(|found| found.path))
    }
}

impl Search {
    /// Starts a search if `path` is a directory, or a pattern that is not from a list.
    fn start(
        path: &Path,
        line: Option<u64>,
        options: &WalkOptions,
    ) -> Result<Option<Self>, SourceError> {
        let pattern = match line {
            None => Pattern::parse(path)?,
            Some(_) => None,
        };
        if pattern.is_none() && !path.is_dir() {
            return Ok(None);
        }
        let root = pattern.as_ref().map_or(path, |pattern| &pattern.base);
        let (include, exclude) = options.patterns(root)?;
        let walk = WalkBuilder::new(root)
            .follow_links(options.follow_symlinks)
            .max_depth(pattern.as_ref().and_then(|pattern| pattern.depth))
            .overrides(exclude)
            // Videos are often excluded from Git, so its ignore rules do not apply.
            .git_ignore(false)
            .git_global(false)
            .git_exclude(false)
            .add_custom_ignore_filename(IGNORE_FILE)
            // The order of reports must be deterministic.
            .sort_by_file_name(Ord::cmp)
            .build();
        Ok(Some(Self {
            walk,
            root: path.to_owned(),
            include,
            pattern,
            line,
            has_result: false,
        }))
    }

    fn next(&mut self, options: &WalkOptions) -> Option<Result<Found, SourceError>> {
        while let Some(entry) = self.walk.next() {
            let entry = match entry {
                Ok(entry) if entry.file_type().is_some_and(|kind| kind.is_file()) => entry,
                Ok(_) => continue,
                // Skip broken links and loops.
                Err(error) if is_about_a_link(&error) => continue,
                // A pattern without its directory matches nothing.
                Err(_) if self.pattern.is_some() && !self.has_base() => continue,
                Err(error) => {
                    self.has_result = true;
                    let path = path_in(&error).unwrap_or_else(|| self.root.clone());
                    return Some(Err(failed(error).at(&path)));
                }
            };
            if !self.includes(entry.path(), options) {
                continue;
            }
            match options.admits(&entry) {
                Ok(true) => {}
                Ok(false) => continue,
                // It was removed after it was found.
                Err(error) if is_about_a_link(&error) => continue,
                Err(error) => {
                    self.has_result = true;
                    return Some(Err(failed(error).at(entry.path())));
                }
            }
            self.has_result = true;
            // Omit the prefix `./` of files in the current directory.
            let path = entry.into_path();
            let path = path.strip_prefix(".").map(Path::to_owned).unwrap_or(path);
            return Some(Ok(Found {
                path,
                line: self.line,
                is_named: false,
            }));
        }
        if self.pattern.is_some() && !self.has_result {
            self.has_result = true;
            return Some(Err(SourceError::new(
                SourceErrorKind::NoMatch,
                format!("no file matches `{}`", self.root.display()),
            )
            .with_hint(
                "`*` stays in one directory, `**` does not; hidden and ignored files are skipped",
            )
            .at(&self.root)));
        }
        None
    }

    fn has_base(&self) -> bool {
        self.pattern
            .as_ref()
            .is_some_and(|pattern| pattern.base.is_dir())
    }

    fn includes(&self, path: &Path, options: &WalkOptions) -> bool {
        if let Some(pattern) = &self.pattern
            && !pattern.matches(path)
        {
            return false;
        }
        if !options.include.is_empty() {
            let path = path.strip_prefix(".").unwrap_or(path);
            return self.include.matched(path, false).is_whitelist();
        }
        options.all_files || self.pattern.is_some() || path.extension().is_some_and(is_media)
    }
}

fn is_media(extension: &OsStr) -> bool {
    extension
        .to_str()
        .is_some_and(|extension| MEDIA.contains(&extension.to_ascii_lowercase().as_str()))
}

fn is_about_a_link(error: &ignore::Error) -> bool {
    match error {
        ignore::Error::Loop { .. } => true,
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithPath { err, .. } => {
            is_about_a_link(err)
        }
        ignore::Error::Io(error) => error.kind() == io::ErrorKind::NotFound,
        _ => false,
    }
}

fn path_in(error: &ignore::Error) -> Option<PathBuf> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path.clone()),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => {
            path_in(err)
        }
        _ => None,
    }
}

fn failed(error: ignore::Error) -> SourceError {
    SourceError::new(
        SourceErrorKind::Unreadable,
        "failed to read this part of the directory",
    )
    .with_source(error)
    .with_hint("give the current user read permission, or skip it with --exclude")
}

fn bad_pattern(option: &str, glob: &str, error: ignore::Error) -> SourceError {
    SourceError::new(
        SourceErrorKind::Pattern,
        format!("invalid pattern `{glob}` for {option}"),
    )
    .with_source(error)
    .with_hint("use .gitignore syntax: `*.mp4`, `drafts/`, `/2026/**`")
}
