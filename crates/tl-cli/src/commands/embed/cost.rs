//! What an embedding is charged for: minutes of media.

use std::time::Duration;

use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::units::format_duration;

/// The seconds of media that are embedded; `None` if the duration is not known.
pub(super) fn window(start: Option<f64>, end: Option<f64>, duration: Option<f64>) -> Option<f64> {
    let end = match (end, duration) {
        (Some(end), Some(duration)) => Some(end.min(duration)),
        (end, duration) => end.or(duration),
    };
    end.map(|end| (end - start.unwrap_or(0.0)).max(0.0))
}

/// The seconds in words.
pub(super) fn describe(seconds: Option<f64>) -> String {
    let time = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    time.map_or_else(
        || "media of unknown duration".to_owned(),
        |time| format!("{} of media", format_duration(time)),
    )
}

/// Fails if more media is embedded than `budget` allows, or if the duration is not known.
pub(super) fn check(seconds: Option<f64>, budget: Option<Duration>) -> Result<(), Failure> {
    let Some(budget) = budget else { return Ok(()) };
    let message = match seconds {
        Some(seconds) if seconds <= budget.as_secs_f64() => return Ok(()),
        Some(_) => format!(
            "{} exceed the budget of {}; nothing was embedded",
            describe(seconds),
            format_duration(budget)
        ),
        None => "the duration is not known, so the budget cannot be checked; nothing was embedded"
            .to_owned(),
    };
    Err(Failure::new(Exit::RefusedLocally, "over_budget", message)
        .hint("pass a larger --budget, or --start and --end to embed less"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_window_counts() {
        assert_eq!(window(None, None, None), None);
        assert_eq!(window(Some(30.0), None, Some(90.0)), Some(60.0));
        assert_eq!(window(None, Some(120.0), Some(90.0)), Some(90.0));
        assert_eq!(window(Some(5.0), Some(20.0), None), Some(15.0));
        let budget = Some(Duration::from_secs(60));
        assert!(check(Some(60.0), budget).is_ok());
        assert_eq!(
            check(Some(60.1), budget).unwrap_err().exit(),
            Exit::RefusedLocally
        );
        assert!(check(None, budget).is_err());
        assert!(check(None, None).is_ok());
    }
}
