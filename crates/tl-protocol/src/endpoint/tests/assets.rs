//! Tests of the operations on assets.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use tl_model::{MetadataPatch, TranscriptionUnit, UserMetadata};
use url::Url;

use super::*;
use crate::Source;

proptest! {
    #[test]
    fn requests_with_any_id_round_trip(
        asset in id(), page in page(), force in flag(), units in values(), changes in patch(), metadata in metadata(),
    ) {
        let asset_id = || asset.as_str().into();
        round_trip(&GetAsset { asset_id: asset_id() });
        round_trip(&DeleteAsset { asset_id: asset_id(), force });
        round_trip(&ListAssetIndexedAssets { asset_id: asset_id(), page });
        round_trip(&ListAssetEntities { asset_id: asset_id(), page });
        let include = units.iter().map(|value| value.as_str().into()).collect();
        round_trip(&GetAssetTranscription { asset_id: asset_id(), include });
        round_trip(&UpdateAssetMetadata { asset_id: asset_id(), user_metadata: changes });
        round_trip(&ReplaceAssetMetadata { asset_id: asset_id(), user_metadata: metadata.unwrap_or_default() });
        round_trip(&ClearAssetMetadata { asset_id: asset_id() });
    }

    #[test]
    fn list_round_trips(
        page in page(), ids in prop::collection::vec("[0-9a-f]{24}", 0..4), types in values(), filename in prop::option::of(text()),
    ) {
        round_trip(&ListAssets {
            page,
            asset_ids: ids.iter().map(|id| id.as_str().into()).collect(),
            asset_types: types.iter().map(|value| value.as_str().into()).collect(),
            filename,
        });
    }

    #[test]
    fn create_round_trips(
        name in text(), media in prop::collection::vec(any::<u8>(), 0..300), filename in prop::option::of(text()),
        hls in flag(), thumbnail in flag(), metadata in metadata(),
    ) {
        let source: Arc<dyn Source> = Arc::new(BytesSource::new(name, media.clone()));
        let create = CreateAsset {
            filename, enable_hls: hls, enable_thumbnail: thumbnail, user_metadata: metadata,
            ..CreateAsset::new(Media::File(source))
        };
        let read = CreateAsset::decode(&received(&create)).unwrap();
        let Media::File(sent) = &create.media else { panic!("a file was given") };
        let known_as = create.filename.clone().unwrap_or_else(|| crate::form::escaped(sent.name()));
        prop_assert_eq!(read.effective_filename(), Some(known_as.as_str()));
        prop_assert_eq!(&read.filename, &create.filename);
        prop_assert_eq!((read.enable_hls, read.enable_thumbnail), (hls, thumbnail));
        prop_assert_eq!(&read.user_metadata, &create.user_metadata);
        let Media::File(source) = read.media else { panic!("a file went in") };
        prop_assert_eq!(bytes(&Body::from_source(source)), media);
    }
}

#[test]
fn create_from_url_round_trips() {
    let url: Url = "https://example.com/a/match%201.mp4?token=x"
        .parse()
        .unwrap();
    let create = CreateAsset::new(Media::Url(url.clone()));
    assert_eq!(create.effective_filename(), Some("match%201.mp4"));
    let read = CreateAsset::decode(&received(&create)).unwrap();
    assert!(matches!(read.media, Media::Url(read) if read == url));
    assert_eq!(
        (read.filename, read.enable_hls, read.user_metadata),
        (None, None, None)
    );
}

fn form_text<E: Endpoint>(endpoint: &E) -> String {
    let request = endpoint
        .encode()
        .into_http(&E::METHOD, E::PATH, &base(), 1)
        .unwrap();
    String::from_utf8(bytes(request.body())).unwrap()
}

/// The parts of a form in order, without the boundary.
fn parts(form: &str) -> Vec<(&str, &str)> {
    form.split("\r\n--")
        .filter_map(|part| {
            let (head, value) = part.split_once("\r\n\r\n")?;
            let name = head.split("name=\"").nth(1)?.split('"').next()?;
            Some((name, value))
        })
        .collect()
}

