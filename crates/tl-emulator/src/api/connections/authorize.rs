//! `/connections:authorize`: an address at which a user of the emulator decides about a connection.

use tl_model::{ConnectionAuthorization, ConnectionStatus};
use tl_protocol::endpoint::AuthorizeConnection;
use url::Url;

use crate::{
    api::handle::handle,
    core::{
        Env, Refusal, State,
        records::{AuthorizationRecord, ConnectionRecord},
    },
};

/// The path of the page on which a user decides.
pub(crate) const CONSENT_PATH: &str = "/_emulator/connect";

/// What a user decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Grant access.
    Allow,
    /// Deny access.
    Deny,
}

handle!(AuthorizeConnection, |state, env, request| {
    let redirect_uri = request.connection.redirect_uri;
    // Documented: without registered URIs, every one is accepted.
    let registered: Vec<_> = state.redirect_uris.values().collect();
    let is_registered = registered
        .iter()
        .any(|uri| uri.redirect_uri == redirect_uri);
    if !registered.is_empty() && !is_registered {
        return Err(Refusal::invalid(
            "redirect_uri",
            "it is not one of the registered redirect URIs",
        ));
    }
    let token = env.next_uuid(state);
    let record = AuthorizationRecord {
        state: token.clone(),
        provider: request.connection.provider,
        redirect_uri,
        custom_id: request.connection.custom_id,
    };
    state.authorizations.insert(token.clone(), record);
    let address = format!("http://{}{CONSENT_PATH}?state={token}", env.host);
    let mut authorization = ConnectionAuthorization::new(address);
    authorization.state = Some(token);
    Ok(authorization)
});

/// Handles the decision of a user, and returns where the browser goes. `None` if the authorization
/// is unknown or was decided before.
pub(crate) fn decide(
    state: &mut State,
    env: &Env<'_>,
    authorization: &str,
    decision: Decision,
) -> Option<Url> {
    let record = state.authorizations.remove(authorization)?;
    let mut url = Url::parse(&record.redirect_uri).ok()?;
    if decision == Decision::Deny {
        url.query_pairs_mut().append_pair("error", "access_denied");
        return Some(url);
    }
    let id = env.next_id(state);
    let connection = ConnectionRecord {
        id: id.clone(),
        number: state.last_number(),
        provider: record.provider,
        custom_id: record.custom_id.clone(),
        status: ConnectionStatus::Active,
        connected_at: env.now,
        last_used_at: None,
    };
    state.connections.insert(id.clone(), connection);
    let mut query = url.query_pairs_mut();
    query
        .append_pair("connection_id", &id)
        .append_pair("status", "ok");
    if let Some(custom_id) = &record.custom_id {
        query.append_pair("custom_id", custom_id);
    }
    drop(query);
    Some(url)
}
