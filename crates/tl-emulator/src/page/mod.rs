//! The page at `/_emulator`: current state, journal and controls.
//!
//! It is rendered on the server and loads nothing from elsewhere. It works without its script,
//! which only refreshes it. Each section has its own module, which collects what the section shows,
//! and its own template, which contains the HTML and escapes every value.

mod assets;
mod controls;
pub(crate) mod escape;
mod filters;
mod indexes;
mod journal;
mod player;
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
use http::header;

use crate::server::Runtime;
use filters::Filters;
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
        .route("/live", get(live))
        .route("/page.css", file("text/css", include_str!("page.css")))
        .route("/page.js", file("text/javascript", include_str!("page.js")))
        .route("/icon.svg", file("image/svg+xml", include_str!("icon.svg")))
        .merge(player::router())
        .merge(controls::router())
        .merge(webhooks::router())
}

/// The content that changes: the page contains it, and its script replaces it.
#[derive(Debug)]
struct Contents {
    tasks: tasks::Tasks,
    assets: assets::Assets,
    uploads: uploads::Uploads,
    indexes: indexes::Indexes,
    clock: controls::Clock,
    faults: Vec<controls::ActiveFault>,
    webhooks: webhooks::Webhooks,
    journal: journal::Journal,
}

impl Contents {
    fn of(runtime: &Runtime, filters: &Filters) -> Self {
        Self {
            tasks: tasks::table(runtime, filters),
            assets: assets::table(runtime, filters),
            uploads: uploads::progress(runtime),
            indexes: indexes::table(runtime),
            clock: controls::clock(runtime),
            faults: controls::faults(runtime),
            webhooks: webhooks::tables(runtime),
            journal: journal::table(runtime, filters),
        }
    }
}

/// The whole page.
#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    filters: &'a Filters,
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

/// The live content of all sections.
#[derive(Template)]
#[template(path = "live.html")]
struct Live<'a> {
    filters: &'a Filters,
    live: Contents,
}

async fn page(State(runtime): State<Arc<Runtime>>, Query(filters): Query<Filters>) -> Response {
    view::document(&Page {
        filters: &filters,
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

/// Renders only the live content of all sections, which the script inserts.
async fn live(State(runtime): State<Arc<Runtime>>, Query(filters): Query<Filters>) -> Response {
    view::fragment(&Live {
        filters: &filters,
        live: Contents::of(&runtime, &filters),
    })
}
