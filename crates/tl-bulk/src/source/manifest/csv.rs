//! Manifests in CSV.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::Name;
use super::row::{Column, Row};
use crate::source::entry::Entry;
use crate::source::error::{SourceError, SourceErrorKind};
use crate::source::lines::MAX_LINE;

/// The separators that are recognized.
const SEPARATORS: [u8; 3] = *b",;\t";

/// The rows of a manifest in CSV.
#[derive(Debug)]
pub(super) struct CsvRows {
    reader: Reader<Bounded>,
    budget: Budget,
    columns: Vec<Column>,
    record: ByteRecord,
    name: Name,
}

impl CsvRows {
    /// Reads the header.
    pub(super) fn new(mut input: Box<dyn Read + Send>, name: Name) -> Result<Self, SourceError> {
        let header = first_line(&mut input).map_err(|error| {
            name.whole("its header cannot be read")
                .with_source(error)
                .with_hint(HEADER)
        })?;
        let separator = separator(&header);
        let budget = Budget::default();
        let input = Bounded {
            // With a line end after the last row, every row has one, which `line_of_record` relies on.
            input: Box::new(io::Cursor::new(header).chain(input).chain(&b"\n"[..])),
            budget: budget.clone(),
        };
        let mut reader = ReaderBuilder::new()
            .delimiter(separator)
            .has_headers(false)
            // The number of the line would depend on CR otherwise.
            .terminator(csv::Terminator::Any(b'\n'))
            // The number of values is checked here, for a message that says more.
            .flexible(true)
            .from_reader(input);
        let mut record = ByteRecord::new();
        let has_header = reader
            .read_byte_record(&mut record)
            .map_err(|error| failed(&name, 1, error))?;
        without_cr(&mut record);
        if !has_header || record.iter().all(<[u8]>::is_empty) {
            return Err(name.whole("it is empty").with_hint(HEADER));
        }
        let columns = columns(&record, &name)?;
        Ok(Self {
            reader,
            budget,
            columns,
            record,
            name,
        })
    }

    pub(super) fn next(&mut self) -> Option<Result<Entry, SourceError>> {
        loop {
            self.budget.renew();
            let start = self.reader.position().line();
            match self.reader.read_byte_record(&mut self.record) {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(failed(&self.name, start, error))),
            }
            without_cr(&mut self.record);
            if self.record.len() != 1 || !self.record[0].is_empty() {
                let line = self.line_of_record();
                return Some(self.entry(line));
            }
        }
    }

    /// The line at which the record starts: its end, less the line ends within it.
    fn line_of_record(&self) -> u64 {
        let inside = self.record.as_slice().iter().filter(|byte| **byte == b'\n');
        let lines = inside.count() as u64 + 1;
        self.reader.position().line().saturating_sub(lines).max(1)
    }

    fn entry(&self, line: u64) -> Result<Entry, SourceError> {
        let (found, expected) = (self.record.len(), self.columns.len());
        if found != expected {
            return Err(self
                .name
                .row(
                    line,
                    &format!("{found} values, but the header has {expected} columns"),
                )
                .with_hint("put a value that contains the separator in double quotes"));
        }
        let mut row = Row::default();
        for (column, value) in self.columns.iter().zip(&self.record) {
            let text = std::str::from_utf8(value).map_err(|error| {
                self.name
                    .row(line, &format!("{} is not UTF-8", described(column)))
                    .with_source(error)
                    .with_hint(
                        "save the manifest as UTF-8; --files-from0 takes paths that are not UTF-8",
                    )
            })?;
            row.set(column, text)
                .map_err(|error| self.name.wrap(line, error))?;
        }
        row.entry(line).map_err(|error| self.name.wrap(line, error))
    }
}

const HEADER: &str = "the first line names the columns: uri, and any of index, title, route, metadata.KEY; --files-from takes a list of paths";

fn described(column: &Column) -> String {
    match column {
        Column::Uri => "`uri`".into(),
        Column::Index => "`index`".into(),
        Column::Title => "`title`".into(),
        Column::Route => "`route`".into(),
        Column::Metadata => "`metadata`".into(),
        Column::Text(key) => format!("`metadata.{key}`"),
        Column::Json(key) => format!("`metadata.{key}:=`"),
    }
}

