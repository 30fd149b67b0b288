//! Plans that are not known, indexes that are full, and what a run learns from earlier ones, in
//! virtual time.

use std::time::Duration;

use tl_bulk::event::Event;
use tl_bulk::source::Entry;
use tl_bulk::{Capacity, Ending, Settings};
use tl_emulator::{Plan, Schedule};
use tl_ledger::State;
use tl_protocol::flow::StageTime;
use tl_protocol::limiter::Limits;

use crate::sim::{World, check};

/// The settings of an account whose plan is not known.
fn auto(world: &World) -> Settings {
    let mut limits = Limits::named("developer-1").unwrap();
    limits.concurrent_tasks = Some(50);
    let mut settings = world.settings(limits);
    settings.account = settings.account.with_learned_limits();
    settings
}

/// The share of the allowed rate that a run over 150 files uses, and how many requests are rejected.
async fn rate(plan: Plan, headers: &str) -> (f64, u64) {
    let world = World::with_quirk(plan, Schedule::INSTANT, ("rate-headers", headers)).await;
    let files = world.files(150);
    let (summary, _) = world.run(auto(&world), &files, None).await.unwrap();
    assert_eq!(summary.ending, Ending::Complete);
    world.check_exactly_once(150, headers).await;
    let allowed = plan.requests_per_minute.unwrap();
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let share = 149.0 / (world.upload_time().as_secs_f64() / 60.0) / allowed as f64;
    (share, summary.totals.rate_limited)
}

#[tokio::test(start_paused = true)]
async fn unknown_plan_is_learned_from_the_headers() {
    let base = "base = \"developer-1\"\nrequests_per_day = 12000\nrequests_per_minute = ";
    let custom = |rate: u64| Plan::from_toml(&format!("{base}{rate}")).unwrap();
    for (plan, headers) in [
        (Plan::named("developer-1").unwrap(), "both"),
        (Plan::named("developer-2").unwrap(), "old"),
        (Plan::named("developer-3").unwrap(), "both"),
        (Plan::named("developer-3").unwrap(), "new"),
        (custom(200), "both"),
        (custom(30), "both"),
    ] {
        let (share, rejected) = rate(plan, headers).await;
        let name = format!("{:?} per minute, {headers}", plan.requests_per_minute);
        assert!(share >= 0.9, "{name}: {:.1} % are used", share * 100.0);
        assert!(rejected <= 1, "{name}: {rejected} rejected");
    }
}

#[tokio::test(start_paused = true)]
async fn plan_without_headers_keeps_the_limits_of_the_smallest() {
    let plan = Plan::named("developer-1").unwrap();
    let (share, rejected) = rate(plan, "none").await;
    assert!(share >= 0.9, "{:.1} % are used", share * 100.0);
    assert_eq!(rejected, 0);
}

#[tokio::test(start_paused = true)]
async fn full_index_stops_only_its_own_items() {
    let world = World::new(Plan::UNLIMITED, Schedule::INSTANT).await;
    let other = world.new_index("series").await;
    let full = world.index.lock().unwrap().clone().unwrap();
    let files = world.files(9);
    let entries = |range: std::ops::Range<usize>, index: &tl_model::Index| {
        let files = files[range].iter();
        let entry = |path| Entry::file(path).with_index(index.id.as_str());
        files.map(entry).collect::<Vec<_>>()
    };
    let mut all = entries(0..6, &full);
    all.extend(entries(6..9, &other));
    let settings = |videos| {
        let mut settings = world.settings(Limits::UNLIMITED);
        settings.limits.jobs = 1;
        settings.report_unfinished = true;
        settings.capacity = Capacity::of_plan("free").map(|mut capacity| {
            capacity.videos = videos;
            capacity
        });
        settings
    };
    let run = world.run_entries(settings(3), all.clone(), None).await;
    let (summary, events) = run.unwrap();
    assert_eq!(summary.ending, Ending::IndexFull);
    assert_eq!(summary.full_indexes, [full.id.to_string()]);
    assert_eq!((summary.totals.ready, summary.totals.left()), (6, 3));
    let is_full = |event: &&Event| matches!(event, Event::IndexFull { .. });
    assert_eq!(events.iter().filter(is_full).count(), 1, "told once");
    assert_eq!(world.count("assets.create", None), 6, "no orphans");

    // Those that had no room are sent when there is some.
    let run = world.run_entries(settings(100), all, None).await;
    let (summary, _) = run.unwrap();
    assert_eq!(summary.ending, Ending::Complete);
    assert_eq!((summary.totals.ready, summary.totals.skipped), (3, 6));
    assert!(summary.full_indexes.is_empty());
}

#[tokio::test(start_paused = true)]
async fn worker_asks_a_full_index_again() {
    let world = World::new(Plan::UNLIMITED, Schedule::INSTANT).await;
    let files = world.files(3);
    let capacity = |videos| {
        Capacity::of_plan("free").map(|mut capacity| {
            capacity.videos = videos;
            capacity
        })
    };
    let mut settings = world.settings(Limits::UNLIMITED);
    settings.capacity = capacity(2);
    let (summary, _) = world.run(settings.clone(), &files, None).await.unwrap();
    assert_eq!(summary.ending, Ending::IndexFull);
    // The platform says that there is room, after the index was full for the worker.
    settings.limits.drain = false;
    settings.index = None;
    settings.capacity = capacity(2);
    let stop = tl_client::CancelHandle::new();
    let (run, events) = world.worker(settings, &stop);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(world.count("assets.create", None), 2);
    world.remove_videos(1).await;
    tokio::time::sleep(Duration::from_secs(700)).await;
    assert_eq!(world.count("assets.create", None), 3);
    stop.cancel();
    run.await.unwrap();
    let events = events.lock().unwrap();
    let full = events
        .iter()
        .filter(|record| matches!(record.event, Event::IndexFull { .. }));
    assert_eq!(full.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn later_runs_look_when_items_are_expected() {
    let mut schedule = Schedule::INSTANT;
    schedule.indexing = Duration::from_secs(60);
    let world = World::new(Plan::UNLIMITED, schedule).await;
    let files = world.files(6);
    let settings = || {
        let mut settings = world.settings(Limits::UNLIMITED);
        settings.check = Some(check());
        settings
    };
    world.run(settings(), &files[..5], None).await.unwrap();
    let looks = || world.count("indexes.indexed_assets.list", None);
    let first = looks();
    assert!(first >= 5, "{first} looks: nothing is known yet");
    let account = world.ledger().accounts().unwrap()[0].id;
    let times = world.ledger().stage_times(account, State::Indexing);
    let times = times.unwrap();
    assert_eq!(times.len(), 5);
    let is_right = |time: &StageTime| {
        (59..80).contains(&time.took.as_secs()) && time.video == Some(Duration::from_secs(5))
    };
    assert!(times.iter().all(is_right), "{times:?}");
    world.forget_requests();
    world.run(settings(), &files[5..], None).await.unwrap();
    assert!(looks() <= 2, "{} looks", looks());
}
