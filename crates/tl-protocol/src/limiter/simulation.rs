//! The limiter against a model of the platform: how much of the allowed rate it uses, and how many
//! requests are refused.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::*;
use crate::rng::Rng;

const DAY: i64 = 86_400 * SECOND;
const MINUTE: i64 = 60 * SECOND;
const START: i64 = 1_795_000_000 * SECOND / DAY * DAY;

/// Counts in windows that are aligned to the clock, as the emulator does. Category 0 is `Upload`,
/// 1 is `Index`.
#[derive(Default)]
struct Platform {
    counts: BTreeMap<(u8, i64, i64), u64>,
}

impl Platform {
    /// Counts a request, or returns the seconds to wait. The headers are about the minute.
    fn request(&mut self, limits: Limits, category: u8, now: i64) -> (Option<u64>, ReportedLimit) {
        let windows = [
            (MINUTE, limits.uploads_per_minute.unwrap()),
            (DAY, limits.uploads_per_day.unwrap()),
        ];
        let key = |window: i64| (category, window, now.div_euclid(window));
        let reset = |window: i64| ((now.div_euclid(window) + 1) * window - now).unsigned_abs();
        let full = windows
            .iter()
            .find(|(window, limit)| self.counts.get(&key(*window)).is_some_and(|n| n >= limit));
        let refused = full.map(|(window, _)| reset(*window).div_ceil(1_000_000));
        if refused.is_none() {
            for (window, _) in windows {
                *self.counts.entry(key(window)).or_default() += 1;
            }
        }
        let used = self.counts.get(&key(MINUTE)).copied().unwrap_or_default();
        let reported = ReportedLimit {
            limit: Some(windows[0].1),
            remaining: Some(windows[0].1.saturating_sub(used)),
            used: Some(used),
            reset_in: Some(Duration::from_micros(reset(MINUTE))),
        };
        (refused, reported)
    }
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// The request of an item arrives.
    Arrive(u8),
    /// Its response arrives: seconds to wait after a 429, used, remaining time.
    Respond(u8, Option<u64>, u64, u64),
    Foreign,
    Reserve,
}

struct Report {
    /// When the last item was accepted.
    took: i64,
    requests: u64,
    refused: u64,
}

/// Sends `items` with up to 2 s of latency; `foreign` requests per minute come from elsewhere.
fn simulate(limits: Limits, items: u64, foreign: u64, seed: u64) -> Report {
    let mut limiter = Limiter::new(limits);
    let mut platform = Platform::default();
    let mut rng = Rng::new(seed);
    let mut queue = BinaryHeap::from([Reverse((START, Event::Reserve))]);
    if foreign > 0 {
        queue.push(Reverse((START, Event::Foreign)));
    }
    let cost = Cost {
        tasks: 0,
        ..Cost::upload().and(Cost::index(Duration::from_secs(5)))
    };
    let mut report = Report {
        took: 0,
        requests: 0,
        refused: 0,
    };
    let (mut reserved, mut done) = (0, 0);
    #[expect(clippy::cast_possible_truncation, reason = "seconds")]
    let mut latency = |most: i64| (rng.fraction() * most as f64) as i64;
    while done < items {
        let Reverse((now, event)) = queue.pop().unwrap();
        let time = Timestamp::from_microsecond(now).unwrap();
        match event {
            Event::Reserve if reserved < items => match limiter.reserve(time, cost) {
                Reservation::Granted => {
                    reserved += 1;
                    queue.push(Reverse((now + latency(2 * SECOND), Event::Arrive(0))));
                    queue.push(Reverse((now, Event::Reserve)));
                }
                // A caller wakes up a little late.
                Reservation::Wait {
                    until: Some(until), ..
                } => {
                    let late = latency(20_000);
                    queue.push(Reverse((until.as_microsecond() + late, Event::Reserve)));
                }
                other => panic!("{other:?}"),
            },
            Event::Reserve => {}
            Event::Arrive(category) => {
                let (refused, reported) = platform.request(limits, category, now);
                report.requests += 1;
                let reset = micros(reported.reset_in.unwrap()).unsigned_abs();
                let respond = Event::Respond(category, refused, reported.used.unwrap(), reset);
                queue.push(Reverse((now + latency(SECOND), respond)));
                match refused {
                    Some(seconds) => {
                        report.refused += 1;
                        let wait = i64::try_from(seconds).unwrap() * SECOND;
                        queue.push(Reverse((
                            now + wait + latency(SECOND),
                            Event::Arrive(category),
                        )));
                    }
                    None if category == 0 => {
                        queue.push(Reverse((now + latency(SECOND), Event::Arrive(1))));
                    }
                    None => {
                        done += 1;
                        report.took = now - START;
                    }
                }
            }
            Event::Respond(category, refused, used, reset) => {
                let category = if category == 0 {
                    Category::Upload
                } else {
                    Category::Index
                };
                let reported = ReportedLimit {
                    limit: limits.uploads_per_minute,
                    remaining: None,
                    used: Some(used),
                    reset_in: Some(Duration::from_micros(reset)),
                };
                limiter.correct(time, category, &reported);
                if let Some(seconds) = refused {
                    let _ = limiter.block(
                        time,
                        category,
                        Some(Duration::from_secs(seconds)),
                        &reported,
                    );
                }
            }
            Event::Foreign => {
                let _ = platform.request(limits, 0, now);
                let _ = platform.request(limits, 1, now);
                let mean = MINUTE / i64::try_from(foreign).unwrap();
                queue.push(Reverse((now + latency(2 * mean), Event::Foreign)));
            }
        }
    }
    report
}

