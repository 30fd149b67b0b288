//! Tests of the exact bounds: of claims, budgets, waits and errors.

use super::*;

const DAY: Dimension = Dimension::UploadPerDay;

/// A run whose kinds were all asked at the time 0 and had nothing.
fn idle(limits: Limits) -> Scheduler {
    let mut scheduler = Scheduler::new(limits);
    scheduler.sources_read();
    for work in Work::ALL {
        scheduler.on_claimed(at(0), work, Claimed::default());
    }
    scheduler
}

fn next_claim(scheduler: &mut Scheduler, now: u64) -> Option<(Work, u32)> {
    match scheduler.next(at(now)) {
        Action::Claim { work, limit } => Some((work, limit)),
        _ => None,
    }
}

#[test]
fn each_kind_of_work_is_claimed_up_to_its_own_bound() {
    let limits = Limits {
        jobs: 3,
        checks: 2,
        in_flight: 7,
        ..Limits::default()
    };
    let bound = |work, before: u32| {
        let mut scheduler = idle(limits.clone());
        scheduler.on_claimed(at(0), work, Claimed::items(before));
        // There may be more, so it is asked again at once.
        next_claim(&mut scheduler, 0).map(|(claimed, limit)| {
            assert_eq!(claimed, work);
            limit
        })
    };
    assert_eq!(bound(Work::Resume, 1), Some(49));
    assert_eq!(bound(Work::Index, 1), Some(7));
    assert_eq!(bound(Work::Index, 8), None);
    assert_eq!(bound(Work::Upload, 1), Some(2));
    assert_eq!(bound(Work::Upload, 3), None);
    assert_eq!(bound(Work::Check, 1), Some(1));
    assert_eq!(bound(Work::Check, 2), None);
    // Adopted items are waited for, and not worked on.
    let mut scheduler = idle(limits);
    for _ in 0..5 {
        scheduler.on_waiting();
    }
    scheduler.on_due(at(0), Work::Adopt);
    assert_eq!(next_claim(&mut scheduler, 0), Some((Work::Adopt, 2)));
}

#[test]
fn everything_that_is_sent_or_waits_is_in_flight() {
    let mut scheduler = Scheduler::new(Limits::default());
    let mut items = 1;
    for work in Work::ALL {
        scheduler.on_claimed(at(0), work, Claimed::items(items));
        items *= 10;
    }
    for _ in 0..3 {
        scheduler.on_waiting();
    }
    // Resumed, indexed and uploaded ones; neither adopted nor checked ones.
    assert_eq!(scheduler.in_flight(), 1 + 100 + 1000 + 3);
    assert_eq!(scheduler.active(), 11_111);
    scheduler.on_waited(at(0));
    assert_eq!(scheduler.in_flight(), 1103);
}

#[test]
fn budgets_are_used_up_to_the_last_unit() {
    let minutes = |minutes: u64| Some(Duration::from_secs(60 * minutes));
    let limits = |change: fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        Scheduler::new(limits)
    };
    let mut of_video = limits(|limits| limits.max_video = Some(Duration::from_secs(180)));
    assert!(of_video.allows(minutes(1), 1) && of_video.allows(minutes(2), 1));
    assert_eq!(of_video.ending(), None);
    // The duration is unknown: only the other budgets count.
    assert!(of_video.allows(None, 1));
    assert!(!of_video.allows(Some(Duration::from_nanos(1)), 1));
    let budget = Budget::Minutes;
    assert_eq!(of_video.ending(), Some(Ending::Budget { budget }));
    let mut of_bytes = limits(|limits| limits.max_bytes = Some(10));
    assert!(of_bytes.allows(minutes(1), 4) && of_bytes.allows(minutes(1), 6));
    assert!(!of_bytes.allows(minutes(1), 1));
    let budget = Budget::Bytes;
    assert_eq!(of_bytes.ending(), Some(Ending::Budget { budget }));
}

#[test]
fn refused_item_does_not_use_a_budget() {
    let mut scheduler = Scheduler::new(Limits {
        max_items: Some(2),
        max_bytes: Some(10),
        ..Limits::default()
    });
    assert!(!scheduler.allows(None, 11));
    assert!(scheduler.allows(None, 10));
    assert!(scheduler.allows(None, 0));
    assert!(!scheduler.allows(None, 0));
}

