//! `tl store search`.

use clap::Args;
use tl_client::Client;
use tl_model::{
    KnowledgeStoreId, StoreFilter, StoreGroupBy, StoreHit, StoreIdFilter, StoreItemId,
    StoreItemType, StoreModality, StoreQuery, StoreSearch, StoreSearchOptions, StoreTypeFilter,
    StoreVideoOptions,
};

use crate::args::named;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::listing::Listing;
use crate::ui::table::cell;

/// The largest page of the platform (API description of July 2026).
const MAX_PAGE: u32 = 50;

/// `tl store search`.
#[derive(Debug, Args)]
pub(crate) struct Search {
    /// Knowledge store id or name
    #[arg(value_name = "STORE")]
    store: String,
    /// Description of what to find
    #[arg(value_name = "QUERY")]
    query: String,
    /// Compare this of videos: visual or audio (with speech). Repeatable
    #[arg(long = "on", value_name = "WHAT", value_delimiter = ',')]
    on: Vec<StoreModality>,
    /// Find only items of this type: video or image. Repeatable
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',')]
    types: Vec<StoreItemType>,
    /// Find only this item. Repeatable
    #[arg(long = "item", value_name = "ITEM")]
    items: Vec<StoreItemId>,
    /// Show one hit per item, with all its clips
    #[arg(long)]
    by_item: bool,
    /// Also return the metadata of the items (with --json)
    #[arg(long)]
    with_metadata: bool,
    /// Limit the number of hits; every 50 hits are one request
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

impl Search {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let search = self.request();
        let listed = context.call(async |client| {
            let store = named::store(client, &self.store).await?;
            fetch(client, &store, search, self.limit as usize).await
        })?;
        listed.show(
            &context.output,
            "hits",
            ["ITEM", "RANK", "TYPE", "CLIPS", "TRANSCRIPTION"],
            |hit: &StoreHit| {
                let said = hit.matches.first();
                [
                    hit.item_id.to_string(),
                    cell(hit.rank.as_ref()),
                    cell(hit.asset_type.as_ref()),
                    clips(hit),
                    cell(said.and_then(|clip| clip.transcription.as_ref())),
                ]
            },
        );
        Ok(Exit::Ok)
    }

    fn request(&self) -> StoreSearch {
        let mut search = StoreSearch::new(StoreQuery::new(self.query.as_str()));
        let mut filter = StoreFilter::default();
        if !self.types.is_empty() {
            let mut types = StoreTypeFilter::default();
            types.any_of.clone_from(&self.types);
            filter.asset_type = Some(types);
        }
        if !self.items.is_empty() {
            let mut items = StoreIdFilter::default();
            items.any_of.clone_from(&self.items);
            filter.item_id = Some(items);
        }
        search.filter = (filter != StoreFilter::default()).then_some(filter);
        if !self.on.is_empty() {
            let mut video = StoreVideoOptions::default();
            video.modalities.clone_from(&self.on);
            let mut options = StoreSearchOptions::default();
            options.video = Some(video);
            search.search_options = Some(options);
        }
        search.group_by = self.by_item.then_some(StoreGroupBy::Item);
        search.include_metadata = self.with_metadata.then_some(true);
        search.page_size = Some(self.limit.min(MAX_PAGE));
        search
    }
}

/// Fetches the first `limit` hits, page by page.
async fn fetch(
    client: &Client,
    store: &KnowledgeStoreId,
    mut search: StoreSearch,
    limit: usize,
) -> Result<Listing<StoreHit>, Failure> {
    let mut items = Vec::new();
    loop {
        let stores = client.knowledge_stores();
        let page = stores.search(store.clone(), search.clone()).await?;
        items.extend(page.data);
        search.page_token = page.next_page_token;
        if items.len() >= limit || search.page_token.is_none() {
            break;
        }
    }
    let more = items.len() > limit || search.page_token.is_some();
    items.truncate(limit);
    Ok(Listing {
        items,
        total: None,
        more,
    })
}

/// The clips of a hit: `12.4-16.4 s`.
fn clips(hit: &StoreHit) -> String {
    let clips = hit.matches.iter().filter_map(|clip| {
        let (start, end) = (clip.start_sec?, clip.end_sec?);
        Some(format!("{start:.1}-{end:.1} s"))
    });
    clips.collect::<Vec<_>>().join(", ")
}
