//! Ingestion in one call, and each of its stages alone.

use std::sync::Arc;

use tl_client::{
    Checker, Config, ErrorKind, Input, NotChecked, Stage, blocking,
    protocol::{BytesSource, Source, endpoint::GetVideo},
    validate::{MediaFacts, ProbeError, Prober, RangeRead, Route},
};

use crate::{World, both, broken, checker, good, no_media, poll_often, small};

#[test]
fn good_file_is_checked_uploaded_and_indexed() {
    let world = World::new(good);
    for (result, events) in both!(&world.config, good, |client, events| client
        .ingest(world.file.path())
        .into_index(world.index_id.as_str())
        .checkpoint(world.state.path())
        .wait(poll_often())
        .observe(events.listener()))
    {
        let video = result.expect("the video is indexed");
        assert!(
            video
                .report
                .as_ref()
                .is_some_and(|report| !report.is_refused())
        );
        assert_eq!(video.status(), Some("ready"));
        let indexed = video.indexed_asset_id.as_ref().expect("it is in the index");
        assert_eq!(
            video.video_id.as_ref().map(|id| id.as_str()),
            Some(indexed.as_str())
        );
        let stages: Vec<Stage> = video.times.iter().map(|(stage, _)| *stage).collect();
        assert_eq!(
            stages,
            [
                Stage::Check,
                Stage::Upload,
                Stage::Processing,
                Stage::Indexing
            ]
        );
        let lines = events.lines();
        for (line, expected) in lines.iter().zip([
            "route asset: 1 kB fit in one request",
            "checked: passes",
            "upload started",
            "sent 1000 of 1000 bytes",
            "asset ",
            "processing started",
        ]) {
            assert!(line.starts_with(expected), "{expected}: {lines:?}");
        }
        assert!(
            lines.last().is_some_and(|text| text.starts_with("ready")),
            "{lines:?}"
        );
    }
    assert_eq!(world.requests("tasks").len(), 0);
    assert_eq!(
        std::fs::read_dir(world.state.path())
            .expect("a folder")
            .count(),
        0,
        "nothing is left to be taken up"
    );
}

#[test]
fn refused_file_has_a_report_and_sends_nothing() {
    let world = World::new(good);
    for (result, events) in both!(&world.config, small, |client, events| client
        .ingest(world.file.path())
        .into_index(world.index_id.as_str())
        .checkpoint(world.state.path())
        .observe(events.listener()))
    {
        let error = result.expect_err("too small");
        assert_eq!(error.kind(), ErrorKind::RefusedLocally);
        let report = error.report().expect("the report comes along");
        assert_eq!(report.predicted_code(), Some("video_resolution_too_low"));
        assert_eq!(events.lines().len(), 2, "{:?}", events.lines());
    }
    assert_eq!(world.sent(), 0);
}

#[test]
fn platform_failure_has_stage_reason_ids_and_report() {
    let failed = ErrorKind::ProcessingFailed;
    let refused = ErrorKind::Refused;
    for (there, kind, stage, reason) in [
        (
            no_media as fn() -> _,
            failed,
            Stage::Processing,
            "the platform's reason",
        ),
        (small, refused, Stage::Indexing, "320x180"),
    ] {
        let world = World::new(there);
        for (result, _) in both!(&world.config, good, |client, events| client
            .ingest(world.file.path())
            .into_index(world.index_id.as_str())
            .checkpoint(world.state.path())
            .wait(poll_often())
            .observe(events.listener()))
        {
            let error = result.expect_err("the platform sees another file");
            let text = error.to_string();
            assert_eq!(error.kind(), kind, "{text}");
            assert_eq!(error.stage(), Some(stage), "{text}");
            let reached = error.reached().expect("what there is");
            let asset = reached.asset_id.as_ref().expect("the asset is there");
            assert!(error.report().is_some_and(|report| !report.is_refused()));
            for part in [asset.as_str(), reason, "local check: pass", stage.as_str()] {
                assert!(text.contains(part), "{part}: {text}");
            }
            assert!(!reached.history.is_empty() && !reached.times.is_empty());
        }
    }
}

