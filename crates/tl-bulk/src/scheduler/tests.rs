//! Tests of the scheduler.

use super::*;

mod bounds;

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Claims what the scheduler asks for; `found` says how many items there are of each kind.
fn claim(scheduler: &mut Scheduler, now: u64, found: impl Fn(Work) -> u32) -> Action {
    for _ in 0..100 {
        match scheduler.next(at(now)) {
            Action::Claim { work, limit } => {
                let items = found(work).min(limit);
                scheduler.on_claimed(at(now), work, Claimed::items(items));
            }
            other => return other,
        }
    }
    panic!("it claims without end");
}

#[test]
fn run_without_items_is_complete_when_the_sources_were_read() {
    let mut scheduler = Scheduler::new(Limits::default());
    let action = claim(&mut scheduler, 0, |_| 0);
    assert_eq!(action, Action::Wait { until: None });
    scheduler.sources_read();
    assert_eq!(scheduler.next(at(0)), Action::End(Ending::Complete));
}

#[test]
fn items_in_flight_are_bounded() {
    let limits = Limits {
        in_flight: 10,
        ..Limits::default()
    };
    let mut scheduler = Scheduler::new(limits);
    for second in 0..100 {
        let uploads = |work| u32::from(work == Work::Upload) * 100;
        claim(&mut scheduler, second, uploads);
        assert!(scheduler.in_flight() <= 10);
        let active = scheduler.kind(Work::Upload).active;
        assert!(active <= 4);
        // Uploads end, and the items wait on the platform.
        for _ in 0..active {
            scheduler.on_ended(Work::Upload);
            scheduler.on_waiting();
        }
        if second % 7 == 0 {
            scheduler.on_waited(at(second));
        }
    }
    assert_eq!(scheduler.in_flight(), 10);
}

#[test]
fn pacing_waits_and_quota_ends_the_run_if_asked() {
    let limit = |until| Claimed::items(0).with_wait(Some(at(until)), Dimension::UploadPerDay);
    for (until, ends) in [(60, false), (3600, true)] {
        let limits = Limits {
            wait_for_quota: false,
            ..Limits::default()
        };
        let mut scheduler = Scheduler::new(limits);
        scheduler.sources_read();
        scheduler.on_claimed(at(0), Work::Upload, limit(until));
        let action = claim(&mut scheduler, 0, |_| 0);
        match action {
            Action::End(Ending::Limit { .. }) => assert!(ends),
            other => {
                assert!(!ends);
                assert_eq!(
                    other,
                    Action::Wait {
                        until: Some(at(60))
                    }
                );
            }
        }
    }
}

#[test]
fn budget_finishes_what_is_on_the_platform() {
    let limits = Limits {
        max_items: Some(2),
        ..Limits::default()
    };
    let mut scheduler = Scheduler::new(limits);
    scheduler.sources_read();
    claim(&mut scheduler, 0, |work| {
        u32::from(work == Work::Upload) * 3
    });
    assert!(scheduler.allows(None, 1) && scheduler.allows(None, 1));
    assert!(!scheduler.allows(None, 1));
    for _ in 0..4 {
        scheduler.on_ended(Work::Upload);
    }
    scheduler.on_waiting();
    assert!(matches!(
        claim(&mut scheduler, 1, |_| 0),
        Action::Wait { .. }
    ));
    scheduler.on_waited(at(2));
    let ending = Ending::Budget {
        budget: Budget::Items,
    };
    assert_eq!(claim(&mut scheduler, 2, |_| 0), Action::End(ending));
}

#[test]
fn stop_does_not_wait_for_the_platform() {
    let mut scheduler = Scheduler::new(Limits::default());
    claim(&mut scheduler, 0, |work| u32::from(work == Work::Upload));
    scheduler.on_waiting();
    scheduler.stop(Ending::Stopped);
    assert_eq!(scheduler.next(at(0)), Action::Wait { until: None });
    for _ in 0..4 {
        scheduler.on_ended(Work::Upload);
    }
    assert_eq!(scheduler.next(at(0)), Action::End(Ending::Stopped));
}

#[test]
fn items_of_other_processes_are_waited_for() {
    let mut scheduler = Scheduler::new(Limits::default());
    scheduler.sources_read();
    let leased = Claimed::default().with_next_due(at(30));
    for work in Work::ALL {
        scheduler.on_claimed(at(0), work, leased);
    }
    assert_eq!(
        scheduler.next(at(0)),
        Action::Wait {
            until: Some(at(30))
        }
    );
    assert!(matches!(scheduler.next(at(30)), Action::Claim { .. }));
}

#[test]
fn worker_does_not_end_when_nothing_is_due() {
    let limits = Limits {
        drain: false,
        ..Limits::default()
    };
    let mut scheduler = Scheduler::new(limits);
    scheduler.sources_read();
    let action = claim(&mut scheduler, 0, |_| 0);
    let until = Some(OTHERS);
    assert_eq!(action, Action::Wait { until });
}

#[test]
fn own_leases_do_not_delay_the_end() {
    let mut scheduler = Scheduler::new(Limits::default());
    scheduler.sources_read();
    // The only item is claimed by this process until 30 s.
    scheduler.on_claimed(at(0), Work::Check, Claimed::items(1));
    for work in Work::ALL {
        scheduler.on_claimed(at(0), work, Claimed::default().with_next_due(at(30)));
    }
    assert!(matches!(scheduler.next(at(0)), Action::Wait { .. }));
    scheduler.on_ended(Work::Check);
    assert_eq!(
        claim(&mut scheduler, 1, |_| 0),
        Action::End(Ending::Complete)
    );
}

#[test]
fn quota_of_the_platform_ends_a_run_with_assets_to_index() {
    let mut scheduler = Scheduler::new(Limits::default());
    scheduler.sources_read();
    let now = Duration::ZERO;
    scheduler.on_claimed(now, Work::Index, Claimed::items(1));
    scheduler.on_ended(Work::Index);
    scheduler.on_quota(Work::Index);
    // The item is due again, and would be rejected again.
    scheduler.on_due(now, Work::Index);
    while let Action::Claim { work, .. } = scheduler.next(now) {
        assert!(!matches!(work, Work::Index | Work::Resume), "{work:?}");
        scheduler.on_claimed(now, work, Claimed::default());
    }
    assert_eq!(scheduler.next(now), Action::End(QUOTA));
}

#[test]
fn assets_are_indexed_after_the_quota_of_uploads_is_used() {
    let mut scheduler = Scheduler::new(Limits::default());
    scheduler.sources_read();
    let now = Duration::ZERO;
    scheduler.on_claimed(now, Work::Upload, Claimed::items(1));
    scheduler.on_ended(Work::Upload);
    scheduler.on_quota(Work::Upload);
    scheduler.on_due(now, Work::Index);
    let mut claimed = Vec::new();
    while let Action::Claim { work, .. } = scheduler.next(now) {
        claimed.push(work);
        scheduler.on_claimed(now, work, Claimed::default());
    }
    assert!(claimed.contains(&Work::Index), "{claimed:?}");
    assert!(!claimed.contains(&Work::Upload), "{claimed:?}");
}

const QUOTA: Ending = Ending::Limit {
    dimension: None,
    until: None,
};
