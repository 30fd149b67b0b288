//! Options of bulk ingestion that several commands share: the plan, budgets, what to try again.

use std::time::Duration;

use clap::{Args, ValueEnum};
use tl_bulk::scheduler::Limits as RunLimits;
use tl_bulk::{Again, Capacity, Ending};
use tl_ledger::{KeyTag, NewAccount};
use tl_protocol::limiter::{Limits, Preset};

use crate::context::connection::Connection;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::units;

/// Items in flight if the plan does not limit tasks.
const UNLIMITED_IN_FLIGHT: u32 = 1000;

/// Learns the limits from responses.
const AUTO: &str = "auto";

/// The paid plan with the lowest limits. The free plan has the same ones per minute and day; what
/// else it limits, the platform rejects as a quota.
const SMALLEST: &str = "developer-1";

/// The plan of the account.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct PlanArgs {
    /// Keep to the limits of this plan, e.g. developer-2; auto learns them from responses
    /// [default: auto, or unlimited for an API on this machine]
    #[arg(long, value_name = "PLAN", value_parser = parse_plan)]
    plan: Option<String>,
    /// Leave this share of the limits to other users of the key, e.g. 5%
    #[arg(long, value_name = "PERCENT", value_parser = parse_share)]
    keep: Option<f64>,
    /// What to do if a limit per hour or day is reached
    #[arg(long, value_name = "ACTION", value_enum)]
    on_quota: Option<OnQuota>,
}

/// What to do if a quota is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnQuota {
    /// Wait until it is reset
    Wait,
    /// Exit with code 6; a later run continues
    Exit,
}

impl PlanArgs {
    /// The name of the plan: the given one; without one, `auto`, or none for an API on this machine.
    fn name(&self, connection: &Connection) -> &str {
        let name = self.plan.as_deref();
        name.unwrap_or(match is_local(connection.address()) {
            true => "unlimited",
            false => AUTO,
        })
    }

    /// Whether the limits are learned.
    pub(crate) fn is_auto(&self, connection: &Connection) -> bool {
        self.name(connection) == AUTO
    }

    /// The plan whose limits hold at the start: that of most accounts, if it is not known.
    pub(crate) fn preset(&self, connection: &Connection) -> (&'static str, Limits) {
        let name = match self.name(connection) {
            AUTO => SMALLEST,
            name => name,
        };
        let preset = Preset::ALL.into_iter().find(|preset| preset.name == name);
        preset.map_or(("unlimited", Limits::UNLIMITED), |preset| {
            (preset.name, preset.limits)
        })
    }

    /// The account of the key, whose tasks are what may be in flight: twice those of the plan.
    ///
    /// # Errors
    /// There is no key.
    pub(crate) fn account(&self, connection: &Connection) -> Result<(NewAccount, u32), Failure> {
        let config = connection.config()?;
        let key = connection.find_key()?;
        let tag = KeyTag::of(key.as_ref().map_or("", |found| found.key.trim()));
        let name = self.name(connection);
        let (_, mut limits) = self.preset(connection);
        let in_flight = limits
            .concurrent_tasks
            .map_or(UNLIMITED_IN_FLIGHT, |tasks| tasks.saturating_mul(2));
        limits.concurrent_tasks = limits.concurrent_tasks.map(|_| in_flight);
        let mut account = NewAccount::new(config.base_url().as_str(), tag, name, limits);
        if self.is_auto(connection) {
            account = account.with_learned_limits();
        }
        if let Some(share) = self.keep {
            account = account.with_reserve(share);
        }
        Ok((account, in_flight))
    }

    /// How much an index may contain in the plan.
    pub(crate) fn capacity(&self, connection: &Connection) -> Option<Capacity> {
        Capacity::of_plan(self.preset(connection).0)
    }

    /// Whether to wait for a quota; `default` without the option.
    pub(crate) fn waits_for_quota(&self, default: bool) -> bool {
        self.on_quota
            .map_or(default, |action| action == OnQuota::Wait)
    }
}