#[test]
fn failed_asset_is_not_resumed() {
    let world = World::new(no_media);
    for (result, _) in both!(&world.config, good, |client, events| client
        .upload(world.file.path())
        .checkpoint(world.state.path())
        .wait(poll_often())
        .observe(events.listener()))
    {
        assert_eq!(
            result.expect_err("it is no video").kind(),
            ErrorKind::ProcessingFailed
        );
    }
    assert_eq!(
        world.requests("assets.create").len(),
        2,
        "each run sends it"
    );
}

#[test]
fn tasks_route_refusal_has_the_platforms_code() {
    let world = World::new(small);
    for (result, _) in both!(&world.config, good, |client, events| client
        .ingest(world.file.path())
        .into_index(world.index_id.as_str())
        .route(Route::Tasks)
        .wait(poll_often())
        .observe(events.listener()))
    {
        let error = result.expect_err("the platform sees another file");
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert_eq!(error.stage(), Some(Stage::Upload));
        let api = error.api().expect("the platform's answer");
        assert_eq!(
            api.code().map(|code| code.as_str()),
            Some("video_resolution_too_low")
        );
        let text = error.to_string();
        assert!(
            text.contains("320x180") && text.contains("local check: pass"),
            "{text}"
        );
    }
}

#[test]
fn failed_check_sends_nothing() {
    let world = World::new(good);
    for (result, _) in both!(&world.config, broken, |client, events| client
        .ingest(world.file.path())
        .into_index(world.index_id.as_str())
        .checkpoint(world.state.path())
        .observe(events.listener()))
    {
        let kind = result.expect_err("no helper").kind();
        assert_eq!(kind, ErrorKind::CheckFailed);
    }
    assert_eq!(world.sent(), 0);
}

#[test]
fn unfetchable_link_reports_the_reason() {
    let world = World::new(good);
    let input = Input::parse("https://no-such-host.invalid/clip.mp4").expect("a URL");
    for route in [None, Some(Route::Tasks)] {
        for (result, events) in both!(&world.config, good, |client, events| {
            let call = client
                .ingest(input.clone())
                .into_index(world.index_id.as_str())
                .wait(poll_often())
                .observe(events.listener());
            match route {
                Some(route) => call.route(route),
                None => call,
            }
        }) {
            let error = result.expect_err("nothing is there");
            let text = error.to_string();
            if route.is_some() {
                let failed = ErrorKind::ProcessingFailed;
                assert_eq!(error.kind(), failed, "{text}");
                assert!(
                    error
                        .reached()
                        .is_some_and(|reached| reached.task_id.is_some())
                );
            }
            assert!(error.api().is_some(), "{text}");
            assert!(!events.has("checked"), "{:?}", events.lines());
        }
    }
}

#[test]
fn wrong_key_and_missing_index_errors_hide_the_key() {
    let world = World::new(good);
    let wrong =
        Config::new("tlk_wrong_SECRET", world.emulator.base_url().as_str()).expect("loopback");
    for (result, _) in both!(&wrong, good, |client, events| client
        .ingest(world.file.path())
        .into_index(world.index_id.as_str())
        .checkpoint(world.state.path())
        .observe(events.listener()))
    {
        let error = result.expect_err("a wrong key");
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
        assert!(!format!("{error} {error:?}").contains("SECRET"));
    }
    for (result, _) in both!(&world.config, good, |client, events| client
        .ingest(world.file.path())
        .checkpoint(world.state.path())
        .observe(events.listener()))
    {
        let kind = result.expect_err("no index").kind();
        assert_eq!(kind, ErrorKind::Configuration);
    }
}

