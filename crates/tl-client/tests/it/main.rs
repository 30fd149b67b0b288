//! Uploads and ingestions with both clients against the emulator or a scripted server. A fake
//! prober returns fixed facts, in the client and in the emulator.

mod bad_input;
mod batches;
mod cancel;
#[cfg(all(
    feature = "header",
    feature = "object_store",
    feature = "tower",
    feature = "webhook"
))]
mod examples;
mod exhaustive;
mod ingest;
#[cfg(all(
    feature = "header",
    feature = "object_store",
    feature = "tower",
    feature = "webhook"
))]
mod objects;
mod own_stack;
#[cfg(all(feature = "header", feature = "object_store"))]
mod paused;
mod probed;
mod resume;
mod routes;
mod shape;
mod sidecars;
mod signatures;
#[cfg(all(feature = "header", feature = "object_store"))]
mod sources;
mod versions;

use std::{
    fs::File,
    io::Write,
    sync::{Arc, Mutex},
    time::Duration,
};

use tempfile::{NamedTempFile, TempDir};
use tl_client::{
    Checker, Config, Event, blocking,
    model::{IndexModel, ModelOption, NewIndex},
    protocol::flow::WaitPolicy,
    validate::{MediaFacts, ProbeError, ProbeErrorKind, Prober, VideoStream},
};
use tl_emulator::{Emulator, EmulatorBuilder, JournalEntry, Schedule};

/// A prober that returns the same result for every file.
pub(crate) struct FixedProber(pub(crate) fn() -> Result<MediaFacts, ProbeError>);

impl Prober for FixedProber {
    fn probe_file(&self, _: File, _: &str) -> Result<MediaFacts, ProbeError> {
        (self.0)()
    }
}

fn facts(width: u32, height: u32, seconds: f64) -> MediaFacts {
    MediaFacts::default().with(|facts| {
        facts.file_size_bytes = 1000;
        facts.duration_seconds = Some(seconds);
        facts.video_streams = vec![VideoStream::default().with(|video| {
            video.codec = "h264".into();
            video.width = width;
            video.height = height;
            video.duration_seconds = Some(seconds);
        })];
    })
}

pub(crate) fn good() -> Result<MediaFacts, ProbeError> {
    Ok(facts(640, 360, 8.0))
}

pub(crate) fn small() -> Result<MediaFacts, ProbeError> {
    Ok(facts(320, 180, 8.0))
}

pub(crate) fn broken() -> Result<MediaFacts, ProbeError> {
    Err(ProbeError::new(
        ProbeErrorKind::HelperFailed,
        "clip.mp4",
        "it died",
    ))
}

/// The prober's error for a file that is not a video.
pub(crate) fn no_media() -> Result<MediaFacts, ProbeError> {
    Err(ProbeError::new(
        ProbeErrorKind::NotMedia,
        "clip.mp4",
        "these bytes are no video",
    ))
}

/// An emulator with an index, a file to send, and a checkpoint folder.
pub(crate) struct World {
    pub(crate) emulator: Emulator,
    pub(crate) config: Config,
    pub(crate) index_id: String,
    pub(crate) file: NamedTempFile,
    pub(crate) state: TempDir,
}

impl World {
    /// `platform` is what the platform's prober returns for the file.
    pub(crate) fn new(platform: fn() -> Result<MediaFacts, ProbeError>) -> Self {
        Self::with(platform, |builder| builder)
    }

    pub(crate) fn with(
        platform: fn() -> Result<MediaFacts, ProbeError>,
        settings: impl FnOnce(EmulatorBuilder) -> EmulatorBuilder,
    ) -> Self {
        let builder = Emulator::builder()
            .prober(Arc::new(FixedProber(platform)))
            .schedule(Schedule::FAST)
            // The uploaded bytes are not a video that could be streamed.
            .ffmpeg("/nowhere/ffmpeg")
            .chunk_size(100);
        let emulator = settings(builder)
            .start_blocking()
            .expect("the emulator starts");
        let mut config =
            Config::new(&emulator.api_key(), emulator.base_url().as_str()).expect("loopback");
        config.policy.base_delay = Duration::from_millis(5);
        let client = blocking::Client::new(&config).expect("a client");
        let models = [IndexModel::new("marengo3.0", [ModelOption::Visual])];
        let index = client
            .indexes()
            .create(NewIndex::new("films", models))
            .expect("an index");
        let mut file = NamedTempFile::with_suffix(".mp4").expect("a file");
        let bytes: Vec<u8> = (0..1000_u32).map(|at| at.to_le_bytes()[0]).collect();
        file.write_all(&bytes).expect("room for a file");
        Self {
            emulator,
            config,
            index_id: index.id.to_string(),
            file,
            state: tempfile::tempdir().expect("a folder"),
        }
    }

    /// The requests whose operation starts with `operation`.
    pub(crate) fn requests(&self, operation: &str) -> Vec<JournalEntry> {
        let mut journal = self.emulator.journal();
        journal.retain(|entry| {
            let name = entry.operation.as_deref();
            name.is_some_and(|name| name.starts_with(operation))
        });
        journal
    }

    /// The number of requests that send bytes or a link to the platform.
    pub(crate) fn sent(&self) -> usize {
        [
            "tasks.create",
            "assets.create",
            "multipart_upload.create",
            "storage",
        ]
        .iter()
        .map(|operation| self.requests(operation).len())
        .sum()
    }
}

pub(crate) fn poll_often() -> WaitPolicy {
    WaitPolicy::default()
        .with_first_interval(Duration::from_millis(20))
        .with_max_interval(Duration::from_millis(50))
        .with_deadline(Duration::from_secs(20))
}

/// The events as lines; of the events for sent bytes, only the last.
#[derive(Clone, Default)]
pub(crate) struct Events(Arc<Mutex<Vec<String>>>);

impl Events {
    pub(crate) fn listener(&self) -> impl Fn(&Event) + Send + Sync + 'static {
        let events = Arc::clone(&self.0);
        move |event: &Event| {
            if !matches!(event, Event::Sending { sent, total } if sent < total) {
                let text = event.to_string();
                events
                    .lock()
                    .expect("no panic before")
                    .push(text.lines().next().unwrap_or_default().to_owned());
            }
        }
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().expect("no panic before").clone()
    }

    pub(crate) fn has(&self, part: &str) -> bool {
        self.lines().iter().any(|line| line.contains(part))
    }
}

pub(crate) fn checker(local: fn() -> Result<MediaFacts, ProbeError>) -> Checker {
    Checker::new(Arc::new(FixedProber(local)))
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
}

/// Runs the same call with both clients; returns each result with its events.
macro_rules! both {
    ($config:expr, $local:expr, |$client:ident, $events:ident| $call:expr) => {{
        let mut results = Vec::new();
        let $events = $crate::Events::default();
        let $client = ::tl_client::blocking::Client::new($config)
            .expect("a client")
            .with_checker($crate::checker($local));
        results.push(($call.run(), $events));
        let $events = $crate::Events::default();
        let result = $crate::runtime().block_on(async {
            let $client = ::tl_client::Client::new($config)
                .expect("a client")
                .with_checker($crate::checker($local));
            $call.run().await
        });
        results.push((result, $events));
        results
    }};
}
pub(crate) use both;
