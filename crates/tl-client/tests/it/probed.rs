//! Files that were probed before the upload.

use std::time::Duration;

use tl_client::{ErrorKind, FileSource, Input, ProbedFile, Stage};
use tl_validate::{MediaFacts, ProbeError};

use crate::{World, both, good, poll_often, small};

/// A prober that must not be called.
fn never() -> Result<MediaFacts, ProbeError> {
    panic!("the file was probed again");
}

fn probed(world: &World, facts: fn() -> Result<MediaFacts, ProbeError>) -> ProbedFile {
    let source = FileSource::open(world.file.path()).expect("a file");
    ProbedFile::new(source, facts().expect("facts")).with_probe_time(Duration::from_secs(7))
}

#[test]
fn probed_file_is_not_probed_again() {
    let world = World::new(good);
    for (result, events) in both!(&world.config, never, |client, events| client
        .ingest(probed(&world, good))
        .into_index(world.index_id.as_str())
        .wait(poll_often())
        .checkpoint(world.state.path())
        .observe(events.listener()))
    {
        let video = result.expect("it is indexed");
        assert!(video.report.as_ref().is_some_and(|it| !it.is_refused()));
        assert!(video.time(Stage::Check) >= Some(Duration::from_secs(7)));
        assert!(events.has("checked"), "{:?}", events.lines());
    }
}

#[test]
fn rules_are_applied_to_the_given_facts() {
    let world = World::new(good);
    for (result, _) in both!(&world.config, never, |client, _events| client
        .upload(probed(&world, small)))
    {
        let error = result.expect_err("too small");
        assert_eq!(error.kind(), ErrorKind::RefusedLocally);
        assert!(error.report().is_some_and(|report| report.is_refused()));
    }
    assert_eq!(world.sent(), 0);
}

#[test]
fn file_that_changes_after_the_probe_is_not_sent() {
    let world = World::new(good);
    let input = Input::from(probed(&world, good));
    world.file.as_file().set_len(900).expect("it can shrink");
    for (result, _) in both!(&world.config, never, |client, _events| client
        .upload(input.clone())
        .without_checkpoint())
    {
        let error = result.expect_err("it changed");
        assert!(error.to_string().contains("it shrank from"), "{error}");
    }
    assert_eq!(world.requests("assets.get").len(), 0);
}
