//! The table of requests: newest first, filtered by text, operation and response.

use super::{
    MAX_ROWS,
    filters::Filters,
    view::{self, Choice, Time},
};
use crate::{
    platform::Operation,
    server::{JournalEntry, Runtime},
};

/// Values of the response filter.
const RESPONSES: [&str; 5] = ["2xx", "3xx", "4xx", "5xx", "faulty"];

/// The entries to show.
#[derive(Debug)]
pub(super) struct Journal {
    /// The newest matching entries, newest first.
    pub(super) rows: Vec<Row>,
    pub(super) matching: usize,
    pub(super) total: usize,
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) number: u64,
    pub(super) at: Time,
    pub(super) method: String,
    /// The path and the query.
    pub(super) target: String,
    pub(super) status: u16,
    pub(super) class: &'static str,
    pub(super) code: String,
    pub(super) received: String,
    pub(super) took_ms: u64,
    pub(super) faults: String,
}

impl Row {
    /// The number after which the journal is read for this entry alone.
    pub(super) fn before(&self) -> u64 {
        self.number.saturating_sub(1)
    }
}

/// The operations to filter by.
pub(super) fn operations(filters: &Filters) -> Vec<Choice> {
    let names = Operation::ALL.iter().map(ToString::to_string);
    view::choices(names, &filters.operation)
}

/// The responses to filter by.
pub(super) fn responses(filters: &Filters) -> Vec<Choice> {
    view::choices(RESPONSES, &filters.answer)
}

fn matches(entry: &JournalEntry, filters: &Filters) -> bool {
    let operation = entry.operation.as_deref().unwrap_or_default();
    let answer = match filters.answer.as_str() {
        "" => true,
        "faulty" => !entry.faults.is_empty(),
        // A class such as `4xx`, or an exact status.
        filter => {
            let status = entry.status.to_string();
            filter == status
                || filter
                    .strip_suffix("xx")
                    .is_some_and(|class| status.starts_with(class))
        }
    };
    answer
        && (filters.operation.is_empty() || filters.operation == operation)
        && (filters.text.is_empty() || {
            let filter = filters.text.to_lowercase();
            let line = format!(
                "{} {}?{} {} {} {}",
                entry.method,
                entry.path,
                entry.query.as_deref().unwrap_or_default(),
                operation,
                entry.code.as_deref().unwrap_or_default(),
                entry.faults.join(" ")
            );
            line.to_lowercase().contains(&filter)
        })
}

pub(super) fn table(runtime: &Runtime, filters: &Filters) -> Journal {
    let mut entries = runtime.journal();
    let total = entries.len();
    entries.retain(|entry| matches(entry, filters));
    let newest = entries.iter().rev().take(MAX_ROWS as usize);
    Journal {
        rows: newest.map(row).collect(),
        matching: entries.len(),
        total,
    }
}

/// The requests whose path, operation, code or faults contain `text`.
pub(super) fn search(runtime: &Runtime, text: &str) -> Journal {
    let filters = Filters {
        text: text.to_owned(),
        ..Filters::default()
    };
    table(runtime, &filters)
}

pub(super) fn row(entry: &JournalEntry) -> Row {
    let query = entry.query.as_ref().map(|query| format!("?{query}"));
    Row {
        number: entry.number,
        at: Time::new(entry.at.as_str()),
        method: entry.method.clone(),
        target: format!("{}{}", entry.path, query.unwrap_or_default()),
        status: entry.status,
        class: match entry.status {
            0..400 => "good",
            _ => "bad",
        },
        code: entry.code.clone().unwrap_or_default(),
        received: view::bytes(entry.bytes_received),
        took_ms: entry.took_ms,
        faults: entry.faults.join("; "),
    }
}
