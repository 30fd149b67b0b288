//! One call that checks, uploads and waits, in both colours, against the emulator. Media is "read" by a prober that says
//! what a test wants, on both sides.

use std::{
    fs::File,
    io::Write,
    sync::{Arc, Mutex},
    time::Duration,
};

use tempfile::NamedTempFile;
use tl_client::{
    Checker, Client, Config, Error, ErrorKind, Event, Ingested, Input, blocking,
    model::{IndexModel, ModelOption, NewIndex},
    protocol::{self, flow::WaitPolicy},
    validate::{MediaFacts, ProbeError, ProbeErrorKind, Prober, VideoStream},
};
use tl_emulator::Emulator;

/// Says of every file what it was made with.
struct Says(fn() -> Result<MediaFacts, ProbeError>);

impl Prober for Says {
    fn probe_file(&self, _: File, _: &str) -> Result<MediaFacts, ProbeError> {
        (self.0)()
    }
}

fn facts(width: u32, height: u32, seconds: f64) -> MediaFacts {
    MediaFacts {
        file_size_bytes: 1000,
        duration_seconds: Some(seconds),
        video_streams: vec![VideoStream {
            codec: "h264".into(),
            width,
            height,
            duration_seconds: Some(seconds),
            ..VideoStream::default()
        }],
        ..MediaFacts::default()
    }
}

fn good() -> Result<MediaFacts, ProbeError> {
    Ok(facts(640, 360, 8.0))
}

fn small() -> Result<MediaFacts, ProbeError> {
    Ok(facts(320, 180, 8.0))
}

fn broken() -> Result<MediaFacts, ProbeError> {
    Err(ProbeError::new(
        ProbeErrorKind::HelperFailed,
        "clip.mp4",
        "it died",
    ))
}

/// An emulator, an index in it, and a file to send.
struct World {
    emulator: Emulator,
    config: Config,
    index_id: String,
    file: NamedTempFile,
}

impl World {
    /// `there` is what the platform will see in the file.
    fn new(there: fn() -> Result<MediaFacts, ProbeError>) -> Self {
        let emulator = Emulator::builder()
            .prober(Arc::new(Says(there)))
            .start_blocking()
            .expect("the emulator starts");
        let config =
            Config::new(&emulator.api_key(), emulator.base_url().as_str()).expect("loopback");
        let client = blocking::Client::new(&config).expect("a client");
        let models = [IndexModel::new("marengo3.0", [ModelOption::Visual])];
        let index = client
            .create_index(NewIndex::new("films", models))
            .expect("an index");
        let mut file = NamedTempFile::with_suffix(".mp4").expect("a file");
        file.write_all(&[7; 1000]).expect("room for a file");
        Self {
            emulator,
            config,
            index_id: index.id.to_string(),
            file,
        }
    }

    fn sent(&self) -> usize {
        self.emulator
            .journal()
            .iter()
            .filter(|entry| entry.path.contains("/tasks"))
            .count()
    }
}

fn often() -> WaitPolicy {
    WaitPolicy {
        first_interval: Duration::from_millis(20),
        longest_interval: Duration::from_millis(50),
        deadline: Duration::from_secs(20),
    }
}

type Told = Arc<Mutex<Vec<String>>>;

/// Ingests through both colours, with what the local check will see in the file.
fn both(
    world: &World,
    here: fn() -> Result<MediaFacts, ProbeError>,
    input: &Input,
) -> Vec<(Result<Ingested, Error>, Vec<String>)> {
    let checker = || Checker::new(Arc::new(Says(here)));
    let listener = |told: &Told| {
        let told = Arc::clone(told);
        move |event: &Event| {
            if !matches!(event, Event::Sending { sent, total } if sent < total) {
                let text = event.to_string();
                told.lock()
                    .expect("no panic before")
                    .push(text.lines().next().unwrap_or_default().to_owned());
            }
        }
    };
    let mut results = Vec::new();

    let told = Told::default();
    let client = blocking::Client::new(&world.config)
        .expect("a client")
        .with_checker(checker());
    let call = client
        .ingest(input.clone())
        .into_index(world.index_id.as_str())
        .wait(often())
        .observe(listener(&told));
    let result = call.run();
    results.push((result, told.lock().expect("no panic before").clone()));

    let told = Told::default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let result = runtime.block_on(async {
        let client = Client::new(&world.config)
            .expect("a client")
            .with_checker(checker());
        let call = client
            .ingest(input.clone())
            .into_index(world.index_id.as_str())
            .wait(often())
            .observe(listener(&told));
        call.run().await
    });
    results.push((result, told.lock().expect("no panic before").clone()));
    results
}

