//! Tests of limits that are not known, and are found by trying.

use super::*;

#[test]
fn estimate_of_an_unknown_limit_is_lowered_once_per_incident() {
    let mut limiter = Limiter::new(Limits::UNLIMITED);
    for _ in 0..80 {
        assert_eq!(
            limiter.reserve(at(START), Cost::upload()),
            Reservation::Granted
        );
    }
    let none = ReportedLimit::default();
    let wait = Some(Duration::from_secs(60));
    // Three requests in flight are refused together.
    for second in 0..3 {
        let now = at(START + second * SECOND);
        let _ = limiter.block(now, Category::Upload, wait, &none);
    }
    let level = |limiter: &mut Limiter, now: i64| {
        let levels = limiter.levels(at(now));
        levels
            .iter()
            .find(|level| level.dimension == Dimension::UploadPerMinute)
            .unwrap()
            .limit
    };
    assert_eq!(level(&mut limiter, START), Some(60));
    // It is raised by 5 % per minute that used it up, and not while it is idle.
    let mut now = START + 200 * SECOND;
    for _ in 0..120 {
        while let Reservation::Wait {
            until: Some(until), ..
        } = limiter.reserve(at(now), Cost::upload())
        {
            now = until.as_microsecond();
        }
    }
    assert_eq!(level(&mut limiter, now), Some(66));
    assert_eq!(level(&mut limiter, now + 3600 * SECOND), Some(66));
    // Another 429 lowers it again, also when most of the minute was used by others.
    let later = now + 3600 * SECOND;
    assert!(granted_at(&mut limiter, later) >= 3);
    let _ = limiter.block(at(later), Category::Upload, wait, &none);
    assert!(level(&mut limiter, later).unwrap() < 10);
    // A stated limit takes precedence.
    limiter.set_limits(developer());
    assert_eq!(level(&mut limiter, later), Some(60));
}

#[test]
fn a_short_wait_means_a_high_rate() {
    let limit_after = |granted: u64, wait: Option<Duration>| {
        let mut limiter = Limiter::new(Limits::UNLIMITED);
        for _ in 0..granted {
            let _ = limiter.reserve(at(START), Cost::upload());
        }
        let none = ReportedLimit::default();
        let _ = limiter.block(at(START), Category::Upload, wait, &none);
        let levels = limiter.levels(at(START));
        let is_rate = |level: &&Level| level.dimension == Dimension::UploadPerMinute;
        levels.iter().find(is_rate).unwrap().limit
    };
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    // A minute has one request per wait at least.
    assert_eq!(limit_after(4, seconds(1)), Some(60));
    assert_eq!(limit_after(4, seconds(7)), Some(8));
    assert_eq!(limit_after(4, seconds(60)), Some(3));
    assert_eq!(limit_after(100, seconds(1)), Some(75));
    // Nothing was named.
    assert_eq!(limit_after(4, None), Some(3));
    assert_eq!(limit_after(4, seconds(0)), Some(3));
}

#[test]
fn estimate_never_ends_an_item() {
    let mut limiter = Limiter::new(Limits::UNLIMITED);
    let short = Cost::index(Duration::from_secs(60));
    assert_eq!(limiter.reserve(at(START), short), Reservation::Granted);
    let hour = Some(Duration::from_secs(1800));
    let _ = limiter.block(at(START), Category::Index, hour, &ReportedLimit::default());
    // A video that is longer than what was granted in that hour is tried when the window is empty.
    let long = Cost::index(Duration::from_secs(7200));
    let (until, _) = waits_for(limiter.reserve(at(START + 1801 * SECOND), long));
    assert_eq!(limiter.reserve(at(until), long), Reservation::Granted);
}

#[test]
fn remaining_requests_limit_an_account_without_a_plan() {
    let mut limiter = Limiter::new(Limits::UNLIMITED);
    assert_eq!(
        limiter.reserve(at(START), Cost::upload()),
        Reservation::Granted
    );
    let reported = ReportedLimit {
        remaining: Some(4),
        reset_in: Some(Duration::from_secs(30)),
        ..ReportedLimit::default()
    };
    limiter.correct(at(START), Category::Upload, &reported);
    // One was granted, and four remain: they are paced.
    let mut granted = 0;
    for second in 0..30 {
        granted += granted_at(&mut limiter, START + second * SECOND);
    }
    assert!((1..=4).contains(&granted), "{granted}");
}