#[test]
fn method_is_first_and_file_is_last() {
    let mut create = CreateAsset::new(Media::File(Arc::new(BytesSource::new("a.mp4", "media"))));
    create.filename = Some("match.mp4".into());
    create.enable_hls = Some(true);
    create.enable_thumbnail = Some(false);
    create.user_metadata = Some([("category", "recentlyAdded")].into_iter().collect());
    assert_eq!(
        parts(&form_text(&create)),
        [
            ("method", "direct"),
            ("filename", "match.mp4"),
            ("enable_hls", "true"),
            ("enable_thumbnail", "false"),
            ("user_metadata", r#"{"category":"recentlyAdded"}"#),
            ("file", "media"),
        ]
    );
    let url = Media::Url("https://example.com/a.mp4".parse().unwrap());
    assert_eq!(
        parts(&form_text(&CreateAsset::new(url))),
        [("method", "url"), ("url", "https://example.com/a.mp4")]
    );
}

#[test]
fn requests_match_the_official_clients() {
    let asset = || ASSET.into();
    let page = PageRequest {
        page: Some(2),
        page_limit: Some(50),
    };
    let mut patch = MetadataPatch::new();
    patch.set("rating", 5_i64).delete("draft");
    let lines = [
        line(&ListAssets {
            page,
            asset_ids: vec![ASSET.into(), "6298d673f1090f1100476d4d".into()],
            asset_types: vec!["image".into(), "video".into()],
            filename: Some("été 1".into()),
        }),
        line(&GetAsset { asset_id: asset() }),
        line(&DeleteAsset::new(asset())),
        line(&DeleteAsset {
            asset_id: asset(),
            force: Some(true),
        }),
        line(&UpdateAssetMetadata {
            asset_id: asset(),
            user_metadata: patch,
        }),
        line(&ReplaceAssetMetadata {
            asset_id: asset(),
            user_metadata: UserMetadata::new(),
        }),
        line(&ClearAssetMetadata { asset_id: asset() }),
        line(&ListAssetIndexedAssets {
            asset_id: asset(),
            page,
        }),
        line(&ListAssetEntities {
            asset_id: asset(),
            page: PageRequest::default(),
        }),
        line(&GetAssetTranscription {
            asset_id: asset(),
            include: vec![TranscriptionUnit::Words, TranscriptionUnit::Utterances],
        }),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn units_may_be_repeated_or_comma_separated() {
    for form in [
        "include=words&include=utterances",
        "include=words,utterances",
    ] {
        let get = GetAssetTranscription::decode(&query_request(form)).unwrap();
        assert_eq!(get.include, ["words", "utterances"], "{form}");
    }
}

#[test]
fn form_errors_name_the_parameter() {
    let check = |texts: &[(&str, &str)], files: &[&str], expected: &str| {
        assert_eq!(
            rejection::<CreateAsset>(&form_request(texts, files)),
            expected
        );
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
        rejection::<CreateAsset>(&Received::default()),
        "the content type is invalid: this endpoint takes multipart/form-data"
    );
    let nested = rejection::<CreateAsset>(&form_request(
        &[direct, ("user_metadata", r#"{"place": {"city": 1}}"#)],
        &["file"],
    ));
    assert!(
        nested.starts_with("`user_metadata` is invalid:") && nested.contains("place"),
        "{nested}"
    );
    // Both are present: the method decides.
    let both = form_request(&[by_url, url], &["file"]);
    assert!(matches!(
        CreateAsset::decode(&both).unwrap().media,
        Media::Url(_)
    ));
}

#[test]
fn body_errors_name_the_member() {
    let lines = [
        rejection::<UpdateAssetMetadata>(&json_request(json!({"category": "a"}))),
        rejection::<ReplaceAssetMetadata>(&json_request(json!({"user_metadata": Value::Null}))),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn query_errors_name_the_parameter() {
    let lines = [
        rejection::<ListAssets>(&query_request("status=ready")),
        rejection::<GetAsset>(&query_request("force=true")),
        rejection::<DeleteAsset>(&query_request("force=1")),
        rejection::<ClearAssetMetadata>(&query_request("key=a")),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}
