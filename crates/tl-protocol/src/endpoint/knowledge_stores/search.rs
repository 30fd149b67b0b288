//! The body of a search of a knowledge store.

use serde_json::{Map, Value};
use tl_model::{
    StoreFilter, StoreGroupBy, StoreIdFilter, StoreItemId, StoreItemType, StoreModality,
    StoreQuery, StoreSearch, StoreSearchOptions, StoreTypeFilter, StoreVideoOptions,
};

use crate::endpoint::{
    Rejection,
    json::{self, JsonBody},
};

/// Maximum number of hits per page (API description of July 2026).
const MAX_PAGE_SIZE: u32 = 50;

impl JsonBody for StoreSearch {
    const MEMBERS: &'static [&'static str] = &[
        "query",
        "filter",
        "search_options",
        "group_by",
        "page_size",
        "page_token",
        "include_metadata",
    ];

    fn read(object: &Map<String, Value>) -> Result<Self, Rejection> {
        let Some(query) = json::optional_object(object, "query", &["text"])? else {
            return Err(Rejection::missing("query"));
        };
        let mut search = Self::new(StoreQuery::new(json::text(query, "text")?));
        search.filter = read_filter(object)?;
        search.search_options = read_options(object)?;
        search.group_by = json::optional_word(object, "group_by", StoreGroupBy::KNOWN)?;
        if object.get("page_size").is_some_and(|size| !size.is_null()) {
            json::whole(object, "page_size", MAX_PAGE_SIZE.into())?;
            search.page_size = object["page_size"]
                .as_u64()
                .and_then(|size| u32::try_from(size).ok());
        }
        search.page_token = json::optional(object, "page_token")?;
        search.include_metadata = json::flag(object, "include_metadata")?;
        Ok(search)
    }

    fn check(&self) -> Result<(), Rejection> {
        if self.query.text.is_empty() {
            return Err(Rejection::invalid("query.text", "the text is empty"));
        }
        if self.page_token.is_some() {
            // The platform ignores the other members.
            return Ok(());
        }
        if let Some(size) = self.page_size
            && !(1..=MAX_PAGE_SIZE).contains(&size)
        {
            return Err(Rejection::invalid(
                "page_size",
                format!("{size}: a whole number from 1 to {MAX_PAGE_SIZE} is expected"),
            ));
        }
        let types = self
            .filter
            .as_ref()
            .and_then(|filter| filter.asset_type.as_ref());
        if let Some(types) = types {
            one_operator("filter.asset_type", types.eq.is_some(), &types.any_of)?;
        }
        let ids = self
            .filter
            .as_ref()
            .and_then(|filter| filter.item_id.as_ref());
        if let Some(ids) = ids {
            one_operator("filter.item_id", ids.eq.is_some(), &ids.any_of)?;
        }
        let Some(video) = self
            .search_options
            .as_ref()
            .and_then(|options| options.video.as_ref())
        else {
            return Ok(());
        };
        if video.modalities.is_empty() {
            return Err(Rejection::invalid(
                "search_options.video.modalities",
                "the array is empty",
            ));
        }
        let excludes_video = types.is_some_and(|types| {
            let video = StoreItemType::Video;
            types.eq.as_ref() != Some(&video) && !types.any_of.contains(&video)
        });
        if excludes_video {
            return Err(Rejection::invalid(
                "search_options.video",
                "the filter excludes videos",
            ));
        }
        Ok(())
    }
}

fn one_operator<T>(name: &str, eq: bool, any_of: &[T]) -> Result<(), Rejection> {
    if eq != any_of.is_empty() {
        return Err(Rejection::invalid(
            name,
            "exactly one of `eq` and `in` is expected, and `in` is not empty",
        ));
    }
    Ok(())
}

fn read_filter(object: &Map<String, Value>) -> Result<Option<StoreFilter>, Rejection> {
    let Some(filter) = json::optional_object(object, "filter", &["asset_type", "item_id"])? else {
        return Ok(None);
    };
    let mut read = StoreFilter::default();
    if let Some(types) = json::optional_object(filter, "asset_type", &["eq", "in"])? {
        let mut by = StoreTypeFilter::default();
        by.eq = json::optional_word(types, "eq", StoreItemType::KNOWN)?;
        by.any_of = json::words(types, "in", StoreItemType::KNOWN)?;
        read.asset_type = Some(by);
    }
    if let Some(ids) = json::optional_object(filter, "item_id", &["eq", "in"])? {
        let mut by = StoreIdFilter::default();
        by.eq = json::optional::<String>(ids, "eq")?.map(StoreItemId::from);
        by.any_of = json::texts(ids, "in")?
            .into_iter()
            .map(StoreItemId::from)
            .collect();
        read.item_id = Some(by);
    }
    Ok(Some(read))
}

fn read_options(object: &Map<String, Value>) -> Result<Option<StoreSearchOptions>, Rejection> {
    let Some(options) = json::optional_object(object, "search_options", &["video"])? else {
        return Ok(None);
    };
    let mut read = StoreSearchOptions::default();
    if let Some(video) = json::optional_object(options, "video", &["modalities"])? {
        json::filled(video, "modalities")?;
        let mut by = StoreVideoOptions::default();
        by.modalities = json::words(video, "modalities", StoreModality::KNOWN)?;
        read.video = Some(by);
    }
    Ok(Some(read))
}
