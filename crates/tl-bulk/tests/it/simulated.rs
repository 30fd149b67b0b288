//! Bulk ingestions in virtual time: limits, lost responses, and processes that end anywhere.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tl_bulk::event::Event;
use tl_bulk::{Budget, Ending};
use tl_emulator::{Plan, Schedule};
use tl_protocol::limiter::Limits;

use crate::sim::{Death, World, check};

/// A schedule with delays like those of the platform.
fn slow() -> Schedule {
    let mut schedule = Schedule::INSTANT;
    schedule.validating = Duration::from_secs(1);
    schedule.pending = Duration::from_secs(1);
    schedule.queued = Duration::from_secs(1);
    schedule.indexing = Duration::from_secs(20);
    schedule
}

/// The limits of a plan, with twice its tasks.
fn limits(plan: &str) -> Limits {
    let mut limits = Limits::named(plan).unwrap();
    limits.concurrent_tasks = limits.concurrent_tasks.map(|tasks| tasks * 2);
    limits
}

#[tokio::test(start_paused = true)]
async fn limits_are_used_and_not_exceeded() {
    let plan = Plan::named("developer-1").unwrap();
    let world = World::new(plan, slow()).await;
    let files = world.files(150);
    let settings = world.settings(limits("developer-1"));
    let (summary, _) = world.run(settings, &files, None).await.unwrap();
    assert_eq!(summary.ending, Ending::Complete);
    assert_eq!(summary.totals.ready, 150);
    world.check_exactly_once(150, "limits").await;
    // 60 per minute are allowed.
    let used = 149.0 / world.upload_time().as_secs_f64();
    assert!(used >= 0.9, "{:.1} % of the rate are used", used * 100.0);
    assert_eq!(summary.totals.rate_limited, 0);
    let creates =
        world.count("assets.create", None) + world.count("indexes.indexed_assets.create", None);
    assert_eq!(creates, 300);
    let requests = summary.totals.requests;
    assert!(
        requests <= 450,
        "{requests} requests: more than 2 creates and 1 read per item"
    );
}

#[tokio::test(start_paused = true)]
async fn foreign_use_of_the_key_ends_in_few_429() {
    // The run believes in more than the platform allows.
    let plan = Plan::named("developer-1").unwrap();
    let world = World::new(plan, slow()).await;
    let files = world.files(200);
    let settings = world.settings(limits("developer-3"));
    let (summary, _) = world.run(settings, &files, None).await.unwrap();
    assert_eq!(summary.totals.ready, 200);
    world.check_exactly_once(200, "foreign").await;
    assert!(
        summary.totals.rate_limited <= 20,
        "{} of 400",
        summary.totals.rate_limited
    );
}

#[tokio::test(start_paused = true)]
async fn lost_responses_are_looked_up() {
    let mut world = World::new(Plan::UNLIMITED, slow()).await;
    Arc::get_mut(&mut world).unwrap().lose_every = Some(7);
    let files = world.files(100);
    let settings = world.settings(Limits::UNLIMITED);
    let (summary, events) = world.run(settings, &files, None).await.unwrap();
    assert_eq!(summary.totals.ready, 100);
    assert!(summary.totals.settled >= 20, "{}", summary.totals.settled);
    let doubts = events
        .iter()
        .filter(|event| matches!(event, Event::ItemInDoubt(_)));
    assert!(doubts.count() >= 20);
    world.check_exactly_once(100, "lost").await;
}

/// Ends processes at seeded places until one completes.
async fn chaos(seed: u64, files: usize, checked: bool) {
    let world = World::new(Plan::UNLIMITED, slow()).await;
    let files = world.files(files);
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut random = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let mut deaths = Vec::new();
    for _ in 0..4 {
        let death = match random(4) {
            0 => Death::BeforeExchange(random(40)),
            1 => Death::AfterExchange(random(40)),
            2 => Death::BeforeCommit(random(80)),
            _ => Death::AfterCommit(random(80)),
        };
        deaths.push(death);
        let mut settings = world.settings(Limits::UNLIMITED);
        settings.check = checked.then(check);
        if world.run(settings, &files, Some(death)).await.is_some() {
            break;
        }
    }
    let mut settings = world.settings(Limits::UNLIMITED);
    settings.check = checked.then(check);
    let (summary, _) = world.run(settings, &files, None).await.unwrap();
    let context = format!("seed {seed}, {deaths:?}");
    assert_eq!(summary.ending, Ending::Complete, "{context}");
    world.check_exactly_once(files.len(), &context).await;
}

#[tokio::test(start_paused = true)]
async fn killed_processes_send_nothing_twice() {
    for seed in 0..24 {
        chaos(seed, 12, seed % 2 == 0).await;
    }
}

