//! Multipart uploads with the real client over real sockets: the stored bytes are identical
//! whatever happens on the way.

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use md5::{Digest, Md5};
use serde_json::json;
use tl_emulator::{ClockMode, Emulator, EmulatorBuilder, FaultPlan};
use tl_http_async::AsyncHttp;
use tl_http_blocking::BlockingHttp;
use tl_model::{AssetStatus, NewUpload, UploadType};
use tl_protocol::{
    ApiKey, BytesSource, Client, ClientSettings, Credentials, Error, HttpSettings, Policy, Proxy,
    Source, Transport,
    endpoint::{CreateUpload, GetAsset, ListUploads},
    flow::{
        WaitPolicy,
        upload::{
            Begin, MultipartUpload, Record, UploadControl, UploadJournal, UploadRecord,
            UploadSettings, Uploaded,
        },
    },
};

use crate::{clips::clip, raw::builder};

/// The persistent state of a client process: its checkpoint.
#[derive(Clone, Default)]
struct Checkpoint(Arc<Mutex<Option<UploadRecord>>>);

impl Checkpoint {
    fn journal(&self, after: impl Fn(&Record) + Send + Sync + 'static) -> UploadJournal {
        let record = Arc::clone(&self.0);
        UploadJournal::new(move |change| {
            {
                let mut record = record.lock().unwrap();
                match (&mut *record, change) {
                    (Some(record), change) => record.apply(change),
                    (record @ None, Record::Session(session)) => *record = Some(session.clone()),
                    (None, change) => panic!("{change:?} before a session"),
                }
            }
            after(change);
        })
    }
}

fn settings(emulator: &Emulator) -> HttpSettings {
    let key = ApiKey::new(&emulator.api_key()).unwrap();
    let mut settings = HttpSettings::new(Credentials::new(key, emulator.base_url()).unwrap());
    settings.proxy = Proxy::Direct;
    settings
}

fn blocking(emulator: &Emulator) -> Client<BlockingHttp> {
    let transport = BlockingHttp::new(settings(emulator)).unwrap();
    Client::new(transport, ClientSettings::new(emulator.base_url(), 7))
}

fn flow(
    emulator: &Emulator,
    bytes: &Bytes,
    checkpoint: &Checkpoint,
    control: &UploadControl,
    after: impl Fn(&Record) + Send + Sync + 'static,
) -> MultipartUpload {
    let source: Arc<dyn Source> = Arc::new(BytesSource::new("match.mp4", bytes.clone()));
    let create = CreateUpload::new(NewUpload::new(
        "match.mp4",
        UploadType::Video,
        bytes.len() as u64,
    ));
    let begin = match checkpoint.0.lock().unwrap().clone() {
        None => Begin::New(create),
        Some(record) => Begin::Resume(record, create),
    };
    let settings = UploadSettings::default()
        .with_concurrency(4)
        .with_control(control.clone());
    let policy = Policy::default().with_base_delay(Duration::from_millis(10));
    MultipartUpload::new(source, begin, &emulator.base_url(), policy, settings, 7)
        .recorded(checkpoint.journal(after))
}

fn upload(emulator: &Emulator, bytes: &Bytes, checkpoint: &Checkpoint) -> Result<Uploaded, Error> {
    let flow = flow(
        emulator,
        bytes,
        checkpoint,
        &UploadControl::default(),
        |_| {},
    );
    blocking(emulator).transport().run(flow)
}

/// A clip that is only large relative to the small chunk size.
fn content() -> Bytes {
    Bytes::from(std::fs::read(clip("640x360", 5)).unwrap())
}

fn small_chunks(folder: &Path) -> EmulatorBuilder {
    let chunk = content().len() as u64 / 23;
    builder()
        .data_dir(folder)
        .chunk_size(chunk)
        .initial_urls(3)
        .quirk("upload-headers", "extra")
        .unwrap()
}

fn stored(folder: &Path) -> Vec<Vec<u8>> {
    let files = std::fs::read_dir(folder.join("media")).unwrap();
    files
        .map(|file| std::fs::read(file.unwrap().path()).unwrap())
        .collect()
}

/// How often each chunk was stored, according to the journal.
fn accepted(emulator: &Emulator) -> Vec<usize> {
    let journal = emulator.journal();
    let chunks: Vec<u32> = journal
        .iter()
        .filter_map(|entry| entry.chunk.as_ref())
        .filter(|chunk| chunk.accepted)
        .map(|chunk| chunk.chunk_index)
        .collect();
    let last = chunks.iter().max().copied().unwrap_or(0);
    (1..=last)
        .map(|index| chunks.iter().filter(|chunk| **chunk == index).count())
        .collect()
}

