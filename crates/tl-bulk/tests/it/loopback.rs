//! Runs in real time against an emulator on loopback.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tl_bulk::event::Event;
use tl_bulk::source::Entry;
use tl_bulk::{Bulk, Ending, RunSummary, Settings, Store};
use tl_client::checker::Checked;
use tl_client::{CancelHandle, Checker, Client, Config};
use tl_emulator::Emulator;
use tl_ledger::{ItemError, KeyTag, Ledger, NewAccount, NewRun};
use tl_model::{Index, IndexModel, ModelOption, NewIndex};
use tl_protocol::limiter::Limits;
use tl_validate::{MediaFacts, ProbeError, Prober, Route, VideoStream};

/// A prober that returns the same result for every file, except that one that begins with `small`
/// is too small.
pub(crate) struct FixedProber;

impl Prober for FixedProber {
    fn probe_file(&self, file: File, _: &str) -> Result<MediaFacts, ProbeError> {
        use std::io::Read;
        let mut start = [0; 5];
        let mut file = file;
        let is_small = file.read_exact(&mut start).is_ok() && &start == b"small";
        let (width, height) = if is_small { (320, 180) } else { (640, 360) };
        let mut stream = VideoStream::default();
        stream.codec = "h264".to_owned();
        (stream.width, stream.height) = (width, height);
        stream.duration_seconds = Some(5.0);
        let mut facts = MediaFacts::default();
        facts.file_size_bytes = 1000;
        facts.duration_seconds = Some(5.0);
        facts.video_streams = vec![stream];
        Ok(facts)
    }
}

pub(crate) struct World {
    pub(crate) emulator: Emulator,
    pub(crate) client: Client,
    pub(crate) index: Index,
    folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        let emulator = Emulator::builder()
            .prober(Arc::new(FixedProber))
            .ffmpeg("/nowhere/ffmpeg")
            .start()
            .await
            .unwrap();
        let config = Config::new(&emulator.api_key(), emulator.base_url().as_str()).unwrap();
        let client = Client::new(&config).unwrap();
        let models = vec![IndexModel::new(
            "marengo3.0",
            [ModelOption::Visual, ModelOption::Audio],
        )];
        let index = client
            .indexes()
            .create(NewIndex::new("films", models))
            .await
            .unwrap();
        let index = client.indexes().get(index.id).await.unwrap();
        Self {
            emulator,
            client,
            index,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn files(&self, count: usize) -> Vec<PathBuf> {
        let file = |number: usize| {
            let path = self.folder.path().join(format!("{number:03}.mp4"));
            std::fs::write(&path, format!("clip {number}").repeat(50)).unwrap();
            path
        };
        (0..count).map(file).collect()
    }

    pub(crate) fn bulk(&self) -> Bulk {
        self.bulk_with(|settings| settings)
    }

    fn bulk_with(&self, change: impl FnOnce(Settings) -> Settings) -> Bulk {
        let key = KeyTag::of(&self.emulator.api_key());
        let url = self.emulator.base_url();
        let account = NewAccount::new(url.as_str(), key, "unlimited", Limits::UNLIMITED);
        let mut settings = Settings::new(account, NewRun::new("host", 1));
        settings.index = Some(self.index.clone());
        settings.rules = "test".to_owned();
        let checker = Checker::new(Arc::new(FixedProber));
        settings.check = Some(Arc::new(move |path: &Path| {
            let file =
                File::open(path).map_err(|error| ItemError::new("file", error.to_string()))?;
            let checked: Result<Checked, _> = checker.check_file(file, "clip", Route::Asset);
            checked.map_err(|error| ItemError::new("check_failed", error.to_string()))
        }));
        let ledger = Ledger::open(self.folder.path().join("ledger.sqlite3")).unwrap();
        Bulk::new(&self.client, Store::new(ledger), change(settings))
    }

    async fn ingest(&self, files: &[PathBuf]) -> (RunSummary, Vec<Event>) {
        let events = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&events);
        let bulk = self
            .bulk()
            .on_event(move |record| seen.lock().unwrap().push(record.event.clone()));
        let entries: Vec<_> = files.iter().map(|path| Ok(Entry::file(path))).collect();
        let summary = bulk.ingest(entries, &CancelHandle::new()).await.unwrap();
        let events = events.lock().unwrap().clone();
        (summary, events)
    }

