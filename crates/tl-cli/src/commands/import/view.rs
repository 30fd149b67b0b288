//! Text form of the files of an import.

use tl_model::ImportItem;

use crate::ui::table::{self, cell};

/// Formats the files, one per line.
pub(super) fn files(items: &[ImportItem]) -> String {
    let rows: Vec<[String; 5]> = items
        .iter()
        .map(|item| {
            let error = item.error.as_ref();
            let reason = error.and_then(|error| error.message.as_ref().or(error.code.as_ref()));
            [
                cell(item.asset_id.as_ref()),
                cell(item.action.as_ref()),
                cell(item.status.as_ref()),
                item.source_id.clone(),
                cell(reason),
            ]
        })
        .collect();
    table::render(["ASSET", "ACTION", "STATUS", "FILE", "REASON"], &rows)
}
