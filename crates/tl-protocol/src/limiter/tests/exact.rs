//! Tests of exact values: names, presets, headers, the ends of waits, and what the clock moves.

use std::collections::BTreeSet;
use std::time::SystemTime;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::*;

const ALL: [Dimension; 8] = [
    Dimension::UploadPerMinute,
    Dimension::UploadPerDay,
    Dimension::IndexPerMinute,
    Dimension::IndexPerDay,
    Dimension::VideoPerHour,
    Dimension::VideoPerDay,
    Dimension::VideoTotal,
    Dimension::ConcurrentTasks,
];

fn level(limiter: &mut Limiter, now: i64, dimension: Dimension) -> Level {
    let levels = limiter.levels(at(now));
    *levels
        .iter()
        .find(|level| level.dimension == dimension)
        .unwrap()
}

fn grant(limiter: &mut Limiter, now: i64, cost: Cost, times: u32) {
    for _ in 0..times {
        assert_eq!(limiter.reserve(at(now), cost), Reservation::Granted);
    }
}

#[test]
fn dimensions_have_their_serialized_name_and_a_label_of_their_own() {
    for dimension in ALL {
        let name = serde_json::to_value(dimension).unwrap();
        assert_eq!(name, dimension.name());
    }
    let labels: BTreeSet<_> = ALL.map(Dimension::label).into();
    assert_eq!(labels.len(), 8);
    assert_eq!(Dimension::VideoPerHour.label(), "minutes of video per hour");
    let windows = ALL.map(|dimension| dimension.window().map(|window| window.as_secs()));
    let (minute, hour, day) = (Some(60), Some(3600), Some(86_400));
    assert_eq!(
        windows,
        [minute, day, minute, day, hour, day, None, None],
        "in the order of {ALL:?}"
    );
}

#[test]
fn plans_limit_each_dimension_in_its_own_unit() {
    let limits = Limits::named("developer-2").unwrap();
    let milliseconds = |minutes: u64| Some(minutes * 60_000);
    let expected = [
        Some(120),
        Some(6000),
        Some(120),
        Some(6000),
        milliseconds(1200),
        milliseconds(6000),
        None,
        Some(25),
    ];
    assert_eq!(ALL.map(|dimension| limits.of(dimension)), expected);
    let free = Limits::named("free").unwrap();
    assert_eq!(free.of(Dimension::VideoTotal), milliseconds(600));
    assert_eq!(free.of(Dimension::ConcurrentTasks), Some(5));
    assert_eq!(Limits::named("unlimited"), Some(Limits::UNLIMITED));
}

