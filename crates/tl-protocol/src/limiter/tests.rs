//! Tests of the limiter: no limit is exceeded in any window, and everybody is served.

use proptest::prelude::*;

use super::*;

mod estimate;
mod exact;

const START: i64 = 1_795_000_000 * SECOND;

fn at(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap()
}

fn developer() -> Limits {
    Limits::named("developer-1").unwrap()
}

fn item(seconds: u64) -> Cost {
    Cost {
        tasks: 0,
        ..Cost::upload().and(Cost::index(Duration::from_secs(seconds)))
    }
}

/// The largest sum of amounts in a half-open window of this length.
fn largest(grants: &[(i64, u64)], window: i64) -> u64 {
    let (mut largest, mut sum, mut first) = (0, 0, 0);
    for (time, amount) in grants {
        sum += amount;
        while grants[first].0 <= time - window {
            sum -= grants[first].1;
            first += 1;
        }
        largest = largest.max(sum);
    }
    largest
}

/// The largest sum of amounts in a UTC day.
fn largest_day(grants: &[(i64, u64)]) -> u64 {
    let mut days = BTreeMap::new();
    for (time, amount) in grants {
        *days.entry(time.div_euclid(86_400 * SECOND)).or_insert(0) += amount;
    }
    days.into_values().max().unwrap_or(0)
}

fn grants_of(grants: &[(i64, Cost)], dimension: Dimension) -> Vec<(i64, u64)> {
    grants
        .iter()
        .map(|(time, cost)| (*time, cost.of(dimension)))
        .collect()
}

#[derive(Debug, Clone)]
enum Action {
    /// Seconds and microseconds pass.
    Pass(i64, i64),
    /// Reserve as often as it is granted, at most this often.
    Reserve(Cost, u32),
    /// Wait until a reservation is granted.
    Insist(Cost),
    Correct(Category, Option<u64>, Option<u64>, Option<u64>),
    Block(Category, Option<u64>),
    ClockBack(i64),
    SaveAndLoad,
}

fn costs() -> impl Strategy<Value = Cost> {
    prop_oneof![
        4 => (0_u64..4000).prop_map(item),
        1 => (0_u64..36_000).prop_map(item),
        1 => Just(Cost::upload()),
        1 => (0_u64..600).prop_map(|seconds| Cost { tasks: 0, ..Cost::index(Duration::from_secs(seconds)) }),
    ]
}

fn categories() -> impl Strategy<Value = Category> {
    prop_oneof![Just(Category::Upload), Just(Category::Index)]
}

fn actions(with_clock: bool) -> impl Strategy<Value = Vec<Action>> {
    let limits = prop_oneof![
        Just(None),
        Just(Some(60)),
        Just(Some(3000)),
        (1_u64..60).prop_map(Some),
    ];
    let resets = prop_oneof![Just(None), (0_u64..60).prop_map(Some), Just(Some(86_400))];
    let back = if with_clock { 1 } else { 0 };
    let action = prop_oneof![
        6 => (0_i64..90, 0_i64..SECOND).prop_map(|(s, us)| Action::Pass(s, us)),
        1 => (0_i64..50_000, 0_i64..SECOND).prop_map(|(s, us)| Action::Pass(s, us)),
        6 => (costs(), 1_u32..200).prop_map(|(cost, n)| Action::Reserve(cost, n)),
        3 => costs().prop_map(Action::Insist),
        2 => (categories(), limits, prop::option::of(0_u64..70), resets)
            .prop_map(|(c, limit, left, reset)| Action::Correct(c, limit, left, reset)),
        1 => (categories(), prop::option::of(0_u64..5000)).prop_map(|(c, wait)| Action::Block(c, wait)),
        1 => Just(Action::SaveAndLoad),
        back => (0_i64..90_000).prop_map(Action::ClockBack),
    ];
    prop::collection::vec(action, 1..80)
}

/// The limiter, the true time, and a clock that may be wrong.
struct World {
    limiter: Limiter,
    time: i64,
    clock: i64,
    grants: Vec<(i64, Cost)>,
    blocked: Vec<(Category, i64, i64)>,
}

impl World {
    fn new() -> Self {
        Self {
            limiter: Limiter::new(developer()),
            time: START,
            clock: START,
            grants: Vec::new(),
            blocked: Vec::new(),
        }
    }

    fn reserve(&mut self, cost: Cost) -> Reservation {
        let reservation = self.limiter.reserve(at(self.clock), cost);
        if reservation == Reservation::Granted {
            self.grants.push((self.time, cost));
        }
        reservation
    }

    fn pass(&mut self, micros: i64) {
        self.time += micros;
        self.clock += micros;
    }

