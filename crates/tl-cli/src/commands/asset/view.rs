//! Text form of an asset.

use tl_model::Asset;

use crate::text::units::{format_bytes, format_seconds};
use crate::ui::table;

/// Formats an asset.
pub(super) fn details(asset: &Asset) -> String {
    table::pairs(&[
        ("asset", Some(asset.id.to_string())),
        ("status", asset.status.as_ref().map(ToString::to_string)),
        ("reason", asset.failure_reason().map(str::to_owned)),
        ("method", asset.method.as_ref().map(ToString::to_string)),
        ("file", asset.filename.clone()),
        ("type", asset.file_type.clone()),
        ("size", asset.size.map(format_bytes)),
        (
            "duration",
            asset.duration.map(|value| format_seconds(Some(value))),
        ),
        (
            "created",
            asset.created_at.as_ref().map(ToString::to_string),
        ),
    ])
}
