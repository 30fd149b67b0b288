//! The page at `/_emulator`: tabs with an overview, the state, the requests and the controls.
//!
//! It is rendered on the server and loads nothing from elsewhere. It works without its script,
//! which only refreshes it and adds conveniences. Each section has its own module, which collects what the section shows,
//! and its own template, which contains the HTML and escapes every value.

mod assets;
mod controls;
pub(crate) mod escape;
mod filters;
mod indexes;
mod journal;
mod live;
mod overview;
mod player;
mod tabs;
mod tasks;
mod uploads;
mod view;
mod webhooks;

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::{Query, State},
    response::Response,
    routing::get,
};
use http::{HeaderMap, header};

use crate::server::Runtime;
use filters::Filters;
use live::Contents;
use tabs::Tab;
use view::Choice;

/// Maximum number of rows per table.
const MAX_ROWS: u32 = 50;

pub(crate) fn router() -> Router<Arc<Runtime>> {
    let file = |kind: &'static str, text: &'static str| {
        get(async move || {
            let headers = [
                (header::CONTENT_TYPE, kind),
                (header::CACHE_CONTROL, "no-cache"),
            ];
            (headers, text)
        })
    };
    Router::new()
        .route("/", get(page))
        .route("/page.css", file("text/css", include_str!("page.css")))
        .route("/page.js", file("text/javascript", include_str!("page.js")))
        .route("/icon.svg", file("image/svg+xml", include_str!("icon.svg")))
        .merge(live::router())
        .merge(player::router())
        .merge(controls::router())
        .merge(webhooks::router())
}

/// The whole page.
#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    filters: &'a Filters,
    tab: Tab,
    /// The base URL for clients, under the name by which the browser reaches the emulator.
    base_url: String,
    /// Why streams and thumbnails are unavailable.
    lacks_ffmpeg: Option<&'a str>,
    /// Why received media is checked by its headers only.
    headers_only: Option<&'a str>,
    tasks_filter: Vec<Choice>,
    assets_filter: Vec<Choice>,
    operations_filter: Vec<Choice>,
    responses_filter: Vec<Choice>,
    clock_modes: Vec<Choice>,
    live: Contents,
}

async fn page(
    State(runtime): State<Arc<Runtime>>,
    Query(filters): Query<Filters>,
    headers: HeaderMap,
) -> Response {
    let host = headers.get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    view::document(&Page {
        filters: &filters,
        tab: filters.tab(),
        base_url: format!("http://{host}/v1.3"),
        lacks_ffmpeg: runtime.renderer.unavailable_reason(),
        headers_only: runtime.media_prober.limitation(),
        tasks_filter: tasks::statuses(&filters),
        assets_filter: assets::types(&filters),
        operations_filter: journal::operations(&filters),
        responses_filter: journal::responses(&filters),
        clock_modes: controls::clock_modes(&runtime),
        live: Contents::of(&runtime, &filters),
    })
}
