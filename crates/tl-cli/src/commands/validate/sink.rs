//! Writes results: line by line, or as a document that is spooled to temporary files. Memory does
//! not grow with the number of files.

use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use serde_json::json;
use tempfile::NamedTempFile;
use tl_validate::formats::{Document, DocumentKind, Entry};

use super::format::Format;
use super::thumbnail::Thumbnail;
use crate::check::local_check::CheckResult;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::secret;
use crate::ui::escape::json_line;
use crate::ui::output::Output;
use crate::ui::report;

/// Result of one input.
pub(super) struct FileResult {
    pub(super) name: String,
    pub(super) seconds: f64,
    pub(super) check: CheckResult,
    /// `None` without thumbnails.
    pub(super) thumbnail: Option<Thumbnail>,
}

impl FileResult {
    pub(super) fn exit(&self) -> Exit {
        match &self.check.failure {
            Some(failure) => failure.exit(),
            None if self.check.checked.report.is_refused() => Exit::RefusedLocally,
            None => Exit::Ok,
        }
    }

    fn to_json(&self) -> serde_json::Value {
        let exit = self.exit();
        let mut object =
            json!({"input": self.name, "ok": exit == Exit::Ok, "exit_code": exit.code()});
        if !self.check.notes.is_empty() {
            object["notes"] = json!(self.check.notes);
        }
        match &self.check.failure {
            Some(failure) => object["error"] = failure.to_json(),
            None => {
                object["facts"] = json!(self.check.checked.facts);
                object["report"] = json!(self.check.checked.report);
            }
        }
        object
    }
}

/// Writes results in the selected format.
pub(super) struct Sink<'a> {
    encoder: Encoder,
    lines: LineWriter<'a>,
    output: &'a Output,
}

enum Encoder {
    Human,
    Jsonl,
    Json { started: bool },
    Document(Box<DocumentSpool>),
}

/// A document in progress, with its parts on disk.
struct DocumentSpool {
    document: Document,
    bodies: BufWriter<File>,
    asides: BufWriter<File>,
}

impl<'a> Sink<'a> {
    pub(super) fn new(
        context: &'a Context,
        format: Format,
        file: Option<&Path>,
    ) -> Result<Self, Failure> {
        let encoder = match format {
            Format::Human => Encoder::Human,
            Format::Jsonl => Encoder::Jsonl,
            Format::Json => Encoder::Json { started: false },
            Format::Junit => parts(DocumentKind::Junit)?,
            Format::Sarif => parts(DocumentKind::Sarif)?,
            Format::Csv => parts(DocumentKind::Csv)?,
            Format::Html => parts(DocumentKind::Html)?,
        };
        let to = match file {
            None => Destination::Stdout(&context.output),
            Some(file) => Destination::File(Box::new(AtomicFile::beside(file)?)),
        };
        Ok(Self {
            encoder,
            lines: LineWriter {
                to,
                incomplete: Vec::new(),
            },
            output: &context.output,
        })
    }

    pub(super) fn write(&mut self, result: &FileResult) -> Result<(), Failure> {
        for note in &result.check.notes {
            self.output.note(note);
        }
        let written = match (&mut self.encoder, &result.check.failure) {
            (Encoder::Human, None) => {
                let text = report::checked(&result.name, &result.check.checked);
                return self.lines.line(&text).map_err(|error| unwritable(&error));
            }
            (Encoder::Human, Some(_)) => Ok(()),
            (Encoder::Jsonl, _) => json_line(&result.to_json())
                .map_err(io::Error::from)
                .and_then(|text| self.lines.line(&text)),
            (Encoder::Json { started }, _) => {
                let before = if std::mem::replace(started, true) {
                    ','
                } else {
                    '['
                };
                json_line(&result.to_json())
                    .map_err(io::Error::from)
                    .and_then(|text| self.lines.line(&format!("{before}{text}")))
            }
            (Encoder::Document(parts), _) => parts.add(result),
        };
        written.map_err(|error| unwritable(&error))?;
        if let Some(failure) = &result.check.failure {
            self.output.failure_text(failure);
        }
        Ok(())
    }

    /// Completes a document and moves the output file to its target.
    pub(super) fn finish(self) -> Result<(), Failure> {
        let Self {
            encoder, mut lines, ..
        } = self;
        match encoder {
            Encoder::Human | Encoder::Jsonl => Ok(()),
            Encoder::Json { started } => lines.line(if started { "]" } else { "[]" }),
            Encoder::Document(parts) => parts.finish(&mut lines),
        }
        .and_then(|()| lines.finish())
        .map_err(|error| unwritable(&error))
    }
}