/// The shortest time in which the platform accepts `items`.
fn floor(limits: Limits, items: u64) -> i64 {
    let (per_minute, per_day) = (
        limits.uploads_per_minute.unwrap(),
        limits.uploads_per_day.unwrap(),
    );
    let days = (items - 1) / per_day;
    let rest = items - days * per_day;
    i64::try_from(days).unwrap() * DAY
        + i64::try_from(rest).unwrap() * MINUTE / i64::try_from(per_minute).unwrap()
}

#[test]
fn ten_thousand_items_use_nine_tenths_of_the_rate_without_a_429() {
    for plan in ["developer-1", "developer-2", "developer-3"] {
        let limits = Limits::named(plan).unwrap();
        let report = simulate(limits, 10_000, 0, 7);
        assert_eq!(report.refused, 0, "{plan}");
        assert_eq!(report.requests, 20_000, "{plan}");
        let floor = floor(limits, 10_000);
        let use_of_rate = floor as f64 / report.took as f64;
        println!(
            "{plan}: {:.2} h of {:.2} h, {:.1} % of the allowed rate",
            report.took as f64 / 3.6e9,
            floor as f64 / 3.6e9,
            use_of_rate * 100.0
        );
        assert!(use_of_rate >= 0.9, "{plan}: {use_of_rate}");
    }
    // The rate within the first day.
    let report = simulate(Limits::named("developer-1").unwrap(), 3000, 0, 7);
    let rate = 3000.0 / (report.took as f64 / MINUTE as f64);
    println!("developer-1, first day: {rate:.1} per minute");
    assert!(rate >= 54.0, "{rate}");
}

#[test]
fn one_percent_is_refused_while_others_use_the_key() {
    for foreign in [5, 20, 40] {
        let (mut refused, mut requests) = (0, 0);
        for seed in 0..5 {
            let report = simulate(Limits::named("developer-1").unwrap(), 2000, foreign, seed);
            refused += report.refused;
            requests += report.requests;
        }
        let share = 100.0 * refused as f64 / requests as f64;
        println!(
            "{foreign} foreign requests per minute: {refused} of {requests} refused, {share:.2} %"
        );
        assert!(share <= 1.0, "{foreign} per minute: {share} %");
    }
}

/// How many uploads, `LANES` at a time, are refused per minute, and how many are accepted, while
/// the platform accepts `per_minute`, of which others use `foreign`. The limiter knows no limit.
/// Each minute is an element.
fn find_limit(per_minute: u64, foreign: u64, has_headers: bool, seed: u64) -> Vec<(u64, u64)> {
    const LANES: usize = 8;
    let limits = Limits {
        uploads_per_minute: Some(per_minute),
        uploads_per_day: Some(u64::MAX),
        ..Limits::UNLIMITED
    };
    let mut limiter = Limiter::new(Limits::UNLIMITED);
    let mut platform = Platform::default();
    let mut rng = Rng::new(seed);
    let mut minutes = vec![(0, 0); 30];
    // When each lane reserves the next time.
    let mut lanes: BinaryHeap<Reverse<i64>> = (0..LANES).map(|_| Reverse(START)).collect();
    let mut next_foreign = START;
    while let Some(Reverse(now)) = lanes.pop() {
        let Some(minute) = minutes.get_mut(usize::try_from((now - START) / MINUTE).unwrap()) else {
            break;
        };
        while foreign > 0 && next_foreign <= now {
            let _ = platform.request(limits, 0, next_foreign);
            next_foreign += MINUTE / i64::try_from(foreign).unwrap();
        }
        let time = Timestamp::from_microsecond(now).unwrap();
        if let Reservation::Wait { until, .. } = limiter.reserve(time, Cost::upload()) {
            lanes.push(Reverse(until.unwrap().as_microsecond()));
            continue;
        }
        let (refused, mut reported) = platform.request(limits, 0, now);
        // The scheme of 2026 has no limit.
        (reported.limit, reported.used) = (None, None);
        if !has_headers {
            reported = ReportedLimit::default();
        }
        limiter.correct(time, Category::Upload, &reported);
        match refused {
            Some(seconds) => {
                minute.0 += 1;
                let wait = Some(Duration::from_secs(seconds));
                let _ = limiter.block(time, Category::Upload, wait, &reported);
            }
            None => minute.1 += 1,
        }
        #[expect(clippy::cast_possible_truncation, reason = "a second")]
        let latency = (rng.fraction() * SECOND as f64) as i64;
        lanes.push(Reverse(now + SECOND / 4 + latency));
    }
    minutes
}

/// The share of requests that is refused, and of the rate that is used, after the first five
/// minutes, in percent, over several seeds.
fn found(per_minute: u64, foreign: u64, has_headers: bool) -> (f64, f64) {
    let (mut refused, mut accepted, mut minutes) = (0, 0, 0);
    for seed in 0..2 {
        for (no, yes) in &find_limit(per_minute, foreign, has_headers, seed)[5..] {
            refused += no;
            accepted += yes;
            minutes += per_minute - foreign;
        }
    }
    let share = 100.0 * refused as f64 / (refused + accepted) as f64;
    let used = 100.0 * accepted as f64 / minutes as f64;
    println!(
        "{per_minute} per minute, {foreign} by others, headers {has_headers}: {share:.2} % \
         refused, {used:.0} % used"
    );
    (share, used)
}

#[test]
fn unknown_limit_is_found_and_used() {
    for (per_minute, foreign) in [(60, 0), (60, 20), (240, 0), (10, 0)] {
        let (refused, used) = found(per_minute, foreign, false);
        assert!(refused <= 5.0 && used >= 75.0, "{refused} {used}");
        let (refused, used) = found(per_minute, foreign, true);
        assert!(refused <= 5.0 && used >= 75.0, "{refused} {used}");
    }
}
