//! Polling of imports.

use tl_model::{Import, ImportStatus};

use crate::{
    Resource,
    endpoint::GetImport,
    flow::{Progress, Watched},
};

/// The wait ends when each file has been imported, was rejected, or failed: an import as a whole does
/// not fail. Check the status of its files.
impl Watched for GetImport {
    const WAITING: &'static str = "wait until the files are imported";

    fn resource(&self) -> Resource {
        self.import_id.clone().into()
    }

    /// The number of files that are imported of all, as the platform has no status of the whole.
    fn status(import: &Import) -> String {
        let ended = import.items.len() - working(import);
        format!("{ended} of {} files", import.items.len())
    }

    fn progress(import: &Import) -> Progress {
        match working(import) {
            0 => Progress::Ready,
            _ => Progress::Working,
        }
    }
}

/// The number of files that are neither rejected nor ready nor failed.
fn working(import: &Import) -> usize {
    let items = import.items.iter();
    let working = items.filter(|item| {
        // A rejected file has no asset, and so no status.
        let is_ended = item.status.as_ref().is_some_and(ImportStatus::is_terminal);
        !is_ended && item.asset_id.is_some()
    });
    working.count()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_import_ends_with_its_last_file() {
        let import = |statuses: &[Option<&str>]| -> Import {
            let items = statuses.iter().map(|status| match status {
                Some(status) => json!({"source_id": "f", "action": "created", "asset_id": "a", "status": status}),
                None => json!({"source_id": "f", "action": "rejected", "error": {"code": "x"}}),
            });
            let items: Vec<_> = items.collect();
            serde_json::from_value(json!({"_id": "i", "items": items})).unwrap()
        };
        for (statuses, is_ready, status) in [
            (&[][..], true, "0 of 0 files"),
            (&[None, None], true, "2 of 2 files"),
            (&[Some("ready"), Some("failed"), None], true, "3 of 3 files"),
            (&[Some("ready"), Some("processing")], false, "1 of 2 files"),
            (&[Some("ready"), Some("resting")], false, "1 of 2 files"),
        ] {
            let import = import(statuses);
            let progress = GetImport::progress(&import);
            assert_eq!(progress == Progress::Ready, is_ready, "{statuses:?}");
            assert_eq!(GetImport::status(&import), status);
        }
    }
}
