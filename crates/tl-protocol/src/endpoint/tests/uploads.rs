//! Tests of the operations on upload sessions.

use proptest::prelude::*;
use serde_json::{Value, json};
use tl_model::{ChunkReport, CompletedChunk, NewUpload, UploadType, UrlRequest};

use super::*;

proptest! {
    #[test]
    fn requests_round_trip(
        upload in id(), page in page(), filename in text(), total_size in 1..=u64::MAX, hls in flag(), metadata in metadata(),
        chunks in prop::collection::vec((1_u32.., "[0-9a-f]{32}", 1..=u64::MAX), 1..=50), start in 1_u32.., count in 1_u32..=50,
    ) {
        let upload_id = || upload.as_str().into();
        let mut new = NewUpload::new(filename, UploadType::Video, total_size);
        new.enable_hls = hls;
        new.enable_thumbnail = hls.map(|hls| !hls);
        new.user_metadata = metadata;
        round_trip(&CreateUpload { upload: new });
        round_trip(&ListUploads { page });
        round_trip(&GetUpload { upload_id: upload_id(), page });
        let chunks: Vec<_> =
            chunks.iter().map(|(index, etag, size)| CompletedChunk::from_etag(*index, etag, *size)).collect();
        round_trip(&ReportChunks { upload_id: upload_id(), report: ChunkReport::new(chunks) });
        round_trip(&RequestUploadUrls { upload_id: upload_id(), request: UrlRequest::new(start, count) });
    }
}

#[test]
fn requests_match_the_official_clients() {
    let page = PageRequest {
        page: Some(2),
        page_limit: Some(50),
    };
    let lines = [
        line(&CreateUpload {
            upload: NewUpload::new("match.mp4", UploadType::Video, 104_857_600_u64),
        }),
        line(&ListUploads { page }),
        line(&GetUpload {
            upload_id: "u/1".into(),
            page,
        }),
        line(&ReportChunks {
            upload_id: "u".into(),
            report: ChunkReport::new([CompletedChunk::from_etag(1, "\"e\"", 7)]),
        }),
        line(&RequestUploadUrls::new(
            "u",
            UrlRequest::new(21_u32, 10_u32),
        )),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn body_errors_name_the_member() {
    let upload = |name: &str, value: Value| {
        let mut object = json!({"filename": "a.mp4", "type": "video", "total_size": 10});
        object[name] = value;
        rejection::<CreateUpload>(&json_request(object))
    };
    let chunk = |name: &str, value: Value| {
        let mut chunk =
            json!({"chunk_index": 1, "proof": "e", "proof_type": "etag", "chunk_size": 5});
        chunk[name] = value;
        rejection::<ReportChunks>(&json_request(json!({ "completed_chunks": [chunk] })))
    };
    let report = |value: Value| {
        rejection::<ReportChunks>(&json_request(json!({ "completed_chunks": value })))
    };
    let urls = |start: Value, count: Value| {
        rejection::<RequestUploadUrls>(&json_request(json!({"start": start, "count": count})))
    };
    let many: Vec<Value> = vec![json!({}); 51];
    let lines = [
        rejection::<CreateUpload>(&json_request(json!({}))),
        rejection::<CreateUpload>(&json_request(json!([]))),
        rejection::<CreateUpload>(&Received::default()),
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
        rejection::<RequestUploadUrls>(&json_request(json!({"page": 1, "limit": 10}))),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn query_errors_name_the_parameter() {
    let lines = [
        rejection::<GetUpload>(&query_request("limit=10")),
        rejection::<ListUploads>(&query_request("page=-1")),
        rejection::<CreateUpload>(&query_request("a=b")),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}
