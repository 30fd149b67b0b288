//! `tl embed list`.

use std::time::Duration;

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use tl_model::{EmbeddingTask, EmbeddingTaskStatus};
use tl_protocol::endpoint::ListEmbeddingTasks;

use crate::args::pages::PartArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::units::format_long_duration;
use crate::ui::table::cell;

/// How long the platform keeps embeddings ("stored for seven days", API description of July 2026).
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);
/// A warning is due if less is left.
const SOON: SignedDuration = SignedDuration::from_hours(48);

/// `tl embed list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Filter by status: processing, ready or failed
    #[arg(long, value_name = "STATUS")]
    status: Option<EmbeddingTaskStatus>,
    #[command(flatten)]
    part: PartArgs,
}

impl List {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let list = ListEmbeddingTasks::default()
            .page(self.part.page())
            .status(self.status);
        let listed = context.call(async |client| self.part.fetch(client, list).await)?;
        let now = Timestamp::now();
        for task in &listed.items {
            let left = left(task, now).filter(|left| *left < SOON);
            if let Some(left) = left.filter(|_| task.status == Some(EmbeddingTaskStatus::Ready)) {
                context.output.note(&format!(
                    "the platform deletes the embeddings of task {} in {}: save them with `tl embed resume {} -o FILE.npy`",
                    task.id,
                    in_words(left),
                    task.id
                ));
            }
        }
        listed.show(
            &context.output,
            "tasks",
            ["TASK", "STATUS", "MODEL", "CREATED", "EXPIRES IN"],
            |task: &EmbeddingTask| {
                [
                    task.id.to_string(),
                    cell(task.status.as_ref()),
                    cell(task.model_name.as_ref()),
                    cell(task.created_at.as_ref()),
                    left(task, now).map_or_else(String::new, in_words),
                ]
            },
        );
        Ok(Exit::Ok)
    }
}

/// How long the embeddings are kept from now on.
fn left(task: &EmbeddingTask, now: Timestamp) -> Option<SignedDuration> {
    let created = task.created_at.as_ref()?.instant()?;
    let left = created.checked_add(KEPT).ok()?.duration_since(now);
    left.is_positive().then_some(left)
}

fn in_words(left: SignedDuration) -> String {
    let minutes = left.as_mins().unsigned_abs();
    format_long_duration(Duration::from_secs(60 * minutes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embeddings_are_kept_for_seven_days() {
        let mut task = EmbeddingTask::new("6298d673f1090f1100476d4d");
        let now: Timestamp = "2026-11-08T12:00:00Z".parse().unwrap();
        assert_eq!(left(&task, now), None);
        task.created_at = Some(tl_model::Timestamp::new("2026-11-02T12:00:00Z"));
        assert_eq!(left(&task, now), Some(SignedDuration::from_hours(24)));
        task.created_at = Some(tl_model::Timestamp::new("2026-11-01T12:00:00Z"));
        assert_eq!(left(&task, now), None);
    }
}
