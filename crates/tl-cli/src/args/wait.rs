//! Wait options.

use std::time::Duration;

use clap::Args;
use tl_protocol::flow::WaitPolicy;

use crate::text::units;

/// Wait options.
#[derive(Debug, Args)]
#[command(next_help_heading = "Waiting")]
pub(crate) struct WaitArgs {
    /// Stop waiting after this time, e.g. 20m; the platform continues [default: 3h]
    #[arg(long, value_name = "DURATION", value_parser = units::parse_duration)]
    pub(crate) deadline: Option<Duration>,
    /// Set the initial polling interval; it grows while nothing changes [default: 1s]
    #[arg(long, value_name = "DURATION", value_parser = units::parse_duration)]
    pub(crate) interval: Option<Duration>,
}

impl WaitArgs {
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