/// Whether the API is on this machine: an emulator.
fn is_local(address: &str) -> bool {
    let host = url::Url::parse(address).ok();
    match host.as_ref().and_then(url::Url::host) {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn parse_plan(text: &str) -> Result<String, String> {
    let mut known: Vec<&str> = Preset::ALL.iter().map(|preset| preset.name).collect();
    known.push(AUTO);
    match known.contains(&text) {
        true => Ok(text.to_owned()),
        false => Err(format!("expected one of {}", known.join(", "))),
    }
}

fn parse_share(text: &str) -> Result<f64, String> {
    let wrong = || "expected a share from 0% to 90%".to_owned();
    let number = text.trim().trim_end_matches('%').trim_end();
    let percent: f64 = number.parse().map_err(|_| wrong())?;
    match (0.0..=90.0).contains(&percent) {
        true => Ok(percent / 100.0),
        false => Err(wrong()),
    }
}

/// Budgets of a run.
#[derive(Debug, Args)]
#[command(next_help_heading = "Budgets")]
pub(crate) struct BudgetArgs {
    /// Upload at most this many videos
    #[arg(long, value_name = "N")]
    max_items: Option<u64>,
    /// Upload at most this many minutes of video
    #[arg(long, value_name = "MINUTES")]
    max_minutes: Option<u64>,
    /// Upload at most this many bytes, e.g. 500GB
    #[arg(long, value_name = "SIZE", value_parser = units::parse_size)]
    max_bytes: Option<u64>,
    /// Start nothing after this time, e.g. 8h
    #[arg(long, value_name = "DURATION", value_parser = units::parse_duration)]
    max_time: Option<Duration>,
    /// Start nothing after this many videos have failed
    #[arg(long, value_name = "N")]
    stop_after_errors: Option<u64>,
}

impl BudgetArgs {
    /// Whether any is set.
    pub(crate) fn is_set(&self) -> bool {
        self.max_items.is_some()
            || self.max_minutes.is_some()
            || self.max_bytes.is_some()
            || self.max_time.is_some()
            || self.stop_after_errors.is_some()
    }

    /// Sets the budgets of a run.
    pub(crate) fn apply(&self, limits: &mut RunLimits) {
        limits.max_items = self.max_items;
        let seconds = self.max_minutes.map(|minutes| minutes.saturating_mul(60));
        limits.max_video = seconds.map(Duration::from_secs);
        limits.max_bytes = self.max_bytes;
        limits.max_time = self.max_time;
        limits.max_errors = self.stop_after_errors;
    }
}

/// What is known before anything is sent.
#[derive(Debug, Args)]
#[command(next_help_heading = "Budgets")]
pub(crate) struct FirstArgs {
    /// Check all videos before the first is uploaded
    #[arg(long, conflicts_with = "no_check")]
    check_first: bool,
    /// Check all videos first, and send nothing if they last longer in total, e.g. 10h
    #[arg(
        long,
        value_name = "DURATION",
        value_parser = units::parse_duration,
        conflicts_with = "no_check"
    )]
    budget: Option<Duration>,
}

impl FirstArgs {
    /// Whether any is set.
    pub(crate) fn is_set(&self) -> bool {
        self.check_first || self.budget.is_some()
    }

    /// Sets what a run does first.
    pub(crate) fn apply(&self, limits: &mut RunLimits) {
        limits.check_first = self.check_first;
        limits.budget = self.budget;
    }

    /// The error of a run that ended because of the budget, if it did.
    pub(crate) fn over_budget(&self, ending: Ending) -> Option<Failure> {
        let (budget, Ending::OverBudget { video_ms, unknown }) = (self.budget?, ending) else {
            return None;
        };
        let message = match usize::try_from(unknown).unwrap_or(usize::MAX) {
            0 => format!(
                "the videos last {}, which exceeds the budget of {}; nothing was sent",
                units::format_duration(Duration::from_millis(video_ms)),
                units::format_duration(budget)
            ),
            unknown => format!(
                "the duration of {} is not known, so the budget cannot be checked; nothing was sent",
                units::pluralize(unknown, "video", "videos")
            ),
        };
        let failure = Failure::new(Exit::RefusedLocally, "over_budget", message);
        Some(failure.hint("pass a larger --budget, or --max-minutes to upload a part"))
    }
}

/// What to try again.
#[derive(Debug, Args)]
#[command(next_help_heading = "Ledger")]
pub(crate) struct AgainArgs {
    /// Try videos again that failed or were refused before. Repeatable
    #[arg(long, value_name = "WHICH", value_enum, value_delimiter = ',')]
    retry: Vec<Which>,
    /// Send and pay for everything again, also what is done
    #[arg(long)]
    force: bool,
}

/// Which items to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    /// Failed on the platform
    Failed,
    /// Refused by the local check
    Refused,
    /// Unknown whether a request arrived; this is always looked up
    InDoubt,
}

impl AgainArgs {
    pub(crate) fn is_set(&self) -> bool {
        self.force || !self.retry.is_empty()
    }

    pub(crate) fn again(&self) -> Again {
        let mut again = Again::default();
        again.failed = self.retry.contains(&Which::Failed);
        again.refused = self.retry.contains(&Which::Refused);
        again.all = self.force;
        again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_percentages() {
        for (text, expected) in [
            ("5%", Some(0.05)),
            ("0", Some(0.0)),
            ("91%", None),
            ("-1", None),
            ("x", None),
        ] {
            assert_eq!(parse_share(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn apis_on_this_machine_have_no_plan() {
        assert!(is_local("http://127.0.0.1:8899/v1.3"));
        assert!(is_local("http://localhost:8899/v1.3"));
        assert!(is_local("http://[::1]:8899/v1.3"));
        assert!(!is_local("https://api.twelvelabs.io/v1.3"));
    }
}
