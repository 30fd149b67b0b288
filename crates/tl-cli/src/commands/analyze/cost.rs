//! What an analysis is charged for: minutes of video times definitions.

use std::time::Duration;

use tl_model::AnalyzeRequest;

use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::units::format_duration;

/// The analyzed video of a request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cost {
    /// Seconds of the window; `None` if the duration of the video is not known.
    pub(super) window: Option<f64>,
    /// Segment definitions, or 1.
    pub(super) definitions: usize,
}

impl Cost {
    /// The cost of `request` for a video of `duration` seconds. Segmentation is billed by window
    /// times definitions (release notes of the platform).
    pub(super) fn of(request: &AnalyzeRequest, duration: Option<f64>) -> Self {
        let end = request.end_time.or(duration);
        let start = request.start_time.unwrap_or(0.0);
        let format = request.response_format.as_ref();
        let definitions = format.map_or(0, |format| format.segment_definitions.len());
        Self {
            window: end.map(|end| (end - start).max(0.0)),
            definitions: definitions.max(1),
        }
    }

    /// Seconds that are charged.
    #[expect(clippy::cast_precision_loss, reason = "at most 20 definitions")]
    pub(super) fn seconds(self) -> Option<f64> {
        self.window.map(|window| window * self.definitions as f64)
    }

    /// Fails if more is charged than `budget` allows, or if the duration is not known.
    pub(super) fn check(self, budget: Option<Duration>) -> Result<(), Failure> {
        let Some(budget) = budget else { return Ok(()) };
        let refused = |message: String| {
            Failure::new(Exit::RefusedLocally, "over_budget", message)
                .hint("pass a larger --budget, or --start and --end to analyze less")
        };
        match self.seconds() {
            Some(seconds) if seconds <= budget.as_secs_f64() => Ok(()),
            Some(_) => Err(refused(format!(
                "{self} exceed the budget of {}; nothing was sent",
                format_duration(budget)
            ))),
            None => Err(refused(
                "the duration of the video is not known, so the budget cannot be checked; nothing was sent"
                    .to_owned(),
            )),
        }
    }
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let time = |seconds: f64| {
            format_duration(Duration::try_from_secs_f64(seconds).unwrap_or_default())
        };
        match (self.window, self.definitions) {
            (None, _) => f.write_str("a video of unknown duration"),
            (Some(window), 1) => write!(f, "{} of video", time(window)),
            (Some(window), count) => write!(
                f,
                "{} of video x {count} definitions = {}",
                time(window),
                time(self.seconds().unwrap_or_default())
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_multiply_the_window() {
        let mut request = AnalyzeRequest::default();
        assert_eq!(Cost::of(&request, None).seconds(), None);
        assert_eq!(Cost::of(&request, Some(90.0)).seconds(), Some(90.0));
        request.start_time = Some(30.0);
        let definition = tl_model::SegmentDefinition::new("a", "b");
        request.response_format = Some(tl_model::ResponseFormat::segments(vec![
            definition.clone(),
            definition,
        ]));
        let cost = Cost::of(&request, Some(90.0));
        assert_eq!(cost.seconds(), Some(120.0));
        assert!(cost.check(Some(Duration::from_secs(120))).is_ok());
        let failure = cost.check(Some(Duration::from_secs(119))).unwrap_err();
        assert_eq!(failure.exit(), Exit::RefusedLocally);
        assert!(Cost::of(&request, None).check(Some(Duration::MAX)).is_err());
    }
}
