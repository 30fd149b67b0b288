//! Searches of a knowledge store: the request and its hits.

use crate::{StoreItemId, StoreItemMetadata, StoreItemType, UserMetadata};

open_enum! {
    /// What of a video is compared with the query.
    pub enum StoreModality {
        /// The picture.
        Visual = "visual",
        /// The sound, **including** speech. The modality of the same name of `/search` excludes it.
        Audio = "audio",
    }
}

open_enum! {
    /// How the hits of a knowledge store are grouped.
    pub enum StoreGroupBy {
        /// One hit for each matching clip.
        None = "none",
        /// One hit for each item, with all its matching clips.
        Item = "item",
    }
}

object! {
    /// What is searched for.
    pub struct StoreQuery {
        required {
            /// A description in natural language.
            text: String,
        }
    }
}

object! {
    /// Filters by the type of the item. Exactly one of the members is set.
    pub struct StoreTypeFilter {
        /// Is this type.
        optional eq: Option<StoreItemType>,
        /// Is one of these types.
        list any_of: Vec<StoreItemType> = "in",
    }
}

object! {
    /// Filters by the identifier of the item. Exactly one of the members is set.
    pub struct StoreIdFilter {
        /// Is this item.
        optional eq: Option<StoreItemId>,
        /// Is one of these items.
        list any_of: Vec<StoreItemId> = "in",
    }
}

object! {
    /// Restricts a search to some items. All members that are set apply.
    pub struct StoreFilter {
        /// By type.
        optional asset_type: Option<StoreTypeFilter>,
        /// By identifier.
        optional item_id: Option<StoreIdFilter>,
    }
}

object! {
    /// How videos are compared with the query.
    pub struct StoreVideoOptions {
        /// What is compared, at least one.
        present_list modalities: Vec<StoreModality>,
    }
}

object! {
    /// How items are compared with the query. Images have no options.
    pub struct StoreSearchOptions {
        /// The options for videos. The default is `visual`.
        optional video: Option<StoreVideoOptions>,
    }
}

object! {
    /// The request body that searches a knowledge store. With a `page_token`, the platform ignores
    /// the other members, but `query` is still required.
    pub struct StoreSearch {
        required {
            /// What is searched for.
            query: StoreQuery,
        }
        /// Restricts the search to some items.
        optional filter: Option<StoreFilter>,
        /// How items are compared with the query.
        optional search_options: Option<StoreSearchOptions>,
        /// How hits are grouped. The default is `none`.
        optional group_by: Option<StoreGroupBy>,
        /// Maximum number of hits per page: 1 to 50. The default is 10.
        optional page_size: Option<u32>,
        /// Continues a search: [`StoreHits::next_page_token`].
        optional page_token: Option<String>,
        /// Whether hits have the metadata of their item.
        optional include_metadata: Option<bool>,
    }
}

object! {
    /// A matching clip of a video.
    pub struct StoreMatch {
        /// Start of the clip, in seconds.
        number start_sec: Option<f64>,
        /// End of the clip, in seconds.
        number end_sec: Option<f64>,
        /// What matched.
        lenient_list modalities: Vec<StoreModality>,
        /// The speech in the clip, if there is any.
        lenient transcription: Option<String>,
    }
}

object! {
    /// The metadata of the item of a hit.
    pub struct StoreHitMetadata {
        /// Technical metadata of the asset.
        lenient system: Option<StoreItemMetadata>,
        /// Custom metadata.
        lenient user: Option<UserMetadata>,
    }
}

object! {
    /// A hit of a search of a knowledge store.
    pub struct StoreHit {
        required {
            /// The item.
            item_id: StoreItemId,
        }
        /// The type of the item.
        optional asset_type: Option<StoreItemType>,
        /// The position in the result, from 1.
        whole rank: Option<u64>,
        /// The matching clips, the best first. Empty for an image, which matches as a whole.
        list matches: Vec<StoreMatch>,
        /// The metadata of the item, if it was asked for.
        lenient metadata: Option<StoreHitMetadata>,
    }
}

object! {
    /// One page of the hits of a search of a knowledge store, the best first.
    pub struct StoreHits {
        /// The hits.
        present_list data: Vec<StoreHit>,
        /// Retrieves the next page. Absent on the last page.
        optional next_page_token: Option<String>,
        /// The options that were used, including defaults.
        lenient effective_search_options: Option<StoreSearchOptions>,
    }
}
