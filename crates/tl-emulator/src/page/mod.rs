//! The page at `/_emulator`: current state, journal and controls.
//!
//! It is rendered on the server and loads nothing from elsewhere. It works without its script,
//! which only refreshes it. Each section has its own module.

mod assets;
mod controls;
mod filters;
mod html;
mod indexes;
mod journal;
mod player;
mod tasks;
mod uploads;
mod webhooks;

use std::{fmt::Write as _, sync::Arc};

use axum::{
    Router,
    extract::{Query, State},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use http::header;

use crate::server::Runtime;
use filters::Filters;
use html::Escaped;

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

/// A section of the page: its anchor, its heading, its static controls, and its live content.
struct Section {
    id: &'static str,
    heading: &'static str,
    controls: fn(&Runtime, &Filters, &mut String),
    live: fn(&Runtime, &Filters, &mut String),
}

const SECTIONS: [Section; 8] = [
    Section {
        id: "tasks",
        heading: "Tasks",
        controls: tasks::filter,
        live: tasks::table,
    },
    Section {
        id: "assets",
        heading: "Assets",
        controls: assets::filter,
        live: assets::table,
    },
    Section {
        id: "uploads",
        heading: "Uploads",
        controls: no_controls,
        live: uploads::progress,
    },
    Section {
        id: "indexes",
        heading: "Indexes",
        controls: no_controls,
        live: indexes::table,
    },
    Section {
        id: "clock",
        heading: "Clock",
        controls: controls::clock_forms,
        live: controls::time,
    },
    Section {
        id: "faults",
        heading: "Faults",
        controls: controls::fault_forms,
        live: controls::faults,
    },
    Section {
        id: "webhooks",
        heading: "Webhooks",
        controls: webhooks::form,
        live: webhooks::tables,
    },
    Section {
        id: "journal",
        heading: "Journal",
        controls: journal::filter,
        live: journal::table,
    },
];

fn no_controls(_: &Runtime, _: &Filters, _: &mut String) {}

async fn page(State(runtime): State<Arc<Runtime>>, Query(filters): Query<Filters>) -> Response {
    let mut body = String::from("<header><h1>Emulator</h1><nav aria-label=Sections><ul>");
    for Section { id, heading, .. } in SECTIONS {
        _ = write!(body, "<li><a href=#{id}>{heading}</a>");
    }
    body.push_str("</ul></nav></header><main id=main tabindex=-1>");
    if !filters.error.is_empty() {
        _ = write!(
            body,
            "<p class=notice role=alert>{}</p>",
            Escaped(&filters.error)
        );
    }
    if let Some(reason) = runtime.renderer.unavailable_reason() {
        _ = write!(
            body,
            "<p class=notice>Streams and thumbnails are unavailable: {}</p>",
            Escaped(reason)
        );
    }
    for section in SECTIONS {
        let Section { id, heading, .. } = section;
        _ = write!(
            body,
            "<section id={id} aria-labelledby={id}-heading><h2 id={id}-heading>{heading}</h2>"
        );
        (section.controls)(&runtime, &filters, &mut body);
        live_section(&section, &runtime, &filters, &mut body);
        body.push_str("</section>");
    }
    body.push_str("</main>");
    html::document("Emulator", &body).into_response()
}

fn live_section(section: &Section, runtime: &Runtime, filters: &Filters, html: &mut String) {
    _ = write!(html, "<div class=live id=live-{}>", section.id);
    (section.live)(runtime, filters, html);
    html.push_str("</div>");
}

/// Renders only the live content of all sections, which the script inserts.
async fn live(State(runtime): State<Arc<Runtime>>, Query(filters): Query<Filters>) -> Html<String> {
    let mut html = String::new();
    for section in &SECTIONS {
        live_section(section, &runtime, &filters, &mut html);
    }
    Html(html)
}
