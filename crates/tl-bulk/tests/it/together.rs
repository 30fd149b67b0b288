//! What one process does when another changes the ledger, in virtual time: items that are added or
//! whose owner was killed, and webhooks.

use std::time::Duration;

use tl_bulk::Ending;
use tl_bulk::event::{Event, Record};
use tl_client::CancelHandle;
use tl_emulator::{Plan, Schedule};
use tl_protocol::limiter::Limits;

use crate::sim::{Hang, World};

/// Waits until as many items are ready.
async fn until_ready(events: &std::sync::Mutex<Vec<Record>>, count: usize) {
    let is_ready = |record: &&Record| matches!(record.event, Event::ItemReady(_));
    while events.lock().unwrap().iter().filter(is_ready).count() < count {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn worker_takes_items_that_another_process_adds_within_a_second() {
    let world = World::new(Plan::UNLIMITED, Schedule::INSTANT).await;
    let files = world.files(5);
    let stop = CancelHandle::new();
    let mut settings = world.settings(Limits::UNLIMITED);
    settings.limits.drain = false;
    let (worker, events) = world.worker(settings, &stop);
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!(world.requests(), 0, "nothing to do");
    // It adds the items, and may not upload them.
    let mut settings = world.settings(Limits::UNLIMITED);
    settings.limits.max_items = Some(0);
    let added = world.elapsed();
    let (summary, _) = world.run(settings, &files, None).await.unwrap();
    assert_eq!(summary.totals.uploaded, 0);
    until_ready(&events, 5).await;
    let took = world.last_upload() - added;
    assert!(took <= Duration::from_secs(1), "{took:?}");
    stop.cancel();
    assert_eq!(worker.await.unwrap().ending, Ending::Stopped);
    world.check_exactly_once(5, "added").await;
}

#[tokio::test(start_paused = true)]
async fn items_of_a_killed_worker_are_claimed_within_the_lease() {
    let lease = Duration::from_secs(6);
    let world = World::new(Plan::UNLIMITED, Schedule::INSTANT).await;
    let files = world.files(8);
    let stop = CancelHandle::new();
    let settings = || {
        let mut settings = world.settings(Limits::UNLIMITED);
        settings.limits.jobs = 8;
        settings.lease = lease;
        settings
    };
    let uploads = 8;
    *world.hang.lock().unwrap() = Some(Hang {
        uploads,
        processed: 2,
    });
    assert!(world.run(settings(), &files, None).await.is_none());
    let killed = world.now();
    *world.hang.lock().unwrap() = None;
    let mut worker = settings();
    worker.limits.drain = false;
    // It has entered before the process was killed: only the leases tell it.
    world.remove_locks();
    let (worker, events) = world.worker(worker, &stop);
    until_ready(&events, 8).await;
    stop.cancel();
    worker.await.unwrap();
    let claims: Vec<Duration> = events
        .lock()
        .unwrap()
        .iter()
        .filter(|record| matches!(record.event, Event::ItemInDoubt(_)))
        .map(|record| Duration::try_from(record.at.duration_since(killed)).unwrap())
        .collect();
    assert!(claims.len() >= 8, "{claims:?}");
    let first = &claims[..8];
    let (least, most) = (first.iter().min().unwrap(), first.iter().max().unwrap());
    assert!(
        *least > Duration::from_secs(3),
        "before the lease has ended: {least:?}"
    );
    assert!(*most <= lease + Duration::from_millis(50), "{most:?}");
    world.check_exactly_once(8, "killed").await;
}

/// Indexing takes 101 seconds. Returns how long a run over three files takes, if `deliver` records
/// this many webhooks when their videos are ready, each `times` times.
async fn run_with_webhooks(deliver: usize, times: usize) -> (Duration, usize) {
    let mut schedule = Schedule::INSTANT;
    schedule.indexing = Duration::from_secs(101);
    let world = World::new(Plan::UNLIMITED, schedule).await;
    let files = world.files(3);
    let settings = world.settings(Limits::UNLIMITED);
    let webhooks = {
        let world = std::sync::Arc::clone(&world);
        async move {
            tokio::time::sleep(Duration::from_secs(103)).await;
            for number in 0..deliver {
                for _ in 0..times {
                    let mut ledger = world.ledger();
                    let event = format!("whe_{number}");
                    ledger.record_event(world.now(), &event, None).unwrap();
                }
            }
            std::future::pending::<()>().await;
        }
    };
    let started = world.elapsed();
    tokio::select! {
        ended = world.run(settings, &files, None) => {
            assert_eq!(ended.unwrap().0.totals.ready, 3);
        }
        () = webhooks => {}
    }
    let took = world.elapsed() - started;
    world.check_exactly_once(3, "webhooks").await;
    (took, world.count("indexes.indexed_assets.list", None))
}

#[tokio::test(start_paused = true)]
async fn webhooks_bring_the_watch_forward_and_are_not_needed() {
    let (without, looks) = run_with_webhooks(0, 0).await;
    let (with, looks_with) = run_with_webhooks(3, 1).await;
    let (doubled, looks_doubled) = run_with_webhooks(3, 4).await;
    let (lost, _) = run_with_webhooks(1, 1).await;
    let at_once = Duration::from_millis(103_300);
    for took in [with, doubled, lost] {
        assert!(took <= at_once, "{took:?}");
    }
    assert!(without > at_once + Duration::from_secs(1), "{without:?}");
    assert!(looks_with <= looks + 1, "{looks_with} looks, not {looks}");
    assert_eq!(looks_doubled, looks_with);
}

#[tokio::test(start_paused = true)]
async fn limits_and_lost_leases_are_reported() {
    let mut schedule = Schedule::INSTANT;
    schedule.indexing = Duration::from_secs(120);
    let world = World::new(Plan::UNLIMITED, schedule).await;
    let files = world.files(4);
    let mut limits = Limits::UNLIMITED;
    limits.uploads_per_day = Some(100);
    limits.concurrent_tasks = Some(50);
    let settings = world.settings(limits);
    let thief = {
        let world = std::sync::Arc::clone(&world);
        async move {
            tokio::time::sleep(Duration::from_secs(20)).await;
            // Another process claims the items, as after a lease that expired.
            let mut ledger = world.ledger();
            for owner in ledger.owners(world.now()).unwrap() {
                ledger.release_owner(&owner).unwrap();
            }
            std::future::pending::<()>().await;
        }
    };
    let events = tokio::select! {
        ended = world.run(settings, &files, None) => ended.unwrap().1,
        () = thief => unreachable!("it is pending"),
    };
    let mut metrics = tl_bulk::metrics::Metrics::new();
    for event in &events {
        metrics.record(&Record::new(world.now(), event.clone()));
    }
    let text = metrics.render();
    assert!(text.contains("tl_lease_lost_total 4\n"), "{text}");
    let level = "tl_bucket_level{dim=\"upload_per_day\"} 0.04\n";
    assert!(text.contains(level), "{text}");
    world.check_exactly_once(4, "lost").await;
}