fn assert_uploaded(emulator: &Emulator, folder: &Path, bytes: &Bytes, uploaded: &Uploaded) {
    let files = stored(folder);
    let digests: Vec<_> = files.iter().map(Md5::digest).collect();
    assert_eq!(
        digests,
        [Md5::digest(bytes)],
        "the stored file is the source"
    );
    let client = blocking(emulator);
    let get = GetAsset::new(uploaded.asset_id.clone());
    let ready = client
        .wait(get, WaitPolicy::within(Duration::from_secs(30)))
        .unwrap();
    let asset = ready.value;
    assert_eq!(asset.status, Some(AssetStatus::Ready));
    assert_eq!(asset.size, Some(bytes.len() as u64));
    let technical = asset.technical_metadata.unwrap();
    assert_eq!(
        (technical.video_width, technical.video_height),
        (Some(640), Some(360))
    );
    assert!(client.call(ListUploads::default()).unwrap().data.is_empty());
}

#[test]
fn multipart_upload_preserves_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = small_chunks(folder.path()).start_blocking().unwrap();
    let bytes = content();
    let uploaded = upload(&emulator, &bytes, &Checkpoint::default()).unwrap();
    assert_eq!((uploaded.chunks, uploaded.attempts), (24, 24));
    assert_uploaded(&emulator, folder.path(), &bytes, &uploaded);
    assert_eq!(accepted(&emulator), [1; 24]);
    // The API key was not sent to the storage, which would have rejected it.
    let journal = emulator.journal();
    let mut puts = journal.iter().filter(|entry| entry.chunk.is_some());
    assert!(puts.all(|entry| entry.status == 200));
}

#[test]
fn multipart_upload_works_async() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = small_chunks(folder.path()).start_blocking().unwrap();
    let bytes = content();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let uploaded = runtime.block_on(async {
        let transport = AsyncHttp::new(settings(&emulator)).unwrap();
        let checkpoint = Checkpoint::default();
        let flow = flow(
            &emulator,
            &bytes,
            &checkpoint,
            &UploadControl::default(),
            |_| {},
        );
        transport.run(flow).await.unwrap()
    });
    assert_uploaded(&emulator, folder.path(), &bytes, &uploaded);
    assert_eq!(accepted(&emulator), [1; 24]);
}

#[test]
fn interrupted_upload_resumes_without_resending() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = small_chunks(folder.path()).start_blocking().unwrap();
    let (bytes, checkpoint) = (content(), Checkpoint::default());
    for stop_after in [3, 9] {
        let (control, seen) = (UploadControl::default(), AtomicU32::new(0));
        let stop = control.clone();
        let flow = flow(&emulator, &bytes, &checkpoint, &control, move |record| {
            if matches!(record, Record::Sent(..))
                && seen.fetch_add(1, Ordering::Relaxed) + 1 == stop_after
            {
                stop.cancel();
            }
        });
        blocking(&emulator).transport().run(flow).unwrap_err();
    }
    let uploaded = upload(&emulator, &bytes, &checkpoint).unwrap();
    assert!(uploaded.resumed >= 12, "{uploaded:?}");
    assert_uploaded(&emulator, folder.path(), &bytes, &uploaded);
    // A chunk in flight when the upload was interrupted may have arrived unnoticed. Acknowledged
    // chunks are never sent twice.
    let (finished, again): (Vec<_>, Vec<_>) = accepted(&emulator)
        .into_iter()
        .partition(|count| *count == 1);
    assert!(finished.len() >= 24 - 8 && again.iter().all(|count| *count == 2));
}

#[test]
fn sessions_and_chunks_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let start = |port| {
        let chunk = content().len() as u64 / 23;
        builder()
            .state_dir(folder.path())
            .chunk_size(chunk)
            .port(port)
            .start_blocking()
            .unwrap()
    };
    let (bytes, checkpoint) = (content(), Checkpoint::default());
    let emulator = start(0);
    let (control, seen) = (UploadControl::default(), AtomicU32::new(0));
    let stop = control.clone();
    let half = flow(&emulator, &bytes, &checkpoint, &control, move |record| {
        if matches!(record, Record::Sent(..)) && seen.fetch_add(1, Ordering::Relaxed) == 10 {
            stop.cancel();
        }
    });
    blocking(&emulator).transport().run(half).unwrap_err();
    let port = emulator.base_url().port().unwrap();
    drop(emulator);
    let emulator = start(port);
    let uploaded = upload(&emulator, &bytes, &checkpoint).unwrap();
    assert!(uploaded.resumed >= 11, "{uploaded:?}");
    drop(emulator);
    // The asset becomes ready whether it was probed before or after the restart.
    assert_uploaded(&start(port), folder.path(), &bytes, &uploaded);
}

