//! The content that changes, and the events that bring it to an open page.

use std::{convert::Infallible, sync::Arc, time::Duration};

use askama::Template;
use axum::{
    Router,
    extract::{Query, State},
    response::{Response, Sse, sse::Event},
    routing::get,
};
use futures_util::{Stream, stream};

use super::{
    assets, controls, filters::Filters, indexes, journal, overview, tabs::Tab, tasks, uploads,
    view, webhooks,
};
use crate::server::Runtime;

/// How often the content is compared with what the page has.
const INTERVAL: Duration = Duration::from_millis(400);
/// After so many comparisons without a change, an empty event shows that the connection works.
const QUIET: u32 = 25;

pub(super) fn router() -> Router<Arc<Runtime>> {
    Router::new()
        .route("/live", get(live))
        .route("/live/events", get(events))
}

/// The content that changes: the page contains it, and its script replaces it.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) overview: overview::Overview,
    pub(super) tasks: tasks::Tasks,
    pub(super) assets: assets::Assets,
    pub(super) uploads: uploads::Uploads,
    pub(super) indexes: indexes::Indexes,
    pub(super) clock: controls::Clock,
    pub(super) faults: Vec<controls::ActiveFault>,
    pub(super) webhooks: webhooks::Webhooks,
    pub(super) journal: journal::Journal,
}

impl Contents {
    pub(super) fn of(runtime: &Runtime, filters: &Filters) -> Self {
        let searched = filters.q.trim();
        let is_search = filters.tab() == Tab::Search && !searched.is_empty();
        Self {
            overview: overview::overview(runtime),
            tasks: match is_search {
                true => tasks::search(runtime, searched),
                false => tasks::table(runtime, filters),
            },
            assets: match is_search {
                true => assets::search(runtime, searched),
                false => assets::table(runtime, filters),
            },
            uploads: uploads::progress(runtime),
            indexes: match is_search {
                true => indexes::search(runtime, searched),
                false => indexes::table(runtime),
            },
            clock: controls::clock(runtime),
            faults: controls::faults(runtime),
            webhooks: webhooks::tables(runtime),
            journal: match is_search {
                true => journal::search(runtime, searched),
                false => journal::table(runtime, filters),
            },
        }
    }
}

/// The live content of the sections of a tab, or of all sections without a tab.
#[derive(Template)]
#[template(path = "live.html")]
struct Live<'a> {
    filters: &'a Filters,
    /// `None`: all.
    tab: Option<Tab>,
    live: Contents,
}

impl Live<'_> {
    fn has(&self, tab: Tab) -> bool {
        self.tab.is_none_or(|shown| shown == tab)
    }
}

fn contents<'a>(runtime: &Runtime, filters: &'a Filters) -> Live<'a> {
    Live {
        filters,
        tab: (!filters.tab.is_empty()).then(|| filters.tab()),
        live: Contents::of(runtime, filters),
    }
}

/// The content as it is now.
async fn live(State(runtime): State<Arc<Runtime>>, Query(filters): Query<Filters>) -> Response {
    view::fragment(&contents(&runtime, &filters))
}

/// The content again each time it has changed, as server-sent events.
async fn events(
    State(runtime): State<Arc<Runtime>>,
    Query(filters): Query<Filters>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let start = (runtime, filters, String::new());
    Sse::new(stream::unfold(start, async |(runtime, filters, last)| {
        for _ in 0..QUIET {
            // An error of rendering is visible when the page is loaded.
            let fresh = contents(&runtime, &filters).render().unwrap_or_default();
            if fresh != last {
                let event = Event::default().data(&fresh);
                return Some((Ok(event), (runtime, filters, fresh)));
            }
            tokio::time::sleep(INTERVAL).await;
        }
        let quiet = Event::default().comment("no change");
        Some((Ok(quiet), (runtime, filters, last)))
    }))
}