fn parts(kind: DocumentKind) -> Result<Encoder, Failure> {
    let spool = || tempfile::tempfile().map(BufWriter::new);
    let both = spool().and_then(|bodies| Ok((bodies, spool()?)));
    let (bodies, asides) = both.map_err(|error| {
        Failure::new(
            Exit::Usage,
            "output",
            "failed to create a temporary file for the report",
        )
        .with_source(&error)
        .hint("set TMPDIR to a directory with free space")
    })?;
    Ok(Encoder::Document(Box::new(DocumentSpool {
        document: Document::new(kind),
        bodies,
        asides,
    })))
}

impl DocumentSpool {
    fn add(&mut self, result: &FileResult) -> io::Result<()> {
        let mut entry =
            Entry::new(&result.name, &result.check.checked.report).with_seconds(result.seconds);
        if let Some(facts) = &result.check.checked.facts {
            entry = entry.with_facts(facts);
        }
        entry = match &result.thumbnail {
            Some(Ok(thumbnail)) => entry.with_thumbnail(thumbnail),
            Some(Err(reason)) => entry.without_thumbnail(reason),
            None => entry,
        };
        let piece = self.document.entry(&entry);
        self.bodies.write_all(piece.body.as_bytes())?;
        self.asides.write_all(piece.aside.as_bytes())
    }

    fn finish(self, out: &mut LineWriter<'_>) -> io::Result<()> {
        let read = |spool: BufWriter<File>| -> io::Result<File> {
            let mut file = spool.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.rewind()?;
            Ok(file)
        };
        let (mut bodies, mut asides) = (read(self.bodies)?, read(self.asides)?);
        self.document.finish(out, &mut bodies, &mut asides)
    }
}

/// Line-buffered output.
struct LineWriter<'a> {
    to: Destination<'a>,
    /// An incomplete line.
    incomplete: Vec<u8>,
}

enum Destination<'a> {
    Stdout(&'a Output),
    File(Box<AtomicFile>),
}

impl LineWriter<'_> {
    fn line(&mut self, text: &str) -> io::Result<()> {
        match &mut self.to {
            Destination::Stdout(output) => output.text(text),
            Destination::File(file) => {
                // Files do not contain color.
                let plain = anstream::adapter::strip_str(text).to_string();
                writeln!(file.writer, "{}", secret::mask_keys(&plain))?;
            }
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<()> {
        if !self.incomplete.is_empty() {
            let rest = String::from_utf8_lossy(&std::mem::take(&mut self.incomplete)).into_owned();
            self.line(&rest)?;
        }
        match self.to {
            Destination::Stdout(_) => Ok(()),
            Destination::File(file) => file.commit(),
        }
    }
}

impl Write for LineWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.incomplete.extend_from_slice(bytes);
        let mut from = 0;
        let whole = std::mem::take(&mut self.incomplete);
        while let Some(end) = whole[from..].iter().position(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(&whole[from..from + end]).into_owned();
            self.line(&line)?;
            from += end + 1;
        }
        self.incomplete = whole[from..].to_vec();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A temporary file that is renamed when it is complete.
struct AtomicFile {
    writer: BufWriter<NamedTempFile>,
    target: PathBuf,
}

impl AtomicFile {
    fn beside(target: &Path) -> Result<Self, Failure> {
        let folder = match target.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let refused = |why: &str| {
            Failure::usage(format!("failed to write `{}`: {why}", target.display()))
                .hint("pass another file to --output")
        };
        if target.is_dir() {
            return Err(refused("is a directory"));
        }
        let mut builder = tempfile::Builder::new();
        builder.prefix(".tl-report-");
        // Use the usual permissions; a temporary file would be readable only by its owner.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder
            .tempfile_in(folder)
            .map_err(|error| refused("cannot create files in its directory").with_source(&error))?;
        Ok(Self {
            writer: BufWriter::new(file),
            target: target.to_owned(),
        })
    }

    fn commit(self) -> io::Result<()> {
        let file = self
            .writer
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        file.as_file().sync_all()?;
        file.persist(&self.target).map_err(|error| error.error)?;
        Ok(())
    }
}

fn unwritable(error: &io::Error) -> Failure {
    Failure::new(Exit::Usage, "output", "failed to write the results")
        .with_source(error)
        .hint("free disk space or use another directory; no partial file was left")
}
