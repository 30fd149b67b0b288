//! An interrupted upload or ingestion resumes from its checkpoint, in another process, with the
//! other client, from any stage; otherwise an event says why not.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use tl_client::{
    Checkpoints, Client, Config, Error, ErrorKind, Event, Ingested, blocking,
    protocol::{
        Event as Api,
        endpoint::DeleteAsset,
        flow::upload::{UploadControl, UploadSettings},
    },
    validate::Route,
};

use crate::{Events, World, both, checker, good, poll_often, runtime};

/// Which client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Blocking,
    Async,
}

pub(crate) const MODES: [Mode; 2] = [Mode::Blocking, Mode::Async];

/// Ingests in chunks and cancels when `until` returns true.
pub(crate) fn ingest(
    world: &World,
    mode: Mode,
    events: &Events,
    deadline: Duration,
    until: impl Fn(&Api) -> bool + Send + Sync + 'static,
) -> Result<Ingested, Error> {
    let control = UploadControl::default();
    let settings = UploadSettings::default()
        .with_concurrency(2)
        .with_control(control.clone());
    let listener = events.listener();
    let listen = move |event: &Event| {
        listener(event);
        if let Event::Api(event) = event
            && until(event)
        {
            control.cancel();
        }
    };
    let mut policy = poll_often();
    policy.deadline = deadline;
    match mode {
        Mode::Blocking => blocking::Client::new(&world.config)
            .expect("a client")
            .with_checker(checker(good))
            .ingest(world.file.path())
            .into_index(world.index_id.as_str())
            .route(Route::Multipart)
            .checkpoint(world.state.path())
            .chunks(settings)
            .wait(policy)
            .observe(listen)
            .run(),
        Mode::Async => runtime().block_on(async {
            Client::new(&world.config)
                .expect("a client")
                .with_checker(checker(good))
                .ingest(world.file.path())
                .into_index(world.index_id.as_str())
                .route(Route::Multipart)
                .checkpoint(world.state.path())
                .chunks(settings)
                .wait(policy)
                .observe(listen)
                .run()
                .await
        }),
    }
}

pub(crate) const LONG: Duration = Duration::from_secs(20);

pub(crate) fn never(_: &Api) -> bool {
    false
}

fn after_chunks(count: u32) -> impl Fn(&Api) -> bool + Send + Sync + 'static {
    move |event| matches!(event, Api::ChunkSent { chunks, .. } if *chunks >= count)
}

/// Interrupts an ingestion after `chunks` chunks.
pub(crate) fn interrupt(world: &World, mode: Mode, chunks: u32) {
    let error = ingest(world, mode, &Events::default(), LONG, after_chunks(chunks))
        .expect_err("it is canceled");
    let canceled = ErrorKind::Canceled;
    assert_eq!(error.kind(), canceled, "{error}");
    let reached = error.reached().expect("what there is");
    assert!(reached.upload_id.is_some(), "{error}");
}

/// How often each chunk of each session was stored.
fn stored(world: &World) -> BTreeMap<(String, u32), usize> {
    let mut stored = BTreeMap::new();
    for entry in world.emulator.journal() {
        if let Some(chunk) = entry.chunk.filter(|chunk| chunk.accepted) {
            *stored
                .entry((chunk.upload_id, chunk.chunk_index))
                .or_default() += 1;
        }
    }
    stored
}

const OTHER_AGENT: &str = "another";

/// The same config with another `User-Agent`, to distinguish its requests from those that an
/// earlier client left in flight.
fn with_other_agent(config: &Config) -> Config {
    let mut config = config.clone();
    config.http.user_agent = OTHER_AGENT.to_owned();
    config
}

/// Number of requests of the other client.
fn requests_of_other_agent(world: &World) -> usize {
    let journal = world.emulator.journal();
    let agents = journal
        .iter()
        .filter_map(|entry| entry.user_agent.as_deref());
    agents.filter(|agent| *agent == OTHER_AGENT).count()
}

