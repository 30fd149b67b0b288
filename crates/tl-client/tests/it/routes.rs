//! Choice of the route, with both clients.

use std::sync::Arc;

use tl_client::{
    ErrorKind, Input, Stage,
    protocol::{BytesSource, Source, flow::upload::UploadSettings},
    validate::{Route, RulePack},
};

use crate::{World, both, checker, good, poll_often};

#[test]
fn forced_multipart_upload_arrives_complete() {
    let world = World::new(good);
    for (result, events) in both!(&world.config, good, |client, events| client
        .ingest(world.file.path())
        .into_index(world.index_id.as_str())
        .route(Route::Multipart)
        .checkpoint(world.state.path())
        .wait(poll_often())
        .observe(events.listener()))
    {
        let video = result.expect("the video is indexed");
        let upload = video.upload.as_ref().expect("it went in chunks");
        assert_eq!(
            (upload.chunks, upload.attempts, upload.resumed),
            (10, 10, 0)
        );
        assert_eq!(video.upload_id.as_ref(), Some(&upload.upload_id));
        assert_eq!(video.asset_id.as_ref(), Some(&upload.asset_id));
        assert_eq!(video.asset.and_then(|asset| asset.size), Some(1000));
        assert!(
            events.has("route multipart: it was asked for"),
            "{:?}",
            events.lines()
        );
        assert!(events.has("sent 1 kB of 1 kB"), "{:?}", events.lines());
    }
    assert_eq!(world.requests("storage").len(), 20, "each chunk once");
}

#[test]
fn tasks_route_has_the_same_result() {
    let world = World::new(good);
    for (result, _) in both!(&world.config, good, |client, events| client
        .ingest(world.file.path())
        .into_index(world.index_id.as_str())
        .route(Route::Tasks)
        .wait(poll_often())
        .observe(events.listener()))
    {
        let video = result.expect("the video is indexed");
        assert!(video.task_id.is_some() && video.video_id.is_some());
        assert_eq!(video.status(), Some("ready"));
        assert!(video.time(Stage::Upload).is_some() && video.time(Stage::Indexing).is_some());
    }
    assert_eq!(world.requests("tasks.create").len(), 2);
    assert_eq!(world.requests("assets").len(), 0);
}

#[test]
fn unsupported_route_is_refused_before_sending() {
    let world = World::new(good);
    let link = Input::parse("https://example.com/a.mp4").expect("a URL");
    let file = Input::from(world.file.path());
    for (input, route, part) in [
        (
            &link,
            Route::Multipart,
            "a link cannot go by the route `multipart`",
        ),
        (
            &file,
            Route::AssetUrl,
            "a file cannot go by the route `asset-url`",
        ),
        (&file, Route::Tasks, "makes no asset"),
    ] {
        for (result, _) in both!(&world.config, good, |client, events| client
            .upload(input.clone())
            .route(route)
            .checkpoint(world.state.path())
            .observe(events.listener()))
        {
            let error = result.expect_err("no such way");
            assert_eq!(error.kind(), ErrorKind::Route);
            assert!(error.to_string().contains(part), "{error}");
        }
    }
    assert_eq!(world.sent(), 0);
}

#[test]
fn rules_set_the_size_limit_for_chunks() {
    let world = World::new(good);
    let text = "[[rule]]\nid = \"asset.size.max\"\nmax = 0.0005\n";
    let rules = RulePack::current().extended_with(text).expect("a pack");
    let client = tl_client::blocking::Client::new(&world.config)
        .expect("a client")
        .with_checker(checker(good).with_rules(rules));
    let uploaded = client
        .upload(world.file.path())
        .without_checkpoint()
        .wait(poll_often())
        .run()
        .expect("an asset");
    let choice = uploaded.details.route.expect("a choice");
    assert_eq!(choice.route, Route::Multipart);
    assert!(choice.because.contains("asset.size.max"), "{choice}");
    assert_eq!(world.requests("storage").len(), 10);
}

#[test]
fn non_file_source_uploads_in_chunks() {
    let world = World::new(good);
    let source: Arc<dyn Source> = Arc::new(BytesSource::new("made.mp4", vec![5_u8; 1234]));
    for (result, _) in both!(&world.config, good, |client, events| client
        .upload(Arc::clone(&source))
        .route(Route::Multipart)
        .chunks(UploadSettings::default().with_concurrency(3))
        .wait(poll_often())
        .observe(events.listener()))
    {
        let uploaded = result.expect("an asset");
        assert_eq!(
            uploaded.details.upload.as_ref().map(|upload| upload.bytes),
            Some(1234)
        );
        assert_eq!(uploaded.details.status(), Some("ready"));
    }
}
