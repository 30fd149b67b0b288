//! The limits of an account as data. The numbers are those that two independent notes of July 2026
//! agree on, in effect since 2026-01-12.

use std::fmt;

use serde::de::{self, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

/// The limits of an account. `None` means unlimited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan {
    /// The name of the plan.
    pub name: &'static str,
    /// Indexing requests per minute.
    pub requests_per_minute: Option<u64>,
    /// Indexing requests per day.
    pub requests_per_day: Option<u64>,
    /// Minutes of video per hour.
    pub minutes_per_hour: Option<u64>,
    /// Minutes of video per day.
    pub minutes_per_day: Option<u64>,
    /// Minutes of video in total.
    pub total_minutes: Option<u64>,
    /// Maximum number of tasks in `indexing`. Further tasks wait in `queued`.
    pub concurrent_tasks: Option<usize>,
    /// Videos per index.
    pub videos_per_index: Option<u64>,
    /// Hours of video per index.
    pub hours_per_index: Option<u64>,
    /// Days until an index expires.
    pub retention_days: Option<u64>,
    /// Searches.
    pub search: ClassLimits,
    /// Analyses, synchronous and as tasks. Their tokens are not counted.
    pub analyze: ClassLimits,
    /// Embeddings of video and audio, and of documents, which the source does not name.
    pub embed_media: ClassLimits,
    /// Embeddings of texts and images.
    pub embed_text: ClassLimits,
}

/// The limits of a class of requests that share a counter. `None` means unlimited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClassLimits {
    /// Requests per minute.
    pub requests_per_minute: Option<u64>,
    /// Requests per day.
    pub requests_per_day: Option<u64>,
    /// Minutes of video per hour.
    pub minutes_per_hour: Option<u64>,
    /// Minutes of video per day.
    pub minutes_per_day: Option<u64>,
}

impl ClassLimits {
    const NONE: Self = Self {
        requests_per_minute: None,
        requests_per_day: None,
        minutes_per_hour: None,
        minutes_per_day: None,
    };

    const fn requests(per_minute: u64, per_day: u64) -> Self {
        Self {
            requests_per_minute: Some(per_minute),
            requests_per_day: Some(per_day),
            ..Self::NONE
        }
    }

    const fn minutes(mut self, per_hour: u64, per_day: u64) -> Self {
        self.minutes_per_hour = Some(per_hour);
        self.minutes_per_day = Some(per_day);
        self
    }
}

/// No limits, for tests.
const UNLIMITED: Plan = Plan {
    name: "unlimited",
    requests_per_minute: None,
    requests_per_day: None,
    minutes_per_hour: None,
    minutes_per_day: None,
    total_minutes: None,
    concurrent_tasks: None,
    videos_per_index: None,
    hours_per_index: None,
    retention_days: None,
    search: ClassLimits::NONE,
    analyze: ClassLimits::NONE,
    embed_media: ClassLimits::NONE,
    embed_text: ClassLimits::NONE,
};

const DEVELOPER_1: Plan = Plan {
    name: "developer-1",
    requests_per_minute: Some(60),
    requests_per_day: Some(3000),
    minutes_per_hour: Some(600),
    minutes_per_day: Some(3000),
    concurrent_tasks: Some(25),
    videos_per_index: Some(100_000),
    hours_per_index: Some(10_000),
    search: ClassLimits::requests(600, 3000),
    analyze: ClassLimits::requests(60, 1000).minutes(600, 3000),
    embed_media: ClassLimits::requests(25, 3000).minutes(600, 3000),
    embed_text: ClassLimits::requests(600, 3000),
    ..UNLIMITED
};

impl Plan {
    /// All plans; the first is the default.
    pub const ALL: [Self; 5] = [
        UNLIMITED,
        Self {
            name: "free",
            total_minutes: Some(600),
            concurrent_tasks: Some(5),
            videos_per_index: Some(100),
            hours_per_index: Some(10),
            retention_days: Some(90),
            ..DEVELOPER_1
        },
        DEVELOPER_1,
        Self {
            name: "developer-2",
            requests_per_minute: Some(120),
            requests_per_day: Some(6000),
            minutes_per_hour: Some(1200),
            minutes_per_day: Some(6000),
            search: ClassLimits::requests(1200, 6000),
            analyze: ClassLimits::requests(120, 2000).minutes(1200, 6000),
            embed_media: ClassLimits::requests(50, 6000).minutes(1200, 6000),
            embed_text: ClassLimits::requests(1200, 12_000),
            ..DEVELOPER_1
        },
        Self {
            name: "developer-3",
            requests_per_minute: Some(240),
            requests_per_day: Some(12_000),
            minutes_per_hour: Some(2400),
            minutes_per_day: Some(12_000),
            search: ClassLimits::requests(2400, 12_000),
            analyze: ClassLimits::requests(240, 3000).minutes(2400, 12_000),
            embed_media: ClassLimits::requests(75, 9000).minutes(2400, 12_000),
            embed_text: ClassLimits::requests(2400, 30_000),
            ..DEVELOPER_1
        },
    ];

    /// No limits. This is the default.
    pub const UNLIMITED: Self = UNLIMITED;