    pub(crate) fn count(&self, operation: &str) -> usize {
        let journal = self.emulator.journal();
        let of = |entry: &&tl_emulator::JournalEntry| entry.operation.as_deref() == Some(operation);
        journal.iter().filter(of).count()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_indexed_once_and_skipped_afterwards() {
    let world = World::new().await;
    let mut files = world.files(40);
    let small = world.folder.path().join("small.mp4");
    std::fs::write(&small, "small".repeat(50)).unwrap();
    // A copy of the first file.
    let copy = world.folder.path().join("copy.mp4");
    std::fs::copy(&files[0], &copy).unwrap();
    files.extend([small, copy, world.folder.path().join("missing.mp4")]);

    let (summary, events) = world.ingest(&files).await;
    assert_eq!(summary.ending, Ending::Complete);
    let totals = summary.totals;
    assert_eq!((totals.items, totals.ready, totals.refused), (42, 40, 1));
    assert_eq!(
        (totals.skipped, totals.unreadable, totals.failed),
        (1, 1, 0)
    );
    assert_eq!(world.count("assets.create"), 40);
    assert_eq!(world.count("indexes.indexed_assets.create"), 40);
    let ready = events
        .iter()
        .filter(|event| matches!(event, Event::ItemReady(_)));
    assert_eq!(ready.count(), 40);
    assert!(matches!(events.last(), Some(Event::RunEnded(_))));

    let before = world.emulator.journal().len();
    let (summary, _) = world.ingest(&files).await;
    assert_eq!(summary.ending, Ending::Complete);
    assert_eq!(summary.totals.skipped, 41);
    assert_eq!(summary.totals.skipped_failed, 1);
    assert_eq!(summary.totals.requests, 0);
    assert_eq!(world.emulator.journal().len(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_items_are_checked_again_by_other_rules() {
    let world = World::new().await;
    let small = world.folder.path().join("small.mp4");
    std::fs::write(&small, "small".repeat(50)).unwrap();
    let run = async |change: fn(Settings) -> Settings| {
        let bulk = world.bulk_with(change);
        let entries = [Ok(Entry::file(&small))];
        let summary = bulk.ingest(entries, &CancelHandle::new()).await.unwrap();
        (summary.totals.refused, summary.totals.skipped_failed)
    };
    assert_eq!(run(|settings| settings).await, (1, 0));
    assert_eq!(run(|settings| settings).await, (0, 1), "it is not read");
    let other = |mut settings: Settings| {
        settings.rules = "other".to_owned();
        settings
    };
    assert_eq!(run(other).await, (1, 0));
    let again = |mut settings: Settings| {
        settings.rules = "other".to_owned();
        settings.again = settings.again.refused();
        settings
    };
    assert_eq!(run(again).await, (1, 0));
    assert_eq!(
        world.count("assets.create"),
        0,
        "a retry does not skip the check"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_choose_their_route() {
    let world = World::new().await;
    let files = world.files(4);
    let routes = ["asset", "multipart", "tasks", "asset-url"];
    let entries: Vec<_> = files
        .iter()
        .zip(routes)
        .map(|(path, route)| Ok(Entry::file(path).with_route(route)))
        .chain([Ok(
            Entry::url("https://example.com/a.mp4").with_route("multipart")
        )])
        .collect();
    let summary = world
        .bulk()
        .ingest(entries, &CancelHandle::new())
        .await
        .unwrap();
    let totals = summary.totals;
    assert_eq!((totals.ready, totals.unreadable), (2, 3));
    assert_eq!(world.count("assets.create"), 1);
    assert_eq!(world.count("multipart_upload.create"), 1);
    assert_eq!(world.count("tasks.create"), 0);
}

/// The files of three chunks are larger than what the samples of a fingerprint cover.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_in_chunks_are_hashed_whole_and_copies_are_merged() {
    let world = World::new().await;
    let large = |name: &str| {
        let path = world.folder.path().join(name);
        let bytes: Vec<u8> = (0..12_u32 << 20).map(|n| (n % 251) as u8).collect();
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let (path, copy) = (large("a.mp4"), large("b.mp4"));
    let bulk = |stops: bool| {
        let stop = CancelHandle::new();
        let on_transfer = stop.clone();
        let bulk = world.bulk_with(|mut settings| {
            settings.route = Some(Route::Multipart);
            settings.chunks.concurrency = 1;
            settings.grace = std::time::Duration::ZERO;
            settings
        });
        let bulk = bulk.on_event(move |record| {
            if stops && matches!(record.event, Event::Transfer { .. }) {
                on_transfer.cancel();
            }
        });
        (bulk, stop)
    };
    // Stopped after the first chunk.
    let (run, stop) = bulk(true);
    let summary = run.ingest([Ok(Entry::file(&path))], &stop).await.unwrap();
    assert_eq!((summary.ending, summary.totals.ready), (Ending::Stopped, 0));
    let chunks = world.count("upload.chunk");
    assert!(chunks < 3, "{chunks} chunks");

    let (run, stop) = bulk(false);
    let summary = run.ingest([Ok(Entry::file(&path))], &stop).await.unwrap();
    assert_eq!(summary.totals.ready, 1);
    assert_eq!(world.count("multipart_upload.create"), 1, "it is resumed");

    let (run, stop) = bulk(false);
    let summary = run.ingest([Ok(Entry::file(&copy))], &stop).await.unwrap();
    assert_eq!((summary.totals.skipped, summary.totals.uploaded), (1, 0));
    assert_eq!(summary.totals.sent_bytes, 0);

    // The same size and samples, and another byte between them.
    let mut bytes = std::fs::read(&path).unwrap();
    let fingerprint = |bytes: &[u8]| {
        let read = |offset: u64, buffer: &mut [u8]| {
            let at = usize::try_from(offset).unwrap();
            buffer.copy_from_slice(&bytes[at..at + buffer.len()]);
            Ok(buffer.len())
        };
        tl_client::checkpoint::sampled_sha256(bytes.len() as u64, read).unwrap()
    };
    let before = fingerprint(&bytes);
    let place = (1 << 20..11 << 20).step_by(4096).find(|place| {
        bytes[*place] ^= 1;
        let is_same = fingerprint(&bytes) == before;
        if !is_same {
            bytes[*place] ^= 1;
        }
        is_same
    });
    assert!(place.is_some(), "the samples cover the file");
    let edited = world.folder.path().join("c.mp4");
    std::fs::write(&edited, bytes).unwrap();
    let (run, stop) = bulk(false);
    let summary = run.ingest([Ok(Entry::file(&edited))], &stop).await.unwrap();
    assert_eq!((summary.totals.skipped, summary.totals.ready), (0, 1));
}
