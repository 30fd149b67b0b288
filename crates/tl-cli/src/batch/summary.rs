//! Summary of the inputs that a run did not finish. With `--json`, each input also has its own line.

use tl_client::Ingested;

use crate::batch::item::ItemState;
use crate::batch::wait_hint::task_command;
use crate::failure::Failure;
use crate::text::units::pluralize;
use crate::ui::escape::plain_line;

/// Hint for an input that can be resumed.
pub(crate) const RESUME: &str = "run the command again for this input to resume";

/// Maximum number of inputs in a summary. With the message, the line for the rest and the hint, it
/// stays below 10 lines.
const MAX_LISTED: usize = 6;

/// Error of one input after a signal, and what exists of it at the platform.
pub(crate) fn interrupted_item(name: &str, state: &ItemState, kept: bool) -> (Failure, Ingested) {
    let shown = plain_line(name);
    let mut reached = Ingested::default();
    let (text, next) = match state {
        ItemState::NotStarted | ItemState::Checking => (
            format!("interrupted: `{shown}` was not sent"),
            "run the command again".to_owned(),
        ),
        ItemState::Uploading(None) => (
            format!(
                "interrupted while sending `{shown}`: the platform discards incomplete uploads"
            ),
            "check whether it arrived before you upload it again: `tl asset list`, or `tl task list` for route tasks".to_owned(),
        ),
        ItemState::Uploading(Some(session)) => {
            reached.upload_id = Some(session.clone());
            let text = format!(
                "interrupted while sending `{shown}`: upload session {session} keeps the sent chunks for 24 hours"
            );
            let restart = "run the command again; without a checkpoint, it starts over";
            (text, if kept { RESUME } else { restart }.to_owned())
        }
        ItemState::Sending => (format!("interrupted while sending `{shown}`"), RESUME.to_owned()),
        ItemState::Processing(asset) => {
            let text = match asset {
                Some(asset) => format!("interrupted: the platform has `{shown}` as asset {asset}"),
                None => format!("interrupted: the platform has `{shown}`"),
            };
            reached.asset_id.clone_from(asset);
            match asset {
                Some(asset) if !kept => (text, format!("`tl asset get {asset}` shows it")),
                _ => (text, RESUME.to_owned()),
            }
        }
        ItemState::Task(task) => {
            reached.task_id = Some(task.clone());
            (
                format!("interrupted: the platform has `{shown}` and continues with task {task}"),
                format!("`{}` waits for it", task_command(task)),
            )
        }
    };
    (Failure::interrupted(text).hint(next), reached)
}

/// The inputs of a run on the ledger that a signal interrupted.
#[derive(Debug, Default)]
pub(crate) struct Unfinished {
    /// The first ones.
    listed: Vec<(String, ItemState)>,
    /// How many are not sent, being sent, at the platform.
    counts: [usize; 3],
}

impl Unfinished {
    /// Adds an input.
    pub(crate) fn add(&mut self, name: &str, state: ItemState) {
        let at = match word(&state) {
            NOT_SENT => 0,
            BEING_SENT => 1,
            _ => 2,
        };
        self.counts[at] += 1;
        if self.listed.len() < MAX_LISTED {
            self.listed.push((name.to_owned(), state));
        }
    }

    /// The error of a run with `total` inputs, or `None` if all of them were finished.
    pub(crate) fn failure(&self, total: usize) -> Option<Failure> {
        let number: usize = self.counts.iter().sum();
        match (number, self.listed.as_slice()) {
            (0, _) => return None,
            (1, [(name, state)]) if total <= 1 => {
                return Some(interrupted_item(name, state, true).0);
            }
            _ => {}
        }
        let mut details: Vec<String> = self
            .listed
            .iter()
            .map(|(name, state)| format!("{}: {}", plain_line(name), describe(state)))
            .collect();
        if number > details.len() {
            details.push(format!("and {} more", number - details.len()));
        }
        let states: Vec<String> = [NOT_SENT, BEING_SENT, AT_THE_PLATFORM]
            .iter()
            .zip(self.counts)
            .filter(|(_, count)| *count > 0)
            .map(|(word, count)| format!("{count} {word}"))
            .collect();
        let text = format!(
            "interrupted: {number} of {} not finished ({})",
            pluralize(total, "input", "inputs"),
            states.join(", ")
        );
        let failure = Failure::interrupted(text).with_details(details);
        Some(failure.hint("run the command again: it continues, and sends nothing twice"))
    }
}

