//! Guarantees of the checkpoint folder: sent chunks are known whenever the process ends, only one
//! upload uses a file, and nothing unreadable is lost.

use std::{
    fs,
    sync::{Arc, Mutex},
    time::{Duration, UNIX_EPOCH},
};

use proptest::prelude::*;
use tl_protocol::{
    BytesSource,
    flow::upload::{Intent, Record, SentChunk, UploadRecord},
};

use super::{format::tests::state, *};
use crate::source::FileStatus;

fn origin(index_id: Option<&IndexId>) -> Origin<'_> {
    let source = BytesSource::new("a.mp4", &b"0123456789"[..]);
    Origin {
        base_url: "https://api.example/v1.3",
        source: "/videos/a.mp4".into(),
        fingerprint: Fingerprint::of(&source, FileStatus::default()).unwrap(),
        content: Box::leak(Box::new(source)),
        index_id,
    }
}

fn session() -> Record {
    Record::Session(UploadRecord::new("u1", "a1", 1, 10, 10))
}

fn sent(index: u32) -> Record {
    let etag = format!("e{index}");
    Record::Sent(index, SentChunk::new(etag, 1))
}

/// The state that another process would read now.
fn on_disk(folder: &Path) -> State {
    let list = Checkpoints::in_folder(folder).list().unwrap();
    State::read(&fs::read(&list[0].path).unwrap()).unwrap()
}

fn write(writer: &Arc<CheckpointWriter>, record: &Record) {
    writer.record(record);
}

#[test]
fn nothing_is_written_before_the_first_record() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::in_folder(folder.path());
    let opened = checkpoints
        .open(&origin(None), false, |_| {})
        .unwrap()
        .unwrap();
    assert!(opened.found.is_none());
    drop(opened);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn write_failure_is_reported_once_and_upload_continues() {
    let folder = tempfile::tempdir().unwrap();
    let reasons = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&reasons);
    let on_failure = move |reason| sink.lock().unwrap().push(reason);
    let checkpoints = Checkpoints::in_folder(folder.path());
    let opened = checkpoints
        .open(&origin(None), false, on_failure)
        .unwrap()
        .unwrap();
    fs::remove_dir_all(folder.path()).unwrap();
    for record in [session(), sent(1), sent(2)] {
        write(&opened.writer, &record);
    }
    assert_eq!(reasons.lock().unwrap().len(), 1, "{reasons:?}");
    assert!(reasons.lock().unwrap()[0].contains("cannot be written"));
    // Once there is space again, everything is written.
    fs::create_dir(folder.path()).unwrap();
    write(&opened.writer, &sent(3));
    let state = on_disk(folder.path());
    assert_eq!(state.record.upload.unwrap().sent.len(), 3);
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("tl").join("uploads");
    let opened = Checkpoints::in_folder(&inner)
        .open(&origin(None), false, |_| {})
        .unwrap()
        .unwrap();
    write(&opened.writer, &session());
    let list = Checkpoints::in_folder(&inner).list().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&inner), mode(&list[0].path)), (0o700, 0o600));
}

#[test]
fn unwritable_folder_is_reported_without_a_checkpoint() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let reasons = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&reasons);
    let on_failure = move |reason| sink.lock().unwrap().push(reason);
    let checkpoints = Checkpoints::in_folder(file.path().join("inside"));
    let opened = checkpoints.open(&origin(None), false, on_failure).unwrap();
    assert!(opened.is_none());
    let reasons = reasons.lock().unwrap().join("");
    assert!(
        reasons.contains("failed to create the checkpoint directory"),
        "{reasons}"
    );
}

/// Creates a pipe at `path`. Opening it would wait for another process.
#[cfg(unix)]
fn pipe(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.expect("mkfifo is there").success());
}

#[cfg(unix)]
#[test]
fn pipes_in_the_folder_do_not_block() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::in_folder(folder.path());
    let id = origin(None).id();
    let path = |extension: &str| folder.path().join(format!("{id}.{extension}"));
    let reasons = Arc::new(Mutex::new(Vec::new()));
    let open = || {
        let sink = Arc::clone(&reasons);
        let on_failure = move |reason| sink.lock().unwrap().push(reason);
        checkpoints.open(&origin(None), false, on_failure)
    };
    // At the path of the lock: it is not a lock, so it is replaced.
    pipe(&path("lock"));
    assert!(open().unwrap().is_some());
    assert!(reasons.lock().unwrap().is_empty());
    // Instead of the checkpoint.
    pipe(&path("json"));
    let error = open().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Checkpoint);
    assert!(error.to_string().contains("not a regular file"), "{error}");
    let list = checkpoints.list().unwrap();
    assert!(
        list[0]
            .upload
            .as_ref()
            .is_err_and(|why| why.contains("not a regular file"))
    );
    fs::remove_file(path("json")).unwrap();
    // Instead of the temporary file.
    pipe(&path("tmp"));
    let opened = open().unwrap().unwrap();
    write(&opened.writer, &session());
    assert_eq!(on_disk(folder.path()), opened.writer.state());
    assert!(reasons.lock().unwrap().is_empty());
}

