//! The overview: how much of everything there is, what failed, and the newest requests.

use tl_model::TaskStatus;
use tl_protocol::endpoint::{ListAssets, ListIndexes, ListTasks, PageRequest};

use super::{filters::Filters, journal, tasks};
use crate::{platform::Platform, server::Runtime};

/// The maximum number of failed tasks and of requests.
const NEWEST: usize = 8;

#[derive(Debug)]
pub(super) struct Overview {
    pub(super) figures: Vec<Figure>,
    /// The newest failed tasks.
    pub(super) failed: Vec<tasks::Row>,
    /// The newest requests.
    pub(super) requests: Vec<journal::Row>,
    /// The name of the account's plan.
    pub(super) plan: String,
}

/// A number with a link to what it counts.
#[derive(Debug)]
pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) count: u64,
    /// The class of its color.
    pub(super) class: &'static str,
    /// The query of the page.
    pub(super) query: String,
}

impl Figure {
    fn new(name: &'static str, count: u64, query: impl Into<String>) -> Self {
        Self {
            name,
            count,
            class: "",
            query: query.into(),
        }
    }

    /// Colors the number, unless it is zero.
    fn colored(mut self, class: &'static str) -> Self {
        if self.count > 0 {
            self.class = class;
        }
        self
    }
}

pub(super) fn overview(runtime: &Runtime) -> Overview {
    let entries = runtime.journal();
    let count = |is_counted: fn(&crate::server::JournalEntry) -> bool| {
        entries.iter().filter(|entry| is_counted(entry)).count() as u64
    };
    let refused = count(|entry| entry.status >= 400);
    let faulty = count(|entry| !entry.faults.is_empty());
    let newest = entries.iter().rev().take(NEWEST);
    let requests = newest.map(journal::row).collect();
    let uploads = runtime.uploads.all().len() as u64;
    let mut failed = tasks::table(
        runtime,
        &Filters {
            status: TaskStatus::Failed.as_str().to_owned(),
            ..Filters::default()
        },
    )
    .rows;
    failed.truncate(NEWEST);

    let platform = runtime.platform();
    let now = runtime.clock.now();
    let one = || PageRequest::default().with_page_limit(1);
    let tasks = |platform: &Platform, statuses: &[TaskStatus]| {
        let mut list = ListTasks::default().page(one());
        list.status = statuses.to_vec();
        let page = platform.tasks(now, &list).ok();
        page.and_then(|page| page.page_info.total_results)
            .unwrap_or_default()
    };
    let at_work = [
        TaskStatus::Validating,
        TaskStatus::Pending,
        TaskStatus::Queued,
        TaskStatus::Indexing,
    ];
    let assets = platform.assets(now, &ListAssets::default().page(one()));
    let assets = assets.ok().and_then(|page| page.page_info.total_results);
    let indexes = platform.indexes(now, &ListIndexes::default().page(one()));
    let indexes = indexes.ok().and_then(|page| page.page_info.total_results);
    let figures = vec![
        Figure::new(
            "videos ready",
            tasks(&platform, &[TaskStatus::Ready]),
            "tab=videos&status=ready",
        )
        .colored("good"),
        Figure::new("in progress", tasks(&platform, &at_work), "tab=videos").colored("pending"),
        Figure::new(
            "failed",
            tasks(&platform, &[TaskStatus::Failed]),
            "tab=videos&status=failed",
        )
        .colored("bad"),
        Figure::new("uploads", uploads, "tab=videos").colored("pending"),
        Figure::new("assets", assets.unwrap_or_default(), "tab=videos"),
        Figure::new("indexes", indexes.unwrap_or_default(), "tab=indexes"),
        Figure::new("requests", entries.len() as u64, "tab=requests"),
        Figure::new("refused requests", refused, "tab=requests&answer=4xx").colored("bad"),
        Figure::new("with a fault", faulty, "tab=requests&answer=faulty").colored("pending"),
    ];
    Overview {
        figures,
        failed,
        requests,
        plan: platform.settings().plan.name.to_string(),
    }
}
