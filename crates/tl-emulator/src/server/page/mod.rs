//! The page at `/_emulator`: what is there, what was asked, and the switches. It is rendered here, loads nothing from elsewhere,
//! and is complete without its script, which only keeps it fresh. One room for each part of it.

mod assets;
mod html;
mod indexes;
mod journal;
mod player;
mod shown;
mod switches;
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

use super::Shell;
use html::Plain;
use shown::Shown;

/// How many items of each kind are shown.
const MOST: u32 = 50;

pub(super) fn router() -> Router<Arc<Shell>> {
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
        .merge(switches::router())
        .merge(webhooks::router())
}

/// A part of the page: its anchor, its heading, what stands still in it, and what changes by itself.
struct Part {
    id: &'static str,
    heading: &'static str,
    still: fn(&Shell, &Shown, &mut String),
    live: fn(&Shell, &Shown, &mut String),
}

const PARTS: [Part; 8] = [
    Part {
        id: "tasks",
        heading: "Tasks",
        still: tasks::filter,
        live: tasks::table,
    },
    Part {
        id: "assets",
        heading: "Assets",
        still: assets::filter,
        live: assets::table,
    },
    Part {
        id: "uploads",
        heading: "Uploads",
        still: nothing,
        live: uploads::progress,
    },
    Part {
        id: "indexes",
        heading: "Indexes",
        still: nothing,
        live: indexes::table,
    },
    Part {
        id: "clock",
        heading: "Clock",
        still: switches::clock_forms,
        live: switches::time,
    },
    Part {
        id: "faults",
        heading: "Faults",
        still: switches::fault_forms,
        live: switches::faults,
    },
    Part {
        id: "webhooks",
        heading: "Webhooks",
        still: webhooks::form,
        live: webhooks::tables,
    },
    Part {
        id: "journal",
        heading: "Journal",
        still: journal::filter,
        live: journal::table,
    },
];

fn nothing(_: &Shell, _: &Shown, _: &mut String) {}

async fn page(State(shell): State<Arc<Shell>>, Query(shown): Query<Shown>) -> Response {
    let mut body = String::from("<header><h1>Emulator</h1><nav aria-label=Parts><ul>");
    for Part { id, heading, .. } in PARTS {
        _ = write!(body, "<li><a href=#{id}>{heading}</a>");
    }
    body.push_str("</ul></nav></header><main id=main tabindex=-1>");
    if !shown.told.is_empty() {
        _ = write!(body, "<p class=told role=alert>{}</p>", Plain(&shown.told));
    }
    if let Some(lack) = shell.studio.lack() {
        _ = write!(
            body,
            "<p class=told>There are no streams and no thumbnails: {}</p>",
            Plain(lack)
        );
    }
    for part in PARTS {
        let Part { id, heading, .. } = part;
        _ = write!(
            body,
            "<section id={id} aria-labelledby={id}-heading><h2 id={id}-heading>{heading}</h2>"
        );
        (part.still)(&shell, &shown, &mut body);
        live_part(&part, &shell, &shown, &mut body);
        body.push_str("</section>");
    }
    body.push_str("</main>");
    html::document("Emulator", &body).into_response()
}

fn live_part(part: &Part, shell: &Shell, shown: &Shown, html: &mut String) {
    _ = write!(html, "<div class=live id=live-{}>", part.id);
    (part.live)(shell, shown, html);
    html.push_str("</div>");
}

/// The parts that change by themselves, and nothing else: the script puts them into their places.
async fn live(State(shell): State<Arc<Shell>>, Query(shown): Query<Shown>) -> Html<String> {
    let mut html = String::new();
    for part in &PARTS {
        live_part(part, &shell, &shown, &mut html);
    }
    Html(html)
}
