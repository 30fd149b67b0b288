//! Text form of a connection.

use tl_model::Connection;

use crate::ui::table;

/// Formats a connection.
pub(super) fn details(connection: &Connection) -> String {
    let account = connection.account.as_ref();
    table::pairs(&[
        ("connection", Some(connection.id.to_string())),
        (
            "provider",
            connection.provider.as_ref().map(ToString::to_string),
        ),
        (
            "status",
            connection.status.as_ref().map(ToString::to_string),
        ),
        ("custom id", connection.custom_id.clone()),
        (
            "account",
            account.and_then(|account| account.display_name.clone()),
        ),
        (
            "connected",
            connection.connected_at.as_ref().map(ToString::to_string),
        ),
        (
            "last used",
            connection.last_used_at.as_ref().map(ToString::to_string),
        ),
    ])
}
