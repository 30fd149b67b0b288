//! The limits of an account whose plan is not known, learned from the headers of its responses.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::limits::{Dimension, Limits, Preset};

/// A window of requests per minute is not believed to allow this many or more: it may be the last
/// minute of a day. A day that allows fewer allows less than one request per minute.
const MINUTES_PER_DAY: u64 = 1440;

/// Requests per day and minutes of video per hour, per request per minute. The same in every plan
/// ([`Preset::ALL`]).
const DAY: u64 = 50;
const HOUR: u64 = 10;

/// What the responses said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Learned {
    /// The limits while nothing is known.
    start: Limits,
    /// The limit that a response stated last, per dimension.
    #[serde(default)]
    stated: BTreeMap<Dimension, u64>,
    /// Requests per minute of the plan that must be in force, because so many remained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    implied: Option<u64>,
}

impl Learned {
    pub(super) fn new(start: Limits) -> Self {
        Self {
            start,
            stated: BTreeMap::new(),
            implied: None,
        }
    }

    /// Changes what holds while nothing is known.
    pub(super) fn set_start(&mut self, start: Limits) {
        self.start = start;
    }

    /// A response stated the limit of a dimension.
    pub(super) fn state(&mut self, dimension: Dimension, limit: u64) {
        let is_minute = is_per_minute(dimension);
        if limit == 0 || (is_minute && limit >= MINUTES_PER_DAY) {
            return;
        }
        self.stated.insert(dimension, limit);
    }

    /// A response said what remains: with what was granted in the window, the limit is this or, if
    /// others use the key, more. Only limits of known plans are concluded. Nothing that a smaller
    /// plan reports can exceed the sum of its limit twice, and so reach the next plan's.
    pub(super) fn imply(&mut self, dimension: Dimension, at_least: u64) {
        if !is_per_minute(dimension) {
            return;
        }
        let plans = Preset::ALL.iter().filter_map(|preset| {
            let limit = preset.limits.of(dimension)?;
            (limit <= at_least).then_some(limit)
        });
        self.implied = plans.chain(self.implied).max();
    }

    /// A request was rejected: what was concluded may have been too much.
    pub(super) fn reject(&mut self) {
        self.implied = None;
    }

    /// The limits that hold now.
    pub(super) fn limits(&self) -> Limits {
        let mut limits = self.start;
        let of = |dimension| self.stated.get(&dimension).copied();
        let (uploads, requests) = (
            of(Dimension::UploadPerMinute),
            of(Dimension::IndexPerMinute),
        );
        // What is learned of one category holds for both until the other says something else.
        let rate = uploads.into_iter().chain(requests).min().or(self.implied);
        let raise = |limit: &mut Option<u64>, to: Option<u64>| {
            *limit = limit.map(|limit| limit.max(to.unwrap_or(0)));
        };
        let times = |factor: u64| rate.map(|rate| rate.saturating_mul(factor));
        let days = (of(Dimension::UploadPerDay), of(Dimension::IndexPerDay));
        raise(&mut limits.uploads_per_minute, uploads.or(rate));
        raise(&mut limits.index_requests_per_minute, requests.or(rate));
        raise(&mut limits.uploads_per_day, days.0.or(times(DAY)));
        raise(&mut limits.index_requests_per_day, days.1.or(times(DAY)));
        raise(&mut limits.minutes_per_hour, times(HOUR));
        raise(&mut limits.minutes_per_day, days.1.or(times(DAY)));
        limits
    }
}

