//! Behavior of the asset, upload and indexed asset types.

use serde_json::{Value, json};
use tl_model::*;

use crate::fixtures::read;

#[test]
fn only_final_statuses_are_terminal() {
    fn check<T: Clone>(known: &[T], is_terminal: fn(&T) -> bool, word: fn(&T) -> &str) -> String {
        let last = known.iter().filter(|status| is_terminal(status));
        last.map(word).collect::<Vec<_>>().join(" ")
    }
    assert_eq!(
        check(
            AssetStatus::KNOWN,
            AssetStatus::is_terminal,
            AssetStatus::as_str
        ),
        "ready failed"
    );
    assert_eq!(
        check(
            IndexedAssetStatus::KNOWN,
            IndexedAssetStatus::is_terminal,
            IndexedAssetStatus::as_str
        ),
        "ready failed"
    );
    assert_eq!(
        check(
            UploadStatus::KNOWN,
            UploadStatus::is_terminal,
            UploadStatus::as_str
        ),
        "completed failed expired"
    );
    assert_eq!(
        check(
            TranscriptionStatus::KNOWN,
            TranscriptionStatus::is_terminal,
            TranscriptionStatus::as_str
        ),
        "ready failed"
    );
    assert!(!AssetStatus::from("archived").is_terminal());
}

#[test]
fn asset_failure_reason() {
    let asset: Asset = serde_json::from_value(read("asset/failed.json")).unwrap();
    assert_eq!(
        asset.failure_reason(),
        Some("The file is corrupted or its format is not supported.")
    );
    assert_eq!(Asset::new("a").failure_reason(), None);
}

#[test]
fn proof_is_the_unquoted_etag() {
    let check = |etag: &str, proof: &str| {
        let chunk = CompletedChunk::from_etag(3, etag, 5_242_880);
        assert_eq!(chunk.proof, proof);
        assert_eq!(
            serde_json::to_value(&chunk).unwrap(),
            json!({"chunk_index": 3, "proof": proof, "proof_type": "etag", "chunk_size": 5_242_880})
        );
    };
    check(
        "\"d41d8cd98f00b204e9800998ecf8427e\"",
        "d41d8cd98f00b204e9800998ecf8427e",
    );
    check(
        "d41d8cd98f00b204e9800998ecf8427e",
        "d41d8cd98f00b204e9800998ecf8427e",
    );
    // An unpaired quotation mark and the prefix of a weak tag are kept.
    check("\"half", "\"half");
    check("W/\"weak\"", "W/\"weak\"");
    check("\"", "\"");
    check("", "");
}

#[test]
fn session_without_urls_and_headers() {
    let session: UploadSession =
        serde_json::from_str(r#"{"upload_id": "u", "chunk_size": 1, "total_chunks": 2}"#).unwrap();
    assert!(session.upload_urls.is_empty() && session.upload_headers.is_empty());
    assert_eq!(session.asset_id, None);
    for absence in [Value::Null, json!({})] {
        let mut wire = read("upload/session.json");
        wire["upload_headers"] = absence;
        let session: UploadSession = serde_json::from_value(wire.clone()).unwrap();
        assert!(session.upload_headers.is_empty());
        assert_eq!(serde_json::to_value(&session).unwrap(), wire);
    }
}

#[test]
fn upload_numbers_must_be_whole_and_in_range() {
    let error = |change: fn(&mut Value)| {
        let mut wire = read("upload/session.json");
        change(&mut wire);
        serde_json::from_value::<UploadSession>(wire)
            .unwrap_err()
            .to_string()
    };
    let lines = [
        error(|wire| wire["chunk_size"] = json!(-1)),
        error(|wire| wire["chunk_size"] = json!(0.5)),
        error(|wire| wire["total_chunks"] = json!(4_294_967_296_u64)),
        error(|wire| wire["total_chunks"] = json!("20")),
        error(|wire| wire["upload_urls"][0]["chunk_index"] = Value::Null),
        error(|wire| wire["upload_urls"][0]["url"] = Value::Null),
        error(|wire| wire["upload_headers"] = json!({"Content-Type": 5})),
        error(|wire| {
            wire.as_object_mut().unwrap().remove("chunk_size");
        }),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn requests_have_the_platform_format() {
    let mut upload = NewUpload::new("match.mp4", UploadType::Video, 104_857_600_u64);
    upload.enable_hls = Some(true);
    upload.user_metadata = Some([("category", "recentlyAdded")].into_iter().collect());
    let mut indexed = NewIndexedAsset::new("6298d673f1090f1100476d4c");
    indexed.enable_video_stream = Some(false);
    let mut patch = MetadataPatch::new();
    patch.set("rating", 5_i64).delete("draft");
    let lines = [
        serde_json::to_string(&upload).unwrap(),
        serde_json::to_string(&ChunkReport::new([CompletedChunk::from_etag(
            1, "\"e\"", 7,
        )]))
        .unwrap(),
        serde_json::to_string(&UrlRequest::new(21_u32, 10_u32)).unwrap(),
        serde_json::to_string(&indexed).unwrap(),
        serde_json::to_string(&IndexedAssetUpdate::new(patch)).unwrap(),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}
