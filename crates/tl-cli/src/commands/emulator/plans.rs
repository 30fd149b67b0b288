//! `tl emulator plans`.

use serde_json::{Value, json};
use tl_emulator::Plan;

use crate::context::Context;
use crate::failure::exit::Exit;
use crate::ui::table;

pub(super) fn run(context: &Context) -> Exit {
    let rows: Vec<Value> = Plan::ALL
        .iter()
        .map(|plan| {
            json!({
                "name": plan.name,
                "requests_per_minute": plan.requests_per_minute,
                "requests_per_day": plan.requests_per_day,
                "minutes_per_hour": plan.minutes_per_hour,
                "minutes_per_day": plan.minutes_per_day,
                "minutes_ever": plan.total_minutes,
                "tasks_at_work": plan.concurrent_tasks,
                "videos_per_index": plan.videos_per_index,
                "hours_per_index": plan.hours_per_index,
                "retention_days": plan.retention_days,
            })
        })
        .collect();
    context.output.json(&rows);
    let cell = |limit: Option<u64>| limit.map_or("-".to_owned(), |limit| limit.to_string());
    let rows: Vec<[String; 10]> = Plan::ALL
        .iter()
        .map(|plan| {
            [
                plan.name.to_owned(),
                cell(plan.requests_per_minute),
                cell(plan.requests_per_day),
                cell(plan.minutes_per_hour),
                cell(plan.minutes_per_day),
                cell(plan.total_minutes),
                plan.concurrent_tasks
                    .map_or("-".to_owned(), |tasks| tasks.to_string()),
                cell(plan.videos_per_index),
                cell(plan.hours_per_index),
                cell(plan.retention_days),
            ]
        })
        .collect();
    let headings = [
        "PLAN",
        "REQ/MIN",
        "REQ/DAY",
        "MIN/HOUR",
        "MIN/DAY",
        "MIN TOTAL",
        "CONCURRENT",
        "VIDEOS/INDEX",
        "HOURS/INDEX",
        "RETENTION",
    ];
    context.output.line(&table::render(headings, &rows));
    Exit::Ok
}
