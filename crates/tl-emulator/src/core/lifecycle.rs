//! The status changes of a task. They are computed when the task is accepted; requests look up the
//! status at the current time.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tl_model::TaskStatus;

/// How long a task stays in each status before it is `ready`.
///
/// The order is the documented one: validating, pending, queued, indexing, ready.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Schedule {
    /// Time in `validating`.
    pub validating: Duration,
    /// Time in `pending`.
    pub pending: Duration,
    /// Time in `queued`.
    pub queued: Duration,
    /// Time in `indexing`, per video.
    pub indexing: Duration,
    /// Additional time in `indexing`, per second of video.
    pub indexing_per_second: Duration,
}

impl Schedule {
    /// 0.2 s in each status, independent of the video's duration: long enough to observe, short
    /// enough for tests.
    pub const FAST: Self = Self {
        validating: Duration::from_millis(200),
        pending: Duration::from_millis(200),
        queued: Duration::from_millis(200),
        indexing: Duration::from_millis(200),
        indexing_per_second: Duration::ZERO,
    };

    /// Ready immediately.
    pub const INSTANT: Self = Self {
        validating: Duration::ZERO,
        pending: Duration::ZERO,
        queued: Duration::ZERO,
        indexing: Duration::ZERO,
        indexing_per_second: Duration::ZERO,
    };

    /// Similar to the platform: indexing takes 35% of the video's duration (documented: 30% to
    /// 40%). The other durations are undocumented; they fit the one observed run, 45 s for a clip
    /// of 60 s.
    pub const REALISTIC: Self = Self {
        validating: Duration::from_secs(5),
        pending: Duration::from_secs(5),
        queued: Duration::from_secs(10),
        indexing: Duration::from_secs(4),
        indexing_per_second: Duration::from_millis(350),
    };

    /// Spends `each` in every status.
    #[must_use]
    pub fn every(each: Duration) -> Self {
        Self {
            validating: each,
            pending: each,
            queued: each,
            indexing: each,
            indexing_per_second: Duration::ZERO,
        }
    }

    /// The statuses of a task that is accepted at `start` and whose video lasts `seconds`.
    pub(crate) fn timeline(&self, start: Timestamp, seconds: f64) -> Timeline {
        let by_length =
            Duration::try_from_secs_f64(self.indexing_per_second.as_secs_f64() * seconds.max(0.0));
        let indexing = self
            .indexing
            .saturating_add(by_length.unwrap_or(Duration::MAX));
        let mut at = start;
        let mut steps = Vec::new();
        for (status, duration) in [
            (TaskStatus::Validating, self.validating),
            (TaskStatus::Pending, self.pending),
            (TaskStatus::Queued, self.queued),
            (TaskStatus::Indexing, indexing),
        ] {
            steps.push(StatusChange { status, at });
            at = after(at, duration);
        }
        steps.push(StatusChange {
            status: TaskStatus::Ready,
            at,
        });
        Timeline(steps)
    }
}

impl Default for Schedule {
    fn default() -> Self {
        Self::FAST
    }
}

/// `wait` after `time`, saturating at [`Timestamp::MAX`].
pub(crate) fn after(time: Timestamp, wait: Duration) -> Timestamp {
    time.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// When a task enters a status.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StatusChange {
    pub(crate) status: TaskStatus,
    pub(crate) at: Timestamp,
}

/// The past and future statuses of one task, in chronological order. Never empty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Timeline(Vec<StatusChange>);

impl Timeline {
    /// In `status` from `at`, with no further status.
    pub(crate) fn starting_in(status: TaskStatus, at: Timestamp) -> Self {
        Self(vec![StatusChange { status, at }])
    }

    /// The status at `now`, and when it was entered.
    pub(crate) fn at(&self, now: Timestamp) -> &StatusChange {
        let past = self.0.iter().rev().find(|change| change.at <= now);
        // A clock that was set back can ask for a time before the start.
        past.unwrap_or(&self.0[0])
    }

    /// When the task becomes `ready` or `failed`, if that is known.
    pub(crate) fn end(&self) -> Option<&StatusChange> {
        self.0.last().filter(|change| change.status.is_terminal())
    }

    /// Replaces all statuses after the start of `timeline` with `timeline`.
    pub(crate) fn continue_with(&mut self, timeline: Timeline) {
        let start = timeline.0[0].at;
        self.0.retain(|change| change.at <= start);
        self.0.extend(timeline.0);
    }

    /// Delays `indexing` and all later statuses so that `indexing` starts at `start`.
    pub(crate) fn delay_indexing_until(&mut self, start: Timestamp) {
        let Some(position) = self
            .0
            .iter()
            .position(|change| change.status == TaskStatus::Indexing)
        else {
            return;
        };
        let wait = start.duration_since(self.0[position].at);
        for change in &mut self.0[position..] {
            change.at = change.at.checked_add(wait).unwrap_or(Timestamp::MAX);
        }
    }

    /// When `indexing` starts.
    pub(crate) fn indexing_start(&self) -> Option<Timestamp> {
        self.0
            .iter()
            .find(|change| change.status == TaskStatus::Indexing)
            .map(|change| change.at)
    }

    /// Never leaves `status`.
    pub(crate) fn stay_in(&mut self, status: &TaskStatus) {
        if let Some(position) = self.0.iter().position(|change| change.status == *status) {
            self.0.truncate(position + 1);
        }
    }

    /// Fails at the end of `status`.
    pub(crate) fn fail_in(&mut self, status: &TaskStatus) {
        if let Some(position) = self.0.iter().position(|change| change.status == *status)
            && let Some(next) = self.0.get(position + 1)
        {
            let at = next.at;
            self.0.truncate(position + 1);
            self.0.push(StatusChange {
                status: TaskStatus::Failed,
                at,
            });
        }
    }

    /// Fails at `at`, and drops all later statuses.
    pub(crate) fn fail(&mut self, at: Timestamp) {
        self.continue_with(Self::starting_in(TaskStatus::Failed, at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_000 + millis).unwrap()
    }

    #[test]
    fn status_follows_the_documented_order() {
        let timeline = Schedule::FAST.timeline(at(0), 12.0);
        let actual: Vec<_> = [0, 199, 200, 450, 600, 799, 800, 9999]
            .map(|millis| {
                let change = timeline.at(at(millis));
                format!(
                    "{} since {}",
                    change.status,
                    change.at.as_millisecond() - at(0).as_millisecond()
                )
            })
            .to_vec();
        assert_eq!(
            actual,
            [
                "validating since 0",
                "validating since 0",
                "pending since 200",
                "queued since 400",
                "indexing since 600",
                "indexing since 600",
                "ready since 800",
                "ready since 800",
            ]
        );
    }

    #[test]
    fn longer_videos_take_longer_to_index() {
        let end = |seconds| {
            Schedule::REALISTIC
                .timeline(at(0), seconds)
                .end()
                .unwrap()
                .at
        };
        assert_eq!(end(60.0), at(45_000));
        assert_eq!(end(7200.0), at(24_000 + 2_520_000));
        assert_eq!(
            Schedule::INSTANT.timeline(at(0), 7200.0).at(at(0)).status,
            TaskStatus::Ready
        );
    }

    #[test]
    fn failure_replaces_later_statuses() {
        let mut timeline = Schedule::FAST.timeline(at(0), 1.0);
        timeline.fail(at(450));
        assert_eq!(timeline.at(at(449)).status, TaskStatus::Queued);
        assert_eq!(timeline.at(at(9999)).status, TaskStatus::Failed);
        assert_eq!(timeline.end().unwrap().at, at(450));
    }
}
