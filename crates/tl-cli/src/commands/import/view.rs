//! Text form of the files of an import.

use super::outcome::ImportedFile;
use crate::ui::table::{self, cell};

/// Formats the files, one per line.
pub(super) fn files(files: &[ImportedFile]) -> String {
    let rows: Vec<[String; 5]> = files
        .iter()
        .map(|file| {
            let item = &file.item;
            [
                cell(item.asset_id.as_ref()),
                cell(item.action.as_ref()),
                cell(item.status.as_ref()),
                item.source_id.clone(),
                file.reason().unwrap_or_default(),
            ]
        })
        .collect();
    table::render(["ASSET", "ACTION", "STATUS", "FILE", "REASON"], &rows)
}
