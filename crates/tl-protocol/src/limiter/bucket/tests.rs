//! Tests of one bucket with exact times and amounts.

use super::*;

const HOUR: i64 = 3600 * SECOND;
const DAY: i64 = 24 * HOUR;

fn minute() -> Rule {
    Rule::of(Dimension::UploadPerMinute)
}

fn day() -> Rule {
    Rule::of(Dimension::UploadPerDay)
}

fn share(limit: u64) -> Option<Share> {
    Bucket::default().share(Some(limit), 0)
}

/// A bucket in which so much was granted at a time.
fn used(rule: &Rule, now: i64, amount: u64) -> Bucket {
    let mut bucket = Bucket::default();
    bucket.take(rule, share(1000), now, amount);
    bucket
}

fn others(amount: u64, seen: u64, until: i64) -> Option<Foreign> {
    Some(Foreign {
        amount,
        seen,
        until,
    })
}

#[test]
fn windows_and_slots_of_each_rule() {
    let of = |dimension| {
        let rule = Rule::of(dimension);
        (rule.window / SECOND, rule.slot / SECOND)
    };
    assert_eq!(of(Dimension::IndexPerMinute), (60, 2));
    assert_eq!(of(Dimension::VideoPerHour), (3600, 120));
    assert_eq!(of(Dimension::VideoPerDay), (86_400, 3600));
}

#[test]
fn expected_use_by_others_ends_with_its_window_unless_it_is_paced() {
    let after = |rule: &Rule, foreign| {
        let mut bucket = Bucket {
            foreign,
            ..Bucket::default()
        };
        bucket.expire(rule, 0);
        bucket.foreign
    };
    assert_eq!(after(&day(), others(8, 8, 0)), None);
    assert_eq!(
        after(&minute(), others(8, 8, 0)),
        others(9, 0, minute().window)
    );
    assert_eq!(after(&minute(), others(3, 0, 0)), None);
    assert_eq!(after(&day(), others(8, 8, 1)), others(8, 8, 1));
}

#[test]
fn slots_expire_unless_the_count_is_never_reset() {
    let mut bucket = used(&minute(), 0, 5);
    bucket.expire(&minute(), minute().window + minute().slot);
    assert!(bucket.slots.is_empty());
    let total = Rule::of(Dimension::VideoTotal);
    let mut bucket = used(&total, 0, 5);
    bucket.expire(&total, 9 * DAY);
    assert_eq!(bucket.used(&total, 9 * DAY), 5);
}

#[test]
fn a_block_ends_at_its_time_and_nothing_costs_nothing() {
    let mut bucket = used(&day(), 0, 10);
    bucket.block(SECOND);
    let check = |now, amount| bucket.check(&day(), share(10), now, amount);
    assert_eq!(check(SECOND - 1, 0), Check::Wait(SECOND));
    assert_eq!(check(SECOND, 0), Check::Fits);
    assert_eq!(check(SECOND, 1), Check::Wait(DAY));
    assert_eq!(check(SECOND, 11), Check::Never);
    // A limit may be lowered below what was granted.
    assert_eq!(bucket.check(&day(), share(5), SECOND, 0), Check::Fits);
}

#[test]
fn a_slot_counts_until_it_expires() {
    let rule = Rule::of(Dimension::VideoPerHour);
    let end = rule.slot + rule.window;
    let bucket = used(&rule, 0, 10);
    assert_eq!(
        (bucket.used(&rule, end - 1), bucket.used(&rule, end)),
        (10, 0)
    );
    let check = |now| bucket.check(&rule, share(10), now, 1);
    assert_eq!(check(end - 1), Check::Wait(end));
    assert_eq!(check(end), Check::Fits);
}

