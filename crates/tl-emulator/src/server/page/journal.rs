//! The journal on the page: the newest requests first, filtered by text, operation and answer.

use std::fmt::Write as _;

use super::{
    MOST,
    html::{self, Plain},
    shown::Shown,
};
use crate::{
    platform::Operation,
    server::{JournalEntry, Shell},
};

/// The answers that can be asked for.
const ANSWERS: [&str; 5] = ["2xx", "3xx", "4xx", "5xx", "faulty"];

pub(super) fn filter(_: &Shell, shown: &Shown, html: &mut String) {
    shown.open_filter(html, "journal", &["text", "operation", "answer"]);
    _ = write!(
        html,
        "<label>Text <input name=text value=\"{}\" placeholder='path, code, fault'></label>\
         <label>Operation <select name=operation><option value=''>any</option>",
        Plain(&shown.text)
    );
    let names: Vec<String> = Operation::ALL.iter().map(ToString::to_string).collect();
    html::options(html, names.iter().map(String::as_str), &shown.operation);
    html.push_str(
        "</select></label><label>Answer <select name=answer><option value=''>any</option>",
    );
    html::options(html, ANSWERS, &shown.answer);
    html.push_str("</select></label><button>Filter journal</button></form>");
}

fn passes(entry: &JournalEntry, shown: &Shown) -> bool {
    let operation = entry.operation.as_deref().unwrap_or_default();
    let answer = match shown.answer.as_str() {
        "" => true,
        "faulty" => !entry.faults.is_empty(),
        // `4xx`, or a status itself.
        wanted => {
            let status = entry.status.to_string();
            wanted == status
                || wanted
                    .strip_suffix("xx")
                    .is_some_and(|class| status.starts_with(class))
        }
    };
    answer
        && (shown.operation.is_empty() || shown.operation == operation)
        && (shown.text.is_empty() || {
            let wanted = shown.text.to_lowercase();
            let line = format!(
                "{} {}?{} {} {} {}",
                entry.method,
                entry.path,
                entry.query.as_deref().unwrap_or_default(),
                operation,
                entry.code.as_deref().unwrap_or_default(),
                entry.faults.join(" ")
            );
            line.to_lowercase().contains(&wanted)
        })
}

pub(super) fn table(shell: &Shell, shown: &Shown, html: &mut String) {
    let mut entries = shell.journal();
    if entries.is_empty() {
        return html::none(html, "Nothing was asked yet.");
    }
    let all = entries.len();
    entries.retain(|entry| passes(entry, shown));
    if entries.is_empty() {
        _ = write!(
            html,
            "<p class=none>None of {all} requests is like that.</p>"
        );
        return;
    }
    let columns = [
        "No.", "At", "Request", "Answer", "Came in", "Took", "Faults",
    ];
    html::open_table(html, "Journal", &columns);
    for entry in entries.iter().rev().take(MOST as usize) {
        let class = match entry.status {
            0..400 => "good",
            _ => "bad",
        };
        let number = entry.number;
        let query = entry.query.as_ref().map(|query| format!("?{query}"));
        _ = write!(
            html,
            "<tr><td><a href='/_emulator/journal?bodies=true&amp;after={}&amp;until={number}' title='With its bodies, as JSON'>{number}</a><td>{}<td class=request><code>{} {}{}</code><td><span class='state {class}'>{}</span> {}<td>{}<td>{} ms<td>{}",
            number.saturating_sub(1),
            html::moment(&entry.at),
            Plain(&entry.method),
            Plain(&entry.path),
            Plain(query.unwrap_or_default()),
            entry.status,
            Plain(entry.code.as_deref().unwrap_or_default()),
            html::bytes(entry.bytes_received),
            entry.took_ms,
            Plain(entry.faults.join("; "))
        );
    }
    html::close_table(html);
    _ = write!(
        html,
        "<p class=count>{} of {} requests, of {all} in all</p>",
        entries.len().min(MOST as usize),
        entries.len()
    );
}
