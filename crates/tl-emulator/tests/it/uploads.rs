//! Uploads in chunks by the real flow over real sockets: equal bytes whatever happens on the way.

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

/// A client's process, as far as an upload knows it: what it has written down.
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
    let create = CreateUpload {
        upload: NewUpload::new("match.mp4", UploadType::Video, bytes.len() as u64),
    };
    let begin = match checkpoint.0.lock().unwrap().clone() {
        None => Begin::New(create),
        Some(record) => Begin::Resume(record, create),
    };
    let settings = UploadSettings {
        concurrency: 4,
        control: control.clone(),
        ..UploadSettings::default()
    };
    let policy = Policy {
        base_delay: Duration::from_millis(10),
        ..Policy::default()
    };
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

/// A clip that a browser would not call large, in chunks that make it so.
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

/// How often each chunk was stored, by the emulator's own journal.
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

fn conclude(emulator: &Emulator, folder: &Path, bytes: &Bytes, uploaded: &Uploaded) {
    let files = stored(folder);
    let digests: Vec<_> = files.iter().map(Md5::digest).collect();
    assert_eq!(
        digests,
        [Md5::digest(bytes)],
        "the stored file is the source"
    );
    let client = blocking(emulator);
    let get = GetAsset {
        asset_id: uploaded.asset_id.clone(),
    };
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
fn a_clip_in_chunks_becomes_an_asset_of_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = small_chunks(folder.path()).start_blocking().unwrap();
    let bytes = content();
    let uploaded = upload(&emulator, &bytes, &Checkpoint::default()).unwrap();
    assert_eq!((uploaded.chunks, uploaded.attempts), (24, 24));
    conclude(&emulator, folder.path(), &bytes, &uploaded);
    assert_eq!(accepted(&emulator), [1; 24]);
    // The key went to the API only: the storage would have refused it.
    let journal = emulator.journal();
    let mut puts = journal.iter().filter(|entry| entry.chunk.is_some());
    assert!(puts.all(|entry| entry.status == 200));
}

#[test]
fn the_asynchronous_transport_does_the_same() {
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
    conclude(&emulator, folder.path(), &bytes, &uploaded);
    assert_eq!(accepted(&emulator), [1; 24]);
}

#[test]
fn an_upload_that_was_ended_in_the_middle_goes_on_and_sends_no_finished_chunk_again() {
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
    conclude(&emulator, folder.path(), &bytes, &uploaded);
    // A chunk that was on its way when the upload was ended may have arrived unheard of; nothing that was heard of is sent twice.
    let (finished, again): (Vec<_>, Vec<_>) = accepted(&emulator)
        .into_iter()
        .partition(|count| *count == 1);
    assert!(finished.len() >= 24 - 8 && again.iter().all(|count| *count == 2));
}

#[test]
fn a_state_folder_keeps_sessions_and_chunks_across_a_restart() {
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
    // Whether it was looked at before the end or after it, the asset becomes ready.
    conclude(&start(port), folder.path(), &bytes, &uploaded);
}

#[test]
fn urls_that_expire_on_the_way_are_renewed() {
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
    conclude(&emulator, folder.path(), &bytes, &uploaded);
    let journal = emulator.journal();
    let expired = journal.iter().filter(|entry| {
        let chunk = entry.chunk.as_ref();
        chunk.is_some_and(|chunk| chunk.refusal.as_deref() == Some("Request has expired"))
    });
    assert!(expired.count() > 0);
    assert_eq!(accepted(&emulator), [1; 24]);
}

#[test]
fn an_expired_session_is_begun_anew() {
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
            GetAsset {
                asset_id: uploaded.asset_id,
            },
            WaitPolicy::within(Duration::from_secs(30)),
        )
        .unwrap();
    assert_eq!(asset.value.size, Some(bytes.len() as u64));
    // The file of the session that ended was given up when the next one began.
    assert_eq!(stored(folder.path()), [bytes.to_vec()]);
}

#[test]
fn faults_of_api_and_storage_do_not_change_the_bytes() {
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
    conclude(&emulator, folder.path(), &bytes, &uploaded);
}

#[test]
fn answers_are_dated_by_the_emulators_clock() {
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