#[test]
fn a_run_ends_with_the_last_allowed_error() {
    let mut scheduler = Scheduler::new(Limits {
        max_errors: Some(2),
        ..Limits::default()
    });
    scheduler.on_failed();
    assert_eq!(scheduler.ending(), None);
    scheduler.on_failed();
    assert_eq!(scheduler.ending(), Some(Ending::Errors));
    let mut unlimited = Scheduler::new(Limits::default());
    (0..1000).for_each(|_| unlimited.on_failed());
    assert_eq!(unlimited.ending(), None);
}

#[test]
fn the_first_reason_counts_unless_the_caller_stops() {
    let mut scheduler = Scheduler::new(Limits::default());
    scheduler.stop(Ending::IndexFull);
    scheduler.stop(Ending::Errors);
    assert_eq!(scheduler.ending(), Some(Ending::IndexFull));
    scheduler.stop(Ending::Stopped);
    assert_eq!(scheduler.ending(), Some(Ending::Stopped));
}

#[test]
fn time_of_a_run_is_waited_for_and_ends_it() {
    let mut scheduler = idle(Limits {
        max_time: Some(at(10)),
        ..Limits::default()
    });
    scheduler.on_waiting();
    let wait = |seconds| Action::Wait {
        until: Some(at(seconds)),
    };
    assert_eq!(scheduler.next(at(9)), wait(10));
    // What is due earlier is not delayed.
    scheduler.on_claimed(at(9), Work::Check, Claimed::default().with_next_due(at(5)));
    assert_eq!(next_claim(&mut scheduler, 9), Some((Work::Check, 4)));
    scheduler.on_claimed(at(1), Work::Check, Claimed::default().with_next_due(at(5)));
    assert_eq!(scheduler.next(at(1)), wait(5));
    let budget = Budget::Time;
    scheduler.next(at(10));
    assert_eq!(scheduler.ending(), Some(Ending::Budget { budget }));
    scheduler.on_waited(at(11));
    assert_eq!(
        claim(&mut scheduler, 11, |_| 0),
        Action::End(Ending::Budget { budget })
    );
}

#[test]
fn due_items_are_claimed_at_the_earliest_time() {
    let mut scheduler = idle(Limits::default());
    scheduler.on_due(at(20), Work::Check);
    scheduler.on_due(at(10), Work::Check);
    scheduler.on_due(at(30), Work::Check);
    scheduler.on_due(at(15), Work::Upload);
    let wait = |seconds| Action::Wait {
        until: Some(at(seconds)),
    };
    assert_eq!(scheduler.next(at(9)), wait(10));
    assert_eq!(next_claim(&mut scheduler, 10), Some((Work::Check, 4)));
}

#[test]
fn a_quota_is_longer_than_two_minutes_and_is_not_shortened() {
    let limited = |until| {
        let mut scheduler = idle(Limits::default());
        let claimed = Claimed::items(0).with_wait(Some(at(until)), DAY);
        scheduler.on_claimed(at(0), Work::Upload, claimed);
        scheduler.on_due(at(1), Work::Upload);
        next_claim(&mut scheduler, 1)
    };
    assert_eq!(limited(120), Some((Work::Upload, 4)));
    assert_eq!(limited(121), None);
}

#[test]
fn an_ended_item_makes_room_for_a_limit_of_tasks_and_not_for_a_quota() {
    let after = |until: Option<u64>| {
        let mut scheduler = idle(Limits::default());
        scheduler.on_waiting();
        let claimed = Claimed::items(0).with_wait(until.map(at), DAY);
        scheduler.on_claimed(at(0), Work::Upload, claimed);
        assert_eq!(next_claim(&mut scheduler, 1), None);
        scheduler.on_waited(at(1));
        next_claim(&mut scheduler, 1)
    };
    assert_eq!(after(None), Some((Work::Upload, 4)));
    assert_eq!(after(Some(3600)), None);
    // Nothing is due, so nothing is asked for.
    let mut scheduler = idle(Limits::default());
    scheduler.on_waiting();
    scheduler.on_waited(at(1));
    assert_eq!(scheduler.next(at(1)), Action::End(Ending::Complete));
}

