//! File discovery: files as given, directories searched recursively. Files are streamed, not
//! collected, so that memory does not grow with their number.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;
use ignore::overrides::{Override, OverrideBuilder};

use crate::failure::Failure;

/// Ignore file, in addition to `.ignore`.
const IGNORE_FILE: &str = ".tlignore";

/// Lowercase extensions of media files.
const MEDIA: [&str; 42] = [
    "264", "265", "3g2", "3gp", "aac", "asf", "av1", "avi", "divx", "f4v", "flac", "flv", "gif",
    "h264", "h265", "hevc", "ivf", "m2ts", "m2v", "m4a", "m4v", "mkv", "mov", "mp3", "mp4", "mpe",
    "mpeg", "mpg", "mts", "mxf", "obu", "ogg", "ogm", "ogv", "qt", "ts", "vob", "wav", "webm",
    "wmv", "m1v", "mp2",
];

/// A file that was found, or why a path could not be read.
pub(crate) type Found = Result<PathBuf, (PathBuf, Failure)>;

/// Validated paths to search.
#[derive(Debug)]
pub(crate) struct Walk {
    roots: Vec<PathBuf>,
    options: WalkOptions,
}

/// What to search, and how. Patterns have the syntax of `.gitignore`.
#[derive(Debug, Clone)]
pub(crate) struct WalkOptions {
    /// Only files that match, with any extension. If empty, files with a media extension.
    pub(crate) include: Vec<String>,
    /// Files and directories to skip.
    pub(crate) exclude: Vec<String>,
    pub(crate) follow_symlinks: bool,
    /// Files with any extension.
    pub(crate) all_files: bool,
    /// File with more paths, one per line; `-` means standard input.
    pub(crate) files_from: Option<PathBuf>,
}

impl Walk {
    /// Creates a walk over `roots` and the paths of the list.
    ///
    /// # Errors
    /// If a pattern is invalid, or the list cannot be opened.
    pub(crate) fn new(roots: &[PathBuf], options: WalkOptions) -> Result<Self, Failure> {
        let walk = Self {
            roots: roots.to_vec(),
            options,
        };
        // Report an invalid pattern before searching.
        walk.patterns(Path::new("."))?;
        if let Some(list) = walk
            .options
            .files_from
            .as_deref()
            .filter(|list| *list != Path::new("-"))
        {
            File::open(list).map_err(|error| {
                Failure::usage(format!("failed to read the list `{}`", list.display()))
                    .with_source(&error)
                    .hint("pass a readable file, or `-` for standard input")
            })?;
        }
        Ok(walk)
    }

    /// Number of inputs, if known in advance: only files, no directories or lists.
    pub(crate) fn count(&self) -> Option<usize> {
        let only_files =
            self.options.files_from.is_none() && !self.roots.iter().any(|root| root.is_dir());
        only_files.then_some(self.roots.len())
    }

    /// Passes every input to `take` until it returns false.
    pub(crate) fn each(&self, mut take: impl FnMut(Found) -> bool) {
        for root in &self.roots {
            if !self.walk_path(root, &mut take) {
                return;
            }
        }
        let Some(list) = &self.options.files_from else {
            return;
        };
        let lines: Box<dyn BufRead> = if list == Path::new("-") {
            Box::new(BufReader::new(io::stdin()))
        } else {
            match File::open(list) {
                Ok(file) => Box::new(BufReader::new(file)),
                Err(error) => {
                    take(Err((list.clone(), unreadable(list, &error))));
                    return;
                }
            }
        };
        for line in lines.split(b'\n') {
            let go_on = match line {
                Ok(line) => match path_of(&line) {
                    Some(path) => self.walk_path(&path, &mut take),
                    None => true,
                },
                Err(error) => {
                    take(Err((list.clone(), unreadable(list, &error))));
                    false
                }
            };
            if !go_on {
                return;
            }
        }
    }

    /// Passes a file itself, or the files below a directory.
    fn walk_path(&self, root: &Path, take: &mut impl FnMut(Found) -> bool) -> bool {
        if !root.is_dir() {
            return take(Ok(root.to_owned()));
        }
        let (include, exclude) = match self.patterns(root) {
            Ok(patterns) => patterns,
            Err(failure) => return take(Err((root.to_owned(), failure))),
        };
        let walk = WalkBuilder::new(root)
            .follow_links(self.options.follow_symlinks)
            .overrides(exclude)
            // Videos are often excluded from Git, so its ignore rules do not apply.
            .git_ignore(false)
            .git_global(false)
            .git_exclude(false)
            .add_custom_ignore_filename(IGNORE_FILE)
            // The order of reports must be deterministic.
            .sort_by_file_name(Ord::cmp)
            .build();
        for entry in walk {
            let go_on = match entry {
                Ok(entry) if entry.file_type().is_some_and(|kind| kind.is_file()) => {
                    // Omit the prefix `./` of files in the current directory.
                    let path = entry.into_path();
                    let path = path.strip_prefix(".").map(Path::to_owned).unwrap_or(path);
                    !self.is_included(&path, &include) || take(Ok(path))
                }
                Ok(_) => true,
                // Skip broken links and loops.
                Err(error) if is_about_a_link(&error) => true,
                Err(error) => take(Err((
                    path_in(&error).unwrap_or_else(|| root.to_owned()),
                    failed(&error),
                ))),
            };
            if !go_on {
                return false;
            }
        }
        true
    }

    fn is_included(&self, path: &Path, include: &Override) -> bool {
        if !self.options.include.is_empty() {
            return include.matched(path, false).is_whitelist();
        }
        self.options.all_files || path.extension().is_some_and(is_media)
    }

    /// Compiles `--include` and `--exclude`: `.gitignore` patterns relative to `root`.
    fn patterns(&self, root: &Path) -> Result<(Override, Override), Failure> {
        let build = |globs: &[String], sign: &str, option: &str| {
            let mut builder = OverrideBuilder::new(root);
            for glob in globs {
                builder
                    .add(&format!("{sign}{glob}"))
                    .map_err(|error| bad_pattern(option, glob, &error))?;
            }
            builder
                .build()
                .map_err(|error| bad_pattern(option, &globs.join(" "), &error))
        };
        Ok((
            build(&self.options.include, "", "--include")?,
            build(&self.options.exclude, "!", "--exclude")?,
        ))
    }
}

fn is_media(extension: &OsStr) -> bool {
    extension
        .to_str()
        .is_some_and(|extension| MEDIA.contains(&extension.to_ascii_lowercase().as_str()))
}

/// The path on one line of a list; `None` for an empty line.
fn path_of(line: &[u8]) -> Option<PathBuf> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        return None;
    }
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        Some(PathBuf::from(OsStr::from_bytes(line)))
    }
    #[cfg(not(unix))]
    {
        Some(PathBuf::from(String::from_utf8_lossy(line).into_owned()))
    }
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

fn failed(error: &ignore::Error) -> Failure {
    Failure::usage("failed to read this part of the directory")
        .with_source(error)
        .hint("give the current user read permission, or skip it with --exclude")
}

fn unreadable(list: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!(
        "failed to read the list `{}` to its end",
        list.display()
    ))
    .with_source(error)
    .hint("the entries before the error were checked")
}

fn bad_pattern(option: &str, glob: &str, error: &ignore::Error) -> Failure {
    Failure::usage(format!("invalid pattern `{glob}` for {option}"))
        .with_source(error)
        .hint("use .gitignore syntax: `*.mp4`, `drafts/`, `/2026/**`")
}
