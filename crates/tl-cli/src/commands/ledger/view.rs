//! Text forms of an item.

use tl_ledger::Item;

use crate::text::units::{format_bytes, format_duration};

/// What an item waits for, or why it ended.
pub(super) fn note(item: &Item) -> String {
    if let Some(error) = &item.error {
        let code = error.code.as_deref().unwrap_or(&error.kind);
        return format!("{code}: {}", error.text);
    }
    if let Some(reason) = &item.hold_reason {
        return format!("held until {:.0}: {reason}", item.run_at);
    }
    if let (Some(owner), Some(until)) = (&item.owner, &item.lease_until) {
        return format!("claimed by {owner} until {until:.0}");
    }
    item.status.clone().unwrap_or_default()
}

/// The video that exists, or the asset.
pub(super) fn remote_id(item: &Item) -> String {
    let id = item.video_id.as_ref().or(item.indexed_id.as_ref());
    id.or(item.asset_id.as_ref()).cloned().unwrap_or_default()
}

/// Names and values of an item.
pub(super) fn pairs(item: &Item) -> Vec<(&'static str, Option<String>)> {
    let time = |time: Option<jiff::Timestamp>| time.map(|time| format!("{time:.0}"));
    let note = Some(note(item)).filter(|note| !note.is_empty());
    vec![
        ("item", Some(item.id.to_string())),
        ("name", Some(item.name.clone())),
        ("state", Some(item.state.to_string())),
        ("note", note),
        ("index", Some(item.index_id.clone())),
        ("size", Some(format_bytes(item.bytes))),
        ("duration", item.video.map(format_duration)),
        ("asset", item.asset_id.clone()),
        ("indexed asset", item.indexed_id.clone()),
        ("video", item.video_id.clone()),
        ("status", item.status.clone()),
        ("upload", item.upload_id.clone()),
        ("route", item.route.clone()),
        ("metadata", item.metadata.as_ref().map(ToString::to_string)),
        ("rules", item.rules_pack.clone()),
        ("claims", Some(item.claims.to_string())),
        ("added", time(Some(item.created))),
        ("sent", time(item.sent)),
        ("done", time(item.done)),
    ]
}
