//! Output of list commands.

use serde::Serialize;

use crate::ui::escape::plain_line;
use crate::ui::output::Output;
use crate::ui::table;

/// Items of a list, and whether there are more.
pub(crate) struct Listing<I> {
    pub(crate) items: Vec<I>,
    pub(crate) total: Option<u64>,
    pub(crate) more: bool,
}

impl<I: Serialize> Listing<I> {
    /// Prints the list: an array with `--json`, ids with `--quiet`, otherwise a table.
    pub(crate) fn show<const N: usize>(
        &self,
        output: &Output,
        things: &str,
        headings: [&str; N],
        row: impl Fn(&I) -> [String; N],
    ) {
        output.json(&self.items);
        if self.items.is_empty() {
            output.note(&format!("no {things}"));
        } else {
            let rows: Vec<[String; N]> = self.items.iter().map(row).collect();
            if output.is_quiet() {
                for row in &rows {
                    output.line(&plain_line(row.first().map_or("", String::as_str)));
                }
            } else {
                output.line(&table::render(headings, &rows));
            }
        }
        if self.more {
            let total = self
                .total
                .map_or_else(String::new, |total| format!(" of {total}"));
            output.note(&format!(
                "showing {}{total} {things}; omit --limit and --page to list all",
                self.items.len()
            ));
        }
    }
}
