//! Tests of all operations: the server decodes what the client encodes, and names the parameter
//! that it rejects. One file per resource; this file holds the shared code and the tests of several
//! resources.

mod analyze;
mod assets;
mod chat_responses;
mod connections;
mod entities;
mod indexed_assets;
mod indexes;
mod knowledge_stores;
mod search;
mod tasks;
mod uploads;
mod videos;

use std::{io::Read, sync::Arc};

use bytes::Bytes;
use futures_util::{FutureExt, stream};
use http::header;
use proptest::prelude::*;
use serde_json::{Value, json};
use tl_model::{MetadataPatch, SortBy, SortOption, Timestamp, UserMetadata};
use url::{Url, form_urlencoded};

use super::*;
use crate::{Body, BytesSource};

const BASE: &str = "https://api.twelvelabs.io/v1.3";
const ASSET: &str = "6298d673f1090f1100476d4c";

fn base() -> Url {
    BASE.parse().unwrap()
}

fn bytes(body: &Body) -> Vec<u8> {
    let mut bytes = Vec::new();
    body.reader().read_to_end(&mut bytes).unwrap();
    bytes
}

fn received<E: Endpoint>(endpoint: &E) -> Received {
    let request = endpoint
        .encode()
        .into_http(&E::METHOD, E::PATH, &base(), 1)
        .unwrap();
    let path = request.uri().path().strip_prefix("/v1.3").unwrap();
    let content_type = request
        .headers()
        .get(header::CONTENT_TYPE)
        .map(|value| value.to_str().unwrap().to_owned());
    let body = bytes(request.body());
    let body = match content_type.as_deref() {
        None => ReceivedBody::Empty,
        Some("application/json") => ReceivedBody::Json(serde_json::from_slice(&body).unwrap()),
        Some(form) => ReceivedBody::Form(fields(form, body)),
    };
    let query = request.uri().query().unwrap_or_default();
    Received {
        params: match_path(E::PATH, path).expect("the path has the form of the template"),
        query: form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect(),
        body,
    }
}

fn fields(content_type: &str, body: Vec<u8>) -> Vec<Field> {
    let chunks = stream::iter([Ok::<_, std::io::Error>(Bytes::from(body))]);
    let mut multipart =
        multer::Multipart::new(chunks, multer::parse_boundary(content_type).unwrap());
    async move {
        let mut fields = Vec::new();
        while let Some(field) = multipart.next_field().await.unwrap() {
            let name = field.name().unwrap().to_owned();
            let file_name = field.file_name().map(str::to_owned);
            let bytes = field.bytes().await.unwrap();
            let value = match file_name {
                Some(file_name) => FieldValue::File(Arc::new(BytesSource::new(file_name, bytes))),
                None => FieldValue::Text(String::from_utf8(bytes.to_vec()).unwrap()),
            };
            fields.push(Field { name, value });
        }
        fields
    }
    .now_or_never()
    .unwrap()
}

fn round_trip<E: Endpoint + PartialEq>(endpoint: &E) {
    assert_eq!(&E::decode(&received(endpoint)).unwrap(), endpoint);
}

fn text() -> impl Strategy<Value = String> {
    "[ -~äé日]{1,20}"
}

fn number() -> impl Strategy<Value = NumberFilter> {
    let bound = || prop::option::of((0_u32..1_000_000).prop_map(|value| f64::from(value) / 8.0));
    (bound(), bound(), bound()).prop_map(|(eq, gte, lte)| NumberFilter { eq, gte, lte })
}

fn page() -> impl Strategy<Value = PageRequest> {
    (prop::option::of(1_u32..), prop::option::of(1_u32..=50))
        .prop_map(|(page, page_limit)| PageRequest { page, page_limit })
}

fn sort() -> impl Strategy<Value = Sort> {
    let by = prop::option::of(prop_oneof![
        Just(SortBy::CreatedAt),
        Just(SortBy::UpdatedAt)
    ]);
    let option = prop::option::of(prop_oneof![Just(SortOption::Asc), Just(SortOption::Desc)]);
    (by, option).prop_map(|(by, option)| Sort { by, option })
}

fn id() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9a-f]{24}",
        text().prop_filter("no dot segment", |id| id != "." && id != "..")
    ]
}

fn time() -> impl Strategy<Value = Option<Timestamp>> {
    prop::option::of(Just(Timestamp::from("2026-02-17T10:00:00.250Z")))
}

fn values() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[a-z]{1,9}", 0..4)
}

fn flag() -> impl Strategy<Value = Option<bool>> {
    prop::option::of(any::<bool>())
}

fn metadata() -> impl Strategy<Value = Option<UserMetadata>> {
    let pairs = prop::collection::btree_map(text(), text(), 0..4);
    prop::option::of(pairs.prop_map(|pairs| pairs.into_iter().collect()))
}

