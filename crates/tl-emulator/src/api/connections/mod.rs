//! `/connections`: connections to a data provider that the emulator plays, and what is imported
//! through them.

mod authorize;
mod imports;
mod redirect_uris;

use tl_model::{
    Connection, ConnectionAccount, ConnectionStatus, Page, PickerToken, ProviderSecret,
};
use tl_protocol::endpoint::{
    CreatePickerToken, DeleteConnection, GetConnection, ListConnections, PageRequest, Sort,
};

pub use authorize::Decision;
pub(crate) use authorize::decide;

use super::{
    handle::handle,
    listing::{self, SortKey},
};
use crate::core::{Env, Refusal, State, records::ConnectionRecord, time::api_timestamp};

/// How long a picker token is valid, in seconds, as at the provider.
const TOKEN_SECONDS: u64 = 3599;
/// What a connection may do.
const SCOPE: &str = "https://www.googleapis.com/auth/drive.file";

handle!(ListConnections, |state, env, request| {
    let items = state.connections.values();
    let items =
        items.map(|connection| (key(connection.connected_at, connection.number), connection));
    page(items.collect(), request.page, env, view)
});
handle!(GetConnection, |state, _env, request| state
    .connection(request.connection_id.as_str())
    .map(view));
handle!(DeleteConnection, |state, _env, request| {
    let id = request.connection_id.as_str();
    state.connection(id)?;
    state.connections.remove(id);
    let imports = state.imports.values();
    let imports = imports.filter(|import| import.connection_id == id);
    for import in imports.map(|import| import.id.clone()).collect::<Vec<_>>() {
        state.imports.remove(&import);
    }
    Ok(())
});
handle!(CreatePickerToken, |state, env, request| {
    let id = request.connection_id.as_str();
    let connection = active(state, id)?.id.clone();
    if let Some(connection) = state.connections.get_mut(&connection) {
        connection.last_used_at = Some(env.now);
    }
    // A secret in form only: nothing accepts it.
    let secret = env.next_uuid(state);
    let mut token = PickerToken::new(ProviderSecret::new(format!("emulator-token-{secret}")));
    token.expires_in = Some(TOKEN_SECONDS);
    token.scope = Some(SCOPE.to_owned());
    token.app_id = Some("emulator".to_owned());
    token.developer_key = Some(ProviderSecret::new(format!("emulator-key-{secret}")));
    Ok(token)
});

/// Looks up a connection that can be used.
fn active<'a>(state: &'a State, id: &str) -> Result<&'a ConnectionRecord, Refusal> {
    let connection = state.connection(id)?;
    if connection.status == ConnectionStatus::Active {
        return Ok(connection);
    }
    // The status is documented, the code is not.
    Err(Refusal::new(
        http::StatusCode::CONFLICT,
        "connection_not_active",
        format!("The connection {id} is {}.", connection.status),
    ))
}

fn key(created: jiff::Timestamp, number: u64) -> SortKey {
    SortKey {
        created,
        updated: created,
        number,
    }
}

/// A page of a list that is always sorted newest first.
fn page<R, T>(
    items: Vec<(SortKey, R)>,
    page: PageRequest,
    env: &Env<'_>,
    view: impl FnMut(R) -> T,
) -> Result<Page<T>, Refusal> {
    let quirks = &env.settings.quirks;
    listing::page(items, &Sort::default(), page, quirks, view)
}

fn view(record: &ConnectionRecord) -> Connection {
    let mut account = ConnectionAccount::default();
    account.external_id = Some("emulator-account".to_owned());
    account.display_name = Some("drive@emulator.invalid".to_owned());
    let mut view = Connection::new(record.id.as_str());
    view.provider = Some(record.provider.clone());
    view.status = Some(record.status.clone());
    view.custom_id.clone_from(&record.custom_id);
    view.account = Some(account);
    view.scopes = vec![SCOPE.to_owned()];
    view.connected_at = Some(api_timestamp(record.connected_at));
    view.last_used_at = record.last_used_at.map(api_timestamp);
    view
}