#[test]
fn a_good_file_is_checked_sent_and_waited_for_in_both_colours() {
    let world = World::new(good);
    for (result, told) in both(&world, good, &Input::from(world.file.path())) {
        let video = result.expect("the video is indexed");
        assert!(video.report.is_some_and(|report| !report.is_refused()));
        assert!(video.task.created.video_id.is_some());
        let last = video.task.history.last().expect("statuses were seen");
        assert_eq!(last.status, "ready");
        assert!(told[0].starts_with("checked: passes"), "{told:?}");
        assert_eq!(told[1], "sent 1000 of 1000 bytes");
        assert!(
            told[2].starts_with("task ")
                && told.last().is_some_and(|text| text.starts_with("ready")),
            "{told:?}"
        );
    }
}

#[test]
fn a_refused_file_gives_its_report_and_nothing_is_sent() {
    let world = World::new(good);
    for (result, told) in both(&world, small, &Input::from(world.file.path())) {
        let error = result.expect_err("too small");
        assert_eq!(error.kind(), ErrorKind::RefusedLocally);
        let report = error.report().expect("the report comes along");
        assert_eq!(report.predicted_code(), Some("video_resolution_too_low"));
        assert_eq!(told.len(), 1, "{told:?}");
    }
    assert_eq!(world.sent(), 0);
}

#[test]
fn what_the_platform_refuses_is_told_with_its_code_and_with_what_the_check_had_said() {
    let world = World::new(small);
    for (result, _) in both(&world, good, &Input::from(world.file.path())) {
        let error = result.expect_err("the platform sees another file");
        assert_eq!(error.kind(), ErrorKind::Api(protocol::ErrorKind::Refused));
        let api = error.api().expect("the platform's answer");
        assert_eq!(
            api.code().map(|code| code.as_str()),
            Some("video_resolution_too_low")
        );
        assert!(
            error.report().is_some_and(|report| !report.is_refused()),
            "the local check had passed it"
        );
        assert!(error.to_string().contains("320x180"), "{error}");
    }
}

#[test]
fn a_check_that_cannot_be_done_sends_nothing() {
    let world = World::new(good);
    for (result, _) in both(&world, broken, &Input::from(world.file.path())) {
        assert_eq!(
            result.expect_err("no helper").kind(),
            ErrorKind::CheckFailed
        );
    }
    assert_eq!(world.sent(), 0);
}

#[test]
fn a_link_that_the_platform_cannot_fetch_ends_with_its_reason() {
    let world = World::new(good);
    let input = Input::parse("https://no-such-host.invalid/clip.mp4").expect("a URL");
    for (result, told) in both(&world, good, &input) {
        let error = result.expect_err("nothing is there");
        assert_eq!(
            error.kind(),
            ErrorKind::Api(protocol::ErrorKind::ProcessingFailed),
            "{error}"
        );
        let history = error.api().expect("a wait").history();
        assert_eq!(
            history.last().map(|seen| seen.status.as_str()),
            Some("failed")
        );
        assert!(
            error.to_string().contains("the platform's reason"),
            "{error}"
        );
        assert!(
            told.iter().all(|text| !text.starts_with("checked")),
            "{told:?}"
        );
    }
}

#[test]
fn a_wrong_key_and_a_missing_index_are_named_and_the_key_is_not() {
    let mut world = World::new(good);
    world.config =
        Config::new("tlk_wrong_SECRET", world.emulator.base_url().as_str()).expect("loopback");
    for (result, _) in both(&world, good, &Input::from(world.file.path())) {
        let error = result.expect_err("a wrong key");
        assert_eq!(
            error.kind(),
            ErrorKind::Api(protocol::ErrorKind::Unauthorized)
        );
        assert!(!format!("{error} {error:?}").contains("SECRET"));
    }
    world.index_id = String::new();
    for (result, _) in both(&world, good, &Input::from(world.file.path())) {
        assert_eq!(
            result.expect_err("no index").kind(),
            ErrorKind::Configuration
        );
    }
}