#[test]
fn a_300_mb_checkpoint_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::in_folder(folder.path());
    let path = folder.path().join(format!("{}.json", origin(None).id()));
    fs::File::create(&path)
        .unwrap()
        .set_len(300_000_000)
        .unwrap();
    let error = checkpoints.open(&origin(None), false, |_| {}).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Checkpoint);
    assert!(
        error.to_string().contains("which no checkpoint has"),
        "{error}"
    );
    assert!(checkpoints.list().unwrap()[0].upload.is_err());
}

#[test]
fn largest_checkpoint_is_below_the_limit() {
    let mut state = State {
        record: IngestRecord::default(),
        ..state()
    };
    let Record::Session(mut session) = session() else {
        unreachable!("it is a session");
    };
    session.total_chunks = 20_480;
    session
        .upload_headers
        .insert("x".into(), "y".repeat(64 << 10));
    state.apply(&Record::Session(session));
    let longest = |index| {
        let chunk = SentChunk::new("e".repeat(256), u64::MAX);
        Record::Sent(index, chunk)
    };
    let lines: usize = (1..=20_480_u32)
        .map(|index| {
            state.apply(&longest(index));
            format::to_line(&longest(index)).len()
        })
        .sum();
    let most = state.to_line().len() + lines;
    assert!(most as u64 <= regular_file::MAX_BYTES, "{most}");
}

#[test]
fn upload_in_doubt_detects_namesakes() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::in_folder(folder.path());
    let intent = || Record::Creating(Intent::new(UNIX_EPOCH + Duration::from_secs(7), None));
    let begin = |source: &str| {
        let origin = Origin {
            source: source.into(),
            ..origin(None)
        };
        let opened = checkpoints.open(&origin, false, |_| {}).unwrap().unwrap();
        let found = opened.found.clone();
        write(&opened.writer, &intent());
        found
    };
    assert_eq!(begin("/one/a.mp4"), None);
    assert!(!begin("/one/a.mp4").unwrap().has_namesake);
    assert_eq!(begin("/one/b.mp4"), None);
    assert!(!begin("/one/a.mp4").unwrap().has_namesake);
    assert_eq!(begin("/two/a.mp4"), None);
    assert!(begin("/one/a.mp4").unwrap().has_namesake);
}

#[test]
fn not_created_leaves_no_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::in_folder(folder.path());
    let opened = checkpoints
        .open(&origin(None), false, |_| {})
        .unwrap()
        .unwrap();
    let intent = Intent::new(UNIX_EPOCH + Duration::from_secs(7), None);
    write(&opened.writer, &Record::Creating(intent));
    assert_eq!(checkpoints.list().unwrap().len(), 1);
    write(&opened.writer, &Record::NotCreated);
    assert_eq!(checkpoints.list().unwrap().len(), 0);
    write(&opened.writer, &Record::Asset("a1".into()));
    assert_eq!(on_disk(folder.path()), opened.writer.state());
}

#[test]
fn index_is_part_of_the_checkpoint_id() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::in_folder(folder.path());
    let (one, two) = (IndexId::from("i1"), IndexId::from("i2"));
    let opened = [None, Some(&one), Some(&two)].map(|index| {
        checkpoints
            .open(&origin(index), false, |_| {})
            .unwrap()
            .unwrap()
    });
    for opened in &opened {
        write(&opened.writer, &session());
    }
    assert_eq!(checkpoints.list().unwrap().len(), 3);
    let again = checkpoints.open(&origin(Some(&one)), false, |_| {});
    assert_eq!(again.unwrap_err().kind(), ErrorKind::Checkpoint);
}

#[cfg(unix)]
#[test]
fn non_utf8_path_has_a_checkpoint() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let mut strange = origin(None);
    strange.source = std::ffi::OsStr::from_bytes(b"/videos/\xff.mp4").into();
    let checkpoints = Checkpoints::in_folder(folder.path());
    let opened = checkpoints.open(&strange, false, |_| {}).unwrap().unwrap();
    write(&opened.writer, &session());
    drop(opened);
    let again = checkpoints.open(&strange, false, |_| {}).unwrap().unwrap();
    assert!(again.found.is_some());
}

fn records() -> impl Strategy<Value = Vec<Record>> {
    let record = prop_oneof![
        6 => (1_u32..11).prop_map(sent),
        2 => prop::collection::vec(1_u32..11, 0..4).prop_map(Record::Reported),
        1 => prop::collection::vec(1_u32..11, 0..4).prop_map(Record::Forgotten),
        1 => Just(session()),
        1 => Just(Record::Asset("a1".into())),
        1 => Just(Record::Creating(Intent::new(UNIX_EPOCH + Duration::from_secs(7), None))),
        1 => Just(Record::Indexing("i1".into())),
        1 => Just(Record::NotIndexed),
    ];
    prop::collection::vec(record, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn each_record_is_on_disk(records in records()) {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::in_folder(folder.path());
        let opened = checkpoints.open(&origin(None), false, |_| {}).unwrap().unwrap();
        write(&opened.writer, &session());
        for record in &records {
            write(&opened.writer, record);
            prop_assert_eq!(on_disk(folder.path()), opened.writer.state());
        }
        let state = opened.writer.state();
        drop(opened);
        let Opened { writer, found } = checkpoints.open(&origin(None), false, |_| {}).unwrap().unwrap();
        prop_assert_eq!(found.map(|found| found.record), Some(state.record));
        writer.remove();
        drop(writer);
        prop_assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