/// Summary of all inputs that a signal interrupted: `unfinished` of `total`.
pub(crate) fn summary(unfinished: &[(&str, ItemState)], total: usize, kept: bool) -> Failure {
    let mut details: Vec<String> = unfinished
        .iter()
        .take(MAX_LISTED)
        .map(|(name, state)| format!("{}: {}", plain_line(name), describe(state)))
        .collect();
    if let Some(more) = unfinished
        .len()
        .checked_sub(MAX_LISTED)
        .filter(|more| *more > 0)
    {
        details.push(format!("and {more} more"));
    }
    let of = |wanted: &[&str]| {
        let is_one = |(_, state): &&(&str, ItemState)| wanted.contains(&word(state));
        unfinished.iter().filter(is_one).count()
    };
    let states: Vec<String> = [NOT_SENT, BEING_SENT, AT_THE_PLATFORM]
        .into_iter()
        .filter_map(|state| match of(&[state]) {
            0 => None,
            number => Some(format!("{number} {state}")),
        })
        .collect();
    let text = format!(
        "interrupted: {} of {} not finished ({})",
        unfinished.len(),
        pluralize(total, "input", "inputs"),
        states.join(", ")
    );
    let is = |wanted: fn(&ItemState) -> bool| {
        let number = unfinished.iter().filter(|(_, state)| wanted(state));
        number.count()
    };
    let tasks = is(|state| matches!(state, ItemState::Task(_)));
    let unsure = is(|state| matches!(state, ItemState::Uploading(None)));
    let mut next = Vec::new();
    let resumes = if kept {
        "they resume"
    } else {
        "without checkpoints, they start over; `tl asset list` shows what the platform has"
    };
    if unfinished.len() == total && tasks + unsure == 0 {
        next.push(format!("run the command again: {resumes}"));
    } else if unfinished.len() > tasks + unsure {
        next.push(format!(
            "run the command again for the unfinished inputs only (\"ok\": false with --json): {resumes}"
        ));
    }
    if unsure > 0 {
        next.push(
            "check whether inputs that were being sent arrived (`tl asset list`, `tl task list`) before you upload them again"
                .to_owned(),
        );
    }
    if tasks > 0 {
        next.push(
            "run `tl task wait ID` for inputs with a task; do not upload them again".to_owned(),
        );
    }
    Failure::interrupted(text)
        .with_details(details)
        .hint(next.join("; "))
}

const NOT_SENT: &str = "not sent";
const BEING_SENT: &str = "being sent";
const AT_THE_PLATFORM: &str = "at the platform";

fn word(state: &ItemState) -> &'static str {
    match state {
        ItemState::NotStarted | ItemState::Checking => NOT_SENT,
        ItemState::Uploading(_) | ItemState::Sending => BEING_SENT,
        ItemState::Processing(_) | ItemState::Task(_) => AT_THE_PLATFORM,
    }
}

fn describe(state: &ItemState) -> String {
    let word = word(state);
    match state {
        ItemState::Task(task) => format!("{word} as task {task}"),
        ItemState::Processing(Some(asset)) => format!("{word} as asset {asset}"),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_has_at_most_ten_lines() {
        let names: Vec<String> = (0..1000).map(|number| format!("{number}.mp4")).collect();
        let state = |at: usize| match at % 3 {
            0 => ItemState::NotStarted,
            1 => ItemState::Uploading(None),
            _ => ItemState::Processing(Some("a".into())),
        };
        let unfinished: Vec<_> = names
            .iter()
            .enumerate()
            .map(|(at, name)| (name.as_str(), state(at)))
            .collect();
        let failure = summary(&unfinished, 1200, true);
        assert_eq!(
            failure.message(),
            "interrupted: 1000 of 1200 inputs not finished (334 not sent, 333 being sent, 333 at the platform)"
        );
        let next = failure.hint_text().unwrap();
        assert!(
            next.contains("unfinished inputs only")
                && next.contains("before you upload them again"),
            "{next}"
        );
        // The message, the details and the hint.
        assert!(failure.details().len() + 2 <= 10);
        assert_eq!(failure.details().last().unwrap(), "and 994 more");
    }

    #[test]
    fn summary_of_a_run_on_the_ledger_has_at_most_ten_lines() {
        let mut unfinished = Unfinished::default();
        assert!(unfinished.failure(1200).is_none());
        for number in 0..1000 {
            let state = match number % 3 {
                0 => ItemState::NotStarted,
                1 => ItemState::Sending,
                _ => ItemState::Processing(Some("a".into())),
            };
            unfinished.add(&format!("{number}.mp4"), state);
        }
        let failure = unfinished.failure(1200).unwrap();
        assert_eq!(
            failure.message(),
            "interrupted: 1000 of 1200 inputs not finished (334 not sent, 333 being sent, 333 at the platform)"
        );
        assert!(failure.details().len() + 2 < 10);
        assert_eq!(failure.details().last().unwrap(), "and 994 more");
        let mut one = Unfinished::default();
        one.add("a.mp4", ItemState::Sending);
        let failure = one.failure(1).unwrap();
        assert_eq!(failure.message(), "interrupted while sending `a.mp4`");
    }

    #[test]
    fn summary_does_not_suggest_to_repeat_a_task() {
        let task = ("a.mp4", ItemState::Task("t".into()));
        let failure = summary(&[task.clone(), task], 2, true);
        let next = failure.hint_text().unwrap();
        assert!(!next.contains("run the command again"), "{next}");
        assert!(failure.details()[0].ends_with("as task t"));
    }
}
