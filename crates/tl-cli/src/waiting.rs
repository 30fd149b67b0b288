//! Waiting for one thing that the platform works on: `tl task wait`, `tl asset wait`, `tl video wait`.

use std::time::Duration;

use clap::Args;
use serde::Serialize;
use serde_json::json;
use tl_model::{AssetId, IndexId, TaskId, VideoId};
use tl_protocol::flow::{WaitPolicy, Watched};

use crate::args::Context;
use crate::exit::Exit;
use crate::failure::{self, Failure};
use crate::output::{GOOD, plain_line};
use crate::progress::Progress;
use crate::{runtime, span};

/// How to wait.
#[derive(Debug, Args)]
#[command(next_help_heading = "Waiting")]
pub(crate) struct WaitArgs {
    /// When to stop waiting, such as 20m; the platform goes on [default: 3h]
    #[arg(long, value_name = "DURATION", value_parser = span::parse)]
    pub(crate) deadline: Option<Duration>,
    /// The time between the first two looks; it grows while nothing changes [default: 1s]
    #[arg(long, value_name = "DURATION", value_parser = span::parse)]
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
            policy.longest_interval = policy.longest_interval.max(interval);
        }
        policy
    }
}

/// What is waited for.
pub(crate) struct Awaited<E: Watched> {
    pub(crate) endpoint: E,
    /// What the command calls it, in JSON too: `task`.
    pub(crate) noun: &'static str,
    /// The command that waits for it: `tl task wait ID`.
    pub(crate) command: String,
    /// What a script wants to know of it.
    pub(crate) quiet: fn(&E::Response) -> String,
    /// What a person wants to know of it.
    pub(crate) details: fn(&E::Response) -> String,
}

impl<E> Awaited<E>
where
    E: Watched<Response: Serialize>,
{
    /// Waits until it is ready, and tells how it came to that.
    pub(crate) fn wait(self, context: &Context, how: &WaitArgs) -> Result<Exit, Failure> {
        let progress = Progress::new(&context.output, 1);
        let client = context.connection.client(progress.observer())?;
        let id = self.endpoint.id();
        let result = runtime::run(
            async {
                let waited = client.wait(self.endpoint, how.policy()).await;
                waited.map_err(|error| waits_again(error.into(), &self.command))
            },
            || {
                let noun = self.noun;
                Failure::new(
                    Exit::Interrupted,
                    "interrupted",
                    format!("interrupted; {noun} {id} goes on at the platform"),
                )
                .next(again(&self.command))
            },
        );
        progress.finish();
        let waited = result?;
        context.output.json(&json!({
            self.noun: waited.value,
            "history": failure::history(&waited.history),
            "seconds": waited.took.as_secs_f64(),
        }));
        if context.output.is_quiet() {
            context
                .output
                .line(&plain_line(&(self.quiet)(&waited.value)));
        } else {
            context.output.line(&format!(
                "{GOOD}ready{GOOD:#} after {}",
                span::show(waited.took)
            ));
            context.output.line(&(self.details)(&waited.value));
        }
        Ok(Exit::Ok)
    }
}

/// The command that waits until a task is ready.
pub(crate) fn task_command(id: &TaskId) -> String {
    format!("tl task wait {id}")
}

/// The command that waits until an asset is ready.
pub(crate) fn asset_command(id: &AssetId) -> String {
    format!("tl asset wait {id}")
}

/// The command that waits until a video is indexed.
pub(crate) fn video_command(id: &VideoId, index: &IndexId) -> String {
    format!("tl video wait {id} --index {index}")
}

/// The same failure with the command that waits again, where waiting may help.
pub(crate) fn waits_again(failure: Failure, command: &str) -> Failure {
    if failure.exit().may_pass() {
        failure.next(again(command))
    } else {
        failure
    }
}

fn again(command: &str) -> String {
    format!("`{command}` waits again")
}