pub(crate) fn files(world: &World) -> Vec<PathBuf> {
    let entries = fs::read_dir(world.state.path()).expect("a folder");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths
}

#[test]
fn interrupted_upload_resumes_in_both_modes() {
    for first in MODES {
        for second in MODES {
            let world = World::new(good);
            interrupt(&world, first, 4);
            let events = Events::default();
            let video = ingest(&world, second, &events, LONG, never).expect("it goes on");
            let upload = video.upload.expect("in chunks");
            assert!(
                upload.resumed >= 4,
                "{first:?}, {second:?}: {}",
                upload.resumed
            );
            assert!(events.has("resuming"), "{:?}", events.lines());
            assert_eq!(world.requests("multipart_upload.create").len(), 1);
            let stored = stored(&world);
            assert_eq!(stored.len(), 10);
            // Chunks in flight at the end may have arrived; no chunk known to be stored is sent
            // again.
            let again = stored.values().filter(|times| **times > 1).count();
            assert!(again <= 2, "{stored:?}");
            assert_eq!(files(&world), Vec::<PathBuf>::new());
        }
    }
}

#[test]
fn dropped_async_upload_resumes() {
    let world = World::new(good);
    runtime().block_on(async {
        let client = Client::new(&world.config)
            .expect("a client")
            .with_checker(checker(good));
        let (enough, mut seen) = tokio::sync::mpsc::unbounded_channel();
        let upload = client
            .ingest(world.file.path())
            .into_index(world.index_id.as_str())
            .route(Route::Multipart)
            .checkpoint(world.state.path())
            .chunks(UploadSettings::default().with_concurrency(1))
            .observe(move |event| {
                if let Event::Api(event) = event
                    && after_chunks(3)(event)
                {
                    let _ = enough.send(());
                }
            })
            .run();
        tokio::select! {
            _ = seen.recv() => {}
            _ = upload => panic!("it was not to end"),
        }
    });
    let video = ingest(&world, Mode::Async, &Events::default(), LONG, never).expect("it goes on");
    assert!(video.upload.is_some_and(|upload| upload.resumed >= 3));
}

#[test]
fn ingestion_resumes_after_the_upload() {
    for mode in MODES {
        let world = World::new(good);
        let error = ingest(
            &world,
            mode,
            &Events::default(),
            Duration::from_millis(1),
            never,
        )
        .expect_err("the wait is too short");
        let passed = ErrorKind::DeadlinePassed;
        assert_eq!(error.kind(), passed, "{error}");
        assert_eq!(files(&world).len(), 1);
        let events = Events::default();
        let video = ingest(&world, mode, &events, LONG, never).expect("it goes on");
        assert_eq!(video.status(), Some("ready"));
        assert!(events.has(" exists"), "{:?}", events.lines());
        for operation in ["multipart_upload.create", "indexes.indexed_assets.create"] {
            assert_eq!(world.requests(operation).len(), 1, "{operation}");
        }
        assert_eq!(stored(&world).values().sum::<usize>(), 10);
        assert_eq!(files(&world), Vec::<PathBuf>::new());
    }
}

