//! `tl ingest --dry-run`: what a run would send, how long it takes, and which limit decides.
//! Nothing is sent, not even to look up the index.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tl_bulk::Known;
use tl_bulk::estimate::{Bound, Estimate, Estimator, PlanEstimate, Planned, Verdict};
use tl_bulk::source::{Entry, Location, SourceError, SourceErrorKind};
use tl_protocol::limiter::Preset;
use tl_validate::Route;

use super::Ingest;
use crate::args::index_ref::IndexRef;
use crate::batch::parallel;
use crate::check::local_check::LocalCheck;
use crate::check::probers::parallelism;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::runtime::interrupt;
use crate::text::path_name::path_name;
use crate::text::units::{format_bytes, format_count, format_long_duration};
use crate::ui::escape::plain_line;
use crate::ui::table;

impl Ingest {
    /// Estimates the run.
    pub(super) fn dry_run(&self, context: &Context) -> Result<Exit, Failure> {
        let sources = self.sources()?;
        let check = self.run.local_check(context)?;
        let mut known = self.known(context)?;
        let mut estimator = Estimator::new(Timestamp::now())
            .with_rate(self.run.send.rate())
            .with_all_plans();
        let entries = sources.entries()?;
        let cancel = interrupt::listen()?;
        let route = self.run.send.route;
        let index_of_run = self.index.as_ref().map(IndexRef::as_str);
        let mut broken = None;
        parallel::run(
            parallelism(),
            true,
            |give| {
                for entry in entries {
                    if !give(entry) {
                        break;
                    }
                }
            },
            |entry| plan(entry, check.as_ref(), route),
            |Plan {
                 name,
                 file,
                 index,
                 mut item,
             }: Plan| {
                if let (Some(known), Some(path)) = (&mut known, &file) {
                    let index = index.as_deref().or(index_of_run);
                    match known.add_to(item, path, index) {
                        Ok(planned) => item = planned,
                        Err(error) => broken = Some(Failure::from(error)),
                    }
                }
                let verdict = item.verdict.name();
                context.output.detail(&format!("{name}: {verdict}"));
                estimator.add(item);
                broken.is_none() && !cancel.is_cancelled()
            },
        );
        if let Some(failure) = broken {
            return Err(failure);
        }
        if cancel.is_cancelled() {
            return Err(interrupt::interrupted("nothing was sent"));
        }
        let estimate = estimator.finish();
        let plan = &self.run.plan;
        let (chosen, _) = plan.preset(&context.connection);
        let is_assumed = plan.is_auto(&context.connection);
        context.output.json(&json!({
            "dry_run": true,
            "plan": chosen,
            "is_plan_assumed": is_assumed,
            "estimate": estimate,
        }));
        let mut text = text(&estimate, chosen);
        if is_assumed && estimate.items > 0 {
            text.push_str(
                "\nthe plan is not known: a run learns its limits from the first responses",
            );
        }
        context.output.line(&text);
        Ok(Exit::Ok)
    }

    /// What earlier runs with this key did. The ledger is not changed or created.
    fn known(&self, context: &Context) -> Result<Option<Known>, Failure> {
        let address = self.run.ledger.address()?;
        if !address.may_exist() || context.connection.key_source()?.is_none() {
            return Ok(None);
        }
        let (account, _) = self.run.plan.account(&context.connection)?;
        let mut ledger = address.open_read_only()?;
        let accounts = ledger.accounts()?;
        let tag = account.key_tag.to_string();
        let is_this =
            |one: &tl_ledger::Account| one.base_url == account.base_url && one.key_tag == tag;
        let Some(account) = accounts.into_iter().find(is_this) else {
            return Ok(None);
        };
        Ok(Some(Known::new(ledger, account.id, self.again.again())))
    }
}

/// What a run would do with an entry.
struct Plan {
    name: String,
    /// `None` if there is no file, or it cannot be read.
    file: Option<PathBuf>,
    /// The index that the entry names.
    index: Option<String>,
    item: Planned,
}

