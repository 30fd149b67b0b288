//! Manifests: tables of videos with their index, title, metadata and route, as CSV or JSON Lines.

mod csv;
mod jsonl;
mod row;

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use self::csv::CsvRows;
use self::jsonl::JsonRows;
use super::entry::Entry;
use super::error::{SourceError, SourceErrorKind};
use super::lines::{BOM, is_utf16};
use super::list::{open, shown};

/// The format of a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ManifestFormat {
    /// A header with the names of the columns, then one row per video. The separator is a comma, a
    /// semicolon or a tab; quoting is that of RFC 4180.
    Csv,
    /// One JSON object per line.
    Jsonl,
}

impl FromStr for ManifestFormat {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        match text {
            "csv" => Ok(Self::Csv),
            "jsonl" => Ok(Self::Jsonl),
            _ => Err(SourceError::new(
                SourceErrorKind::Manifest,
                format!("unknown manifest format `{text}` (allowed: csv, jsonl)"),
            )),
        }
    }
}

/// A table of videos. The path `-` is standard input.
///
/// | Column | Value |
/// |---|---|
/// | `uri` | path of a file (relative to the working directory), `https://` link or `file://` URL; required |
/// | `index` | name or id of the index |
/// | `title` | title of the video |
/// | `metadata.KEY` | a metadata value, as text; `metadata.KEY:=` in CSV is a JSON value |
/// | `metadata` | all metadata as a JSON object |
/// | `route` | `asset`, `multipart`, `asset-url` or `tasks` |
///
/// Empty cells of CSV and `null` in JSON mean that the value is not set. The text is UTF-8, with or
/// without byte order mark; a row has at most 1 MiB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    path: PathBuf,
    format: Option<ManifestFormat>,
}

impl Manifest {
    /// A manifest whose format is recognized by its first character: `{` is JSON Lines.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            format: None,
        }
    }

    /// Sets the format.
    #[must_use]
    pub fn with_format(mut self, format: impl Into<Option<ManifestFormat>>) -> Self {
        self.format = format.into();
        self
    }

    /// The file; `-` for standard input.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the manifest is standard input.
    #[must_use]
    pub fn is_stdin(&self) -> bool {
        self.path == Path::new("-")
    }

    /// Opens the manifest and reads its header. Rows are read as they are taken.
    ///
    /// # Errors
    /// [`SourceErrorKind::Unreadable`], or [`SourceErrorKind::Manifest`] for a header that is not
    /// valid: the column, the allowed columns, and the most similar one.
    pub fn rows(&self) -> Result<Rows, SourceError> {
        let mut reader = open(&self.path, "manifest")?;
        let name = shown(&self.path);
        let mut start = Vec::new();
        (&mut reader)
            .take(64)
            .read_to_end(&mut start)
            .map_err(|error| {
                SourceError::new(
                    SourceErrorKind::Unreadable,
                    format!("failed to read the manifest {name}"),
                )
                .with_source(error)
            })?;
        if is_utf16(&start) {
            return Err(SourceError::new(
                SourceErrorKind::Manifest,
                format!("manifest {name} is UTF-16"),
            )
            .with_hint("save it as UTF-8"));
        }
        let text = start.strip_prefix(BOM).unwrap_or(&start);
        let first = text
            .iter()
            .find(|byte| !byte.is_ascii_whitespace())
            .copied();
        let format = self.format.unwrap_or(match first {
            Some(b'{' | b'[') => ManifestFormat::Jsonl,
            _ => ManifestFormat::Csv,
        });
        let text = Cursor::new(text.to_vec());
        let reader: Box<dyn Read + Send> = Box::new(text.chain(reader));
        let context = Name {
            shown: name,
            path: self.path.clone(),
        };
        let rows = match format {
            ManifestFormat::Csv => Format::Csv(Box::new(CsvRows::new(reader, context.clone())?)),
            ManifestFormat::Jsonl => Format::Jsonl(JsonRows::new(reader, context.clone())),
        };
        Ok(Rows {
            rows,
            name: context,
            seen: HashMap::new(),
            has_ended: false,
        })
    }
}

/// The rows of a [`Manifest`]. After an error about one row, the next can be used.
#[derive(Debug)]
pub struct Rows {
    rows: Format,
    name: Name,
    /// The hash of video and index of each row, and its line.
    seen: HashMap<u64, u64>,
    has_ended: bool,
}

#[derive(Debug)]
enum Format {
    Csv(Box<CsvRows>),
    Jsonl(JsonRows),
}

impl Rows {
    /// Refuses a row that names the same video and index as an earlier one.
    fn check_duplicate(&mut self, entry: &Entry) -> Result<(), SourceError> {
        let mut hasher = DefaultHasher::new();
        (&entry.location, &entry.index).hash(&mut hasher);
        let line = entry.line.unwrap_or_default();
        match self.seen.insert(hasher.finish(), line) {
            None => Ok(()),
            Some(first) => {
                self.seen.insert(hasher.finish(), first);
                Err(self
                    .name
                    .row(line, &format!("the same uri and index as line {first}"))
                    .into_duplicate()
                    .with_hint("remove one of the rows; the first one is used"))
            }
        }
    }
}

impl Iterator for Rows {
    type Item = Result<Entry, SourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_ended {
            return None;
        }
        let row = match &mut self.rows {
            Format::Csv(rows) => rows.next(),
            Format::Jsonl(rows) => rows.next(),
        };
        let entry = row.map(|row| {
            row.and_then(|entry| {
                self.check_duplicate(&entry)?;
                Ok(entry)
            })
        });
        self.has_ended = match &entry {
            None => true,
            Some(Ok(_)) => false,
            Some(Err(error)) => !error.is_about_entry(),
        };
        entry
    }
}

/// The manifest in messages.
#[derive(Debug, Clone)]
struct Name {
    shown: String,
    path: PathBuf,
}

impl Name {
    /// An error about the manifest as a whole.
    fn whole(&self, why: &str) -> SourceError {
        SourceError::new(
            SourceErrorKind::Manifest,
            format!("manifest {}: {why}", self.shown),
        )
        .at(&self.path)
    }

    /// An error about a row.
    fn row(&self, line: u64, why: &str) -> SourceError {
        SourceError::new(
            SourceErrorKind::Row,
            format!("manifest {}, line {line}: {why}", self.shown),
        )
        .at(&self.path)
        .on_line(line)
    }

    /// The error of a value in a row, with the line before its message.
    fn wrap(&self, line: u64, error: SourceError) -> SourceError {
        let message = format!("manifest {}, line {line}: {error}", self.shown);
        error.with_message(message).at(&self.path).on_line(line)
    }
}