#[test]
fn a_day_expires_at_the_end_that_a_header_named() {
    let mut bucket = Bucket::default();
    assert_eq!(bucket.expiry(&day(), 0), DAY);
    assert_eq!(bucket.expiry(&day(), 23 * HOUR), DAY);
    bucket.window_end = Some(2 * HOUR);
    assert_eq!(bucket.expiry(&day(), 0), 2 * HOUR);
    assert_eq!(bucket.expiry(&day(), HOUR), 2 * HOUR);
    assert_eq!(bucket.expiry(&day(), 2 * HOUR), 2 * HOUR + DAY);
}

#[test]
fn amounts_of_one_slot_are_added() {
    let mut bucket = used(&day(), 5, 1);
    bucket.take(&day(), share(10), 6, 2);
    assert_eq!(bucket.slots, [(0, 3)]);
    bucket.take(&day(), share(10), HOUR, 4);
    assert_eq!(bucket.slots, [(0, 3), (HOUR, 4)]);
}

#[test]
fn an_estimate_is_lowered_by_a_quarter_unless_it_is_blocked() {
    let lowered = |amount, blocked_until| {
        let mut bucket = used(&minute(), 0, amount);
        bucket.blocked_until = blocked_until;
        bucket.lower(&minute(), 0, None);
        bucket.estimate.map(|estimate| estimate.limit)
    };
    let estimates = [4, 5, 6, 7, 100].map(|amount| lowered(amount, None));
    assert_eq!(estimates, [3, 3, 4, 5, 75].map(Some));
    assert_eq!(lowered(100, Some(0)), Some(75));
    assert_eq!(lowered(100, Some(1)), None);
}

#[test]
fn an_estimate_is_raised_if_three_quarters_of_it_are_used() {
    let raised = |amount, now| {
        let mut bucket = used(&day(), 0, amount);
        bucket.estimate = Some(Estimate {
            limit: 100,
            step: 5,
            raise_at: SECOND,
        });
        bucket.raise(&day(), now);
        bucket.estimate.map(|estimate| estimate.limit)
    };
    assert_eq!(raised(74, SECOND), Some(100));
    assert_eq!(raised(75, SECOND), Some(105));
    assert_eq!(raised(75, SECOND - 1), Some(100));
}

#[test]
fn slots_that_end_with_the_window_before_are_not_counted() {
    let bucket = used(&day(), 0, 5);
    let since = |since| bucket.granted_since(&day(), since);
    assert_eq!((since(HOUR - 1), since(HOUR)), (5, 0));
}

#[test]
fn ends_of_days_that_differ_by_five_seconds_are_the_same() {
    let end = |reset| {
        let mut bucket = Bucket {
            window_end: Some(2 * HOUR),
            ..Bucket::default()
        };
        bucket.correct(&day(), 0, None, None, Some(reset));
        bucket.window_end.unwrap()
    };
    let known = 2 * HOUR;
    for later in [0, DAY, 3 * DAY] {
        for off in [-5 * SECOND, 0, 5 * SECOND] {
            assert_eq!(end(known + later + off), known, "{later} {off}");
        }
        for off in [-5 * SECOND - 1, 5 * SECOND + 1, HOUR] {
            let reset = known + later + off;
            assert_eq!(end(reset), reset, "{later} {off}");
        }
    }
}

#[test]
fn counts_of_others_belong_to_a_window_if_their_ends_are_close() {
    let window = minute().window;
    let corrected = |used, reset| {
        let mut bucket = Bucket {
            foreign: others(10, 10, DAY),
            ..Bucket::default()
        };
        bucket.correct(&minute(), 0, None, Some(used), Some(reset));
        bucket.foreign
    };
    let close = DAY + window / 2 - 1;
    assert_eq!(corrected(3, close), others(10, 10, DAY));
    assert_eq!(corrected(12, close), others(12, 12, DAY));
    let next = DAY + window / 2;
    assert_eq!(corrected(3, next), others(3, 3, next));
    // None in the next window says nothing about this one.
    assert_eq!(corrected(0, next), others(10, 10, DAY));
}
