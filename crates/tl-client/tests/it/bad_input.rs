//! Invalid sources, sessions and responses cause a clear error in both clients, and nothing is
//! lost.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    sync::Arc,
};

use tl_client::{
    ErrorKind, Event,
    protocol::{BytesSource, Event as Api, Source, flow::upload::UploadSettings},
    validate::Route,
};
use tl_emulator::{Fault, FaultPlan};

use crate::{World, both, good, poll_often};

fn sequential() -> UploadSettings {
    UploadSettings::default().with_concurrency(1)
}

pub(crate) fn faults(text: &str) -> FaultPlan {
    let fault: Fault = text.parse().expect("a fault");
    let mut plan = FaultPlan::default();
    plan.faults = vec![fault];
    plan
}

#[test]
fn empty_source_is_refused_by_name() {
    let world = World::new(good);
    let nothing: Arc<dyn Source> = Arc::new(BytesSource::new("nothing.mp4", Vec::new()));
    for route in [None, Some(Route::Multipart), Some(Route::Asset)] {
        for (result, _) in both!(&world.config, good, |client, events| {
            let call = client
                .upload(Arc::clone(&nothing))
                .observe(events.listener());
            match route {
                Some(route) => call.route(route),
                None => call,
            }
        }) {
            let error = result.expect_err("nothing to send");
            assert_eq!(error.kind(), ErrorKind::File);
            assert!(
                error.to_string().contains("`nothing.mp4` is empty"),
                "{error}"
            );
        }
    }
    assert_eq!(world.sent(), 0);
}

#[test]
fn file_change_fails_the_chunk_upload() {
    type Change = fn(&std::path::Path);
    let grow: Change = |path| {
        let mut file = OpenOptions::new().append(true).open(path).expect("a file");
        file.write_all(b"more").expect("room");
    };
    let shrink: Change = |path| {
        let file = OpenOptions::new().write(true).open(path).expect("a file");
        file.set_len(500).expect("it shrinks");
    };
    let touch: Change = |path| {
        let file = OpenOptions::new().write(true).open(path).expect("a file");
        file.set_modified(std::time::SystemTime::UNIX_EPOCH)
            .expect("it is touched");
    };
    for (change, part) in [
        (grow, "it grew from 1000 bytes to 1004"),
        (shrink, "it shrank from 1000 bytes to 500"),
        (touch, "its modification time differs"),
    ] {
        let world = World::new(good);
        let bytes = fs::read(world.file.path()).expect("bytes");
        for (result, _) in both!(&world.config, good, |client, events| {
            fs::write(world.file.path(), &bytes).expect("room");
            let (listener, path) = (events.listener(), world.file.path().to_owned());
            client
                .upload(world.file.path())
                .route(Route::Multipart)
                .chunks(sequential())
                .without_checkpoint()
                .observe(move |event| {
                    listener(event);
                    if matches!(event, Event::Api(Api::ChunkSent { chunks: 2, .. })) {
                        change(&path);
                    }
                })
        }) {
            let error = result.expect_err("it changed");
            let failed = ErrorKind::SourceFailed;
            assert_eq!(error.kind(), failed, "{error}");
            let text = error.to_string();
            let path = world.file.path().display().to_string();
            assert!(text.contains(part) && text.contains(&path), "{text}");
        }
    }
}

#[test]
fn file_growth_fails_the_single_request() {
    let world = World::new(good);
    let large = vec![3_u8; 3_000_000];
    for (result, _) in both!(&world.config, good, |client, events| {
        fs::write(world.file.path(), &large).expect("room");
        let (listener, path) = (events.listener(), world.file.path().to_owned());
        let grown = std::sync::Once::new();
        client
            .upload(world.file.path())
            .route(Route::Asset)
            .without_checkpoint()
            .observe(move |event| {
                listener(event);
                if matches!(event, Event::Sending { .. }) {
                    grown.call_once(|| {
                        let file = OpenOptions::new().append(true).open(&path);
                        file.and_then(|mut file| file.write_all(b"more"))
                            .expect("room");
                    });
                }
            })
    }) {
        let error = result.expect_err("it changed");
        let failed = ErrorKind::SourceFailed;
        assert_eq!(error.kind(), failed, "{error}");
        assert!(
            error
                .to_string()
                .contains("it grew from 3000000 bytes to 3000004"),
            "{error}"
        );
    }
    assert_eq!(world.requests("assets.list").len(), 0, "no answer was lost");
}

/// A disk that always fails in the middle of the file.
#[derive(Debug)]
struct BadSector;

impl Source for BadSector {
    fn name(&self) -> &str {
        "scratched.mp4"
    }

    fn len(&self) -> u64 {
        1000
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if offset >= 500 {
            return Err(io::Error::other(
                "`scratched.mp4` cannot be read at byte 500: bad sector",
            ));
        }
        let room = usize::try_from(500 - offset).unwrap_or(usize::MAX);
        let count = buffer.len().min(room);
        buffer[..count].fill(1);
        Ok(count)
    }
}