/// The plan for an entry, apart from what the ledger knows.
fn plan(
    entry: Result<Entry, SourceError>,
    check: Option<&LocalCheck>,
    route: Option<Route>,
) -> Plan {
    let entry = match entry {
        Ok(entry) => entry,
        Err(error) => {
            let verdict = match error.kind() {
                SourceErrorKind::Duplicate => Verdict::Duplicate,
                _ => Verdict::Unreadable,
            };
            return Plan {
                name: plain_line(&error.to_string()),
                file: None,
                index: None,
                item: Planned::new(verdict, 0),
            };
        }
    };
    let route = entry
        .route
        .as_deref()
        .and_then(|name| name.parse().ok())
        .or(route);
    let (name, file, item) = match entry.location {
        Location::File(path) => {
            let item = file(&path, check);
            (path_name(&path), Some(path), item)
        }
        Location::Url(url) => {
            let shown = url.split(['?', '#']).next().unwrap_or_default();
            // The platform fetches it, and its duration is not known.
            (shown.to_owned(), None, Planned::new(Verdict::Passes, 0))
        }
        // A location that this version does not know.
        _ => (String::new(), None, Planned::new(Verdict::Unreadable, 0)),
    };
    let item = match route {
        Some(Route::Tasks) => item.without_upload(),
        _ => item,
    };
    Plan {
        name: plain_line(&name),
        file,
        index: entry.index,
        item,
    }
}

fn file(path: &Path, check: Option<&LocalCheck>) -> Planned {
    let Ok(metadata) = path.metadata() else {
        return Planned::new(Verdict::Unreadable, 0);
    };
    let Some(check) = check else {
        return Planned::new(Verdict::Passes, metadata.len());
    };
    let result = check.check_video(path);
    let verdict = match (&result.failure, result.checked.report.verdict) {
        (Some(_), _) => Verdict::Unreadable,
        (None, tl_validate::Verdict::Refuse) => Verdict::Refused,
        (None, tl_validate::Verdict::Warn) => Verdict::Warns,
        (None, _) => Verdict::Passes,
    };
    let seconds = result
        .checked
        .facts
        .and_then(|facts| facts.duration_seconds);
    Planned::new(verdict, metadata.len())
        .with_video(seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()))
}

/// The estimate for people.
fn text(estimate: &Estimate, chosen: &str) -> String {
    let verdicts: Vec<String> = estimate
        .verdicts
        .iter()
        .map(|(verdict, number)| format!("{} {}", format_count(*number), described(*verdict)))
        .collect();
    let mut lines = vec![match verdicts.is_empty() {
        true => "nothing to send: no video files found".to_owned(),
        false => verdicts.join(", "),
    }];
    if estimate.items == 0 {
        return lines.remove(0);
    }
    let minutes = Duration::from_millis(estimate.video_ms);
    lines.push(format!(
        "would send {} with {} of video by {} requests",
        format_bytes(estimate.bytes),
        format_long_duration(minutes),
        format_count(estimate.requests)
    ));
    if estimate.unknown_durations > 0 {
        lines.push(format!(
            "the duration of {} is not known and not counted",
            format_count(estimate.unknown_durations)
        ));
    }
    let rows: Vec<[String; 5]> = estimate
        .plans
        .iter()
        .map(|plan| row(plan, chosen))
        .collect();
    lines.push(table::render(
        ["PLAN", "TAKES", "ENDS", "DAYS", "LIMITED BY"],
        &rows,
    ));
    if !Preset::ALL.iter().any(|preset| preset.name == chosen) || chosen == "unlimited" {
        lines.push("no plan is selected; --plan NAME selects one".to_owned());
    }
    lines.join("\n")
}

fn row(plan: &PlanEstimate, chosen: &str) -> [String; 5] {
    let mark = if plan.plan == chosen {
        " (selected)"
    } else {
        ""
    };
    let bound = match plan.bound {
        None => "nothing".to_owned(),
        Some(Bound::UploadRate) => "upload rate".to_owned(),
        Some(bound) => bound
            .dimension()
            .map_or_else(String::new, |dimension| dimension.label().to_owned()),
    };
    let never = match (plan.never, plan.never_because) {
        (0, _) | (_, None) => String::new(),
        (never, Some(dimension)) => {
            let limit = dimension.label();
            format!("; {} never: {limit}", format_count(never))
        }
    };
    [
        format!("{}{mark}", plan.plan),
        format_long_duration(Duration::from_secs(plan.seconds)),
        plan.ends.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        plan.days.to_string(),
        format!("{bound}{never}"),
    ]
}

fn described(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passes => "pass",
        Verdict::Warns => "pass with warnings",
        Verdict::Refused => "refused",
        Verdict::Done => "done before",
        Verdict::Failed => "failed before (see --retry)",
        Verdict::Duplicate => "duplicate",
        Verdict::Unreadable => "unreadable",
        // A verdict that this version does not know.
        other => other.name(),
    }
}
