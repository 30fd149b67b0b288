//! `/indexes/{index_id}/videos`: the older view of the indexed assets of an index.

use tl_model::{IndexId, MetadataPatch, Page, Timestamp, Video, VideoId};

use super::{MAX_EMBEDDINGS, NumberFilter, PageRequest, Sort, TopLevelFilter, endpoint, resource};

resource! {
    /// Operations on the videos of an index.
    Videos, videos
}

endpoint! {
    /// Lists the videos of an index.
    ListVideos: PartialEq {
        path {
            /// The index.
            index_id: IndexId,
        }
        query {
            /// The page to return.
            page: PageRequest,
            /// The order.
            sort: Sort,
            /// Return only videos with this file name.
            filename: Option<String>,
            /// Return only videos of this duration, in seconds.
            duration: NumberFilter,
            /// Return only videos of this frame rate, in frames per second.
            fps: NumberFilter,
            /// Return only videos of this width, in pixels.
            width: NumberFilter,
            /// Return only videos of this height, in pixels.
            height: NumberFilter,
            /// Return only videos of this size, in bytes.
            size: NumberFilter,
            /// Return only videos created at this time or later.
            created_at: Option<Timestamp>,
            /// Return only videos updated at this time or later.
            updated_at: Option<Timestamp>,
            /// Return only videos whose user metadata has these values.
            user_metadata: TopLevelFilter,
        }
    }
    name: "indexes.videos.list";
    does: "list the videos";
    GET "/indexes/{index_id}/videos" => OK Page<Video>;
    repeat: Freely;
    client: Videos::list;
    paged: Video;
}

endpoint! {
    /// Retrieves a video of an index.
    GetVideo: PartialEq, Eq {
        path {
            /// The index.
            index_id: IndexId,
            /// The video.
            video_id: VideoId,
        }
        query {
            /// The embeddings to include: `visual`, `audio`, `transcription`.
            embedding_option: Vec<String>,
            /// Whether to include the transcription.
            transcription: Option<bool>,
        }
    }
    name: "indexes.videos.retrieve";
    does: "retrieve the video";
    GET "/indexes/{index_id}/videos/{video_id}" => OK Video;
    repeat: Freely;
    client: Videos::get;
    with { const MAX_RESPONSE: u64 = MAX_EMBEDDINGS; }
}

endpoint! {
    /// Changes the user metadata of a video: given keys are set, `null` deletes a key, other keys
    /// stay.
    // A merge is idempotent.
    UpdateVideoMetadata: PartialEq {
        path {
            /// The index.
            index_id: IndexId,
            /// The video.
            video_id: VideoId,
        }
        json {
            /// The changes.
            user_metadata: MetadataPatch,
        }
    }
    name: "indexes.videos.update";
    does: "update the metadata of the video";
    PATCH "/indexes/{index_id}/videos/{video_id}" => NO_CONTENT;
    repeat: Freely;
    client: Videos::update_metadata;
}

endpoint! {
    /// Deletes a video from its index.
    DeleteVideo: PartialEq, Eq {
        path {
            /// The index.
            index_id: IndexId,
            /// The video.
            video_id: VideoId,
        }
    }
    name: "indexes.videos.delete";
    does: "delete the video";
    DELETE "/indexes/{index_id}/videos/{video_id}" => NO_CONTENT;
    repeat: Freely;
    client: Videos::delete;
    gone: ();
}
