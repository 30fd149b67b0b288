//! The journal table: newest requests first, filtered by text, operation and response.

use std::fmt::Write as _;

use super::{
    MAX_ROWS,
    filters::Filters,
    html::{self, Escaped},
};
use crate::{
    platform::Operation,
    server::{JournalEntry, Runtime},
};

/// Values of the response filter.
const RESPONSES: [&str; 5] = ["2xx", "3xx", "4xx", "5xx", "faulty"];

pub(super) fn filter(_: &Runtime, filters: &Filters, html: &mut String) {
    filters.open_filter(html, "journal", &["text", "operation", "answer"]);
    _ = write!(
        html,
        "<label>Text <input name=text value=\"{}\" placeholder='path, code, fault'></label>\
         <label>Operation <select name=operation><option value=''>any</option>",
        Escaped(&filters.text)
    );
    let names: Vec<String> = Operation::ALL.iter().map(ToString::to_string).collect();
    html::options(html, names.iter().map(String::as_str), &filters.operation);
    html.push_str(
        "</select></label><label>Response <select name=answer><option value=''>any</option>",
    );
    html::options(html, RESPONSES, &filters.answer);
    html.push_str("</select></label><button>Filter journal</button></form>");
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

pub(super) fn table(runtime: &Runtime, filters: &Filters, html: &mut String) {
    let mut entries = runtime.journal();
    if entries.is_empty() {
        return html::empty(html, "No requests yet.");
    }
    let all = entries.len();
    entries.retain(|entry| matches(entry, filters));
    if entries.is_empty() {
        _ = write!(
            html,
            "<p class=none>None of {all} requests match the filters.</p>"
        );
        return;
    }
    let columns = [
        "No.", "Time", "Request", "Response", "Received", "Duration", "Faults",
    ];
    html::open_table(html, "Journal", &columns);
    for entry in entries.iter().rev().take(MAX_ROWS as usize) {
        let class = match entry.status {
            0..400 => "good",
            _ => "bad",
        };
        let number = entry.number;
        let query = entry.query.as_ref().map(|query| format!("?{query}"));
        _ = write!(
            html,
            "<tr><td><a href='/_emulator/journal?bodies=true&amp;after={}&amp;until={number}' title='With bodies, as JSON'>{number}</a><td>{}<td class=request><code>{} {}{}</code><td><span class='state {class}'>{}</span> {}<td>{}<td>{} ms<td>{}",
            number.saturating_sub(1),
            html::timestamp(&entry.at),
            Escaped(&entry.method),
            Escaped(&entry.path),
            Escaped(query.unwrap_or_default()),
            entry.status,
            Escaped(entry.code.as_deref().unwrap_or_default()),
            html::bytes(entry.bytes_received),
            entry.took_ms,
            Escaped(entry.faults.join("; "))
        );
    }
    html::close_table(html);
    _ = write!(
        html,
        "<p class=count>{} of {} matching requests ({all} total)</p>",
        entries.len().min(MAX_ROWS as usize),
        entries.len()
    );
}
