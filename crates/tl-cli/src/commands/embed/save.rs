//! Files of embeddings: `.npy` with a JSON Lines file beside it, `.jsonl`, or, with the feature
//! `parquet`, `.parquet`.

use std::ffi::OsString;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use tempfile::NamedTempFile;
use tl_model::Embeddings;
use tl_protocol::embed::{join, lines, npy, read_lines};

use crate::failure::Failure;
use crate::text::path_name::path_name;
use crate::text::units::pluralize;
use crate::ui::output::Output;

/// Where embeddings are written.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct SaveArgs {
    /// Write to this .npy, .jsonl or .parquet file instead of the standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Overwrite the file
    #[arg(long, requires = "output")]
    force: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Npy,
    Jsonl,
    Parquet,
}

impl SaveArgs {
    /// Fails if the file cannot be written, before anything is sent and paid for.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let Some(path) = &self.output else {
            return Ok(());
        };
        let format = format_of(path)?;
        if !self.force {
            let rows = (format == Format::Npy).then(|| rows_file(path));
            if let Some(there) = [Some(path.clone()), rows]
                .into_iter()
                .flatten()
                .find(|path| path.exists())
            {
                return Err(Failure::usage(format!("`{}` exists", path_name(&there)))
                    .hint("pass --force to overwrite it, or another file"));
            }
        }
        temporary(path).map(drop)
    }

    /// Whether embeddings go to a file.
    pub(super) fn is_file(&self) -> bool {
        self.output.is_some()
    }

    /// The option that saves to the same file, for hints.
    pub(super) fn option(&self) -> String {
        let name = self.output.as_deref().map(path_name);
        format!("-o {}", name.as_deref().unwrap_or("FILE.npy"))
    }

    /// Writes the embeddings: to the file, or as JSON Lines to the standard output.
    pub(super) fn write(&self, output: &Output, embeddings: &Embeddings) -> Result<(), Failure> {
        let Some(path) = &self.output else {
            for line in lines(embeddings, true) {
                output.text(&line);
            }
            return Ok(());
        };
        match format_of(path)? {
            Format::Npy => write_npy(path, embeddings)?,
            Format::Jsonl => replace(path, |file| {
                lines(embeddings, true).try_for_each(|line| file.write_all(line.as_bytes()))
            })?,
            Format::Parquet => replace(path, |file| write_parquet(file, embeddings))?,
        }
        output.json(&json!({
            "file": path.display().to_string(),
            "embeddings": embeddings.len(),
            "dimension": embeddings.dimension(),
            "model": embeddings.model(),
        }));
        output.line(&format!(
            "saved {} of {} numbers to {}",
            pluralize(embeddings.len(), "embedding", "embeddings"),
            embeddings.dimension(),
            path_name(path)
        ));
        Ok(())
    }
}

fn format_of(path: &Path) -> Result<Format, Failure> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    match extension {
        Some("npy") => Ok(Format::Npy),
        Some("jsonl") => Ok(Format::Jsonl),
        Some("parquet") if cfg!(feature = "parquet") => Ok(Format::Parquet),
        Some("parquet") => Err(Failure::usage(format!(
            "`{}` cannot be written: this `tl` was built without Parquet",
            path_name(path)
        ))
        .hint("pass a .npy or .jsonl file, or build `tl` with `--features parquet`")),
        _ => Err(
            Failure::usage(format!("`{}` names no format", path_name(path)))
                .hint("pass a .npy, .jsonl or .parquet file"),
        ),
    }
}

#[cfg(feature = "parquet")]
fn write_parquet(file: Work<'_>, embeddings: &Embeddings) -> std::io::Result<()> {
    super::parquet_file::write(file, embeddings)
}

#[cfg(not(feature = "parquet"))]
fn write_parquet(_: Work<'_>, _: &Embeddings) -> std::io::Result<()> {
    // `format_of` refuses the name of such a file.
    Err(std::io::ErrorKind::Unsupported.into())
}

/// The file beside a `.npy` file that says what its rows are.
fn rows_file(path: &Path) -> PathBuf {
    let mut name = OsString::from(path.as_os_str());
    name.push(".jsonl");
    name.into()
}

fn temporary(path: &Path) -> Result<NamedTempFile, Failure> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    tempfile::Builder::new()
        .prefix(".tl-embed-")
        .tempfile_in(folder.unwrap_or(Path::new(".")))
        .map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("failed to write `{}`", path_name(path)))
        .with_source(error)
        .hint("pass a file in a directory that exists and can be written")
}

type Work<'w> = &'w mut BufWriter<NamedTempFile>;

/// Writes a temporary file beside `path`.
fn prepare(
    path: &Path,
    write: impl FnOnce(Work<'_>) -> std::io::Result<()>,
) -> Result<NamedTempFile, Failure> {
    let mut file = BufWriter::new(temporary(path)?);
    let written = write(&mut file)
        .and_then(|()| {
            file.into_inner()
                .map_err(std::io::IntoInnerError::into_error)
        })
        .and_then(|file| file.as_file().sync_all().map(|()| file));
    written.map_err(|error| unwritable(path, &error))
}

/// Writes a file atomically.
fn replace(
    path: &Path,
    write: impl FnOnce(Work<'_>) -> std::io::Result<()>,
) -> Result<(), Failure> {
    persist(prepare(path, write)?, path)
}

fn persist(file: NamedTempFile, path: &Path) -> Result<(), Failure> {
    file.persist(path)
        .map(drop)
        .map_err(|error| unwritable(path, &error.error))
}

/// Writes both files, and renames them only when both are complete. A matrix is never beside the rows
/// of another: the old one is removed first.
fn write_npy(path: &Path, embeddings: &Embeddings) -> Result<(), Failure> {
    let rows_file = rows_file(path);
    let rows = prepare(&rows_file, |file| {
        lines(embeddings, false).try_for_each(|line| file.write_all(line.as_bytes()))
    })?;
    let matrix = prepare(path, |file| {
        file.write_all(&npy::header(embeddings.len(), embeddings.dimension()))?;
        let mut numbers = embeddings.values().iter();
        numbers.try_for_each(|number| file.write_all(&number.to_le_bytes()))
    })?;
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(unwritable(path, &error));
        }
        _ => {}
    }
    persist(rows, &rows_file)?;
    persist(matrix, path)
}

/// Reads saved embeddings.
pub(super) fn read(path: &Path) -> Result<Embeddings, Failure> {
    let name = path_name(path);
    let failed = |error: &dyn std::fmt::Display| {
        Failure::usage(format!("failed to read `{name}`: {error}"))
            .hint("pass a .npy or .jsonl file of `tl embed`")
    };
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("npy") => {
            let bytes = std::fs::read(path).map_err(|error| failed(&error))?;
            let matrix = npy::read(&bytes).map_err(|error| failed(&error))?;
            drop(bytes);
            let rows = match std::fs::read_to_string(rows_file(path)) {
                Ok(text) => Some(text),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
                Err(error) => return Err(failed(&error)),
            };
            join(matrix, rows.as_deref()).map_err(|error| failed(&error))
        }
        Some("jsonl") => {
            let text = std::fs::read_to_string(path).map_err(|error| failed(&error))?;
            read_lines(&text).map_err(|error| failed(&error))
        }
        _ => Err(failed(&"only .npy and .jsonl files can be read")),
    }
}
