//! Records as text: JSON Lines, or CSV with a column per member and JSON in some cells.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use clap::ValueEnum;
use serde_json::{Map, Value};
use tl_ledger::Record;

use crate::failure::Failure;

/// Formats of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// One JSON object per line
    Jsonl,
    /// One row per item; some cells contain JSON
    Csv,
}

impl Format {
    /// The format that the name of a file means.
    pub(super) fn of_path(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "csv" => Some(Self::Csv),
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            _ => None,
        }
    }
}

/// What a cell contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    /// Text that is always present.
    Text,
    /// Text, or nothing.
    OptionalText,
    /// JSON, or nothing.
    Json,
}

/// The columns: what a person looks for first, and the rest.
const COLUMNS: [(&str, &str, Cell); 36] = [
    ("item", "/item/id", Cell::Json),
    ("name", "/item/name", Cell::Text),
    ("state", "/item/state", Cell::Text),
    ("index_id", "/item/index_id", Cell::Text),
    ("asset_id", "/item/asset_id", Cell::OptionalText),
    ("indexed_id", "/item/indexed_id", Cell::OptionalText),
    ("video_id", "/item/video_id", Cell::OptionalText),
    ("error", "/item/error", Cell::Json),
    ("bytes", "/item/bytes", Cell::Json),
    ("video", "/item/video", Cell::Json),
    ("metadata", "/item/metadata", Cell::Json),
    ("created", "/item/created", Cell::Text),
    ("sent", "/item/sent", Cell::OptionalText),
    ("done", "/item/done", Cell::OptionalText),
    ("status", "/item/status", Cell::OptionalText),
    ("status_since", "/item/status_since", Cell::OptionalText),
    ("run_at", "/item/run_at", Cell::Text),
    ("hold_reason", "/item/hold_reason", Cell::OptionalText),
    ("owner", "/item/owner", Cell::OptionalText),
    ("lease_until", "/item/lease_until", Cell::OptionalText),
    ("epoch", "/item/epoch", Cell::Json),
    ("claims", "/item/claims", Cell::Json),
    ("priority", "/item/priority", Cell::Json),
    ("nonce", "/item/nonce", Cell::OptionalText),
    ("route", "/item/route", Cell::OptionalText),
    ("upload_id", "/item/upload_id", Cell::OptionalText),
    ("rules_pack", "/item/rules_pack", Cell::OptionalText),
    ("options_hash", "/item/options_hash", Cell::Text),
    ("numbers", "/item/numbers", Cell::Json),
    ("account", "/account", Cell::Json),
    ("content", "/content", Cell::Json),
    ("sources", "/sources", Cell::Json),
    ("attempts", "/attempts", Cell::Json),
    ("chunks", "/chunks", Cell::Json),
    ("checkpoint", "/checkpoint", Cell::OptionalText),
    ("v", "/v", Cell::Json),
];

/// Members of an item that have no column: numbers of the exporting ledger.
const NUMBERS: [&str; 2] = ["account", "content"];

/// Writes records.
pub(super) struct Writer<'a> {
    sink: Sink<'a>,
}

enum Sink<'a> {
    Jsonl(&'a mut dyn Write),
    Csv(Box<csv::Writer<&'a mut dyn Write>>, bool),
}

impl<'a> Writer<'a> {
    pub(super) fn new(format: Format, sink: &'a mut dyn Write) -> Self {
        let sink = match format {
            Format::Jsonl => Sink::Jsonl(sink),
            Format::Csv => Sink::Csv(Box::new(csv::Writer::from_writer(sink)), false),
        };
        Self { sink }
    }

    pub(super) fn write(&mut self, record: &Record) -> io::Result<()> {
        match &mut self.sink {
            Sink::Jsonl(sink) => {
                serde_json::to_writer(&mut **sink, record)?;
                sink.write_all(b"\n")
            }
            Sink::Csv(writer, has_header) => {
                if !std::mem::replace(has_header, true) {
                    writer.write_record(COLUMNS.map(|(name, ..)| name))?;
                }
                let mut value = serde_json::to_value(record)?;
                let numbers = NUMBERS.map(|name| value["item"][name].take());
                value["item"]["numbers"] = numbers.into_iter().collect();
                let cells = COLUMNS.map(|(_, pointer, cell)| match value.pointer(pointer) {
                    None | Some(Value::Null) => String::new(),
                    Some(Value::String(text)) if cell != Cell::Json => text.clone(),
                    Some(value) => value.to_string(),
                });
                writer.write_record(&cells)?;
                Ok(())
            }
        }
    }

    pub(super) fn finish(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::Jsonl(sink) => sink.flush(),
            Sink::Csv(writer, has_header) => {
                if !*has_header {
                    writer.write_record(COLUMNS.map(|(name, ..)| name))?;
                }
                writer.flush()
            }
        }
    }
}