#[test]
fn indexed_asset_is_only_awaited() {
    let world = World::new(good);
    let client = blocking::Client::new(&world.config)
        .expect("a client")
        .with_checker(checker(good));
    let call = |policy| {
        client
            .ingest(world.file.path())
            .into_index(world.index_id.as_str())
            .checkpoint(world.state.path())
            .wait(policy)
    };
    // The state left by a process that is killed while it waits for the index.
    let saved = Arc::new(Mutex::new(None::<(PathBuf, Vec<u8>)>));
    let (slot, folder) = (Arc::clone(&saved), world.state.path().to_owned());
    let video = call(poll_often())
        .observe(move |event| {
            if let Event::Api(Api::StageStarted {
                indexed_asset_id: Some(_),
                ..
            }) = event
            {
                let entries = fs::read_dir(&folder).expect("a folder");
                let mut paths = entries.map(|entry| entry.expect("an entry").path());
                let path = paths.find(|path| path.extension().is_some_and(|e| e == "json"));
                let path = path.expect("a checkpoint");
                let bytes = fs::read(&path).expect("it can be read");
                *slot.lock().expect("no panic before") = Some((path, bytes));
            }
        })
        .run()
        .expect("the video is indexed");
    let (path, bytes) = saved
        .lock()
        .expect("no panic before")
        .take()
        .expect("it was seen");
    fs::write(path, bytes).expect("room");
    let again = call(poll_often()).run().expect("it goes on");
    assert_eq!(again.indexed_asset_id, video.indexed_asset_id);
    for operation in ["assets.create", "indexes.indexed_assets.create"] {
        assert_eq!(world.requests(operation).len(), 1, "{operation}");
    }
}

#[test]
fn deleted_asset_is_uploaded_again() {
    let world = World::new(good);
    let error = ingest(
        &world,
        Mode::Blocking,
        &Events::default(),
        Duration::from_millis(1),
        never,
    )
    .expect_err("the wait is too short");
    let asset = error.reached().and_then(|reached| reached.asset_id.clone());
    let client = blocking::Client::new(&world.config).expect("a client");
    client
        .assets()
        .delete(DeleteAsset::new(asset.expect("an asset")).force(true))
        .expect("it is deleted");
    let events = Events::default();
    ingest(&world, Mode::Blocking, &events, LONG, never).expect("it starts over");
    assert!(
        events.has("starts over: the platform does not know the asset"),
        "{:?}",
        events.lines()
    );
    assert_eq!(world.requests("multipart_upload.create").len(), 2);
}

#[test]
fn expired_session_starts_over() {
    for mode in MODES {
        let world = World::new(good);
        interrupt(&world, mode, 4);
        world.emulator.advance(Duration::from_secs(25 * 3600));
        let events = Events::default();
        let video = ingest(&world, mode, &events, LONG, never).expect("it starts over");
        assert!(events.has("starts over"), "{:?}", events.lines());
        assert_eq!(video.upload.map(|upload| upload.resumed), Some(0));
        assert_eq!(world.requests("multipart_upload.create").len(), 2);
    }
}

#[test]
fn unknown_session_starts_over() {
    let world = World::new(good);
    interrupt(&world, Mode::Blocking, 4);
    let path = files(&world).pop().expect("a checkpoint");
    let text = fs::read_to_string(&path).expect("text");
    let start = text.find("\"upload_id\":\"").expect("a session") + 13;
    let text = format!(
        "{}{}{}",
        &text[..start],
        "ffffffffffffffffffffffff",
        &text[start + 24..]
    );
    fs::write(&path, text).expect("room");
    let events = Events::default();
    ingest(&world, Mode::Async, &events, LONG, never).expect("it starts over");
    assert!(
        events.has("the platform does not know it any more"),
        "{:?}",
        events.lines()
    );
}

#[test]
fn changed_source_is_refused_unless_restarted() {
    let world = World::new(good);
    interrupt(&world, Mode::Blocking, 4);
    fs::write(world.file.path(), [9_u8; 1001]).expect("room");
    let config = with_other_agent(&world.config);
    for (result, _) in both!(&config, good, |client, events| client
        .ingest(world.file.path())
        .into_index(world.index_id.as_str())
        .route(Route::Multipart)
        .checkpoint(world.state.path())
        .observe(events.listener()))
    {
        let error = result.expect_err("another content");
        assert_eq!(error.kind(), ErrorKind::SourceChanged);
        let name = world
            .file
            .path()
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let text = error.to_string();
        assert!(
            text.contains(&name) && text.contains("it had 1000 bytes and has 1001"),
            "{text}"
        );
    }
    assert_eq!(requests_of_other_agent(&world), 0, "nothing was asked");
    assert_eq!(files(&world).len(), 1, "the checkpoint stays");
    let client = blocking::Client::new(&config)
        .expect("a client")
        .with_checker(checker(good));
    let video = client
        .ingest(world.file.path())
        .into_index(world.index_id.as_str())
        .route(Route::Multipart)
        .checkpoint(world.state.path())
        .restart()
        .wait(poll_often())
        .run()
        .expect("it starts over");
    assert_eq!(video.upload.map(|upload| upload.bytes), Some(1001));
    assert!(requests_of_other_agent(&world) > 0, "it can be told apart");
}

