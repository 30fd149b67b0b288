//! The assets table.

use std::fmt::Write as _;

use tl_model::{Asset, AssetStatus, AssetType};
use tl_protocol::endpoint::ListAssets;

use super::{
    filters::Filters,
    html::{self, Escaped},
    player,
};
use crate::{platform::Platform, server::Runtime};

pub(super) fn filter(_: &Runtime, filters: &Filters, html: &mut String) {
    filters.open_filter(html, "assets", &["asset", "kind"]);
    html.push_str("<label>Type <select name=kind><option value=''>any</option>");
    let known = AssetType::KNOWN.iter().map(AssetType::as_str);
    html::options(html, known, &filters.kind);
    _ = write!(
        html,
        "</select></label><label>Name contains <input name=asset value=\"{}\"></label><button>Filter assets</button></form>",
        Escaped(&filters.asset)
    );
}

pub(super) fn table(runtime: &Runtime, filters: &Filters, html: &mut String) {
    let mut list = ListAssets {
        page: html::first_page(),
        ..ListAssets::default()
    };
    if !filters.kind.is_empty() {
        list.asset_types = vec![AssetType::from(filters.kind.as_str())];
    }
    if !filters.asset.is_empty() {
        list.filename = Some(filters.asset.clone());
    }
    let platform = runtime.platform();
    let page = match platform.assets(runtime.clock.now(), &list) {
        Ok(page) => page,
        Err(refusal) => {
            _ = write!(html, "<p class=notice>{}</p>", Escaped(refusal.message));
            return;
        }
    };
    if page.data.is_empty() {
        return html::empty(html, "No assets.");
    }
    let columns = [
        "Preview", "Status", "File", "Type", "Method", "Created", "Asset",
    ];
    html::open_table(html, "Assets", &columns);
    for asset in &page.data {
        row(&platform, asset, html);
    }
    html::close_table(html);
    let total = page.page_info.total_results.unwrap_or_default();
    _ = write!(
        html,
        "<p class=count>{} of {total} assets</p>",
        page.data.len()
    );
}

fn row(platform: &Platform, asset: &Asset, html: &mut String) {
    let filename = asset.filename.as_deref().unwrap_or_default();
    html.push_str("<tr><td>");
    player::link(platform, asset.id.as_str(), filename, html);
    let status = asset.status.as_ref().map_or("", AssetStatus::as_str);
    let method = asset.method.as_ref().map(|method| method.as_str());
    let created = asset.created_at.as_ref().map(ToString::to_string);
    _ = write!(
        html,
        "<td>{}<td class=name>{}<td>{}<td>{}<td>{}<td><code>{}</code>",
        html::status(status),
        Escaped(filename),
        Escaped(asset.file_type.as_deref().unwrap_or_default()),
        Escaped(method.unwrap_or_default()),
        html::timestamp(&created.unwrap_or_default()),
        Escaped(&asset.id)
    );
}
