//! What is limited, the limits of each plan, and what a request costs.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A quantity that the platform limits.
///
/// The categories and dimensions are those of the platform's rate limit page (in effect since
/// 2026-01-12). The endpoints of a category share one counter, and the counters belong to the
/// organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Dimension {
    /// `POST /assets` per minute.
    UploadPerMinute,
    /// `POST /assets` per day.
    UploadPerDay,
    /// `POST /tasks` and `POST /indexes/{id}/indexed-assets` per minute.
    IndexPerMinute,
    /// `POST /tasks` and `POST /indexes/{id}/indexed-assets` per day.
    IndexPerDay,
    /// Video to index, per hour.
    VideoPerHour,
    /// Video to index, per day.
    VideoPerDay,
    /// Video to index as long as the plan lasts.
    VideoTotal,
    /// Indexing tasks at the same time.
    ConcurrentTasks,
}

impl Dimension {
    /// All dimensions that have a window, from the shortest to the longest of each category.
    pub(super) const WINDOWED: [Self; 7] = [
        Self::UploadPerMinute,
        Self::UploadPerDay,
        Self::IndexPerMinute,
        Self::IndexPerDay,
        Self::VideoPerHour,
        Self::VideoPerDay,
        Self::VideoTotal,
    ];

    /// What it limits, in words: `uploads per day`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::UploadPerMinute => "uploads per minute",
            Self::UploadPerDay => "uploads per day",
            Self::IndexPerMinute => "indexing requests per minute",
            Self::IndexPerDay => "indexing requests per day",
            Self::VideoPerHour => "minutes of video per hour",
            Self::VideoPerDay => "minutes of video per day",
            Self::VideoTotal => "minutes of video of the plan",
            Self::ConcurrentTasks => "concurrent indexing tasks",
        }
    }

    /// The name, as in serialized state and in events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UploadPerMinute => "upload_per_minute",
            Self::UploadPerDay => "upload_per_day",
            Self::IndexPerMinute => "index_per_minute",
            Self::IndexPerDay => "index_per_day",
            Self::VideoPerHour => "video_per_hour",
            Self::VideoPerDay => "video_per_day",
            Self::VideoTotal => "video_total",
            Self::ConcurrentTasks => "concurrent_tasks",
        }
    }

    /// The window in which the platform counts, or `None` if the quantity is not counted per time.
    #[must_use]
    pub const fn window(self) -> Option<Duration> {
        match self {
            Self::UploadPerMinute | Self::IndexPerMinute => Some(Duration::from_secs(60)),
            Self::VideoPerHour => Some(Duration::from_secs(3600)),
            Self::UploadPerDay | Self::IndexPerDay | Self::VideoPerDay => {
                Some(Duration::from_secs(86_400))
            }
            Self::VideoTotal | Self::ConcurrentTasks => None,
        }
    }
}

/// A group of endpoints that share their counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Category {
    /// `POST /assets`.
    Upload,
    /// `POST /tasks` and `POST /indexes/{id}/indexed-assets`.
    Index,
}

/// The limits of an account. `None` means unlimited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Limits {
    /// `POST /assets` per minute.
    pub uploads_per_minute: Option<u64>,
    /// `POST /assets` per day.
    pub uploads_per_day: Option<u64>,
    /// Indexing requests per minute.
    pub index_requests_per_minute: Option<u64>,
    /// Indexing requests per day.
    pub index_requests_per_day: Option<u64>,
    /// Minutes of video per hour.
    pub minutes_per_hour: Option<u64>,
    /// Minutes of video per day.
    pub minutes_per_day: Option<u64>,
    /// Minutes of video as long as the plan lasts.
    pub total_minutes: Option<u64>,
    /// Indexing tasks at the same time.
    pub concurrent_tasks: Option<u32>,
}

/// The limits of a plan by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Preset {
    /// The name of the plan.
    pub name: &'static str,
    /// Its limits.
    pub limits: Limits,
}

impl Limits {
    /// No limits.
    pub const UNLIMITED: Self = Self {
        uploads_per_minute: None,
        uploads_per_day: None,
        index_requests_per_minute: None,
        index_requests_per_day: None,
        minutes_per_hour: None,
        minutes_per_day: None,
        total_minutes: None,
        concurrent_tasks: None,
    };

    /// The limits of a plan, with the same number of requests in both categories.
    const fn plan(per_minute: u64, per_day: u64, minutes_per_hour: u64, tasks: u32) -> Self {
        Self {
            uploads_per_minute: Some(per_minute),
            uploads_per_day: Some(per_day),
            index_requests_per_minute: Some(per_minute),
            index_requests_per_day: Some(per_day),
            minutes_per_hour: Some(minutes_per_hour),
            // The minutes of video per day equal the requests per day in every plan.
            minutes_per_day: Some(per_day),
            total_minutes: None,
            concurrent_tasks: Some(tasks),
        }
    }