/// Reads records.
pub(super) enum Reader {
    Jsonl(BufReader<Box<dyn Read>>, u64),
    Csv(Box<csv::StringRecordsIntoIter<Box<dyn Read>>>, Vec<String>),
}

impl Reader {
    pub(super) fn new(format: Format, source: Box<dyn Read>) -> Self {
        match format {
            Format::Jsonl => Self::Jsonl(BufReader::new(source), 0),
            Format::Csv => {
                let mut reader = csv::Reader::from_reader(source);
                // A header that cannot be read is reported with the first row.
                let names = reader.headers().map(|names| {
                    let names = names.iter().map(str::to_owned);
                    names.collect::<Vec<_>>()
                });
                let names = names.unwrap_or_default();
                Self::Csv(Box::new(reader.into_records()), names)
            }
        }
    }

    /// The next record, or a failure that names its line.
    pub(super) fn next(&mut self) -> Option<Result<Record, Failure>> {
        match self {
            Self::Jsonl(source, number) => loop {
                let mut line = String::new();
                *number += 1;
                match source.read_line(&mut line) {
                    Ok(0) => return None,
                    Ok(_) if line.trim().is_empty() => {}
                    Ok(_) => {
                        let record = serde_json::from_str(&line);
                        return Some(record.map_err(|error| wrong(*number, &error)));
                    }
                    Err(error) => return Some(Err(wrong(*number, &error))),
                }
            },
            Self::Csv(rows, names) => {
                let row = rows.next()?;
                let read = row.map_err(|error| {
                    let line = error.position().map_or(1, csv::Position::line);
                    wrong(line, &error)
                });
                Some(read.and_then(|row| {
                    let line = row.position().map_or(1, csv::Position::line);
                    from_row(names, &row).map_err(|message| {
                        Failure::usage(format!("line {line} is not an item: {message}"))
                    })
                }))
            }
        }
    }
}

fn wrong(line: u64, error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::usage(format!("line {line} is not an item: {error}"))
}

