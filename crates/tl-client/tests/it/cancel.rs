//! One handle cancels a whole run, in every stage and with both clients.

use std::{
    io,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use tl_client::{
    CancelHandle, Checker, Config, Error, ErrorKind, Ingested, Input, Stage, blocking,
    protocol::{
        Source,
        endpoint::{GetAsset, ListAssets},
        flow::{WaitPolicy, upload::UploadSettings},
    },
    validate::{MediaFacts, ProbeError, Prober, Route},
};
use tl_emulator::Schedule;

use crate::{World, checker, good, runtime};

/// Maximum time from a cancel to the end of the run.
const PROMPTLY: Duration = Duration::from_millis(200);

/// A source that needs 8 s for its 800 bytes.
#[derive(Debug)]
struct Slow;

impl Source for Slow {
    fn name(&self) -> &str {
        "clip.mp4"
    }

    fn len(&self) -> u64 {
        800
    }

    fn read_at(&self, _: u64, buffer: &mut [u8]) -> io::Result<usize> {
        thread::sleep(Duration::from_millis(100));
        let count = buffer.len().min(10);
        buffer[..count].fill(1);
        Ok(count)
    }
}

fn slow() -> Input {
    Input::Source(Arc::new(Slow))
}

/// Cancels `run` after `delay`, and checks that it ends promptly.
fn cancel_after<R>(delay: Duration, cancel: impl FnOnce() + Send, run: impl FnOnce() -> R) -> R {
    thread::scope(|scope| {
        let canceled = scope.spawn(move || {
            thread::sleep(delay);
            let now = Instant::now();
            cancel();
            now
        });
        let result = run();
        let ended = Instant::now();
        let canceled = canceled.join().expect("no panic");
        let took = ended.checked_duration_since(canceled);
        let took = took.expect("it ended before the cancel");
        assert!(took <= PROMPTLY, "ended {took:?} after the cancel");
        result
    })
}

#[track_caller]
fn expect_canceled(result: Result<Ingested, Error>, stage: Option<Stage>) -> Box<Ingested> {
    let error = result.expect_err("it was canceled");
    let canceled = ErrorKind::Canceled;
    assert_eq!(error.kind(), canceled, "{error:?}");
    assert_eq!(error.stage(), stage, "{error:?}");
    assert!(!error.is_retryable());
    Box::new(error.reached().cloned().unwrap_or_default())
}

/// Runs an ingestion with each client, and cancels it by its own handle.
macro_rules! cancel_both {
    ($config:expr, $checker:expr, $delay:expr, |$client:ident, $handle:ident| $call:expr) => {{
        let $handle = CancelHandle::new();
        let from_outside = $handle.clone();
        let $client = blocking::Client::builder()
            .config(Config::clone(&$config))
            .checker($checker)
            .build()
            .expect("a client");
        let first = cancel_after($delay, move || from_outside.cancel(), || $call.run());
        let $handle = CancelHandle::new();
        let from_outside = $handle.clone();
        let $client = tl_client::Client::builder()
            .config(Config::clone(&$config))
            .checker($checker)
            .build()
            .expect("a client");
        let runtime = runtime();
        let second = cancel_after(
            $delay,
            move || from_outside.cancel(),
            || runtime.block_on($call.run()),
        );
        // Blocked reads of the source may go on for a moment.
        runtime.shutdown_background();
        [first, second]
    }};
}

const UNDER_WAY: Duration = Duration::from_millis(300);

#[test]
fn upload_in_one_request_is_canceled() {
    let world = World::new(good);
    for result in cancel_both!(world.config, checker(good), UNDER_WAY, |client, handle| {
        client
            .ingest(slow())
            .into_index(world.index_id.as_str())
            .cancel_by(&handle)
    }) {
        let reached = expect_canceled(result, Some(Stage::Upload));
        assert_eq!(reached.asset_id, None);
    }
    let client = blocking::Client::new(&world.config).expect("a client");
    let assets = client.assets().list(ListAssets::default()).expect("a list");
    assert!(assets.data.is_empty(), "{assets:?}");
}

#[test]
fn the_control_of_the_chunk_settings_cancels_every_route() {
    let world = World::new(good);
    for route in [Route::Asset, Route::Tasks, Route::Multipart] {
        let client = blocking::Client::new(&world.config).expect("a client");
        let settings = UploadSettings::default();
        let control = settings.control.clone();
        let result = cancel_after(
            UNDER_WAY,
            || control.cancel(),
            || {
                client
                    .with_checker(checker(good))
                    .ingest(slow())
                    .into_index(world.index_id.as_str())
                    .route(route)
                    .chunks(settings)
                    .run()
            },
        );
        expect_canceled(result, Some(Stage::Upload));
    }
}

#[test]
fn paused_upload_is_canceled_and_resumes_later() {
    let world = World::new(good);
    let runs = cancel_both!(world.config, checker(good), UNDER_WAY, |client, handle| {
        let settings = UploadSettings::default();
        settings.control.pause();
        client
            .ingest(world.file.path())
            .into_index(world.index_id.as_str())
            .route(Route::Multipart)
            .checkpoint(world.state.path())
            .chunks(settings)
            .cancel_by(&handle)
    });
    for result in runs {
        let reached = expect_canceled(result, Some(Stage::Upload));
        assert!(reached.upload_id.is_some(), "the session can be resumed");
    }
    assert_eq!(world.requests("multipart_upload.create").len(), 1);
    let client = blocking::Client::new(&world.config).expect("a client");
    let video = client
        .with_checker(checker(good))
        .ingest(world.file.path())
        .into_index(world.index_id.as_str())
        .route(Route::Multipart)
        .checkpoint(world.state.path())
        .wait(crate::poll_often())
        .run()
        .expect("it resumes");
    assert!(video.indexed_asset_id.is_some());
    assert_eq!(world.requests("multipart_upload.create").len(), 1);
}

#[test]
fn waiting_between_two_polls_is_canceled() {
    let world = World::with(good, |builder| {
        builder.schedule(Schedule::every(Duration::from_secs(600)))
    });
    let rarely = || {
        // The deadline is before the next poll: the cancel takes precedence.
        WaitPolicy::default()
            .with_first_interval(Duration::from_secs(60))
            .with_deadline(Duration::from_secs(50))
    };
    let delay = Duration::from_millis(1500);
    for result in cancel_both!(world.config, checker(good), delay, |client, handle| client
        .ingest(world.file.path())
        .into_index(world.index_id.as_str())
        .without_checkpoint()
        .wait(rarely())
        .cancel_by(&handle))
    {
        let reached = expect_canceled(result, Some(Stage::Processing));
        assert!(reached.asset_id.is_some(), "{reached:?}");
    }
}

#[test]
fn waiting_for_the_next_attempt_is_canceled() {
    let world = World::new(good);
    let faults = crate::bad_input::faults("assets.create status=503");
    world.emulator.set_faults(faults).expect("a plan");
    let mut config = world.config.clone();
    config.policy.base_delay = Duration::from_secs(30);
    config.policy.max_delay = Duration::from_secs(60);
    for result in cancel_both!(config, checker(good), UNDER_WAY, |client, handle| client
        .ingest(world.file.path())
        .into_index(world.index_id.as_str())
        .without_checkpoint()
        .cancel_by(&handle))
    {
        expect_canceled(result, Some(Stage::Upload));
    }
}

/// A prober that needs long for a file.
struct SlowProber;

impl Prober for SlowProber {
    fn probe_file(&self, _: std::fs::File, _: &str) -> Result<MediaFacts, ProbeError> {
        thread::sleep(Duration::from_secs(2));
        good()
    }
}

#[test]
fn local_check_is_canceled() {
    let world = World::new(good);
    let slow = || Checker::new(Arc::new(SlowProber));
    for result in cancel_both!(world.config, slow(), UNDER_WAY, |client, handle| client
        .ingest(world.file.path())
        .into_index(world.index_id.as_str())
        .cancel_by(&handle))
    {
        expect_canceled(result, None);
    }
    assert_eq!(world.sent(), 0);
}

#[test]
fn wait_alone_is_canceled() {
    let world = World::with(good, |builder| {
        builder.schedule(Schedule::every(Duration::from_secs(600)))
    });
    let client = blocking::Client::new(&world.config).expect("a client");
    let asset = client
        .with_checker(checker(good))
        .upload(world.file.path())
        .without_checkpoint()
        .without_waiting()
        .run()
        .expect("it is uploaded")
        .asset_id;
    let cancel = CancelHandle::new();
    let client = blocking::Client::new(&world.config).expect("a client");
    let client = client.cancel_by(&cancel);
    let policy = WaitPolicy::default().with_first_interval(Duration::from_secs(60));
    let error = cancel_after(
        UNDER_WAY,
        || cancel.cancel(),
        || client.wait(GetAsset::new(asset), policy),
    )
    .expect_err("it was canceled");
    assert_eq!(error.kind(), ErrorKind::Canceled, "{error:?}");
}

/// The names of this process's threads that belong to the blocking client.
#[cfg(target_os = "linux")]
fn client_threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux has it");
    tasks
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
        .filter(|name| name.starts_with("tl-http") || name.starts_with("tl-prepare"))
        .count()
}

#[cfg(target_os = "linux")]
#[test]
fn canceled_runs_leave_no_thread() {
    let world = World::new(good);
    let client = blocking::Client::new(&world.config)
        .expect("a client")
        .with_checker(checker(good));
    for route in [Route::Asset, Route::Multipart] {
        let cancel = CancelHandle::new();
        let result = cancel_after(
            UNDER_WAY,
            || cancel.cancel(),
            || {
                client
                    .upload(slow())
                    .route(route)
                    .cancel_by(&cancel)
                    .run()
                    .map(|_| Ingested::default())
            },
        );
        expect_canceled(result, Some(Stage::Upload));
    }
    let started = Instant::now();
    while client_threads() > 0 {
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "{} threads remain",
            client_threads()
        );
        thread::sleep(Duration::from_millis(20));
    }
}
