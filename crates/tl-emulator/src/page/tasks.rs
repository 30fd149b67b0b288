//! The tasks table.

use tl_model::{Task, TaskStatus};
use tl_protocol::endpoint::ListTasks;

use super::{
    filters::Filters,
    view::{self, Choice, Found, Preview, Status, Time},
};
use crate::{platform::Platform, server::Runtime};

/// The rows, or a notice in their place.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    pub(super) notice: Option<String>,
    pub(super) rows: Vec<Row>,
    pub(super) total: u64,
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) preview: Option<Preview>,
    pub(super) status: Status,
    pub(super) error: Option<String>,
    pub(super) filename: String,
    pub(super) measured: String,
    pub(super) updated: Time,
    pub(super) id: String,
}

/// The statuses to filter by.
pub(super) fn statuses(filters: &Filters) -> Vec<Choice> {
    let known = TaskStatus::KNOWN.iter().map(TaskStatus::as_str);
    view::choices(known, &filters.status)
}

pub(super) fn table(runtime: &Runtime, filters: &Filters) -> Tasks {
    let mut list = ListTasks::default().page(view::first_page());
    if !filters.status.is_empty() {
        list.status = vec![TaskStatus::from(filters.status.as_str())];
    }
    if !filters.filename.is_empty() {
        list.filename = Some(filters.filename.clone());
    }
    let platform = runtime.platform();
    match platform.tasks(runtime.clock.now(), &list) {
        Ok(page) => Tasks {
            notice: None,
            rows: page.data.iter().map(|task| row(&platform, task)).collect(),
            total: page.page_info.total_results.unwrap_or_default(),
        },
        Err(refusal) => Tasks {
            notice: Some(refusal.message),
            ..Tasks::default()
        },
    }
}

/// The tasks whose ID, video ID or file name contains `text`.
pub(super) fn search(runtime: &Runtime, text: &str) -> Tasks {
    let platform = runtime.platform();
    let now = runtime.clock.now();
    let found = view::search(|page| {
        let page = platform.tasks(now, &ListTasks::default().page(page)).ok()?;
        let rows = page.data.iter().filter_map(|task| {
            let video = task.video_id.as_ref().map(ToString::to_string);
            let row = row(&platform, task);
            let texts = [&row.filename, &row.id, &video.unwrap_or_default()];
            view::any_contains(texts, text).then_some(row)
        });
        Some(Found::of(&page, rows.collect()))
    });
    Tasks {
        notice: None,
        total: found.len() as u64,
        rows: found,
    }
}

fn row(platform: &Platform, task: &Task) -> Row {
    let system = task.system_metadata.as_ref();
    let filename = system.and_then(|system| system.filename.as_deref());
    let filename = filename.unwrap_or_default();
    let video = task.video_id.as_ref();
    Row {
        preview: video.and_then(|video| Preview::of(platform, video.as_str(), filename)),
        status: Status::new(task.status.as_ref().map_or("", TaskStatus::as_str)),
        error: task.error_reason.clone(),
        filename: filename.to_owned(),
        measured: view::resolution_and_duration(system),
        updated: Time::of(task.updated_at.as_ref()),
        id: task.id.to_string(),
    }
}
