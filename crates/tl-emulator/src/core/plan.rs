//! The limits of an account as data. The numbers are those that two independent notes of July 2026
//! agree on, in effect since 2026-01-12.

use std::fmt;

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

    pub(crate) fn counts_requests(&self) -> bool {
        self.requests_per_minute.is_some() || self.requests_per_day.is_some()
    }
}

/// The name of the plan is unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownPlan(String);

impl fmt::Display for UnknownPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UnknownPlan {}