fn patch() -> impl Strategy<Value = MetadataPatch> {
    prop::collection::btree_map(text(), prop::option::of(text()), 0..4).prop_map(|changes| {
        let mut patch = MetadataPatch::new();
        for (key, value) in changes {
            match value {
                Some(value) => patch.set(key, value),
                None => patch.delete(key),
            };
        }
        patch
    })
}

/// The request line and the JSON body.
fn line<E: Endpoint>(endpoint: &E) -> String {
    let request = endpoint
        .encode()
        .into_http(&E::METHOD, E::PATH, &base(), 1)
        .unwrap();
    let uri = request.uri().to_string();
    let body = String::from_utf8(bytes(request.body())).unwrap();
    let path = uri.strip_prefix(base().as_str()).unwrap();
    format!("{} {path} {body}", request.method())
        .trim_end()
        .to_owned()
}

/// A request with path parameters and a query.
fn query_request(query: &str) -> Received {
    Received {
        params: vec!["1".into(), "2".into()],
        query: form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect(),
        ..Received::default()
    }
}

/// A request with path parameters and a JSON body.
fn json_request(body: Value) -> Received {
    Received {
        params: vec!["1".into(), "2".into()],
        body: ReceivedBody::Json(body),
        ..Received::default()
    }
}

/// A request with a form.
fn form_request(texts: &[(&str, &str)], files: &[&str]) -> Received {
    let field = |name: &str, value: FieldValue| Field {
        name: name.into(),
        value,
    };
    let texts = texts
        .iter()
        .map(|(name, value)| field(name, FieldValue::Text((*value).into())));
    let file = || FieldValue::File(Arc::new(BytesSource::new("a.mp4", "media")));
    let files = files.iter().map(|name| field(name, file()));
    Received {
        body: ReceivedBody::Form(texts.chain(files).collect()),
        ..Received::default()
    }
}

fn rejection<E: Endpoint>(request: &Received) -> String {
    E::decode(request).unwrap_err().to_string()
}

#[test]
fn ids_of_other_resources_are_rejected() {
    for id in ["", ".", ".."] {
        let error = DeleteTask { task_id: id.into() }
            .encode()
            .into_http(&DeleteTask::METHOD, DeleteTask::PATH, &base(), 1)
            .unwrap_err();
        assert!(
            error.to_string().contains("cannot stand for {task_id}"),
            "{error}"
        );
    }
}

#[test]
fn only_creates_are_not_repeatable() {
    let repeats = [
        ("create an asset", CreateAsset::REPEAT),
        ("open a session", CreateUpload::REPEAT),
        ("index", CreateIndexedAsset::REPEAT),
        ("report", ReportChunks::REPEAT),
        ("urls", RequestUploadUrls::REPEAT),
        ("delete", DeleteAsset::REPEAT),
        ("clear", ClearAssetMetadata::REPEAT),
    ];
    let unrepeatable: Vec<_> = repeats
        .iter()
        .filter(|(_, repeat)| *repeat == Repeat::IfNotProcessed)
        .map(|(name, _)| *name)
        .collect();
    assert_eq!(unrepeatable, ["create an asset", "index"]);
    assert_eq!(DeleteAsset::when_gone(), Some(()));
    assert_eq!(DeleteIndexedAsset::when_gone(), Some(()));
    // If the asset itself is gone, nothing was cleared.
    assert_eq!(ClearAssetMetadata::when_gone(), None);
}

#[test]
fn null_in_new_metadata_is_ignored() {
    let expected: UserMetadata = [("a", "1")].into_iter().collect();
    let metadata = json!({"a": "1", "b": null});

    let request = json_request(json!({"user_metadata": metadata}));
    let replace = ReplaceAssetMetadata::decode(&request).unwrap();
    assert_eq!(replace.user_metadata, expected);

    let request = json_request(json!({"asset_id": ASSET, "user_metadata": metadata}));
    let index = CreateIndexedAsset::decode(&request).unwrap();
    assert_eq!(index.indexed_asset.user_metadata, Some(expected.clone()));

    let request = json_request(json!({
        "filename": "a.mp4", "type": "video", "total_size": 10, "enable_hls": null, "user_metadata": metadata,
    }));
    let upload = CreateUpload::decode(&request).unwrap().upload;
    assert_eq!(upload.user_metadata, Some(expected));
    assert!(upload.extra.is_empty());

    let request = json_request(json!({"asset_id": ASSET, "user_metadata": null}));
    let index = CreateIndexedAsset::decode(&request).unwrap();
    assert_eq!(index.indexed_asset.user_metadata, None);
}