#[test]
fn checkpointed_asset_is_looked_up_first() {
    let world = World::new(good);
    let client = blocking::Client::new(&world.config)
        .expect("a client")
        .with_checker(checker(good));
    let upload = || {
        client
            .upload(world.file.path())
            .route(Route::Multipart)
            .checkpoint(world.state.path())
    };
    let mut short = poll_often();
    short.deadline = Duration::from_millis(1);
    let error = upload()
        .wait(short)
        .run()
        .expect_err("the wait is too short");
    let first = error.reached().and_then(|reached| reached.asset_id.clone());
    let first = first.expect("an asset");
    assert_eq!(files(&world).len(), 1);
    // The asset exists: it is looked up, not uploaded again.
    let saved = fs::read(&files(&world)[0]).expect("bytes");
    let path = files(&world).remove(0);
    let before = world.requests("assets.retrieve").len();
    let there = upload().without_waiting().run().expect("it is there");
    assert_eq!(there.asset_id, first);
    assert!(
        world.requests("assets.retrieve").len() > before,
        "it is asked for"
    );
    assert_eq!(world.requests("multipart_upload.create").len(), 1);
    // The asset was deleted, or belongs to another account.
    client
        .assets()
        .delete(DeleteAsset::new(first.clone()).force(true))
        .expect("it is deleted");
    fs::write(path, saved).expect("room");
    let events = Events::default();
    let again = upload()
        .without_waiting()
        .observe(events.listener())
        .run()
        .expect("it is uploaded again");
    assert_ne!(again.asset_id, first);
    assert!(
        events.has("the platform does not know the asset"),
        "{:?}",
        events.lines()
    );
    assert_eq!(world.requests("multipart_upload.create").len(), 2);
}

#[test]
fn upload_continues_without_a_checkpoint() {
    let world = World::new(good);
    // A folder below a file cannot be created, even by root.
    let nowhere = world.file.path().join("state");
    for (result, events) in both!(&world.config, good, |client, events| client
        .ingest(world.file.path())
        .into_index(world.index_id.as_str())
        .checkpoint(&nowhere)
        .wait(poll_often())
        .observe(events.listener()))
    {
        result.expect("the video is indexed");
        assert!(
            events.has("the upload cannot be resumed"),
            "{:?}",
            events.lines()
        );
    }
}