#[test]
fn changes_of_others_matter_only_for_what_was_not_found() {
    let mut scheduler = idle(Limits::default());
    assert!(!scheduler.waits_for_others(), "nothing is due later");
    scheduler.on_waiting();
    let until = Claimed::items(0).with_wait(Some(at(60)), DAY);
    scheduler.on_claimed(at(0), Work::Upload, until);
    scheduler.on_change(at(5));
    // A pacing limit does not go away because of it; the other kinds are asked again.
    let mut claimed = Vec::new();
    while let Some((work, _)) = next_claim(&mut scheduler, 5) {
        claimed.push(work);
        scheduler.on_claimed(at(5), work, Claimed::default());
    }
    let others = [Work::Resume, Work::Adopt, Work::Index, Work::Check];
    assert_eq!(claimed, others);
    assert!(!scheduler.waits_for_others());
    // Items of another process have a lease.
    let leased = Claimed::default().with_next_due(at(60));
    scheduler.on_claimed(at(5), Work::Check, leased);
    assert!(scheduler.waits_for_others());
    scheduler.on_change(at(6));
    assert_eq!(next_claim(&mut scheduler, 6), Some((Work::Resume, 50)));
    scheduler.stop(Ending::IndexFull);
    assert!(!scheduler.waits_for_others());
    let worker = idle(Limits {
        drain: false,
        ..Limits::default()
    });
    assert!(worker.waits_for_others());
}

#[test]
fn a_limit_that_an_item_must_free_is_asked_for_again_after_a_while() {
    let mut scheduler = idle(Limits::default());
    scheduler.on_waiting();
    let claimed = Claimed::items(0).with_wait(None, Dimension::ConcurrentTasks);
    scheduler.on_claimed(at(0), Work::Upload, claimed);
    let until = Some(OTHERS);
    assert_eq!(scheduler.next(at(0)), Action::Wait { until });
}

#[test]
fn a_worker_claims_what_is_due_before_it_looks_again() {
    let worker = |due: Option<u64>| {
        let mut scheduler = idle(Limits {
            drain: false,
            ..Limits::default()
        });
        let claimed = Claimed {
            next_due: due.map(at),
            ..Claimed::default()
        };
        for work in Work::ALL {
            scheduler.on_claimed(at(0), work, claimed);
        }
        scheduler.next(at(0))
    };
    let wait = |until| Action::Wait { until: Some(until) };
    assert_eq!(worker(None), wait(OTHERS));
    assert_eq!(worker(Some(5)), wait(at(5)));
    assert_eq!(worker(Some(500)), wait(OTHERS));
}

#[test]
fn refused_key_and_passed_deadline_do_not_wait_for_the_platform() {
    for ending in [Ending::Stopped, Ending::KeyRefused, Ending::DeadlinePassed] {
        let mut scheduler = idle(Limits::default());
        scheduler.on_claimed(at(0), Work::Check, Claimed::items(1));
        scheduler.on_waiting();
        scheduler.stop(ending);
        assert!(matches!(scheduler.next(at(0)), Action::Wait { .. }));
        scheduler.on_ended(Work::Check);
        assert_eq!(scheduler.next(at(0)), Action::End(ending));
    }
    let mut scheduler = idle(Limits::default());
    scheduler.on_waiting();
    scheduler.stop(Ending::IndexFull);
    assert_eq!(scheduler.next(at(0)), Action::Wait { until: None });
}

#[test]
fn an_ending_run_waits_for_what_is_due_soon_and_not_for_a_quota() {
    let due = |seconds| {
        let mut scheduler = idle(Limits::default());
        let claimed = Claimed::default().with_next_due(at(seconds));
        scheduler.on_claimed(at(0), Work::Index, claimed);
        scheduler.stop(Ending::IndexFull);
        scheduler.next(at(0))
    };
    let until = Some(at(120));
    assert_eq!(due(120), Action::Wait { until });
    assert_eq!(due(121), Action::End(Ending::IndexFull));
}

#[test]
fn a_rejected_quota_stops_indexing_only_if_indexing_was_rejected() {
    let room = |rejected| {
        let mut scheduler = idle(Limits::default());
        scheduler.on_quota(rejected);
        Work::ALL.map(|work| scheduler.room(work))
    };
    assert_eq!(room(Work::Index), [0, 50, 0, 0, 0]);
    assert_eq!(room(Work::Resume), [0, 50, 0, 0, 0]);
    assert_eq!(room(Work::Upload), [50, 50, 8, 0, 0]);
}

