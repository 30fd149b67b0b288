//! Tests of the operations on videos.

use proptest::prelude::*;
use tl_model::MetadataPatch;

use super::*;

proptest! {
    #[test]
    fn list_round_trips(
        index in id(), page in page(), sort in sort(), filename in prop::option::of(text()),
        duration in number(), fps in number(), size in number(),
        metadata in prop::collection::btree_map("x_[a-z]{1,8}", text(), 0..3),
    ) {
        let mut list = ListVideos::new(index);
        list = ListVideos { page, sort, filename, duration, fps, size, ..list };
        list.user_metadata = metadata.into_iter().collect();
        round_trip(&list);
    }

    #[test]
    fn requests_with_any_id_round_trip(index in id(), video in id()) {
        round_trip(&GetVideo::new(index.as_str(), video.as_str()));
        round_trip(&DeleteVideo { index_id: index.as_str().into(), video_id: video.as_str().into() });
        let mut patch = MetadataPatch::new();
        patch.set("camera", "left").delete("draft");
        round_trip(&UpdateVideoMetadata { index_id: index.into(), video_id: video.into(), user_metadata: patch });
    }
}

#[test]
fn path_parameters_are_percent_encoded() {
    assert_eq!(
        line(&GetVideo::new("a/b c", "é")),
        "GET /indexes/a%2Fb%20c/videos/%C3%A9"
    );
}
