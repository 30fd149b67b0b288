//! A process that is killed while many uploads have no response, in virtual time.

use std::sync::Arc;
use std::time::Duration;

use tl_bulk::{Ending, Settings};
use tl_emulator::{Plan, Schedule};
use tl_protocol::limiter::Limits;

use crate::sim::{Hang, World};

/// Uploads that have no response when the process is killed.
const IN_DOUBT: usize = 50;

fn settings(world: &World) -> Settings {
    let mut settings = world.settings(Limits::UNLIMITED);
    settings.limits.jobs = 50;
    settings.limits.in_flight = 200;
    settings
}

/// What the run after the kill needed.
struct Resumed {
    /// Until the last upload that was repeated arrived.
    uploads: Duration,
    /// Until everything was indexed.
    total: Duration,
    requests: usize,
    /// Requests that create nothing.
    reads: usize,
}

/// Kills a process with [`IN_DOUBT`] uploads in doubt, of which the platform has processed each
/// `processed`-th (0: none), `pause` before another resumes, which also
/// finds `others` new files.
async fn resume(
    lag: &str,
    processed: u64,
    pause: Duration,
    others: usize,
) -> (Arc<World>, Resumed) {
    let world = World::with_list_lag(Plan::UNLIMITED, Schedule::INSTANT, lag).await;
    let files = world.files(IN_DOUBT + others);
    let uploads = IN_DOUBT as u64;
    *world.hang.lock().unwrap() = Some(Hang { uploads, processed });
    let first = world.run(settings(&world), &files[..IN_DOUBT], None).await;
    assert!(first.is_none(), "the process was not killed");
    *world.hang.lock().unwrap() = None;
    tokio::time::sleep(pause).await;
    world.forget_requests();
    let started = world.elapsed();
    let (summary, _) = world.run(settings(&world), &files, None).await.unwrap();
    assert_eq!(summary.ending, Ending::Complete);
    assert_eq!(summary.totals.settled, uploads);
    world.check_exactly_once(files.len(), lag).await;
    let creates =
        world.count("assets.create", None) + world.count("indexes.indexed_assets.create", None);
    let requests = usize::try_from(summary.totals.requests).unwrap();
    let resumed = Resumed {
        uploads: world.last_upload().saturating_sub(started),
        total: world.elapsed() - started,
        requests,
        reads: requests - creates,
    };
    (world, resumed)
}

#[tokio::test(start_paused = true)]
async fn fifty_created_assets_are_adopted_within_three_seconds() {
    let (world, resumed) = resume("none", 1, Duration::from_millis(200), 0).await;
    assert_eq!(
        world.count("assets.create", None),
        0,
        "nothing is sent again"
    );
    assert!(
        resumed.total <= Duration::from_secs(3),
        "{:?}",
        resumed.total
    );
    assert!(resumed.requests <= 60, "{}", resumed.requests);
}

#[tokio::test(start_paused = true)]
async fn fifty_in_doubt_are_settled_within_three_seconds() {
    for pause in [0, 300, 10_000, 3_600_000] {
        let pause = Duration::from_millis(pause);
        let (world, resumed) = resume("none", 2, pause, 0).await;
        assert_eq!(
            world.count("assets.create", None),
            IN_DOUBT / 2,
            "{pause:?}"
        );
        // Beside the requests that create something.
        assert!(resumed.reads <= 20, "{pause:?}: {} reads", resumed.reads);
        // Nothing else says how much a list lags 10 seconds after the kill.
        let most = if pause == Duration::from_secs(10) {
            6
        } else {
            3
        };
        let most = Duration::from_secs(most);
        assert!(resumed.uploads <= most, "{pause:?}: {:?}", resumed.uploads);
    }
}

/// The most requests that 50 uploads in doubt can need: each is sent again and indexed.
#[tokio::test(start_paused = true)]
async fn fifty_that_were_not_created_need_no_more_than_their_creates_and_twenty_reads() {
    for pause in [0, 10_000] {
        let pause = Duration::from_millis(pause);
        let (world, resumed) = resume("none", 0, pause, 0).await;
        assert_eq!(world.count("assets.create", None), IN_DOUBT, "{pause:?}");
        assert!(resumed.reads <= 20, "{pause:?}: {} reads", resumed.reads);
        let most = 2 * IN_DOUBT + 20;
        assert!(resumed.requests <= most, "{pause:?}: {}", resumed.requests);
    }
}

#[tokio::test(start_paused = true)]
async fn lists_that_lag_are_waited_for_and_other_items_go_on() {
    for pause in [0, 5_000, 25_000] {
        let pause = Duration::from_millis(pause);
        let (world, resumed) = resume("30s", 2, pause, 30).await;
        assert_eq!(
            world.count("assets.create", None),
            IN_DOUBT / 2 + 30,
            "{pause:?}"
        );
        let longest = Duration::from_secs(46).saturating_sub(pause);
        assert!(
            resumed.uploads <= longest,
            "{pause:?}: {:?}",
            resumed.uploads
        );
        assert!(resumed.reads <= 60, "{pause:?}: {} reads", resumed.reads);
    }
}

#[tokio::test(start_paused = true)]
async fn new_uploads_show_that_a_list_does_not_lag() {
    // Ten seconds after the kill, no listed asset is young; those of this run are.
    let (_, resumed) = resume("none", 2, Duration::from_secs(10), 30).await;
    assert!(
        resumed.uploads <= Duration::from_secs(3),
        "{:?}",
        resumed.uploads
    );
}

/// A 503 should mean that nothing was done. What was done all the same is not done again.
async fn exactly_once_after_503(operation: &str, after_work: bool) {
    let world = World::new(Plan::UNLIMITED, Schedule::INSTANT).await;
    let fault = serde_json::json!({
        "operation": operation, "nth": [1, 3], "status": 503, "after_work": after_work,
    });
    let faults = serde_json::json!({ "faults": [fault] });
    world.inject(&faults.to_string());
    let files = world.files(4);
    let ended = world.run(settings(&world), &files, None).await;
    let (summary, _) = ended.expect("the process was not killed");
    assert_eq!(summary.ending, Ending::Complete);
    world.check_exactly_once(4, "503").await;
}

#[tokio::test(start_paused = true)]
async fn asset_that_was_indexed_with_a_503_is_not_indexed_again() {
    exactly_once_after_503("indexes.indexed_assets.create", true).await;
}

#[tokio::test(start_paused = true)]
async fn file_that_was_uploaded_with_a_503_is_not_uploaded_again() {
    exactly_once_after_503("assets.create", true).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_503_did_not_create_is_sent_again() {
    for operation in ["assets.create", "indexes.indexed_assets.create"] {
        exactly_once_after_503(operation, false).await;
    }
}