    fn run(&mut self, action: &Action) -> Result<(), TestCaseError> {
        match action {
            Action::Pass(seconds, micros) => self.pass(seconds * SECOND + micros),
            Action::ClockBack(seconds) => self.clock -= seconds * SECOND,
            Action::Reserve(cost, times) => {
                for _ in 0..*times {
                    if self.reserve(*cost) != Reservation::Granted {
                        break;
                    }
                }
            }
            Action::Insist(cost) => {
                for _ in 0..40 {
                    match self.reserve(*cost) {
                        Reservation::Granted | Reservation::Never { .. } => return Ok(()),
                        Reservation::Wait { until, dimension } => {
                            let until = until.unwrap().as_microsecond();
                            prop_assert!(until > self.clock, "{dimension:?} waits for the past");
                            // A day, and the tolerated difference of clocks.
                            prop_assert!(until <= self.clock + 2 * 86_400 * SECOND);
                            self.pass(until - self.clock);
                        }
                    }
                }
                prop_assert!(false, "{cost:?} is never granted: {:?}", self.limiter);
            }
            Action::Correct(category, limit, remaining, reset) => {
                let reset = reset.map(|seconds| match seconds {
                    86_400 => 86_400 - (self.clock / SECOND).rem_euclid(86_400).unsigned_abs(),
                    seconds => seconds,
                });
                let reported = ReportedLimit {
                    limit: *limit,
                    remaining: *remaining,
                    used: None,
                    reset_in: reset.map(Duration::from_secs),
                };
                self.limiter.correct(at(self.clock), *category, &reported);
            }
            Action::Block(category, wait) => {
                let wait_for = wait.map(Duration::from_secs);
                let _ = self.limiter.block(
                    at(self.clock),
                    *category,
                    wait_for,
                    &ReportedLimit::default(),
                );
                let end = self.time + micros(wait_for.unwrap_or(DEFAULT_BLOCK));
                self.blocked.push((*category, self.time, end));
            }
            Action::SaveAndLoad => {
                let text = serde_json::to_string(&self.limiter).unwrap();
                let loaded: Limiter = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(&loaded, &self.limiter);
                prop_assert!(text.len() < 8000, "{} bytes", text.len());
                self.limiter = loaded;
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), TestCaseError> {
        for dimension in Dimension::WINDOWED {
            let (Some(limit), Some(window)) = (developer().of(dimension), dimension.window())
            else {
                continue;
            };
            let grants = grants_of(&self.grants, dimension);
            let worst = match window.as_secs() {
                60 | 3600 => largest(&grants, micros(window)),
                _ => 0,
            };
            prop_assert!(worst <= limit, "{dimension:?}: {worst} of {limit}");
        }
        for (category, from, until) in &self.blocked {
            let early = self.grants.iter().find(|(time, cost)| {
                let uses = match category {
                    Category::Upload => cost.uploads > 0,
                    Category::Index => cost.index_requests > 0,
                };
                uses && time > from && time < until
            });
            prop_assert_eq!(early, None, "granted while blocked");
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_window_exceeds_its_limit(actions in actions(false)) {
        let mut world = World::new();
        for action in &actions {
            world.run(action)?;
        }
        world.check()?;
        for dimension in [Dimension::UploadPerDay, Dimension::IndexPerDay, Dimension::VideoPerDay] {
            let worst = largest_day(&grants_of(&world.grants, dimension));
            prop_assert!(worst <= developer().of(dimension).unwrap(), "{dimension:?}: {worst}");
        }
    }

    #[test]
    fn a_clock_set_back_grants_nothing_twice_and_stops_nobody(actions in actions(true)) {
        let mut world = World::new();
        for action in &actions {
            world.run(action)?;
        }
        world.check()?;
        world.run(&Action::Insist(item(5)))?;
    }

    #[test]
    fn lower_limits_hold_from_then_on(limit in 1_u64..60, before in 0_u32..70) {
        let mut world = World::new();
        world.run(&Action::Reserve(item(1), before))?;
        world.pass(70 * SECOND);
        world.run(&Action::Correct(Category::Index, Some(limit), None, Some(30)))?;
        world.grants.clear();
        for _ in 0..200 {
            world.run(&Action::Insist(item(1)))?;
        }
        let grants = grants_of(&world.grants, Dimension::IndexPerMinute);
        let worst = largest(&grants, 60 * SECOND);
        prop_assert!(worst <= limit, "{worst} of {limit}");
    }

    #[test]
    fn hostile_headers_do_not_panic(
        values in prop::collection::vec("[-0-9a-z. ]{0,25}", 6), retry: u64,
    ) {
        let names = [
            "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-used", "x-ratelimit-reset",
            "x-ratelimit-request-remaining", "x-ratelimit-request-reset",
        ];
        let mut headers = http::HeaderMap::new();
        for (name, value) in names.iter().zip(&values) {
            headers.insert(*name, value.parse().unwrap());
        }
        let reported = ReportedLimit::read(&headers, std::time::SystemTime::UNIX_EPOCH);
        let mut limiter = Limiter::new(developer());
        for category in [Category::Upload, Category::Index] {
            limiter.correct(at(START), category, &reported);
            let until = limiter.block(at(START), category, Some(Duration::from_secs(retry)), &reported);
            prop_assert!(until.as_microsecond() <= START + 86_400 * SECOND);
        }
        // A day later, everything is granted again.
        let later = at(START + 2 * 86_400 * SECOND);
        prop_assert_eq!(limiter.reserve(later, item(1)), Reservation::Granted);
    }
}

#[test]
fn pacing_stays_below_the_limit_and_above_nine_tenths() {
    let rule = Rule::of(Dimension::IndexPerMinute);
    for limit in 1..=10_000 {
        let (burst, interval) = rule.pacing(limit);
        // GCRA grants in a half-open window: the burst, then one per interval. Two seconds of
        // tolerance belong to the window.
        let window = (rule.window + 2 * SECOND).unsigned_abs();
        let most = burst + (window - 1) / interval.unsigned_abs();
        assert!(most <= limit, "{most} of {limit}");
        let per_window = rule.window as f64 / interval as f64;
        assert!(per_window >= 0.9 * limit as f64, "{per_window} of {limit}");
    }
}

fn waits_for(reservation: Reservation) -> (i64, Dimension) {
    match reservation {
        Reservation::Wait {
            until: Some(until),
            dimension,
        } => (until.as_microsecond(), dimension),
        other => panic!("{other:?}"),
    }
}

#[test]
fn upload_and_index_are_granted_together() {
    let mut limiter = Limiter::new(Limits {
        minutes_per_hour: Some(10),
        ..developer()
    });
    assert_eq!(limiter.reserve(at(START), item(600)), Reservation::Granted);
    let before = limiter.clone();
    let (until, dimension) = waits_for(limiter.reserve(at(START), item(60)));
    assert_eq!(dimension, Dimension::VideoPerHour);
    assert!(until >= START + 3600 * SECOND);
    assert_eq!(limiter, before, "no upload is counted");
    assert_eq!(limiter.reserve(at(until), item(60)), Reservation::Granted);
}

#[test]
fn a_day_ends_at_midnight_utc_or_when_a_header_says() {
    let midnight = 1_795_046_400 * SECOND;
    let limits = Limits {
        uploads_per_day: Some(3),
        ..Limits::UNLIMITED
    };
    let used_up = |limiter: &mut Limiter| {
        for _ in 0..3 {
            assert_eq!(
                limiter.reserve(at(midnight - 7200 * SECOND), Cost::upload()),
                Reservation::Granted
            );
        }
        waits_for(limiter.reserve(at(midnight - 7200 * SECOND), Cost::upload()))
    };
    let mut limiter = Limiter::new(limits);
    assert_eq!(used_up(&mut limiter), (midnight, Dimension::UploadPerDay));
    let mut limiter = Limiter::new(limits);
    let reported = ReportedLimit {
        limit: Some(3),
        reset_in: Some(Duration::from_secs(4 * 3600)),
        ..ReportedLimit::default()
    };
    limiter.correct(at(midnight - 7200 * SECOND), Category::Upload, &reported);
    assert_eq!(
        used_up(&mut limiter),
        (midnight + 7200 * SECOND, Dimension::UploadPerDay)
    );
}

#[test]
fn a_429_stops_every_caller_until_retry_after() {
    let check = |category, wait: Option<u64>, expected: Dimension| {
        let mut limiter = Limiter::new(developer());
        let wait_for = wait.map(Duration::from_secs);
        let end = limiter.block(at(START), category, wait_for, &ReportedLimit::default());
        assert_eq!(
            end,
            at(START + SECOND * wait.map_or(60, |wait| wait as i64))
        );
        let (until, dimension) = waits_for(limiter.reserve(at(START + 1), item(5)));
        assert_eq!((at(until), dimension), (end, expected));
        assert_eq!(limiter.reserve(end, item(5)), Reservation::Granted);
    };
    check(Category::Upload, Some(7), Dimension::UploadPerMinute);
    check(Category::Upload, Some(70), Dimension::UploadPerDay);
    check(Category::Index, None, Dimension::IndexPerMinute);
    check(Category::Index, Some(3600), Dimension::VideoPerHour);
    check(Category::Index, Some(28_336), Dimension::IndexPerDay);
    // An account without limits as well.
    let mut limiter = Limiter::new(Limits::UNLIMITED);
    let end = limiter.block(at(START), Category::Index, None, &ReportedLimit::default());
    assert_eq!(
        waits_for(limiter.reserve(at(START), item(5))).0,
        end.as_microsecond()
    );
    assert_eq!(
        limiter.reserve(at(START), Cost::upload()),
        Reservation::Granted
    );
}

#[test]
fn requests_of_others_are_counted() {
    let mut limiter = Limiter::new(developer());
    assert_eq!(limiter.reserve(at(START), item(5)), Reservation::Granted);
    // One of the 59 is ours.
    let reported = ReportedLimit {
        remaining: Some(1),
        reset_in: Some(Duration::from_secs(40)),
        ..ReportedLimit::default()
    };
    limiter.correct(at(START), Category::Upload, &reported);
    assert_eq!(limiter.reserve(at(START), item(5)), Reservation::Granted);
    let (until, dimension) = waits_for(limiter.reserve(at(START), item(5)));
    assert_eq!(dimension, Dimension::UploadPerMinute);
    assert_eq!(until, START + 40 * SECOND);
    // Headers of a window that has ended change nothing.
    let stale = ReportedLimit {
        remaining: Some(0),
        reset_in: Some(Duration::ZERO),
        ..ReportedLimit::default()
    };
    let mut fresh = Limiter::new(developer());
    fresh.correct(at(START), Category::Upload, &stale);
    assert_eq!(fresh.reserve(at(START), item(5)), Reservation::Granted);
}

#[test]
fn a_reserve_is_left_to_others_and_used_by_them_first() {
    let limits = Limits {
        uploads_per_day: Some(100),
        ..Limits::UNLIMITED
    };
    let granted = |limiter: &mut Limiter| {
        let mut count = 0;
        while limiter.reserve(at(START), Cost::upload()) == Reservation::Granted {
            count += 1;
        }
        count
    };
    assert_eq!(granted(&mut Limiter::new(limits).with_reserve(0.05)), 95);
    let others = |used| {
        let mut limiter = Limiter::new(limits).with_reserve(0.05);
        let reported = ReportedLimit {
            limit: Some(100),
            used: Some(used),
            ..ReportedLimit::default()
        };
        limiter.correct(at(START), Category::Upload, &reported);
        granted(&mut limiter)
    };
    assert_eq!(others(4), 95);
    assert_eq!(others(30), 70);
    // An item larger than our share is granted in an empty window.
    let limits = Limits {
        minutes_per_hour: Some(10),
        ..Limits::UNLIMITED
    };
    let mut limiter = Limiter::new(limits).with_reserve(0.5);
    assert_eq!(limiter.reserve(at(START), item(600)), Reservation::Granted);
    let never = Reservation::Never {
        dimension: Dimension::VideoPerHour,
    };
    assert_eq!(limiter.reserve(at(START), item(601)), never);
}

#[test]
fn tasks_are_released_and_a_total_is_not() {
    let mut limiter = Limiter::new(Limits {
        concurrent_tasks: Some(2),
        total_minutes: Some(3),
        ..Limits::UNLIMITED
    });
    let minute = Cost::index(Duration::from_secs(60));
    for _ in 0..2 {
        assert_eq!(limiter.reserve(at(START), minute), Reservation::Granted);
    }
    let wait = Reservation::Wait {
        until: None,
        dimension: Dimension::ConcurrentTasks,
    };
    assert_eq!(limiter.reserve(at(START), minute), wait);
    limiter.release(1);
    assert_eq!(limiter.reserve(at(START), minute), Reservation::Granted);
    limiter.release(2);
    let never = Reservation::Never {
        dimension: Dimension::VideoTotal,
    };
    assert_eq!(limiter.reserve(at(START + 900_000 * SECOND), minute), never);
    // Nothing was sent for the last one.
    limiter.refund(minute);
    assert_eq!(limiter.reserve(at(START), minute), Reservation::Granted);
    limiter.set_running(2);
    assert_eq!(
        limiter.reserve(
            at(START),
            Cost {
                video: Duration::ZERO,
                ..minute
            }
        ),
        wait
    );
}

/// Grants as much as possible in the second that starts at `now`.
fn granted_at(limiter: &mut Limiter, now: i64) -> u64 {
    let mut count = 0;
    while count < 1000 && limiter.reserve(at(now), Cost::upload()) == Reservation::Granted {
        count += 1;
    }
    count
}
