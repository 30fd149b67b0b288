//! The report as CSV: one row per item, written when the item ends.

use std::io::{self, Write};

use jiff::Timestamp;

use crate::event::{Event, ItemEvent, ItemFailure, Record};

/// Writes a row for each item that is done, refused, failed, skipped or unreadable.
///
/// The columns are `name`, `state`, `bytes`, `seconds`, `index_id`, `asset_id`,
/// `indexed_asset_id`, `video_id`, `error_kind`, `error_code`, `error`, `at`.
pub struct CsvReport<W: Write> {
    writer: csv::Writer<W>,
}

const COLUMNS: [&str; 12] = [
    "name",
    "state",
    "bytes",
    "seconds",
    "index_id",
    "asset_id",
    "indexed_asset_id",
    "video_id",
    "error_kind",
    "error_code",
    "error",
    "at",
];

impl<W: Write> CsvReport<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// The writer fails.
    pub fn new(writer: W) -> io::Result<Self> {
        let mut writer = csv::Writer::from_writer(writer);
        writer.write_record(COLUMNS)?;
        Ok(Self { writer })
    }

    /// Writes a row if the event ends an item.
    ///
    /// # Errors
    /// The writer fails.
    pub fn record(&mut self, record: &Record) -> io::Result<()> {
        match &record.event {
            Event::ItemReady(item) => self.row(record.at, item, "ready", None),
            Event::ItemSkipped { item, reason } => {
                let state = format!("skipped: {reason}");
                self.row(record.at, item, &state, None)
            }
            Event::ItemRefused { item, error } => self.row(record.at, item, "refused", Some(error)),
            Event::ItemFailed { item, error } => self.row(record.at, item, "failed", Some(error)),
            Event::ItemUnreadable { name, error } => {
                let item = ItemEvent::new(tl_ledger::ItemId::new(0), name);
                self.row(record.at, &item, "unreadable", Some(error))
            }
            _ => Ok(()),
        }
    }

    fn row(
        &mut self,
        at: Timestamp,
        item: &ItemEvent,
        state: &str,
        error: Option<&ItemFailure>,
    ) -> io::Result<()> {
        let id = |id: &Option<String>| id.clone().unwrap_or_default();
        let number = |number: Option<String>| number.unwrap_or_default();
        let row = [
            without_formula(&item.name),
            state.to_owned(),
            number(item.bytes.map(|bytes| bytes.to_string())),
            number(item.seconds.map(|seconds| seconds.to_string())),
            id(&item.index_id),
            id(&item.asset_id),
            id(&item.indexed_asset_id),
            id(&item.video_id),
            error.map_or_else(String::new, |error| error.kind.clone()),
            error
                .and_then(|error| error.code.clone())
                .unwrap_or_default(),
            error.map_or_else(String::new, |error| without_formula(&error.text)),
            at.to_string(),
        ];
        self.writer.write_record(row)?;
        Ok(())
    }

    /// Writes what is buffered.
    ///
    /// # Errors
    /// The writer fails.
    pub fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl<W: Write> std::fmt::Debug for CsvReport<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CsvReport").finish_non_exhaustive()
    }
}

/// A spreadsheet runs a cell that starts like a formula; a quote before it prevents that.
fn without_formula(text: &str) -> String {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use tl_ledger::ItemId;

    use super::*;

    #[test]
    fn items_that_end_are_rows() {
        let mut written = Vec::new();
        let mut report = CsvReport::new(&mut written).unwrap();
        let at: Timestamp = "2026-11-28T12:00:00Z".parse().unwrap();
        let item = |name: &str| ItemEvent {
            bytes: Some(5),
            ..ItemEvent::new(ItemId::new(1), name)
        };
        let error = ItemFailure::new("refused", "too \"small\"\n, really");
        for event in [
            Event::ItemUploading(item("a.mp4")),
            Event::ItemReady(item("a,b.mp4")),
            Event::ItemRefused {
                item: item("=cmd()"),
                error: error.clone(),
            },
            Event::ItemUnreadable {
                name: "none".to_owned(),
                error,
            },
        ] {
            report.record(&Record::new(at, event)).unwrap();
        }
        report.flush().unwrap();
        drop(report);
        let mut reader = csv::Reader::from_reader(&written[..]);
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 3);
        assert_eq!(&rows[0][0], "a,b.mp4");
        assert_eq!((&rows[1][0], &rows[1][1]), ("'=cmd()", "refused"));
        assert_eq!(&rows[1][10], "too \"small\"\n, really");
        assert_eq!(&rows[2][1], "unreadable");
    }
}