fn from_row(names: &[String], row: &csv::StringRecord) -> Result<Record, String> {
    let mut record = Map::new();
    let mut item = Map::new();
    for (name, pointer, cell) in COLUMNS {
        let place = names.iter().position(|known| known == name);
        let text = place.and_then(|place| row.get(place));
        let text = text.ok_or_else(|| format!("the column `{name}` is missing"))?;
        let value = match cell {
            Cell::Text => Value::from(text),
            _ if text.is_empty() => Value::Null,
            Cell::OptionalText => Value::from(text),
            Cell::Json => serde_json::from_str(text)
                .map_err(|error| format!("the column `{name}` is not JSON ({error})"))?,
        };
        match pointer.strip_prefix("/item/") {
            Some(member) => item.insert(member.to_owned(), value),
            None => record.insert(pointer.trim_start_matches('/').to_owned(), value),
        };
    }
    let numbers = item.remove("numbers").unwrap_or_default();
    for (place, name) in NUMBERS.iter().enumerate() {
        item.insert((*name).to_owned(), numbers[place].clone());
    }
    record.insert("item".to_owned(), item.into());
    serde_json::from_value(record.into()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;
    use std::time::Duration;

    use jiff::Timestamp;
    use tl_ledger::{
        ClaimOptions, FileStat, Fingerprint, ItemError, KeyTag, Ledger, NewAccount, NewContent,
        NewItem, NewRun, Operation, Selection, State, Update,
    };
    use tl_protocol::limiter::{Cost, Limits};

    use super::*;

    fn records() -> Vec<Record> {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(folder.path().join("ledger.sqlite3")).unwrap();
        let now: Timestamp = "2026-11-28T12:00:00.5Z".parse().unwrap();
        let key = KeyTag::of("tlk_EXAMPLE");
        let account = NewAccount::new("https://api", key, "unlimited", Limits::UNLIMITED);
        let account = ledger.account(now, &account).unwrap();
        let run = ledger.begin_run(now, &NewRun::new("host", 1)).unwrap();
        let items: Vec<NewItem> = (1..4)
            .map(|n| {
                let content = NewContent::Read(Fingerprint::new(n, [7; 32]));
                let name = format!("=a \"b\",\n{n};é.mp4");
                NewItem::new(
                    format!("file:///{n}"),
                    FileStat::of_size(n),
                    content,
                    "index",
                )
                .with_name(name)
                .with_video(Duration::from_millis(1500))
                .with_metadata(serde_json::json!({ "number": n, "text": "1" }))
            })
            .collect();
        ledger.add(now, run, account, &items).unwrap();
        let options = ClaimOptions::new(account, "worker").limit(2);
        let claim = ledger.claim(now, &options, |_| Cost::default()).unwrap();
        let [first, second] = &claim.items[..] else {
            panic!("{claim:?}");
        };
        let update = Update::to(State::Sending).nonce("123");
        let operation = Operation::CreateAsset;
        ledger
            .intent(now, first.lease, run, operation, &update)
            .unwrap();
        ledger
            .fail(now, second.lease, ItemError::new("", ""))
            .unwrap();
        let mut records = Vec::new();
        let all = Selection::all();
        let each = |record| {
            records.push(record);
            ControlFlow::Continue(())
        };
        ledger.export(&all, each).unwrap();
        records
    }

    fn read(format: Format, text: &[u8]) -> Result<Vec<Record>, String> {
        let mut reader = Reader::new(format, Box::new(io::Cursor::new(text.to_vec())));
        let mut records = Vec::new();
        while let Some(record) = reader.next() {
            records.push(record.map_err(|failure| failure.message().to_owned())?);
        }
        Ok(records)
    }

    #[test]
    fn records_round_trip_through_both_formats() {
        let records = records();
        for format in [Format::Jsonl, Format::Csv] {
            let mut text = Vec::new();
            let mut writer = Writer::new(format, &mut text);
            for record in &records {
                writer.write(record).unwrap();
            }
            writer.finish().unwrap();
            drop(writer);
            assert_eq!(read(format, &text).unwrap(), records, "{format:?}");
            // The key is not part of an export.
            assert!(!String::from_utf8(text).unwrap().contains("tlk_EXAMPLE"));
        }
    }

    #[test]
    fn wrong_lines_are_named() {
        let records = records();
        let mut text = Vec::new();
        let mut writer = Writer::new(Format::Csv, &mut text);
        writer.write(&records[0]).unwrap();
        writer.finish().unwrap();
        drop(writer);
        let text = String::from_utf8(text).unwrap();
        let check = |format: Format, text: &str, parts: &[&str]| {
            let message = read(format, text.as_bytes()).unwrap_err();
            assert!(parts.iter().all(|part| message.contains(part)), "{message}");
        };
        check(
            Format::Csv,
            &text.replacen("state", "stat", 1),
            &["line 2", "`state` is missing"],
        );
        check(
            Format::Csv,
            &text.replacen("sending", "sent", 1),
            &["line 2", "sent"],
        );
        check(Format::Csv, "a,b\n1\n", &["line 2"]);
        let line = serde_json::to_string(&records[0]).unwrap();
        check(
            Format::Jsonl,
            &format!("{line}\n{{}}\n"),
            &["line 2", "missing field"],
        );
        check(Format::Jsonl, &format!("{line}\n\u{0}\n"), &["line 2"]);
        assert_eq!(read(Format::Jsonl, b"\n\n").unwrap(), []);
        assert_eq!(read(Format::Csv, b"").unwrap(), []);
    }
}
