//! How long the platform takes for a video, from measurements of earlier videos.

use std::time::Duration;

/// Fewer measurements are no basis for quantiles.
const ENOUGH: usize = 3;

/// Measurements that are kept of videos of about the same duration.
const KEPT: usize = 32;

/// How long a stage took for one video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StageTime {
    /// From the start of the stage to its end.
    pub took: Duration,
    /// The duration of the video, if it is known.
    pub video: Option<Duration>,
}

impl StageTime {
    /// A measurement.
    #[must_use]
    pub fn new(took: Duration, video: impl Into<Option<Duration>>) -> Self {
        let video = video.into();
        Self { took, video }
    }

    /// Videos of one class have about the same duration: each is twice as long as the one before.
    fn class(&self) -> Option<u32> {
        self.video.map(|video| video.as_secs().max(1).ilog2())
    }
}

/// How long a target is expected to take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Expected {
    /// The median.
    pub median: Option<Duration>,
    /// The 95th percentile.
    pub p95: Option<Duration>,
    /// A target is not stalled before this, whatever others took.
    pub at_least: Duration,
}

impl Expected {
    /// The quantiles of measured durations; nothing is expected from fewer than three.
    fn of(mut durations: Vec<Duration>) -> Self {
        if durations.len() < ENOUGH {
            return Self::default();
        }
        durations.sort_unstable();
        let at = |percent: usize| {
            durations
                .get((durations.len() - 1) * percent / 100)
                .copied()
        };
        Self {
            median: at(50),
            p95: at(95),
            at_least: Duration::ZERO,
        }
    }
}

/// How long one stage took for the last videos: some measurements of each length of video, so that
/// a thousand clips do not displace what was measured for films.
///
/// ```
/// use std::time::Duration;
/// use tl_protocol::flow::{History, StageTime};
///
/// let mut history = History::default();
/// for _ in 0..3 {
///     history.add(StageTime::new(Duration::from_secs(20), Duration::from_secs(5)));
///     history.add(StageTime::new(Duration::from_secs(1800), Duration::from_secs(7200)));
/// }
/// let clip = history.expected(Some(Duration::from_secs(6)));
/// assert_eq!(clip.median, Some(Duration::from_secs(20)));
/// let film = history.expected(Some(Duration::from_secs(6000)));
/// assert_eq!(film.median, Some(Duration::from_secs(1800)));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    times: Vec<StageTime>,
}

impl History {
    /// Adds a measurement. Of videos of about the same duration (within a factor of two), the last
    /// 32 are kept.
    pub fn add(&mut self, time: StageTime) {
        let class = time.class();
        let of_class = |known: &StageTime| known.class() == class;
        if self.times.iter().filter(|known| of_class(known)).count() >= KEPT
            && let Some(oldest) = self.times.iter().position(of_class)
        {
            self.times.remove(oldest);
        }
        self.times.push(time);
    }

    /// The measurements, oldest first.
    #[must_use]
    pub fn times(&self) -> &[StageTime] {
        &self.times
    }

    /// What to expect for a video of this duration: what at least three videos between half and
    /// twice as long took. Without those, the median of all, and the video is not stalled before
    /// its own duration has passed: the platform states 30 to 40 % of it for indexing.
    #[must_use]
    pub fn expected(&self, video: Option<Duration>) -> Expected {
        let is_similar = |time: &&StageTime| match (time.video, video) {
            (Some(one), Some(other)) => one <= other * 2 && other <= one * 2,
            _ => false,
        };
        let took = |time: &StageTime| time.took;
        let similar = Expected::of(self.times.iter().filter(is_similar).map(took).collect());
        if similar.median.is_some() {
            return similar;
        }
        Expected {
            at_least: video.unwrap_or_default(),
            ..Expected::of(self.times.iter().map(took).collect())
        }
    }
}

impl FromIterator<StageTime> for History {
    fn from_iter<I: IntoIterator<Item = StageTime>>(times: I) -> Self {
        let mut history = Self::default();
        times.into_iter().for_each(|time| history.add(time));
        history
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn history(times: &[(u64, Option<u64>)]) -> History {
        let time =
            |(took, video): &(u64, Option<u64>)| StageTime::new(seconds(*took), video.map(seconds));
        times.iter().map(time).collect()
    }

    #[test]
    fn quantiles_need_three_measurements() {
        let of = |all: &[u64]| Expected::of(all.iter().copied().map(seconds).collect());
        assert_eq!(of(&[5, 6]), Expected::default());
        let three = of(&[9, 1, 5]);
        assert_eq!(
            (three.median, three.p95),
            (Some(seconds(5)), Some(seconds(5)))
        );
        let many = of(&(1..=101).rev().collect::<Vec<_>>());
        assert_eq!(
            (many.median, many.p95),
            (Some(seconds(51)), Some(seconds(96)))
        );
    }

    #[test]
    fn videos_between_half_and_twice_as_long_are_similar() {
        let history = history(&[
            (10, Some(50)),
            (20, Some(100)),
            (30, Some(200)),
            (99, Some(7200)),
        ]);
        let expected = history.expected(Some(seconds(100)));
        assert_eq!(expected.median, Some(seconds(20)));
        assert_eq!(expected.at_least, Duration::ZERO);
        for (video, too_far) in [(99, 200), (101, 50)] {
            let expected = history.expected(Some(seconds(video)));
            assert_eq!(
                expected.at_least,
                seconds(video),
                "{too_far} is not similar to {video}"
            );
        }
    }

    #[test]
    fn without_similar_videos_the_median_of_all_counts_and_the_duration_bounds() {
        let history = history(&[(10, Some(5)), (20, None), (30, Some(5))]);
        let film = history.expected(Some(seconds(7200)));
        assert_eq!(film.median, Some(seconds(20)));
        assert_eq!(film.at_least, seconds(7200));
        let unknown = history.expected(None);
        assert_eq!(
            (unknown.median, unknown.at_least),
            (Some(seconds(20)), seconds(0))
        );
        let nothing = History::default().expected(Some(seconds(60)));
        assert_eq!((nothing.median, nothing.p95), (None, None));
    }

    #[test]
    fn clips_do_not_displace_films() {
        let films = (0..3).map(|_| (1800, Some(7200)));
        let clips = (0..1000).map(|n| (n, Some(5)));
        let history = history(&films.chain(clips).collect::<Vec<_>>());
        assert_eq!(history.times().len(), 3 + KEPT);
        assert_eq!(
            history.times().last().map(|time| time.took),
            Some(seconds(999))
        );
        let oldest_clip = history
            .times()
            .iter()
            .find(|time| time.video == Some(seconds(5)));
        assert_eq!(
            oldest_clip.map(|time| time.took),
            Some(seconds(1000 - KEPT as u64))
        );
        let film = history.expected(Some(seconds(7000)));
        assert_eq!(film.median, Some(seconds(1800)));
    }
}