#[test]
fn a_cost_counts_in_its_own_dimensions_and_is_rounded_up() {
    let index = Cost::index(Duration::from_micros(1_000_001));
    let amounts = |cost: Cost| ALL.map(|dimension| cost.of(dimension));
    assert_eq!(amounts(Cost::upload()), [1, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(amounts(index), [0, 0, 1, 1, 1001, 1001, 1001, 1]);
    let both = Cost::upload().and(index).and(index);
    assert_eq!(amounts(both), [1, 1, 2, 2, 2001, 2001, 2001, 2]);
    let uses = |cost: Cost| ALL.map(|dimension| cost.uses(dimension));
    let [yes, no] = [true, false];
    assert_eq!(uses(Cost::upload()), [yes, yes, no, no, no, no, no, no]);
    // A video without a known duration is counted when its request is accepted.
    assert_eq!(
        uses(Cost::index(Duration::ZERO)),
        [no, no, yes, yes, yes, yes, yes, yes]
    );
    let video = Cost {
        index_requests: 0,
        tasks: 0,
        ..index
    };
    assert_eq!(uses(video), [no, no, no, no, yes, yes, yes, no]);
}

#[test]
fn headers_of_both_schemes_are_read() {
    let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let read = |headers: &[(&'static str, &str)]| {
        let pairs = headers.iter().map(|(name, value)| {
            let value = HeaderValue::from_str(value).unwrap();
            (HeaderName::from_static(name), value)
        });
        ReportedLimit::read(&HeaderMap::from_iter(pairs), wall)
    };
    assert!(read(&[]).is_empty() && read(&[("x-ratelimit-limit", "many")]).is_empty());
    let older = read(&[
        ("x-ratelimit-limit", "60"),
        ("x-ratelimit-remaining", "50"),
        ("x-ratelimit-used", " 10 "),
        ("x-ratelimit-reset", "1800000030"),
    ]);
    let expected = ReportedLimit {
        limit: Some(60),
        remaining: Some(50),
        used: Some(10),
        reset_in: Some(Duration::from_secs(30)),
    };
    assert_eq!(older, expected);
    assert!(!older.is_empty());
    let newer = read(&[
        ("x-ratelimit-request-remaining", "7"),
        ("x-ratelimit-request-reset", "1800000005"),
    ]);
    assert_eq!(newer.remaining, Some(7));
    assert_eq!(newer.reset_in, Some(Duration::from_secs(5)));
    let reset_in = |reset: u64, date| {
        let reset = reset.to_string();
        let mut headers = vec![("x-ratelimit-reset", &*reset)];
        headers.extend(date);
        read(&headers).reset_in.map(|reset_in| reset_in.as_secs())
    };
    // The clock of the response counts, and a window that has ended has no time left.
    let date = Some(("date", "Fri, 15 Jan 2027 08:00:10 GMT"));
    assert_eq!(reset_in(1_800_000_030, date), Some(20));
    assert_eq!(reset_in(1_799_999_999, None), Some(0));
    // A day and an hour at most.
    assert_eq!(reset_in(1_800_090_000, None), Some(90_000));
    assert_eq!(reset_in(1_800_090_001, None), None);
}

#[test]
fn the_length_of_a_block_tells_which_window_is_used_up() {
    let blocked = |category, retry_after: Option<u64>, reset_in: Option<u64>| {
        let mut limiter = Limiter::new(developer());
        let reported = ReportedLimit {
            reset_in: reset_in.map(Duration::from_secs),
            ..ReportedLimit::default()
        };
        let retry_after = retry_after.map(Duration::from_secs);
        let until = limiter.block(at(START), category, retry_after, &reported);
        let levels = limiter.levels(at(START));
        let [blocked] = levels
            .iter()
            .filter(|level| level.blocked_until.is_some())
            .collect::<Vec<_>>()[..]
        else {
            panic!("one dimension is blocked: {levels:?}");
        };
        assert_eq!(blocked.blocked_until, Some(until));
        let seconds = (until.as_microsecond() - START) / SECOND;
        (blocked.dimension, seconds)
    };
    use Dimension::{IndexPerDay, IndexPerMinute, UploadPerDay, UploadPerMinute, VideoPerHour};
    let upload = |seconds| blocked(Category::Upload, Some(seconds), None);
    assert_eq!(upload(60), (UploadPerMinute, 60));
    assert_eq!(upload(61), (UploadPerDay, 61));
    assert_eq!(upload(86_401), (UploadPerDay, 86_400));
    let index = |seconds| blocked(Category::Index, Some(seconds), None);
    assert_eq!(index(60), (IndexPerMinute, 60));
    assert_eq!(index(61), (VideoPerHour, 61));
    assert_eq!(index(3600), (VideoPerHour, 3600));
    assert_eq!(index(3601), (IndexPerDay, 3601));
    assert_eq!(blocked(Category::Index, None, None), (IndexPerMinute, 60));
    assert_eq!(
        blocked(Category::Index, None, Some(7000)),
        (IndexPerDay, 7000)
    );
    assert_eq!(
        blocked(Category::Index, Some(5), Some(7000)),
        (IndexPerMinute, 5)
    );
}

#[test]
fn a_shorter_block_does_not_end_a_longer_one() {
    let mut limiter = Limiter::new(developer());
    let mut block = |seconds| {
        let wait = Some(Duration::from_secs(seconds));
        let _ = limiter.block(at(START), Category::Upload, wait, &ReportedLimit::default());
        level(&mut limiter, START, Dimension::UploadPerMinute).blocked_until
    };
    assert_eq!(block(40), Some(at(START + 40 * SECOND)));
    assert_eq!(block(20), Some(at(START + 40 * SECOND)));
    let mut after = |seconds| {
        let now = START + seconds * SECOND;
        level(&mut limiter, now, Dimension::UploadPerMinute).blocked_until
    };
    assert_eq!(after(39), Some(at(START + 40 * SECOND)));
    assert_eq!(after(40), None);
}

#[test]
fn levels_show_what_is_used_of_what() {
    let mut limiter = Limiter::new(developer());
    limiter.set_running(3);
    grant(&mut limiter, START, item(5), 2);
    let levels = limiter.levels(at(START));
    let seen: Vec<_> = levels
        .iter()
        .map(|level| (level.dimension, level.used, level.limit))
        .collect();
    let expected = [2, 2, 2, 2, 10_000, 10_000, 10_000, 3];
    for (dimension, used) in ALL.into_iter().zip(expected) {
        let limit = developer().of(dimension);
        assert!(seen.contains(&(dimension, used, limit)), "{seen:?}");
    }
    assert_eq!(seen.len(), ALL.len());
}

#[test]
fn headers_are_about_the_window_whose_limit_or_end_they_name() {
    let lowered = |limit: Option<u64>, remaining, reset_in: Option<u64>| {
        let mut limiter = Limiter::new(developer());
        let reported = ReportedLimit {
            limit,
            remaining,
            used: None,
            reset_in: reset_in.map(Duration::from_secs),
        };
        limiter.correct(at(START), Category::Upload, &reported);
        let day = level(&mut limiter, START, Dimension::UploadPerDay).limit;
        let minute = level(&mut limiter, START, Dimension::UploadPerMinute).limit;
        let waits = match limiter.reserve(at(START), Cost::upload()) {
            Reservation::Wait { dimension, .. } => Some(dimension),
            _ => None,
        };
        (minute, day, waits)
    };
    let [minute, day] = [Dimension::UploadPerMinute, Dimension::UploadPerDay];
    let plan = (Some(60), Some(3000));
    // The limits of the plan are distinct, so the limit decides.
    assert_eq!(
        lowered(Some(60), Some(0), Some(7000)),
        (plan.0, plan.1, Some(minute))
    );
    assert_eq!(
        lowered(Some(3000), Some(0), Some(30)),
        (plan.0, plan.1, Some(day))
    );
    // Otherwise the end of the window does, with five seconds of tolerance.
    assert_eq!(
        lowered(None, Some(0), Some(65)),
        (plan.0, plan.1, Some(minute))
    );
    assert_eq!(
        lowered(None, Some(0), Some(66)),
        (plan.0, plan.1, Some(day))
    );
    assert_eq!(lowered(None, Some(0), None).2, Some(minute));
    assert_eq!(lowered(Some(8), None, Some(30)), (Some(8), plan.1, None));
    assert_eq!(lowered(Some(8), None, Some(300)), (plan.0, Some(8), None));
    // A limit is never raised, and 0 is no limit.
    assert_eq!(lowered(Some(100), None, Some(30)), (plan.0, plan.1, None));
    assert_eq!(lowered(Some(0), None, Some(30)), (plan.0, plan.1, None));
}

#[test]
fn the_share_for_others_is_between_none_and_nine_tenths() {
    let own = |share: f64| {
        let limits = Limits {
            uploads_per_day: Some(1000),
            ..Limits::UNLIMITED
        };
        let mut limiter = Limiter::new(limits).with_reserve(share);
        granted_at(&mut limiter, START)
    };
    assert_eq!(own(f64::NAN), 1000);
    assert_eq!(own(-1.0), 1000);
    assert_eq!(own(0.0), 1000);
    assert_eq!(own(0.0001), 999);
    assert_eq!(own(0.25), 750);
    assert_eq!(own(7.0), 100);
}

#[test]
fn unsent_requests_are_given_back_from_the_newest_slot_on() {
    let limits = Limits {
        uploads_per_day: Some(10),
        ..Limits::UNLIMITED
    };
    let hour = 3600 * SECOND;
    let used = |limiter: &mut Limiter, now| level(limiter, now, Dimension::UploadPerDay).used;
    let mut limiter = Limiter::new(limits);
    limiter.set_running(2);
    grant(&mut limiter, START, Cost::upload(), 4);
    grant(&mut limiter, START + hour, Cost::upload(), 3);
    let mut unsent = Cost::upload();
    unsent.uploads = 5;
    unsent.tasks = 1;
    limiter.refund(unsent);
    let now = START + hour;
    assert_eq!(used(&mut limiter, now), 2);
    assert_eq!(level(&mut limiter, now, Dimension::ConcurrentTasks).used, 1);
    // More than was granted leaves nothing.
    limiter.refund(unsent);
    assert_eq!(used(&mut limiter, now), 0);
    grant(&mut limiter, now, Cost::upload(), 10);
    assert_eq!(used(&mut limiter, now), 10);
}

#[test]
fn a_clock_that_is_set_back_moves_everything_with_it() {
    let back = |by: i64| {
        let now = START - by * SECOND;
        let mut limiter = Limiter::new(developer());
        grant(&mut limiter, START, Cost::upload(), 3);
        let (until, _) = waits_for(limiter.reserve(at(START), Cost::upload()));
        // 62 seconds for the 58 requests after the burst.
        assert_eq!(until - START, 1_068_966);
        let wait = Some(Duration::from_secs(40));
        let _ = limiter.block(at(START), Category::Index, wait, &ReportedLimit::default());
        let (until, _) = waits_for(limiter.reserve(at(now), Cost::upload()));
        let blocked = level(&mut limiter, now, Dimension::IndexPerMinute).blocked_until;
        let used = level(&mut limiter, now, Dimension::UploadPerMinute).used;
        assert_eq!(used, 3, "nothing is granted twice");
        (until - now, blocked.unwrap().as_microsecond() - now)
    };
    // Small differences are those of the clocks of callers: time stands still.
    assert_eq!(back(5), (6_068_966, 45 * SECOND));
    assert_eq!(back(6), (1_068_966, 40 * SECOND));
    assert_eq!(back(9000), (1_068_966, 40 * SECOND));
}

#[test]
fn windows_of_headers_move_with_the_clock() {
    let limits = Limits {
        uploads_per_day: Some(3),
        ..Limits::UNLIMITED
    };
    let wait = |remaining, back: i64| {
        let now = START - back;
        let mut limiter = Limiter::new(limits);
        let reported = ReportedLimit {
            limit: Some(3),
            remaining,
            used: None,
            reset_in: Some(Duration::from_secs(7200)),
        };
        limiter.correct(at(START), Category::Upload, &reported);
        if remaining.is_none() {
            grant(&mut limiter, START, Cost::upload(), 3);
        }
        let (until, _) = waits_for(limiter.reserve(at(now), Cost::upload()));
        (until - now) / SECOND
    };
    // Used up by this program, and by others.
    for remaining in [None, Some(0)] {
        assert_eq!(wait(remaining, 0), 7200, "{remaining:?}");
        assert_eq!(wait(remaining, 600 * SECOND), 7200, "{remaining:?}");
    }
}

#[test]
fn requests_of_others_are_expected_in_the_next_minute_too() {
    let mut limiter = Limiter::new(developer());
    let reported = ReportedLimit {
        limit: Some(60),
        used: Some(40),
        reset_in: Some(Duration::from_secs(30)),
        ..ReportedLimit::default()
    };
    limiter.correct(at(START), Category::Upload, &reported);
    // How many are granted in the minute that starts there, one every quarter of a second.
    let minute = |limiter: &mut Limiter, start: i64| {
        let times = (0..240).map(|quarter| START + start * SECOND + quarter * SECOND / 4);
        times
            .filter(|now| limiter.reserve(at(*now), Cost::upload()) == Reservation::Granted)
            .count()
    };
    // 40 and an eighth, because they do not send at exactly the same rate.
    assert_eq!(minute(&mut limiter.clone(), 30), 60 - 45);
    // None was seen in that minute: a quarter less is expected in the next one.
    assert_eq!(minute(&mut limiter.clone(), 90), 60 - 33);
    assert!(minute(&mut limiter.clone(), 1200) >= 54);
}

#[test]
fn highest_count_of_others_in_a_window_is_the_newest() {
    let mut limiter = Limiter::new(developer());
    let mut others = |used, reset_in| {
        let reported = ReportedLimit {
            limit: Some(60),
            used: Some(used),
            reset_in: Some(Duration::from_secs(reset_in)),
            ..ReportedLimit::default()
        };
        limiter.correct(at(START), Category::Upload, &reported);
        granted_at(&mut limiter.clone(), START)
    };
    assert_eq!(others(59, 40), 1);
    // Responses arrive in any order; the end of a window is a whole second.
    assert_eq!(others(10, 41), 1);
    assert_eq!(others(60, 39), 0);
}

#[test]
fn a_wait_is_the_longest_of_all_dimensions() {
    let first_of = |per_minute: u64, per_day: u64| {
        let mut limiter = Limiter::new(Limits {
            uploads_per_minute: Some(per_minute),
            uploads_per_day: Some(per_day),
            ..Limits::UNLIMITED
        });
        granted_at(&mut limiter, START);
        waits_for(limiter.reserve(at(START), Cost::upload())).1
    };
    // Both wait, and one of them until the day ends.
    assert_eq!(first_of(60, 2), Dimension::UploadPerDay);
    assert_eq!(first_of(60, 1_000_000), Dimension::UploadPerMinute);
    let mut limiter = Limiter::new(Limits {
        index_requests_per_day: Some(1),
        minutes_per_hour: Some(1),
        ..Limits::UNLIMITED
    });
    let minute = Cost::index(Duration::from_secs(60));
    grant(&mut limiter, START, minute, 1);
    let (until, dimension) = waits_for(limiter.reserve(at(START), minute));
    assert_eq!(dimension, Dimension::IndexPerDay);
    assert!(until > START + 3600 * SECOND);
}

#[test]
fn more_tasks_than_the_limit_never_fit_and_none_always_do() {
    let mut limiter = Limiter::new(Limits {
        concurrent_tasks: Some(3),
        ..Limits::UNLIMITED
    });
    let dimension = Dimension::ConcurrentTasks;
    let mut tasks = |running, tasks| {
        limiter.set_running(running);
        let cost = Cost {
            tasks,
            ..Cost::default()
        };
        limiter.reserve(at(START), cost)
    };
    let wait = Reservation::Wait {
        until: None,
        dimension,
    };
    assert_eq!(tasks(0, 3), Reservation::Granted);
    assert_eq!(tasks(1, 3), wait);
    assert_eq!(tasks(1, 4), Reservation::Never { dimension });
    assert_eq!(tasks(5, 2), wait);
    // Uploads use no task.
    assert_eq!(tasks(5, 0), Reservation::Granted);
}

#[test]
fn limits_to_start_with_can_be_changed_while_others_are_learned() {
    let mut limiter = Limiter::new(Limits::UNLIMITED);
    for name in ["developer-2", "free"] {
        let start = Limits::named(name).unwrap();
        limiter.learn_limits(start);
        assert_eq!(limiter.limits(), start, "{name}");
    }
}
