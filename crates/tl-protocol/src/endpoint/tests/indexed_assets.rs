//! Tests of the operations on indexed assets.

use proptest::prelude::*;
use serde_json::{Value, json};
use tl_model::{MetadataPatch, NewIndexedAsset};

use super::*;

fn list_of_indexed_assets() -> impl Strategy<Value = ListIndexedAssets> {
    let which = (id(), page(), sort(), values(), prop::option::of(text()));
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
                status: status.iter().map(|value| value.as_str().into()).collect(),
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
    fn requests_with_any_id_round_trip(
        index in id(), indexed in id(), asset in id(), stream in flag(), metadata in metadata(), options in values(), changes in patch(),
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
    fn list_round_trips_with_equivalent_ranges(list in list_of_indexed_assets(), probe in 0_u32..1_000_000) {
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
fn requests_match_the_official_clients() {
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
fn every_documented_query_form_is_accepted() {
    let filters = |text: &str| {
        ListIndexedAssets::decode(&query_request(text))
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
        let list = ListIndexedAssets::decode(&query_request(form)).unwrap();
        assert_eq!(list.status, ["ready", "failed"], "{form}");
    }
    for form in ["height=360", "height[gte]=360&height[lte]=360"] {
        let height = ListIndexedAssets::decode(&query_request(form))
            .unwrap()
            .height;
        assert!(
            height.0.accepts(360.0) && !height.0.accepts(361.0),
            "{form}"
        );
    }
}

#[test]
fn body_errors_name_the_member() {
    let index = |value: Value| rejection::<CreateIndexedAsset>(&json_request(value));
    let lines = [
        index(json!({})),
        index(json!({"asset_id": 5})),
        index(json!({"asset_id": "a", "enable_video_stream": 1})),
        index(json!({"asset_id": "a", "user_metadata": []})),
        index(json!({"asset_id": "a", "video_id": "v"})),
        rejection::<UpdateIndexedAsset>(&json_request(json!({}))),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn query_errors_name_the_parameter() {
    let lines = [
        rejection::<GetIndexedAsset>(&query_request("transcription=yes")),
        rejection::<ListIndexedAssets>(&query_request("duration[gte]=long")),
        rejection::<ListIndexedAssets>(&query_request("size=NaN")),
        rejection::<ListIndexedAssets>(&query_request("user_metadata=category")),
        rejection::<ListIndexedAssets>(&query_request("user_metadata[]=a")),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}
