//! Wait options.

use std::time::Duration;

use clap::Args;
use tl_protocol::flow::{WaitPolicy, WatchSettings};

use crate::failure::Failure;
use crate::text::units;

/// Wait options.
#[derive(Debug, Args)]
#[command(next_help_heading = "Waiting")]
pub(crate) struct WaitArgs {
    /// Stop waiting after this time, e.g. 20m [default: 3h]
    #[arg(long, value_name = "DURATION", value_parser = units::parse_duration)]
    deadline: Option<Duration>,
    /// Set the initial polling interval, which grows [default: 1s]
    #[arg(long, value_name = "DURATION", value_parser = units::parse_duration)]
    interval: Option<Duration>,
}

impl WaitArgs {
    /// Fails if options of a wait are set without `--wait`.
    pub(crate) fn require_wait(&self, wait: bool) -> Result<(), Failure> {
        if !wait && (self.deadline.is_some() || self.interval.is_some()) {
            return Err(Failure::usage("--deadline and --interval require --wait")
                .hint("pass --wait, or omit them"));
        }
        Ok(())
    }

    /// How often many videos are looked at with one request.
    pub(crate) fn watch(&self) -> WatchSettings {
        let default = WatchSettings::default();
        match self.interval {
            Some(interval) => default
                .with_first(interval)
                .with_min(interval.min(default.min)),
            None => default,
        }
    }

    pub(crate) fn policy(&self) -> WaitPolicy {
        let mut policy = WaitPolicy::default();
        if let Some(deadline) = self.deadline {
            policy.deadline = deadline;
        }
        if let Some(interval) = self.interval {
            policy.first_interval = interval;
            policy.max_interval = policy.max_interval.max(interval);
        }
        policy
    }
}