#[test]
fn expired_urls_are_renewed() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = small_chunks(folder.path())
        .initial_urls(24)
        .clock(ClockMode::Scaled(1.0))
        .start_blocking()
        .unwrap();
    let emulator = Arc::new(emulator);
    let (bytes, checkpoint) = (content(), Checkpoint::default());
    let (clock, seen) = (Arc::clone(&emulator), AtomicU32::new(0));
    let flow = flow(
        &emulator,
        &bytes,
        &checkpoint,
        &UploadControl::default(),
        move |record| {
            if matches!(record, Record::Sent(..)) && seen.fetch_add(1, Ordering::Relaxed) == 4 {
                clock.advance(Duration::from_secs(2 * 3600));
            }
        },
    );
    let uploaded = blocking(&emulator).transport().run(flow).unwrap();
    assert_uploaded(&emulator, folder.path(), &bytes, &uploaded);
    let journal = emulator.journal();
    let expired = journal.iter().filter(|entry| {
        let chunk = entry.chunk.as_ref();
        chunk.is_some_and(|chunk| chunk.refusal.as_deref() == Some("Request has expired"))
    });
    assert!(expired.count() > 0);
    assert_eq!(accepted(&emulator), [1; 24]);
}

#[test]
fn expired_session_is_restarted() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = small_chunks(folder.path()).start_blocking().unwrap();
    let (bytes, checkpoint) = (content(), Checkpoint::default());
    let (control, stop) = (UploadControl::default(), UploadControl::default());
    let shared = control.clone();
    let half = flow(&emulator, &bytes, &checkpoint, &control, move |record| {
        if matches!(record, Record::Sent(..)) {
            shared.cancel();
        }
    });
    blocking(&emulator).transport().run(half).unwrap_err();
    drop(stop);
    let first = checkpoint.0.lock().unwrap().clone().unwrap().upload_id;
    emulator.advance(Duration::from_secs(25 * 3600));
    let uploaded = upload(&emulator, &bytes, &checkpoint).unwrap();
    assert_ne!(uploaded.upload_id, first);
    let asset = blocking(&emulator)
        .wait(
            GetAsset::new(uploaded.asset_id),
            WaitPolicy::within(Duration::from_secs(30)),
        )
        .unwrap();
    assert_eq!(asset.value.size, Some(bytes.len() as u64));
    // The file of the expired session was deleted when the next one started.
    assert_eq!(stored(folder.path()), [bytes.to_vec()]);
}

#[test]
fn faults_do_not_corrupt_the_upload() {
    let folder = tempfile::tempdir().unwrap();
    let plan = FaultPlan::from_json(
        &json!({ "seed": 3, "faults": [
            { "operation": "storage.put", "every": 5, "status": 500 },
            { "operation": "storage.put", "every": 7, "lose_answer": true },
            { "operation": "storage.put", "every": 11, "drop": true },
            { "operation": "multipart_upload.report_chunk_batch", "nth": [1], "lose_answer": true },
            { "operation": "multipart_upload.get_additional_presigned_urls", "nth": [2], "status": 503 },
        ] })
        .to_string(),
    );
    let emulator = small_chunks(folder.path())
        .faults(plan.unwrap())
        .unwrap()
        .start_blocking()
        .unwrap();
    let bytes = content();
    let uploaded = upload(&emulator, &bytes, &Checkpoint::default()).unwrap();
    assert!(uploaded.attempts > uploaded.chunks, "{uploaded:?}");
    assert_uploaded(&emulator, folder.path(), &bytes, &uploaded);
}

#[test]
fn date_header_uses_the_emulator_clock() {
    let emulator = builder().clock(ClockMode::Manual).start_blocking().unwrap();
    emulator.advance(Duration::from_secs(3600 * 24 * 365 * 3));
    let years: Vec<_> = ["/v1.3/assets", "/_storage/a/1"]
        .into_iter()
        .map(|path| {
            let head = crate::raw::get(&emulator, path).head;
            let date = head.lines().find_map(|line| line.strip_prefix("date: "));
            date.unwrap().split(' ').nth(3).unwrap().to_owned()
        })
        .collect();
    let now = crate::raw::get(&emulator, "/_emulator/clock").json();
    let year = &now["now"].as_str().unwrap()[..4];
    assert_eq!(years, [year, year]);
}
