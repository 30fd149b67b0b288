//! Tests of which failures of a create request are looked up.

use super::*;
use crate::endpoint::{CreateAsset, CreateIndexedAsset};

#[test]
fn only_a_503_of_an_indexed_asset_is_doubted() {
    let error = |kind, status| {
        let body = tl_model::ErrorBody::parse(status, None, b"");
        Error::new(kind, "t").with_response(status, body, None)
    };
    let doubted = is_doubted_503::<CreateIndexedAsset>;
    assert!(doubted(&error(ErrorKind::Server, 503)));
    assert!(!doubted(&error(ErrorKind::Server, 500)));
    assert!(!doubted(&error(ErrorKind::RateLimited, 503)));
    assert!(!doubted(&error(ErrorKind::Refused, 400)));
    assert!(!is_doubted_503::<CreateAsset>(&error(
        ErrorKind::Server,
        503
    )));
}
