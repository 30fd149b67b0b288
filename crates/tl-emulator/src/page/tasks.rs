//! The tasks table.

use std::fmt::Write as _;

use tl_model::{Task, TaskStatus};
use tl_protocol::endpoint::ListTasks;

use super::{
    filters::Filters,
    html::{self, Escaped},
    player,
};
use crate::server::Runtime;

pub(super) fn filter(_: &Runtime, filters: &Filters, html: &mut String) {
    filters.open_filter(html, "tasks", &["status", "filename"]);
    html.push_str("<label>Status <select name=status><option value=''>any</option>");
    let known = TaskStatus::KNOWN.iter().map(TaskStatus::as_str);
    html::options(html, known, &filters.status);
    _ = write!(
        html,
        "</select></label><label>File name <input name=filename value=\"{}\"></label><button>Filter tasks</button></form>",
        Escaped(&filters.filename)
    );
}

pub(super) fn table(runtime: &Runtime, filters: &Filters, html: &mut String) {
    let mut list = ListTasks {
        page: html::first_page(),
        ..ListTasks::default()
    };
    if !filters.status.is_empty() {
        list.status = vec![TaskStatus::from(filters.status.as_str())];
    }
    if !filters.filename.is_empty() {
        list.filename = Some(filters.filename.clone());
    }
    let platform = runtime.platform();
    let page = match platform.tasks(runtime.clock.now(), &list) {
        Ok(page) => page,
        Err(refusal) => {
            _ = write!(html, "<p class=notice>{}</p>", Escaped(refusal.message));
            return;
        }
    };
    if page.data.is_empty() {
        return html::empty(html, "No tasks.");
    }
    let columns = [
        "Preview",
        "Status",
        "File",
        "Resolution and duration",
        "Updated",
        "Task",
    ];
    html::open_table(html, "Tasks", &columns);
    for task in &page.data {
        row(&platform, task, html);
    }
    html::close_table(html);
    let total = page.page_info.total_results.unwrap_or_default();
    _ = write!(
        html,
        "<p class=count>{} of {total} tasks</p>",
        page.data.len()
    );
}

fn row(platform: &crate::platform::Platform, task: &Task, html: &mut String) {
    let status = task.status.as_ref().map_or("", TaskStatus::as_str);
    let system = task.system_metadata.as_ref();
    let filename = system.and_then(|system| system.filename.as_deref());
    let filename = filename.unwrap_or_default();
    html.push_str("<tr><td>");
    if let Some(video) = &task.video_id {
        player::link(platform, video.as_str(), filename, html);
    }
    _ = write!(html, "<td>{}", html::status(status));
    if let Some(reason) = &task.error_reason {
        _ = write!(html, "<p class=reason>{}</p>", Escaped(reason));
    }
    let updated = task.updated_at.as_ref().map(ToString::to_string);
    _ = write!(
        html,
        "<td class=name>{}<td>{}<td>{}<td><code>{}</code>",
        Escaped(filename),
        html::resolution_and_duration(system),
        html::timestamp(&updated.unwrap_or_default()),
        Escaped(&task.id)
    );
}