#[test]
fn unreadable_checkpoint_is_an_error_and_stays() {
    let world = World::new(good);
    interrupt(&world, Mode::Blocking, 4);
    let path = files(&world).pop().expect("a checkpoint");
    let whole = fs::read_to_string(&path).expect("text");
    let config = with_other_agent(&world.config);
    for (damage, part) in [
        (
            whole.replace("\"version\":2", "\"version\":9"),
            "format 9 by another version",
        ),
        (whole[..whole.len() / 3].to_owned(), "damaged at line 1"),
        (whole.clone() + "{\"sent\":[1\n", "damaged at line"),
        ("\0\0\0\0".to_owned(), "damaged at line 1"),
    ] {
        fs::write(&path, &damage).expect("room");
        for (result, _) in both!(&config, good, |client, events| client
            .ingest(world.file.path())
            .into_index(world.index_id.as_str())
            .route(Route::Multipart)
            .checkpoint(world.state.path())
            .observe(events.listener()))
        {
            let error = result.expect_err("it cannot be used");
            assert_eq!(error.kind(), ErrorKind::Checkpoint);
            let text = error.to_string();
            assert!(
                text.contains(part) && text.contains("is unusable"),
                "{text}"
            );
        }
        assert_eq!(requests_of_other_agent(&world), 0, "nothing was asked");
        assert_eq!(fs::read_to_string(&path).expect("text"), damage);
    }
    let client = blocking::Client::new(&world.config)
        .expect("a client")
        .with_checker(checker(good));
    client
        .ingest(world.file.path())
        .into_index(world.index_id.as_str())
        .checkpoint(world.state.path())
        .restart()
        .wait(poll_often())
        .run()
        .expect("it starts over");
    let aside = files(&world).pop().expect("it was set aside");
    assert_eq!(fs::read(&aside).expect("bytes"), b"\0\0\0\0");
}

#[test]
fn concurrent_uploads_do_not_share_a_session() {
    let world = World::new(good);
    let second: Arc<Mutex<Option<Error>>> = Arc::default();
    let (slot, config) = (Arc::clone(&second), world.config.clone());
    let (file, index, state) = (
        world.file.path().to_owned(),
        world.index_id.clone(),
        world.state.path().to_owned(),
    );
    let until = move |event: &Api| {
        if matches!(event, Api::ChunkSent { chunks: 1, .. }) {
            // While the first upload is running.
            let client = blocking::Client::new(&config)
                .expect("a client")
                .with_checker(checker(good));
            let list = Checkpoints::in_folder(&state).list().expect("a list");
            assert!(list.len() == 1 && list[0].in_use, "{list:?}");
            let abandoned = Checkpoints::in_folder(&state).abandon(&list[0].id);
            assert_eq!(abandoned.expect_err("in use").kind(), ErrorKind::Checkpoint);
            let call = client.ingest(file.as_path()).into_index(index.as_str());
            *slot.lock().expect("no panic before") =
                call.checkpoint(&state).without_waiting().run().err();
        }
        false
    };
    ingest(&world, Mode::Blocking, &Events::default(), LONG, until).expect("the first one ends");
    let error = second
        .lock()
        .expect("no panic before")
        .take()
        .expect("it was refused");
    assert_eq!(error.kind(), ErrorKind::Checkpoint);
    assert!(
        error.to_string().contains("another process is uploading"),
        "{error}"
    );
}

#[test]
fn checkpoints_are_listed_and_abandoned() {
    let world = World::new(good);
    let checkpoints = Checkpoints::in_folder(world.state.path());
    assert_eq!(checkpoints.list().expect("a list"), []);
    interrupt(&world, Mode::Async, 4);
    let list = checkpoints.list().expect("a list");
    let [saved] = &list[..] else {
        panic!("one is kept: {list:?}");
    };
    let upload = saved.upload.as_ref().expect("it can be read");
    assert_eq!((upload.total_bytes, upload.total_chunks), (1000, 10));
    assert!(upload.sent_chunks >= 4 && upload.sent_bytes == u64::from(upload.sent_chunks) * 100);
    assert!(!saved.in_use && upload.asset_id.is_none());
    assert_eq!(
        upload.source,
        world.file.path().canonicalize().expect("a path")
    );
    let life = upload
        .expires
        .expect("a session")
        .duration_since(upload.began);
    assert_eq!(life.expect("later"), Duration::from_secs(24 * 3600));
    let error = checkpoints.abandon("nothing").expect_err("there is none");
    assert!(error.to_string().contains("one other is there"), "{error}");
    let session = upload.upload_id.as_ref().expect("a session");
    checkpoints
        .abandon(session.as_str())
        .expect("it is forgotten");
    assert_eq!(files(&world), Vec::<PathBuf>::new());
}