#[test]
fn nothing_is_sent_before_everything_is_checked() {
    let limits = Limits {
        check_first: true,
        ..Limits::default()
    };
    let mut scheduler = Scheduler::new(limits);
    let sends = |work| matches!(work, Work::Resume | Work::Index | Work::Upload);
    let found = |scheduler: &mut Scheduler, checks: u32| {
        let mut sent = 0;
        let checks = std::cell::Cell::new(checks);
        claim(scheduler, 0, |work| match work {
            Work::Check => checks.take(),
            work => u32::from(sends(work)),
        });
        for work in [Work::Resume, Work::Index, Work::Upload] {
            sent += scheduler.kind(work).active;
        }
        sent
    };
    assert_eq!(found(&mut scheduler, 2), 0, "two are checked");
    scheduler.on_ended(Work::Check);
    scheduler.on_ended(Work::Check);
    assert_eq!(found(&mut scheduler, 0), 0, "more may be added");
    scheduler.on_due(at(0), Work::Check);
    scheduler.sources_read();
    assert_eq!(found(&mut scheduler, 1), 0, "the last one is checked");
    scheduler.on_ended(Work::Check);
    assert!(found(&mut scheduler, 0) > 0);
}

#[test]
fn a_check_that_is_due_later_is_not_waited_for() {
    let mut scheduler = Scheduler::new(Limits::default());
    scheduler.sources_read();
    scheduler.kind(Work::Check).at = Some(at(20));
    assert!(scheduler.has_checked_all(at(19)));
    assert!(!scheduler.has_checked_all(at(20)));
    scheduler.kind(Work::Check).at = None;
    assert!(scheduler.has_checked_all(at(20)));
}

#[test]
fn budget_is_compared_when_everything_is_checked() {
    let measured = |video: u64, unknown: u64| {
        let limits = Limits {
            budget: Some(at(600)),
            ..Limits::default()
        };
        let mut scheduler = Scheduler::new(limits);
        assert_ne!(claim(&mut scheduler, 0, |_| 0), Action::Measure);
        scheduler.sources_read();
        assert_eq!(claim(&mut scheduler, 0, |_| 0), Action::Measure);
        scheduler.on_measured(at(video), unknown);
        claim(&mut scheduler, 0, |work| u32::from(work == Work::Upload));
        (
            scheduler.ending(),
            scheduler.kind(Work::Upload).active.min(1),
        )
    };
    assert_eq!(measured(600, 0), (None, 1));
    for (video, unknown) in [(601, 0), (1, 1)] {
        let video_ms = video * 1000;
        let over = Ending::OverBudget { video_ms, unknown };
        assert_eq!(measured(video, unknown), (Some(over), 0));
    }
}

#[test]
fn a_lease_of_this_process_is_asked_for_again_once_it_is_idle() {
    let waits = |action| matches!(action, Action::Wait { .. });
    let not_yet = Claimed::default().with_next_due(at(1_000));
    let mut scheduler = idle(Limits::default());
    scheduler.on_claimed(at(0), Work::Upload, Claimed::items(2));
    scheduler.on_claimed(at(0), Work::Upload, Claimed::default());
    scheduler.on_claimed(at(0), Work::Index, not_yet);
    scheduler.on_ended(Work::Upload);
    // The other upload is still active.
    assert!(waits(scheduler.next(at(1))));
    scheduler.on_waiting();
    scheduler.on_ended(Work::Upload);
    // It is on the platform.
    assert!(waits(scheduler.next(at(2))));
    scheduler.on_waited(at(3));
    let mut asked = Vec::new();
    while let Action::Claim { work, .. } = scheduler.next(at(3)) {
        asked.push(work);
        let nothing = match work {
            Work::Index => not_yet,
            _ => Claimed::default(),
        };
        scheduler.on_claimed(at(3), work, nothing);
    }
    assert_eq!(asked.iter().filter(|work| **work == Work::Index).count(), 1);

    // It is asked once each time that the process becomes idle.
    scheduler.on_claimed(at(4), Work::Adopt, Claimed::items(1));
    scheduler.on_claimed(at(4), Work::Adopt, Claimed::default());
    assert!(waits(scheduler.next(at(4))));
    scheduler.on_ended(Work::Adopt);
    let claim = next_claim(&mut scheduler, 5);
    assert_eq!(claim, Some((Work::Index, 8)));
}