#[test]
fn read_error_fails_and_keeps_the_session() {
    let world = World::new(good);
    for route in [Route::Multipart, Route::Asset] {
        for (result, _) in both!(&world.config, good, |client, events| {
            let source: Arc<dyn Source> = Arc::new(BadSector);
            client
                .upload(source)
                .route(route)
                .chunks(sequential())
                .observe(events.listener())
        }) {
            let error = result.expect_err("it cannot be read");
            let failed = ErrorKind::SourceFailed;
            assert_eq!(error.kind(), failed, "{error}");
            assert!(error.to_string().contains("bad sector"), "{error}");
        }
    }
    let client = tl_client::blocking::Client::new(&world.config).expect("a client");
    let open = client.uploads().list(Default::default()).expect("a list");
    assert_eq!(open.data.len(), 2, "one of each client");
}

#[test]
fn refused_session_reports_the_platforms_message() {
    let world = World::new(good);
    world
        .emulator
        .set_faults(faults(
            "multipart_upload.create status=403 code=api_not_allowed message=No.",
        ))
        .expect("a plan");
    for (result, _) in both!(&world.config, good, |client, events| client
        .upload(world.file.path())
        .route(Route::Multipart)
        .checkpoint(world.state.path())
        .observe(events.listener()))
    {
        let error = result.expect_err("it is refused");
        assert_eq!(error.kind(), ErrorKind::Forbidden, "{error}");
        let code = error
            .api()
            .and_then(|api| api.code().map(ToString::to_string));
        assert_eq!(code.as_deref(), Some("api_not_allowed"));
    }
    assert_eq!(
        world.requests("multipart_upload.create").len(),
        2,
        "not asked again"
    );
    assert_eq!(
        fs::read_dir(world.state.path()).expect("a folder").count(),
        0,
        "nothing was started"
    );
}

#[test]
fn inconsistent_session_is_refused() {
    let world = World::new(good);
    for (body, part) in [
        (
            r#"{"upload_id":"u","asset_id":"a","chunk_size":0,"total_chunks":1}"#,
            "0 bytes",
        ),
        (
            r#"{"upload_id":"u","asset_id":"a","chunk_size":1,"total_chunks":7}"#,
            "7 chunks of 1 bytes do not make 1000 bytes",
        ),
        (
            r#"{"upload_id":"u","asset_id":"a","chunk_size":18446744073709551615,"total_chunks":2}"#,
            "1 would",
        ),
        (
            r#"{"upload_id":"u","chunk_size":100,"total_chunks":10}"#,
            "no asset",
        ),
    ] {
        let mut plan = faults("multipart_upload.create status=201");
        plan.faults[0].body = Some(serde_json::from_str(body).expect("JSON"));
        world.emulator.set_faults(plan).expect("a plan");
        for (result, _) in both!(&world.config, good, |client, events| client
            .upload(world.file.path())
            .route(Route::Multipart)
            .checkpoint(world.state.path())
            .observe(events.listener()))
        {
            let error = result.expect_err("it makes no sense");
            assert_eq!(error.kind(), ErrorKind::Malformed, "{error}");
            assert!(error.to_string().contains(part), "{error}");
        }
    }
    assert_eq!(world.requests("storage").len(), 0);
}

#[test]
fn urls_of_unknown_chunks_are_not_used() {
    let world = World::with(good, |builder| builder.initial_urls(2));
    let mut plan = faults("multipart_upload.get_additional_presigned_urls status=200");
    let urls: Vec<_> = (11..61)
        .map(|index| serde_json::json!({"chunk_index": index, "url": "http://127.0.0.1:9/no"}))
        .collect();
    plan.faults[0].body = Some(serde_json::json!({"upload_urls": urls}));
    world.emulator.set_faults(plan).expect("a plan");
    for (result, _) in both!(&world.config, good, |client, events| client
        .upload(world.file.path())
        .route(Route::Multipart)
        .checkpoint(world.state.path())
        .observe(events.listener()))
    {
        let error = result.expect_err("no URL can be used");
        assert_eq!(error.kind(), ErrorKind::Malformed, "{error}");
        assert!(error.to_string().contains("signed no URL"), "{error}");
        world
            .emulator
            .set_faults(FaultPlan::default())
            .expect("a plan");
    }
}

#[test]
fn transient_faults_are_retried() {
    let world = World::new(good);
    for fault in [
        "storage.put every=3 status=500",
        "storage.put every=4 drop",
        "storage.put nth=2,5 status=403",
        "multipart_upload.report_chunk_batch nth=1 lose_answer",
        "multipart_upload.create nth=1 status=503",
        "multipart_upload.get_additional_presigned_urls nth=1 drop",
    ] {
        for (result, events) in both!(&world.config, good, |client, events| {
            world.emulator.set_faults(faults(fault)).expect("a plan");
            client
                .upload(world.file.path())
                .route(Route::Multipart)
                .checkpoint(world.state.path())
                .wait(poll_often())
                .observe(events.listener())
        }) {
            let uploaded = result.unwrap_or_else(|error| panic!("{fault}: {error}"));
            let size = uploaded.details.asset.and_then(|asset| asset.size);
            assert_eq!(size, Some(1000), "{fault}: {:?}", events.lines());
        }
    }
}
