//! Tests of the operations on connections, redirect URIs and imports.

use proptest::prelude::*;
use tl_model::{AssetSourceProvider, ImportSource, NewConnection};

use super::*;

fn connection(uri: &str) -> NewConnection {
    NewConnection::new(AssetSourceProvider::GoogleDrive, uri)
}

proptest! {
    #[test]
    fn requests_on_connections_round_trip(id in id(), other in id(), name in text(), page in page()) {
        let mut new = connection("https://example.com/back");
        new.custom_id = Some(name.clone());
        round_trip(&AuthorizeConnection::new(new));
        round_trip(&ListConnections { page });
        round_trip(&GetConnection::new(id.as_str()));
        round_trip(&DeleteConnection::new(id.as_str()));
        round_trip(&CreatePickerToken::new(id.as_str()));
        round_trip(&CreateRedirectUri::new(name.as_str()));
        round_trip(&ListRedirectUris { page });
        round_trip(&DeleteRedirectUri::new(id.as_str()));
        let items = vec![ImportSource::new(name), ImportSource::new("another, longer than any text")];
        round_trip(&CreateImport::new(id.as_str(), items));
        round_trip(&ListImports { page, ..ListImports::new(id.as_str()) });
        round_trip(&GetImport::new(id, other));
    }
}

/// Clients that join URLs by RFC 3986 take the colon for the end of a scheme.
#[test]
fn colon_of_the_path_is_sent() {
    let request = AuthorizeConnection::new(connection("https://example.com/"));
    let request = request
        .encode()
        .into_http(&Method::POST, AuthorizeConnection::PATH, &base(), 1);
    let uri = request.unwrap().uri().to_string();
    assert_eq!(uri, "https://api.twelvelabs.io/v1.3/connections:authorize");
}

#[test]
fn limits_are_checked_before_sending() {
    let refused = |items: Vec<ImportSource>| {
        let request = CreateImport::new("c", items).encode();
        let request = request.into_http(&Method::POST, CreateImport::PATH, &base(), 1);
        request.unwrap_err().to_string()
    };
    let many = (0..101).map(|number| ImportSource::new(number.to_string()));
    let twice = vec![ImportSource::new("a"), ImportSource::new("a")];
    let uri = AuthorizeConnection::new(connection("back")).encode();
    let uri = uri.into_http(&Method::POST, AuthorizeConnection::PATH, &base(), 1);
    let reasons = [
        refused(Vec::new()),
        refused(many.collect()),
        refused(twice),
        refused(vec![ImportSource::new("")]),
        uri.unwrap_err().to_string(),
    ];
    insta::assert_snapshot!(reasons.join("\n"), @r"
    the request was not sent: `items` is invalid: 0 files: 1 to 100 are allowed
    the request was not sent: `items` is invalid: 101 files: 1 to 100 are allowed
    the request was not sent: `items` is invalid: the file `a` is given more than once
    the request was not sent: `items` is invalid: a `source_id` is empty
    the request was not sent: `redirect_uri` is invalid: `back`: a URL with a host is expected
    ");
}
