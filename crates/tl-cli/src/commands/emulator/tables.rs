//! Tables of quirks and plans.

use serde_json::{Value, json};
use tl_emulator::{Plan, platform::quirks};

use crate::context::Context;
use crate::failure::exit::Exit;
use crate::ui::style::{BOLD, DIM};
use crate::ui::table;

pub(super) fn quirks(context: &Context) -> Exit {
    let rows: Vec<Value> = quirks::ALL
        .iter()
        .map(|quirk| {
            json!({
                "name": quirk.name,
                "default": quirk.values[0],
                "values": quirk.values,
                "question": quirk.question,
                "why": quirk.why,
            })
        })
        .collect();
    context.output.json(&rows);
    let texts: Vec<String> = quirks::ALL
        .iter()
        .map(|quirk| {
            let (default, others) = (quirk.values[0], quirk.values[1..].join(", "));
            format!(
                "{BOLD}{}={default}{BOLD:#}  {DIM}or {others}{DIM:#}\n  {}\n  {}",
                quirk.name, quirk.question, quirk.why
            )
        })
        .collect();
    context.output.line(&texts.join("\n"));
    Exit::Ok
}

pub(super) fn plans(context: &Context) -> Exit {
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
