//! The modern upload path through the bytes of a request and back: assets, uploads in chunks,
//! indexed assets.

use std::sync::Arc;

use proptest::prelude::*;
use tl_model::{
    ChunkReport, CompletedChunk, MetadataPatch, NewIndexedAsset, NewUpload, TranscriptionUnit,
    UploadType, UrlRequest, UserMetadata,
};

use super::{
    tests::{base, bytes, id, number, page, received, round_trip, sort, text, time},
    *,
};
use url::Url;

use crate::{Body, BytesSource, Source};

const ASSET: &str = "6298d673f1090f1100476d4c";

fn words() -> impl Strategy<Value = Vec<String>> {
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

fn list_of_indexed_assets() -> impl Strategy<Value = ListIndexedAssets> {
    let which = (id(), page(), sort(), words(), prop::option::of(text()));
    let numbers = (number(), number(), number(), number(), number());
    // Any key that is not empty, including brackets and the names of other parameters.
    let key = prop_oneof![text(), "(page|size|status|user_metadata|a\\[b\\])"];
    let filters = prop::collection::vec((key, text()), 0..3);
    (which, numbers, time(), time(), filters).prop_map(
        |(which, numbers, created_at, updated_at, user_metadata)| {
            let (index_id, page, sort, status, filename) = which;
            let (duration, fps, width, height, size) = numbers;
            ListIndexedAssets {
                page,
                sort,
                status: status.iter().map(|word| word.as_str().into()).collect(),
                filename,
                duration: duration.into(),
                fps: fps.into(),
                width: width.into(),
                height: height.into(),
                size: size.into(),
                created_at,
                updated_at,
                user_metadata: user_metadata.into_iter().collect(),
                ..ListIndexedAssets::new(index_id)
            }
        },
    )
}

proptest! {
    #[test]
    fn requests_about_an_asset_read_back_whatever_its_id(
        asset in id(), page in page(), force in flag(), units in words(), changes in patch(), metadata in metadata(),
    ) {
        let asset_id = || asset.as_str().into();
        round_trip(&GetAsset { asset_id: asset_id() });
        round_trip(&DeleteAsset { asset_id: asset_id(), force });
        round_trip(&ListAssetIndexedAssets { asset_id: asset_id(), page });
        round_trip(&ListAssetEntities { asset_id: asset_id(), page });
        let include = units.iter().map(|word| word.as_str().into()).collect();
        round_trip(&GetAssetTranscription { asset_id: asset_id(), include });
        round_trip(&UpdateAssetMetadata { asset_id: asset_id(), user_metadata: changes });
        round_trip(&ReplaceAssetMetadata { asset_id: asset_id(), user_metadata: metadata.unwrap_or_default() });
        round_trip(&ClearAssetMetadata { asset_id: asset_id() });
    }

    #[test]
    fn a_list_of_assets_reads_back_as_it_was_written(
        page in page(), ids in prop::collection::vec("[0-9a-f]{24}", 0..4), types in words(), filename in prop::option::of(text()),
    ) {
        round_trip(&ListAssets {
            page,
            asset_ids: ids.iter().map(|id| id.as_str().into()).collect(),
            asset_types: types.iter().map(|word| word.as_str().into()).collect(),
            filename,
        });
    }

    #[test]
    fn an_asset_reads_back_with_its_file_and_metadata(
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

    #[test]
    fn the_steps_of_an_upload_read_back_as_they_were_written(
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

    #[test]
    fn requests_about_an_indexed_asset_read_back_whatever_its_id(
        index in id(), indexed in id(), asset in id(), stream in flag(), metadata in metadata(), options in words(), changes in patch(),
    ) {
        let index_id = || index.as_str().into();
        let indexed_asset_id = || indexed.as_str().into();
        let mut new = NewIndexedAsset::new(asset);
        new.enable_video_stream = stream;
        new.user_metadata = metadata;
        round_trip(&CreateIndexedAsset { index_id: index_id(), indexed_asset: new });
        round_trip(&GetIndexedAsset {
            embedding_option: options, transcription: stream,
            ..GetIndexedAsset::new(index.as_str(), indexed.as_str())
        });
        round_trip(&UpdateIndexedAsset {
            index_id: index_id(), indexed_asset_id: indexed_asset_id(), user_metadata: changes,
        });
        round_trip(&DeleteIndexedAsset { index_id: index_id(), indexed_asset_id: indexed_asset_id() });
    }

    #[test]
    fn a_list_of_indexed_assets_reads_back_with_ranges_that_mean_the_same(list in list_of_indexed_assets(), probe in 0_u32..1_000_000) {
        let probe = f64::from(probe) / 8.0;
        let read = ListIndexedAssets::decode(&received(&list)).unwrap();
        let numbers = |list: &ListIndexedAssets| [list.duration.0, list.fps.0, list.width.0, list.height.0, list.size.0];
        for (read, written) in numbers(&read).into_iter().zip(numbers(&list)) {
            prop_assert_eq!(read.eq, None);
            let probes = [Some(probe), written.eq, written.gte, written.lte];
            for probe in probes.into_iter().flatten() {
                prop_assert_eq!(read.accepts(probe), written.accepts(probe), "{:?} and {:?} of {}", read, written, probe);
            }
        }
        let [duration, fps, width, height, size] = numbers(&read).map(RangeFilter);
        prop_assert_eq!(&read, &ListIndexedAssets { duration, fps, width, height, size, ..list });
    }
}

#[test]
fn an_asset_by_url_reads_back() {
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
fn the_form_of_an_asset_says_its_method_first_and_its_file_last() {
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

#[test]
fn the_requests_have_the_form_that_was_captured_from_the_platforms_clients() {
    let asset = || ASSET.into();
    let page = PageRequest {
        page: Some(2),
        page_limit: Some(50),
    };
    let mut list = ListIndexedAssets::new("idx");
    list.status = vec!["ready".into(), "failed".into()];
    list.duration = NumberFilter::between(1.5, 9.0).into();
    list.height = NumberFilter::exactly(360.0).into();
    list.user_metadata = [("category", "recent & new"), ("b", "true")]
        .into_iter()
        .collect();
    let mut patch = MetadataPatch::new();
    patch.set("rating", 5_i64).delete("draft");
    let mut indexed = NewIndexedAsset::new(ASSET);
    indexed.enable_video_stream = Some(true);
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
            user_metadata: patch.clone(),
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
        line(&CreateIndexedAsset {
            index_id: "idx".into(),
            indexed_asset: indexed,
        }),
        line(&list),
        line(&GetIndexedAsset {
            embedding_option: vec!["visual".into(), "audio".into()],
            transcription: Some(true),
            ..GetIndexedAsset::new("idx", "a b")
        }),
        line(&UpdateIndexedAsset {
            index_id: "idx".into(),
            indexed_asset_id: "ia".into(),
            user_metadata: patch,
        }),
        line(&DeleteIndexedAsset {
            index_id: "idx".into(),
            indexed_asset_id: "ia".into(),
        }),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_server_reads_every_documented_form_of_a_query() {
    let query = |text: &str| Received {
        params: vec!["idx".into()],
        query: url::form_urlencoded::parse(text.as_bytes())
            .into_owned()
            .collect(),
        ..Received::default()
    };
    let filters = |text: &str| {
        ListIndexedAssets::decode(&query(text))
            .unwrap()
            .user_metadata
    };
    let expected: MetadataFilter = [("b", "true"), ("category", "recent"), ("n", "5")]
        .into_iter()
        .collect();
    for form in [
        "user_metadata%5Bb%5D=true&user_metadata%5Bcategory%5D=recent&user_metadata%5Bn%5D=5",
        "user_metadata[b]=true&user_metadata[category]=recent&user_metadata[n]=5",
        "user_metadata=%7B%22b%22%3Atrue%2C%22category%22%3A%22recent%22%2C%22n%22%3A5%7D",
        "b=true&category=recent&n=5",
    ] {
        assert_eq!(filters(form), expected, "{form}");
    }
    // The brackets mark a filter, whatever the key is.
    assert_eq!(
        filters("user_metadata[page]=3&user_metadata[a[b]]=1"),
        [("page", "3"), ("a[b]", "1")].into_iter().collect()
    );

    for form in ["status=ready&status=failed", "status=ready,failed"] {
        let list = ListIndexedAssets::decode(&query(form)).unwrap();
        assert_eq!(list.status, ["ready", "failed"], "{form}");
    }
    for form in ["height=360", "height[gte]=360&height[lte]=360"] {
        let height = ListIndexedAssets::decode(&query(form)).unwrap().height;
        assert!(
            height.0.accepts(360.0) && !height.0.accepts(361.0),
            "{form}"
        );
    }
    for form in [
        "include=words&include=utterances",
        "include=words,utterances",
    ] {
        let get = GetAssetTranscription::decode(&query(form)).unwrap();
        assert_eq!(get.include, ["words", "utterances"], "{form}");
    }
}

#[test]
fn a_repetition_is_free_only_where_it_makes_nothing_new() {
    let repeats = [
        ("create an asset", CreateAsset::REPEAT),
        ("open a session", CreateUpload::REPEAT),
        ("index", CreateIndexedAsset::REPEAT),
        ("report", ReportChunks::REPEAT),
        ("urls", RequestUploadUrls::REPEAT),
        ("delete", DeleteAsset::REPEAT),
        ("clear", ClearAssetMetadata::REPEAT),
    ];
    let guarded: Vec<_> = repeats
        .iter()
        .filter(|(_, repeat)| *repeat == Repeat::IfNotProcessed)
        .map(|(name, _)| *name)
        .collect();
    assert_eq!(guarded, ["create an asset", "index"]);
    assert_eq!(DeleteAsset::when_gone(), Some(()));
    assert_eq!(DeleteIndexedAsset::when_gone(), Some(()));
    // If the asset itself is gone, nothing was cleared.
    assert_eq!(ClearAssetMetadata::when_gone(), None);
}