    /// Returns the plan with this name.
    ///
    /// # Errors
    /// Returns an error that lists the known plans if the name is unknown.
    pub fn named(name: &str) -> Result<Self, UnknownPlan> {
        Self::ALL
            .into_iter()
            .find(|plan| plan.name == name)
            .ok_or_else(|| {
                let known = Self::ALL.map(|plan| plan.name).join(", ");
                UnknownPlan(format!("there is no plan `{name}` (allowed: {known})"))
            })
    }

    /// Reads the limits of a plan from TOML. A limit that is missing is unlimited, or that of the plan
    /// named by `base`; `"unlimited"` removes a limit of `base`. The name of the plan is `custom`.
    ///
    /// ```
    /// use tl_emulator::Plan;
    ///
    /// let text = "base = \"developer-1\"\nrequests_per_minute = 600\nrequests_per_day = \"unlimited\"";
    /// let plan = Plan::from_toml(text).unwrap();
    /// assert_eq!((plan.requests_per_minute, plan.requests_per_day), (Some(600), None));
    /// assert_eq!(plan.concurrent_tasks, Some(25));
    /// ```
    ///
    /// # Errors
    /// The text is not TOML, a key is unknown, a limit is not a number above 0, or `base` is not the
    /// name of a plan. The message has the line.
    pub fn from_toml(text: &str) -> Result<Self, InvalidPlan> {
        let file: PlanFile = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| {
                let before = text.get(..span.start).unwrap_or(text);
                before.matches('\n').count() + 1
            });
            let message = error.message().trim_end();
            InvalidPlan(match line {
                Some(line) => format!("line {line}: {message}"),
                None => message.to_owned(),
            })
        })?;
        let base = match &file.base {
            Some(name) => {
                Self::named(name).map_err(|error| InvalidPlan(format!("`base`: {error}")))?
            }
            None => Self::UNLIMITED,
        };
        let limit = |limit: &Option<Limit>, base| match limit {
            None => base,
            Some(Limit(limit)) => *limit,
        };
        let tasks = limit(
            &file.concurrent_tasks,
            base.concurrent_tasks.map(|tasks| tasks as u64),
        );
        Ok(Self {
            name: "custom",
            requests_per_minute: limit(&file.requests_per_minute, base.requests_per_minute),
            requests_per_day: limit(&file.requests_per_day, base.requests_per_day),
            minutes_per_hour: limit(&file.minutes_per_hour, base.minutes_per_hour),
            minutes_per_day: limit(&file.minutes_per_day, base.minutes_per_day),
            total_minutes: limit(&file.total_minutes, base.total_minutes),
            concurrent_tasks: tasks.map(|tasks| usize::try_from(tasks).unwrap_or(usize::MAX)),
            videos_per_index: limit(&file.videos_per_index, base.videos_per_index),
            hours_per_index: limit(&file.hours_per_index, base.hours_per_index),
            retention_days: limit(&file.retention_days, base.retention_days),
            ..base
        })
    }

    pub(crate) fn counts_requests(&self) -> bool {
        self.requests_per_minute.is_some() || self.requests_per_day.is_some()
    }
}

/// The file of a plan.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanFile {
    base: Option<String>,
    requests_per_minute: Option<Limit>,
    requests_per_day: Option<Limit>,
    minutes_per_hour: Option<Limit>,
    minutes_per_day: Option<Limit>,
    total_minutes: Option<Limit>,
    concurrent_tasks: Option<Limit>,
    videos_per_index: Option<Limit>,
    hours_per_index: Option<Limit>,
    retention_days: Option<Limit>,
}

/// A limit in a file: a number above 0, or `"unlimited"`.
#[derive(Debug)]
struct Limit(Option<u64>);

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl Visitor<'_> for Visit {
            type Value = Limit;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number above 0, or \"unlimited\"")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Limit, E> {
                match u64::try_from(number) {
                    Ok(limit @ 1..) => Ok(Limit(Some(limit))),
                    _ => Err(E::invalid_value(Unexpected::Signed(number), &self)),
                }
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Limit, E> {
                match text {
                    "unlimited" => Ok(Limit(None)),
                    _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
                }
            }
        }
        deserializer.deserialize_any(Visit)
    }
}

/// The file of a plan is not valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidPlan(String);

impl fmt::Display for InvalidPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidPlan {}

/// The name of the plan is unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownPlan(String);

impl fmt::Display for UnknownPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UnknownPlan {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_are_read_from_toml() {
        let plan = Plan::from_toml("").unwrap();
        assert_eq!((plan.name, plan.requests_per_minute), ("custom", None));
        let plan = Plan::from_toml("base = \"free\"\nvideos_per_index = 3").unwrap();
        assert_eq!(
            (plan.videos_per_index, plan.total_minutes),
            (Some(3), Some(600))
        );
    }

    #[test]
    fn wrong_plans_are_reported_with_their_line() {
        for (text, expected) in [
            (
                "\nrequests_per_second = 1",
                "line 2: unknown field `requests_per_second`",
            ),
            (
                "requests_per_day = 0",
                "line 1: invalid value: integer `0`, expected a whole number above 0",
            ),
            ("\n\nminutes_per_day = -5", "line 3: invalid value"),
            ("minutes_per_day = 1.5", "line 1: invalid type"),
            (
                "minutes_per_day = \"many\"",
                "line 1: invalid value: string \"many\"",
            ),
            (
                "base = \"gold\"",
                "`base`: there is no plan `gold` (allowed: unlimited, free",
            ),
            ("base developer-1", "line 1: "),
        ] {
            let error = Plan::from_toml(text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }
}
