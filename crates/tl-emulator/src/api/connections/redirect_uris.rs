//! `/connections/redirect-uris`: where a browser may return after an authorization.

use http::StatusCode;
use tl_model::RedirectUri;
use tl_protocol::endpoint::{CreateRedirectUri, DeleteRedirectUri, ListRedirectUris};
use url::{Host, Url};

use super::{key, page};
use crate::{
    api::handle::handle,
    core::{Env, Refusal, State, ids, records::RedirectUriRecord, time::api_timestamp},
};

/// Maximum number of registered URIs. The platform has a limit; its size is not documented.
const MAX_URIS: usize = 20;

handle!(CreateRedirectUri, |state, env, request| create(
    state,
    env,
    request.redirect_uri
));
handle!(ListRedirectUris, |state, env, request| {
    let items = state.redirect_uris.values();
    let items = items.map(|uri| (key(uri.created_at, uri.number), uri));
    page(items.collect(), request.page, env, view)
});
handle!(DeleteRedirectUri, |state, _env, request| {
    let id = request.redirect_uri_id.as_str();
    ids::check("redirect_uri_id", id)?;
    match state.redirect_uris.remove(id) {
        Some(_) => Ok(()),
        None => Err(Refusal::not_exist("redirect_uris", id)),
    }
});

fn create(state: &mut State, env: &Env<'_>, uri: String) -> Result<RedirectUri, Refusal> {
    let unprocessable =
        |code: &str, message: &str| Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, code, message);
    if !is_public(&uri) {
        return Err(unprocessable(
            "redirect_uri_invalid",
            "The redirect URI must use https and a public host, and contain no wildcard.",
        ));
    }
    let is_registered = |registered: &RedirectUriRecord| registered.redirect_uri == uri;
    if state.redirect_uris.values().any(is_registered) {
        // The status is documented, the code is not.
        return Err(Refusal::new(
            StatusCode::CONFLICT,
            "redirect_uri_exists",
            "The redirect URI is already registered.",
        ));
    }
    if state.redirect_uris.values().count() >= MAX_URIS {
        return Err(unprocessable(
            "redirect_uri_limit_exceeded",
            "The maximum number of redirect URIs is registered.",
        ));
    }
    let id = env.next_id(state);
    let record = RedirectUriRecord {
        id: id.clone(),
        number: state.last_number(),
        redirect_uri: uri,
        created_at: env.now,
    };
    let view = view(&record);
    state.redirect_uris.insert(id, record);
    Ok(view)
}

fn is_public(uri: &str) -> bool {
    let Ok(url) = Url::parse(uri) else {
        return false;
    };
    let is_public_host = match url.host() {
        Some(Host::Domain(name)) => name.contains('.') && !name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => {
            !(address.is_private() || address.is_loopback() || address.is_link_local())
        }
        Some(Host::Ipv6(address)) => !address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" && is_public_host && !uri.contains('*')
}

fn view(record: &RedirectUriRecord) -> RedirectUri {
    let mut view = RedirectUri::new(record.id.as_str());
    view.redirect_uri = Some(record.redirect_uri.clone());
    view.created_at = Some(api_timestamp(record.created_at));
    view
}
