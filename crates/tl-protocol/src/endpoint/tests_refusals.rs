//! What a server refuses of the modern upload path, and the reason that it gives.

use std::sync::Arc;

use serde_json::{Value, json};
use tl_model::UserMetadata;

use super::*;
use crate::BytesSource;

const ASSET: &str = "6298d673f1090f1100476d4c";

fn refused<E: Endpoint>(request: &Received) -> String {
    E::decode(request).unwrap_err().to_string()
}

#[test]
fn a_server_names_the_parameter_of_an_asset_that_it_refuses() {
    let field = |name: &str, value: FieldValue| Field {
        name: name.into(),
        value,
    };
    let form = |texts: &[(&str, &str)], files: &[&str]| {
        let texts = texts
            .iter()
            .map(|(name, value)| field(name, FieldValue::Text((*value).into())));
        let file = || FieldValue::File(Arc::new(BytesSource::new("a.mp4", "media")));
        let files = files.iter().map(|name| field(name, file()));
        Received {
            body: ReceivedBody::Form(texts.chain(files).collect()),
            ..Received::default()
        }
    };
    let check = |texts: &[(&str, &str)], files: &[&str], expected: &str| {
        assert_eq!(refused::<CreateAsset>(&form(texts, files)), expected);
    };
    let (direct, by_url) = (("method", "direct"), ("method", "url"));
    let url = ("url", "https://example.com/a.mp4");
    let long = "x".repeat(256);
    check(&[], &["file"], "`method` is required");
    check(&[direct], &[], "`file` is required");
    check(&[direct, url], &[], "`file` is required");
    check(&[by_url], &["file"], "`url` is required");
    check(
        &[("method", "multipart")],
        &["file"],
        "`method` is invalid: `multipart`: `direct` or `url` is expected",
    );
    check(
        &[by_url, ("url", "nowhere")],
        &[],
        "`url` is invalid: `nowhere`: relative URL without a base",
    );
    check(
        &[direct, ("file", "/home/me/a.mp4")],
        &[],
        "`file` is invalid: a file part is expected, not a text",
    );
    check(
        &[direct],
        &["video_file"],
        "`video_file` is not a parameter of this endpoint",
    );
    check(
        &[direct],
        &["file", "file"],
        "`file` is invalid: it was given more than once",
    );
    check(
        &[direct, ("filename", "")],
        &["file"],
        "`filename` is invalid: 0 characters: 1 to 255 are allowed",
    );
    check(
        &[direct, ("filename", &long)],
        &["file"],
        "`filename` is invalid: 256 characters: 1 to 255 are allowed",
    );
    check(
        &[direct, ("enable_hls", "yes")],
        &["file"],
        "`enable_hls` is invalid: `yes`: provided string was not `true` or `false`",
    );
    check(
        &[direct, ("index_id", "1")],
        &["file"],
        "`index_id` is not a parameter of this endpoint",
    );
    assert_eq!(
        refused::<CreateAsset>(&Received::default()),
        "the content type is invalid: this endpoint takes multipart/form-data"
    );
    let nested = refused::<CreateAsset>(&form(
        &[direct, ("user_metadata", r#"{"place": {"city": 1}}"#)],
        &["file"],
    ));
    assert!(
        nested.starts_with("`user_metadata` is invalid:") && nested.contains("place"),
        "{nested}"
    );
    // Both are present: the method decides.
    let both = form(&[by_url, url], &["file"]);
    assert!(matches!(
        CreateAsset::decode(&both).unwrap().media,
        Media::Url(_)
    ));
}

#[test]
fn a_server_names_the_member_of_a_body_that_it_refuses() {
    let body = |value: Value| Received {
        params: vec!["1".into(), "2".into()],
        body: ReceivedBody::Json(value),
        ..Received::default()
    };
    let upload = |name: &str, value: Value| {
        let mut object = json!({"filename": "a.mp4", "type": "video", "total_size": 10});
        object[name] = value;
        refused::<CreateUpload>(&body(object))
    };
    let chunk = |name: &str, value: Value| {
        let mut chunk =
            json!({"chunk_index": 1, "proof": "e", "proof_type": "etag", "chunk_size": 5});
        chunk[name] = value;
        refused::<ReportChunks>(&body(json!({ "completed_chunks": [chunk] })))
    };
    let report =
        |value: Value| refused::<ReportChunks>(&body(json!({ "completed_chunks": value })));
    let urls = |start: Value, count: Value| {
        refused::<RequestUploadUrls>(&body(json!({"start": start, "count": count})))
    };
    let index = |value: Value| refused::<CreateIndexedAsset>(&body(value));
    let many: Vec<Value> = vec![json!({}); 51];
    let lines = [
        refused::<CreateUpload>(&body(json!({}))),
        refused::<CreateUpload>(&body(json!([]))),
        refused::<CreateUpload>(&Received::default()),
        upload("filename", json!("")),
        upload("filename", json!(5)),
        upload("type", json!("document")),
        upload("type", Value::Null),
        upload("total_size", json!(0)),
        upload("total_size", json!(-1)),
        upload("total_size", json!(1.5)),
        upload("total_size", json!("10")),
        upload("enable_hls", json!("true")),
        upload("user_metadata", json!("{}")),
        upload("user_metadata", json!({"a": {"b": 1}})),
        upload("index_id", json!("1")),
        report(Value::Null),
        report(json!({})),
        report(json!([])),
        report(json!(many)),
        report(json!(["e"])),
        chunk("chunk_index", json!(0)),
        chunk("chunk_index", json!(4_294_967_296_u64)),
        chunk("proof", Value::Null),
        chunk("proof_type", json!("md5")),
        chunk("chunk_size", json!(0)),
        chunk("etag", json!("e")),
        urls(json!(0), json!(10)),
        urls(json!(1), json!(51)),
        urls(Value::Null, json!(1)),
        refused::<RequestUploadUrls>(&body(json!({"page": 1, "limit": 10}))),
        index(json!({})),
        index(json!({"asset_id": 5})),
        index(json!({"asset_id": "a", "enable_video_stream": 1})),
        index(json!({"asset_id": "a", "user_metadata": []})),
        index(json!({"asset_id": "a", "video_id": "v"})),
        refused::<UpdateIndexedAsset>(&body(json!({}))),
        refused::<UpdateAssetMetadata>(&body(json!({"category": "a"}))),
        refused::<ReplaceAssetMetadata>(&body(json!({"user_metadata": Value::Null}))),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_server_refuses_what_it_does_not_know_in_a_query() {
    let query = |name: &str, value: &str| Received {
        params: vec!["1".into(), "2".into()],
        query: vec![(name.into(), value.into())],
        ..Received::default()
    };
    let lines = [
        refused::<ListAssets>(&query("status", "ready")),
        refused::<GetAsset>(&query("force", "true")),
        refused::<DeleteAsset>(&query("force", "1")),
        refused::<GetUpload>(&query("limit", "10")),
        refused::<ListUploads>(&query("page", "-1")),
        refused::<GetIndexedAsset>(&query("transcription", "yes")),
        refused::<ListIndexedAssets>(&query("duration[gte]", "long")),
        refused::<ListIndexedAssets>(&query("size", "NaN")),
        refused::<ListIndexedAssets>(&query("user_metadata", "category")),
        refused::<ListIndexedAssets>(&query("user_metadata[]", "a")),
        refused::<ClearAssetMetadata>(&query("key", "a")),
        refused::<CreateUpload>(&query("a", "b")),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn null_in_new_metadata_says_nothing() {
    let body = |value: Value| Received {
        params: vec![ASSET.into()],
        body: ReceivedBody::Json(value),
        ..Received::default()
    };
    let expected: UserMetadata = [("a", "1")].into_iter().collect();
    let metadata = json!({"a": "1", "b": null});

    let request = body(json!({"user_metadata": metadata}));
    let replace = ReplaceAssetMetadata::decode(&request).unwrap();
    assert_eq!(replace.user_metadata, expected);

    let request = body(json!({"asset_id": ASSET, "user_metadata": metadata}));
    let index = CreateIndexedAsset::decode(&request).unwrap();
    assert_eq!(index.indexed_asset.user_metadata, Some(expected.clone()));

    let request = body(json!({
        "filename": "a.mp4", "type": "video", "total_size": 10, "enable_hls": null, "user_metadata": metadata,
    }));
    let upload = CreateUpload::decode(&request).unwrap().upload;
    assert_eq!(upload.user_metadata, Some(expected));
    assert!(upload.extra.is_empty());

    let request = body(json!({"asset_id": ASSET, "user_metadata": null}));
    let index = CreateIndexedAsset::decode(&request).unwrap();
    assert_eq!(index.indexed_asset.user_metadata, None);
}