#[tokio::test(start_paused = true)]
async fn every_exchange_and_commit_of_one_item_is_survived() {
    for at in 0..8 {
        for death in [
            Death::BeforeExchange(at),
            Death::AfterExchange(at),
            Death::BeforeCommit(at),
            Death::BeforeCommit(at + 8),
            Death::AfterCommit(at),
            Death::AfterCommit(at + 8),
        ] {
            let world = World::new(Plan::UNLIMITED, slow()).await;
            let files = world.files(1);
            let settings = || world.settings(Limits::UNLIMITED);
            world.run(settings(), &files, Some(death)).await;
            let (summary, _) = world.run(settings(), &files, None).await.unwrap();
            assert_eq!(summary.ending, Ending::Complete, "{death:?}");
            world.check_exactly_once(1, &format!("{death:?}")).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn finished_run_sends_nothing() {
    let world = World::new(Plan::UNLIMITED, Schedule::INSTANT).await;
    let files = world.files(50);
    let settings = || world.settings(Limits::UNLIMITED);
    world.run(settings(), &files, None).await.unwrap();
    world.forget_requests();
    let (summary, _) = world.run(settings(), &files, None).await.unwrap();
    assert_eq!(summary.totals.skipped, 50);
    assert_eq!(world.requests(), 0);
}

#[tokio::test(start_paused = true)]
async fn budget_ends_a_run_and_the_next_continues() {
    let world = World::new(Plan::UNLIMITED, Schedule::INSTANT).await;
    let files = world.files(30);
    for ready in [12, 12, 6] {
        let mut settings = world.settings(Limits::UNLIMITED);
        settings.limits.max_items = Some(12);
        let (summary, _) = world.run(settings, &files, None).await.unwrap();
        let budget = Budget::Items;
        if ready == 12 {
            assert_eq!(summary.ending, Ending::Budget { budget });
        } else {
            assert_eq!(summary.ending, Ending::Complete);
        }
        assert_eq!(summary.totals.ready, ready);
    }
    world.check_exactly_once(30, "budget").await;
}

#[tokio::test(start_paused = true)]
async fn full_index_is_found_before_the_upload() {
    let world = World::new(Plan::named("free").unwrap(), Schedule::INSTANT).await;
    let files = world.files(130);
    let mut settings = world.settings(Limits::UNLIMITED);
    settings.capacity = tl_bulk::Capacity::of_plan("free");
    let (summary, _) = world.run(settings, &files, None).await.unwrap();
    assert_eq!(summary.ending, Ending::IndexFull);
    assert_eq!(summary.totals.ready, 100);
    // No asset without an index.
    world.check_exactly_once(100, "full").await;
}

#[tokio::test(start_paused = true)]
async fn quota_of_a_day_ends_the_run_or_is_waited_for() {
    let mut small = Limits::UNLIMITED;
    small.uploads_per_day = Some(20);
    for waits in [false, true] {
        let world = World::new(Plan::UNLIMITED, Schedule::INSTANT).await;
        let files = world.files(50);
        let started = world.now();
        let mut settings = world.settings(small);
        settings.limits.wait_for_quota = waits;
        let (summary, _) = world.run(settings, &files, None).await.unwrap();
        if waits {
            assert_eq!(summary.totals.ready, 50);
            // Two midnights.
            let hours = world.now().duration_since(started).as_hours();
            assert!((36..37).contains(&hours), "{hours} h");
        } else {
            assert!(matches!(
                summary.ending,
                Ending::Limit { until: Some(_), .. }
            ));
            assert_eq!(summary.totals.ready, 20);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn everything_is_checked_before_the_first_upload() {
    let world = World::new(Plan::UNLIMITED, slow()).await;
    let files = world.files(60);
    let mut settings = world.settings(Limits::UNLIMITED);
    let (check_one, platform) = (check(), Arc::clone(&world));
    let (checks, early) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (checked, sent_before) = (Arc::clone(&checks), Arc::clone(&early));
    settings.check = Some(Arc::new(move |path: &Path| {
        checked.fetch_add(1, Relaxed);
        sent_before.fetch_add(platform.count("assets.create", None), Relaxed);
        check_one(path)
    }));
    settings.limits.check_first = true;
    // 60 videos of 5 s.
    settings.limits.budget = Some(Duration::from_secs(300));
    let (summary, _) = world.run(settings, &files, None).await.unwrap();
    assert_eq!(summary.totals.ready, 60);
    assert_eq!((checks.load(Relaxed), early.load(Relaxed)), (60, 0));

    let world = World::new(Plan::UNLIMITED, slow()).await;
    let files = world.files(61);
    let mut settings = world.settings(Limits::UNLIMITED);
    settings.check = Some(check());
    settings.limits.budget = Some(Duration::from_secs(300));
    let (summary, _) = world.run(settings, &files, None).await.unwrap();
    let over = Ending::OverBudget {
        video_ms: 305_000,
        unknown: 0,
    };
    assert_eq!(summary.ending, over);
    assert_eq!(world.count("assets.create", None), 0);
}
