//! All sources of a run as one stream of entries.

use std::fs;
use std::path::PathBuf;

use super::entry::{Entry, Location};
use super::error::{SourceError, SourceErrorKind};
use super::list::List;
use super::manifest::{Manifest, Rows};
use super::template::Templates;
use super::walk::{Found, Paths, Walk, WalkOptions};

/// How many errors [`Sources::verify`] returns.
const MAX_ERRORS: usize = 20;

/// Where the items of a run come from; see the [module](super).
#[derive(Debug, Clone, Default)]
pub struct Sources {
    inputs: Vec<PathBuf>,
    lists: Vec<List>,
    manifests: Vec<Manifest>,
    options: WalkOptions,
    templates: Templates,
}

impl Sources {
    /// Files, directories, glob patterns, and links. `-` is standard input with one path or link
    /// per line.
    pub fn new(inputs: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        let mut sources = Self::default();
        for input in inputs {
            let input = input.into();
            match input.as_os_str() == "-" {
                true => sources.lists.push(List::lines(input)),
                false => sources.inputs.push(input),
            }
        }
        sources
    }

    /// Adds the paths and links of a list.
    #[must_use]
    pub fn with_list(mut self, list: List) -> Self {
        self.lists.push(list);
        self
    }

    /// Adds the rows of a manifest.
    #[must_use]
    pub fn with_manifest(mut self, manifest: Manifest) -> Self {
        self.manifests.push(manifest);
        self
    }

    /// Sets which files of directories are used.
    #[must_use]
    pub fn with_walk(mut self, options: WalkOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets titles and metadata of entries that do not set them.
    #[must_use]
    pub fn with_templates(mut self, templates: Templates) -> Self {
        self.templates = templates;
        self
    }

    /// Whether there is no source at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inputs.is_empty() && self.lists.is_empty() && self.manifests.is_empty()
    }

    /// Number of entries, if known in advance: only files and links.
    #[must_use]
    pub fn count(&self) -> Option<usize> {
        match (self.manifests.is_empty(), self.walk()) {
            (true, Ok(walk)) => walk.count(),
            _ => None,
        }
    }

    /// Reads all manifests to their end and returns the first 20 errors in them, apart from missing
    /// files. Call it before a run, so that nothing is sent if a row is wrong. Standard input is
    /// not read, because that is possible only once.
    #[must_use]
    pub fn verify(&self) -> Vec<SourceError> {
        let mut errors = Vec::new();
        for manifest in self
            .manifests
            .iter()
            .filter(|manifest| !manifest.is_stdin())
        {
            match manifest.rows() {
                Ok(rows) => {
                    errors.extend(rows.filter_map(Result::err).take(MAX_ERRORS - errors.len()));
                }
                Err(error) => errors.push(error),
            }
            if errors.len() >= MAX_ERRORS {
                break;
            }
        }
        errors
    }

    /// The entries in order: inputs, lists, manifests. They are read as they are taken.
    ///
    /// # Errors
    /// If a pattern is invalid, a list or manifest cannot be opened, the header of a manifest is
    /// invalid, or two sources read standard input.
    pub fn entries(&self) -> Result<Entries, SourceError> {
        let stdin = self.lists.iter().filter(|list| list.is_stdin()).count()
            + self
                .manifests
                .iter()
                .filter(|manifest| manifest.is_stdin())
                .count();
        if stdin > 1 {
            return Err(SourceError::new(
                SourceErrorKind::Conflict,
                "standard input is read by more than one source",
            )
            .with_hint("use `-` once"));
        }
        let paths = self.walk()?.paths();
        let rows = self
            .manifests
            .iter()
            .map(Manifest::rows)
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Entries {
            paths,
            rows: rows.into_iter(),
            current: None,
            templates: self.templates.clone(),
        })
    }

    fn walk(&self) -> Result<Walk, SourceError> {
        let walk = Walk::new(&self.inputs, self.options.clone())?;
        self.lists
            .iter()
            .try_fold(walk, |walk, list| walk.with_list(list.clone()))
    }
}

/// The entries of [`Sources`]. If an error [is about one entry](SourceError::is_about_entry), the
/// others are complete; otherwise, its list or manifest ended early.
#[derive(Debug)]
pub struct Entries {
    paths: Paths,
    rows: std::vec::IntoIter<Rows>,
    current: Option<Rows>,
    templates: Templates,
}

impl Entries {
    fn next_entry(&mut self) -> Option<Result<Entry, SourceError>> {
        if let Some(found) = self.paths.next_found() {
            return Some(found.and_then(entry_of));
        }
        loop {
            if let Some(row) = self.current.as_mut().and_then(Iterator::next) {
                return Some(row.and_then(|entry| {
                    let line = entry.line;
                    existing(entry).map_err(|error| match line {
                        Some(line) => {
                            let message = format!("line {line}: {error}");
                            error.with_message(message).on_line(line)
                        }
                        None => error,
                    })
                }));
            }
            self.current = Some(self.rows.next()?);
        }
    }
}

impl Iterator for Entries {
    type Item = Result<Entry, SourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.next_entry()?;
        Some(entry.map(|mut entry| {
            self.templates.apply(&mut entry);
            entry
        }))
    }
}

fn entry_of(found: Found) -> Result<Entry, SourceError> {
    if !found.is_named {
        return Ok(Entry::file(found.path).on_line(found.line));
    }
    let entry = Entry::parse(&found.path).map_err(|error| error.at(&found.path))?;
    existing(entry.on_line(found.line))
}

/// Refuses a file that does not exist, and a directory.
fn existing(entry: Entry) -> Result<Entry, SourceError> {
    let Location::File(path) = &entry.location else {
        return Ok(entry);
    };
    let refused = |kind, why: &str, hint: &str| {
        Err(
            SourceError::new(kind, format!("`{}`: {why}", path.display()))
                .with_hint(hint)
                .at(path),
        )
    };
    match fs::metadata(path) {
        Ok(stat) if stat.is_dir() => refused(
            SourceErrorKind::Row,
            "it is a directory",
            "name the files, or pass the directory on the command line",
        ),
        Ok(_) => Ok(entry),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => refused(
            SourceErrorKind::Missing,
            "no such file",
            "relative paths start in the working directory",
        ),
        Err(error) => Err(SourceError::new(
            SourceErrorKind::Unreadable,
            format!("`{}`: the file cannot be read", path.display()),
        )
        .with_source(error)
        .with_hint("give the current user read permission")
        .at(path)),
    }
}