fn is_per_minute(dimension: Dimension) -> bool {
    matches!(
        dimension,
        Dimension::UploadPerMinute | Dimension::IndexPerMinute
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::super::{Category, Cost, Limiter, ReportedLimit, Reservation};
    use super::*;

    fn now() -> Timestamp {
        "2026-11-28T12:00:10Z".parse().unwrap()
    }

    fn start() -> Limits {
        Limits::named("developer-1").unwrap()
    }

    fn learning() -> Limiter {
        let mut limiter = Limiter::new(Limits::UNLIMITED);
        limiter.learn_limits(start());
        limiter
    }

    /// A response about a window that ends in `seconds`.
    fn stated(limit: u64, seconds: u64) -> ReportedLimit {
        ReportedLimit {
            limit: Some(limit),
            reset_in: Some(Duration::from_secs(seconds)),
            ..ReportedLimit::default()
        }
    }

    fn remaining(left: u64) -> ReportedLimit {
        ReportedLimit {
            remaining: Some(left),
            reset_in: Some(Duration::from_secs(50)),
            ..ReportedLimit::default()
        }
    }

    #[test]
    fn known_plans_have_the_same_proportions() {
        for preset in Preset::ALL {
            let Some(rate) = preset.limits.uploads_per_minute else {
                continue;
            };
            assert_eq!(preset.limits.uploads_per_day, Some(rate * DAY));
            assert_eq!(preset.limits.minutes_per_day, Some(rate * DAY));
            assert_eq!(preset.limits.minutes_per_hour, Some(rate * HOUR));
        }
    }

    #[test]
    fn stated_limits_hold_in_both_directions() {
        let mut limiter = learning();
        assert_eq!(limiter.limits(), start());
        limiter.correct(now(), Category::Upload, &stated(240, 50));
        assert_eq!(limiter.limits(), Limits::named("developer-3").unwrap());
        limiter.correct(now(), Category::Upload, &stated(120, 50));
        assert_eq!(limiter.limits(), Limits::named("developer-2").unwrap());
        // Both categories are learned by themselves, and minutes follow the lower one.
        limiter.correct(now(), Category::Index, &stated(90, 50));
        let limits = limiter.limits();
        assert_eq!(limits.uploads_per_minute, Some(120));
        assert_eq!(limits.index_requests_per_minute, Some(90));
        assert_eq!(limits.minutes_per_hour, Some(900));
        limiter.correct(now(), Category::Index, &stated(3500, 7200));
        assert_eq!(limiter.limits().index_requests_per_day, Some(3500));
        assert_eq!(limiter.limits().minutes_per_day, Some(3500));
    }

    #[test]
    fn limits_below_those_at_the_start_are_followed() {
        let mut limiter = learning();
        limiter.correct(now(), Category::Upload, &stated(2, 50));
        let mut granted = 0;
        while limiter.reserve(now(), Cost::upload()) == Reservation::Granted {
            granted += 1;
        }
        assert!(granted <= 2, "{granted} of 2");
    }

    #[test]
    fn end_of_a_day_is_not_taken_for_a_minute() {
        let mut limiter = learning();
        limiter.correct(now(), Category::Upload, &stated(6000, 30));
        assert_eq!(limiter.limits(), start());
    }

    #[test]
    fn what_remains_proves_a_larger_plan_until_a_429() {
        let mut limiter = learning();
        for _ in 0..3 {
            assert_eq!(limiter.reserve(now(), Cost::upload()), Reservation::Granted);
        }
        // Three of 60 were used, or more by others.
        limiter.correct(now(), Category::Upload, &remaining(57));
        assert_eq!(limiter.limits(), start());
        limiter.correct(now(), Category::Upload, &remaining(118));
        assert_eq!(limiter.limits(), Limits::named("developer-2").unwrap());
        limiter.correct(now(), Category::Upload, &remaining(20));
        assert_eq!(limiter.limits(), Limits::named("developer-2").unwrap());
        let wait = Some(Duration::from_secs(50));
        let _ = limiter.block(now(), Category::Upload, wait, &ReportedLimit::default());
        assert_eq!(limiter.limits(), start());
    }

    #[test]
    fn what_was_learned_is_kept_by_a_later_run() {
        let mut limiter = learning();
        limiter.correct(now(), Category::Upload, &stated(240, 50));
        let text = serde_json::to_string(&limiter).unwrap();
        let mut later: Limiter = serde_json::from_str(&text).unwrap();
        later.learn_limits(start());
        assert_eq!(later.limits(), Limits::named("developer-3").unwrap());
        // A plan that is chosen ends that.
        later.set_limits(start());
        assert_eq!(later.limits(), start());
        later.learn_limits(start());
        assert_eq!(later.limits(), start());
    }
}