    /// The limits of the plan with this name, or `None` if the name is unknown.
    ///
    /// ```
    /// use tl_protocol::limiter::Limits;
    ///
    /// let limits = Limits::named("developer-1").unwrap();
    /// assert_eq!(limits.index_requests_per_minute, Some(60));
    /// assert_eq!(Limits::named("unknown"), None);
    /// ```
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let preset = Preset::ALL.iter().find(|preset| preset.name == name)?;
        Some(preset.limits)
    }

    /// The limit of a dimension in its unit: requests, tasks, or milliseconds of video.
    pub(super) fn of(&self, dimension: Dimension) -> Option<u64> {
        let milliseconds = |minutes: Option<u64>| minutes.map(|m| m.saturating_mul(60_000));
        match dimension {
            Dimension::UploadPerMinute => self.uploads_per_minute,
            Dimension::UploadPerDay => self.uploads_per_day,
            Dimension::IndexPerMinute => self.index_requests_per_minute,
            Dimension::IndexPerDay => self.index_requests_per_day,
            Dimension::VideoPerHour => milliseconds(self.minutes_per_hour),
            Dimension::VideoPerDay => milliseconds(self.minutes_per_day),
            Dimension::VideoTotal => milliseconds(self.total_minutes),
            Dimension::ConcurrentTasks => self.concurrent_tasks.map(u64::from),
        }
    }
}

impl Preset {
    /// All plans.
    ///
    /// Sources: the platform's rate limit page (new scheme, in effect since 2026-01-12), with the
    /// numbers on which two independent notes of July 2026 agree; concurrent tasks and the 600
    /// minutes of the free plan from the platform's pages on plans (2026). Some keys were observed
    /// with lower limits, so the limiter also follows the response headers.
    pub const ALL: [Self; 5] = [
        Self {
            name: "unlimited",
            limits: Limits::UNLIMITED,
        },
        Self {
            name: "free",
            limits: Limits {
                total_minutes: Some(600),
                ..Limits::plan(60, 3000, 600, 5)
            },
        },
        Self {
            name: "developer-1",
            limits: Limits::plan(60, 3000, 600, 25),
        },
        Self {
            name: "developer-2",
            limits: Limits::plan(120, 6000, 1200, 25),
        },
        Self {
            name: "developer-3",
            limits: Limits::plan(240, 12_000, 2400, 25),
        },
    ];
}

/// What the requests of one item cost.
///
/// ```
/// use std::time::Duration;
/// use tl_protocol::limiter::Cost;
///
/// // Upload a video of 90 seconds and index it.
/// let cost = Cost::upload().and(Cost::index(Duration::from_secs(90)));
/// assert_eq!((cost.uploads, cost.index_requests, cost.tasks), (1, 1, 1));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Cost {
    /// Requests of the category [`Category::Upload`].
    pub uploads: u32,
    /// Requests of the category [`Category::Index`].
    pub index_requests: u32,
    /// Duration of the video to index. The free plan multiplies it by the number of models of the
    /// index (observed 2026-07-20).
    pub video: Duration,
    /// Indexing tasks.
    pub tasks: u32,
}

impl Cost {
    /// The cost of one `POST /assets`.
    #[must_use]
    pub const fn upload() -> Self {
        Self {
            uploads: 1,
            index_requests: 0,
            video: Duration::ZERO,
            tasks: 0,
        }
    }

    /// The cost of one request that indexes this much video, with its task.
    #[must_use]
    pub const fn index(video: Duration) -> Self {
        Self {
            uploads: 0,
            index_requests: 1,
            video,
            tasks: 1,
        }
    }

    /// The sum of two costs.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            uploads: self.uploads.saturating_add(other.uploads),
            index_requests: self.index_requests.saturating_add(other.index_requests),
            video: self.video.saturating_add(other.video),
            tasks: self.tasks.saturating_add(other.tasks),
        }
    }

    /// The amount in a dimension, in the unit of [`Limits::of`].
    pub(super) fn of(&self, dimension: Dimension) -> u64 {
        match dimension {
            Dimension::UploadPerMinute | Dimension::UploadPerDay => u64::from(self.uploads),
            Dimension::IndexPerMinute | Dimension::IndexPerDay => u64::from(self.index_requests),
            // Rounded up, so that the sum is never below the platform's.
            Dimension::VideoPerHour | Dimension::VideoPerDay | Dimension::VideoTotal => {
                u64::try_from(self.video.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
            }
            Dimension::ConcurrentTasks => u64::from(self.tasks),
        }
    }

    /// Whether a request of this cost is refused while the dimension is blocked by a 429.
    pub(super) fn uses(&self, dimension: Dimension) -> bool {
        match dimension {
            Dimension::UploadPerMinute | Dimension::UploadPerDay => self.uploads > 0,
            // A video is counted when the request that indexes it is accepted.
            _ => self.index_requests > 0 || self.of(dimension) > 0,
        }
    }
}
