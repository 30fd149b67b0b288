//! The assets table.

use tl_model::{Asset, AssetStatus, AssetType};
use tl_protocol::endpoint::ListAssets;

use super::{
    filters::Filters,
    view::{self, Choice, Found, Preview, Status, Time},
};
use crate::{platform::Platform, server::Runtime};

/// The rows, or a notice in their place.
#[derive(Debug, Default)]
pub(super) struct Assets {
    pub(super) notice: Option<String>,
    pub(super) rows: Vec<Row>,
    pub(super) total: u64,
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) preview: Option<Preview>,
    pub(super) status: Status,
    pub(super) filename: String,
    pub(super) kind: String,
    pub(super) method: String,
    pub(super) created: Time,
    pub(super) id: String,
}

/// The types to filter by.
pub(super) fn types(filters: &Filters) -> Vec<Choice> {
    let known = AssetType::KNOWN.iter().map(AssetType::as_str);
    view::choices(known, &filters.kind)
}

pub(super) fn table(runtime: &Runtime, filters: &Filters) -> Assets {
    let mut list = ListAssets::default().page(view::first_page());
    if !filters.kind.is_empty() {
        list.asset_types = vec![AssetType::from(filters.kind.as_str())];
    }
    if !filters.asset.is_empty() {
        list.filename = Some(filters.asset.clone());
    }
    let platform = runtime.platform();
    match platform.assets(runtime.clock.now(), &list) {
        Ok(page) => Assets {
            notice: None,
            rows: page
                .data
                .iter()
                .map(|asset| row(&platform, asset))
                .collect(),
            total: page.page_info.total_results.unwrap_or_default(),
        },
        Err(refusal) => Assets {
            notice: Some(refusal.message),
            ..Assets::default()
        },
    }
}

/// The assets whose ID or file name contains `text`.
pub(super) fn search(runtime: &Runtime, text: &str) -> Assets {
    let platform = runtime.platform();
    let now = runtime.clock.now();
    let found = view::search(|page| {
        let page = platform
            .assets(now, &ListAssets::default().page(page))
            .ok()?;
        let rows = page.data.iter().map(|asset| row(&platform, asset));
        let found = rows.filter(|row| view::any_contains([&row.filename, &row.id], text));
        Some(Found::of(&page, found.collect()))
    });
    Assets {
        notice: None,
        total: found.len() as u64,
        rows: found,
    }
}

fn row(platform: &Platform, asset: &Asset) -> Row {
    let filename = asset.filename.clone().unwrap_or_default();
    Row {
        preview: Preview::of(platform, asset.id.as_str(), &filename),
        status: Status::new(asset.status.as_ref().map_or("", AssetStatus::as_str)),
        filename,
        kind: asset.file_type.clone().unwrap_or_default(),
        method: asset
            .method
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        created: Time::of(asset.created_at.as_ref()),
        id: asset.id.to_string(),
    }
}