#[test]
fn each_stage_can_be_used_alone() {
    let world = World::new(good);
    let policy = poll_often();
    let client = blocking::Client::new(&world.config)
        .expect("a client")
        .with_checker(checker(good));
    let checked = client.check(world.file.path()).expect("a verdict");
    assert_eq!(checked.report.target.route, Route::Asset);
    let uploaded = client
        .upload(world.file.path())
        .without_checkpoint()
        .without_waiting()
        .run()
        .expect("an asset");
    let waited = client
        .assets()
        .wait(uploaded.asset_id.clone(), policy.clone())
        .expect("it is ready");
    assert_eq!(waited.value.id, uploaded.asset_id);
    let indexed = client
        .index(uploaded.asset_id.clone())
        .into_index(world.index_id.as_str())
        .wait(policy.clone())
        .without_waiting()
        .run()
        .expect("it is taken in");
    let id = indexed.indexed_asset_id.clone().expect("an id");
    assert_eq!(
        (indexed.asset_id, indexed.route),
        (Some(uploaded.asset_id), None)
    );
    let waited = client
        .indexed_assets()
        .wait(world.index_id.as_str(), id.clone(), policy)
        .expect("it is indexed");
    assert_eq!(waited.value.id, id);
    let video = client
        .videos()
        .get(GetVideo::new(world.index_id.as_str(), id.as_str()))
        .expect("the indexed asset is the video");
    assert_eq!(video.id.as_str(), id.as_str());
}

#[test]
fn upload_creates_an_asset_with_metadata() {
    let world = World::new(good);
    for (result, _) in both!(&world.config, good, |client, events| client
        .upload(world.file.path())
        .metadata(r#"{"camera": 2}"#.parse().expect("metadata"))
        .checkpoint(world.state.path())
        .wait(poll_often())
        .observe(events.listener()))
    {
        let uploaded = result.expect("an asset");
        assert_eq!(uploaded.details.status(), Some("ready"));
        assert_eq!(uploaded.details.video_id, None);
        let asset = uploaded.details.asset.expect("it was seen");
        let metadata = asset.user_metadata.expect("it is kept");
        assert_eq!(metadata.get("camera"), Some(&2.into()));
    }
    assert_eq!(world.requests("indexes.indexed_assets").len(), 0);
}

/// A prober that reads other sources as well as files, with the same result.
struct SourceProber(fn() -> Result<MediaFacts, ProbeError>);

impl Prober for SourceProber {
    fn probe_file(&self, _: std::fs::File, _: &str) -> Result<MediaFacts, ProbeError> {
        (self.0)()
    }

    fn probe_ranges(&self, source: &mut dyn RangeRead, _: &str) -> Result<MediaFacts, ProbeError> {
        let mut bytes = vec![0; 4];
        let count = source.read_at(source.size() - 4, &mut bytes);
        assert_eq!(
            (count.expect("it can be read"), &bytes[..]),
            (4, &b"clip"[..])
        );
        (self.0)()
    }
}

fn source() -> Arc<dyn Source> {
    Arc::new(BytesSource::new("clip.mp4", &b"bytes of a clip"[..]))
}

#[test]
fn non_file_source_is_checked_through_ranges() {
    let world = World::new(good);
    let checked = |here: fn() -> _| {
        blocking::Client::new(&world.config)
            .expect("a client")
            .with_checker(Checker::new(Arc::new(SourceProber(here))))
            .ingest(source())
            .into_index(world.index_id.as_str())
            .wait(poll_often())
            .run()
    };
    let error = checked(small).expect_err("too small");
    assert_eq!(error.kind(), ErrorKind::RefusedLocally);
    assert!(error.report().is_some() && error.to_string().contains("clip.mp4"));
    assert_eq!(world.sent(), 0);
    let video = checked(good).expect("it is indexed");
    assert!(video.report.is_some_and(|report| !report.is_refused()));
    assert_eq!(video.not_checked, None);
}

#[test]
fn unchecked_source_is_reported() {
    let world = World::new(good);
    for (result, events) in both!(&world.config, small, |client, events| client
        .ingest(source())
        .into_index(world.index_id.as_str())
        .wait(poll_often())
        .observe(events.listener()))
    {
        let video = result.expect("the prober knows files only");
        assert!(video.report.is_none());
        assert_eq!(video.not_checked, Some(NotChecked::ProberReadsFiles));
        assert!(
            events.has("sent without the local check: it is not a file"),
            "{:?}",
            events.lines()
        );
    }
    let client = blocking::Client::new(&world.config).expect("a client");
    let skipped = client
        .with_checker(checker(small))
        .ingest(source())
        .into_index(world.index_id.as_str())
        .skip_check()
        .wait(poll_often())
        .run()
        .expect("nobody looks");
    assert_eq!(skipped.not_checked, Some(NotChecked::Skipped));
}