fn columns(header: &ByteRecord, name: &Name) -> Result<Vec<Column>, SourceError> {
    let mut columns: Vec<Column> = Vec::new();
    for value in header {
        let text = std::str::from_utf8(value).map_err(|error| {
            name.whole("its header is not UTF-8")
                .with_source(error)
                .with_hint("save the manifest as UTF-8")
        })?;
        let column = Column::parse(text.trim())
            .map_err(|why| name.whole(&why).on_line(1).with_hint(HEADER))?;
        if columns.contains(&column) {
            return Err(name
                .whole(&format!("column {} occurs twice", described(&column)))
                .on_line(1)
                .with_hint("remove one of them"));
        }
        columns.push(column);
    }
    if !columns.contains(&Column::Uri) {
        return Err(name
            .whole("there is no column `uri`")
            .on_line(1)
            .with_hint(HEADER));
    }
    Ok(columns)
}

/// Removes the CR of a line end from the last value.
fn without_cr(record: &mut ByteRecord) {
    if record
        .iter()
        .next_back()
        .is_some_and(|last| last.ends_with(b"\r"))
    {
        let end = record.as_slice().len() - 1;
        let last = record.len() - 1;
        let mut without: ByteRecord = record.iter().take(last).collect();
        let start = record.range(last).map_or(end, |range| range.start);
        without.push_field(&record.as_slice()[start..end]);
        *record = without;
    }
}

/// The separator with which the header has a column `uri`.
fn separator(header: &[u8]) -> u8 {
    let has_uri = |separator: &u8| {
        header.split(|byte| byte == separator).any(|name| {
            let name = name.trim_ascii();
            name.strip_prefix(b"\"")
                .and_then(|name| name.strip_suffix(b"\""))
                .unwrap_or(name)
                == b"uri"
        })
    };
    // A header with one column has no separator.
    SEPARATORS.into_iter().find(has_uri).unwrap_or(b',')
}

/// The first line with its end.
fn first_line(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    let mut byte = [0];
    while line.len() <= MAX_LINE && input.read(&mut byte)? == 1 {
        line.push(byte[0]);
        if byte[0] == b'\n' {
            break;
        }
    }
    Ok(line)
}

/// How many bytes may still be read for the current record. A quote that is never closed must not
/// read the rest of a large file into memory.
#[derive(Debug, Clone, Default)]
struct Budget(Arc<AtomicUsize>);

impl Budget {
    fn renew(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// A reader that fails if a record is too long.
struct Bounded {
    input: Box<dyn Read + Send>,
    budget: Budget,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.budget.0.load(Ordering::Relaxed) > MAX_LINE {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let read = self.input.read(buffer)?;
        self.budget.0.fetch_add(read, Ordering::Relaxed);
        Ok(read)
    }
}

impl std::fmt::Debug for Bounded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bounded").finish_non_exhaustive()
    }
}

fn failed(name: &Name, line: u64, error: csv::Error) -> SourceError {
    let is_too_long = matches!(
        error.kind(),
        csv::ErrorKind::Io(error) if error.kind() == io::ErrorKind::FileTooLarge
    );
    let (why, hint) = match is_too_long {
        true => (
            format!("the row has more than {MAX_LINE} bytes"),
            "look for a double quote that is not closed",
        ),
        false => (
            "it cannot be read".to_owned(),
            "check the disk and try again",
        ),
    };
    let mut failure = name
        .whole(&format!("line {line}: {why}"))
        .on_line(line)
        .with_hint(hint);
    if !is_too_long {
        failure = failure.with_source(error);
    }
    debug_assert_eq!(failure.kind(), SourceErrorKind::Manifest);
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_separator_is_recognized() {
        for (header, expected) in [
            (&b"uri,title\n"[..], b','),
            (b"title;uri\r\n", b';'),
            (b"\"uri\"\ttitle", b'\t'),
            (b"uri\n", b','),
            (b"a;b", b','),
        ] {
            assert_eq!(separator(header), expected, "{header:?}");
        }
    }
}
