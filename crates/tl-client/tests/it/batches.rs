//! Analyses of many assets with both clients: order, resume in another run, lost creations.

use std::{fs, sync::Arc, time::Duration};

use tl_client::{
    ErrorKind,
    analysis::batch::{BatchRun, Row},
    blocking,
    model::AnalyzeRequest,
};
use tl_emulator::FaultPlan;

use crate::{World, both, good, poll_often};

const CREATE: &str = "analyze_async.batches.create";

/// Three rows about one asset of the world.
fn run(world: &World) -> BatchRun {
    let client = blocking::Client::new(&world.config).expect("a client");
    let upload = client.upload(world.file.path()).skip_check();
    let asset = upload.run().expect("an asset");
    let row = || Row::new(asset.asset_id.clone());
    let mut request = AnalyzeRequest::default();
    request.prompt = Some("What happens?".to_owned());
    let rows = vec![
        row().with_id("b"),
        row().with_id("a").with_prompt("Why?"),
        row(),
    ];
    BatchRun::new(&request, rows).expect("an allowed run")
}

#[test]
fn answers_are_saved_in_the_order_of_the_rows() {
    let world = World::new(good);
    let run = run(&world);
    let path = world.state.path().join("answers.jsonl");
    let mut saved = String::new();
    for (answers, _) in both!(&world.config, good, |client, events| client
        .analyze_batch(run.clone())
        .wait(poll_often())
        .observe(tl_client::protocol::Observer::new({
            let listen = events.listener();
            move |event| listen(&tl_client::Event::Api(event.clone()))
        }))
        .save_to(&path))
    {
        let answers = answers.unwrap();
        assert_eq!(answers.failed(), 0);
        let ids = answers
            .answers
            .iter()
            .map(|answer| answer.row.id.as_deref());
        assert_eq!(ids.collect::<Vec<_>>(), [Some("b"), Some("a"), None]);
        assert!(answers.answers[1].text().unwrap().contains("Why?"));
        saved = answers.to_jsonl();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), saved);
    // The state is gone, so the second client created another batch.
    assert_eq!(world.requests(CREATE).len(), 2);
    assert_eq!(fs::read_dir(world.state.path()).unwrap().count(), 1);
}

#[test]
fn run_that_ended_early_continues_in_the_other_client() {
    let world = World::new(good);
    let run = run(&world);
    let state = world.state.path().join("state");
    let mut plan = FaultPlan::default();
    plan.faults = vec![format!("{CREATE} nth=1 lose_answer").parse().unwrap()];
    world.emulator.set_faults(plan).unwrap();
    let client = blocking::Client::new(&world.config).unwrap();
    let start = |deadline| {
        let wait = poll_often().with_deadline(deadline);
        let start = client.analyze_batch(run.clone()).wait(wait);
        start.state_file(&state).run()
    };
    let lost = start(Duration::from_secs(20)).unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::OutcomeUnknown);
    let late = start(Duration::ZERO).unwrap_err();
    assert_eq!(late.kind(), ErrorKind::DeadlinePassed);
    for (answers, _) in both!(&world.config, good, |client, events| {
        let _ = &events;
        client
            .analyze_batch(run.clone())
            .wait(poll_often())
            .state_file(&state)
    }) {
        assert_eq!(answers.unwrap().failed(), 0);
    }
    assert_eq!(world.requests(CREATE).len(), 1, "created twice");
}

#[test]
fn two_runs_do_not_share_a_state() {
    let world = World::new(good);
    let run = run(&world);
    let state = world.state.path().join("state");
    let client = blocking::Client::new(&world.config).unwrap();
    // The observer runs while the first run holds the file.
    let refused = Arc::new(std::sync::Mutex::new(Vec::new()));
    let other = {
        let (client, run, state) = (client.clone(), run.clone(), state.clone());
        let refused = Arc::clone(&refused);
        tl_client::protocol::Observer::new(move |event| {
            if matches!(event, tl_client::protocol::Event::Created { .. }) {
                let second = client.analyze_batch(run.clone()).state_file(&state).run();
                refused.lock().unwrap().push(second.unwrap_err().kind());
            }
        })
    };
    let first = client.analyze_batch(run.clone()).wait(poll_often());
    first.state_file(&state).observe(other).run().unwrap();
    assert_eq!(*refused.lock().unwrap(), [ErrorKind::Checkpoint]);
    assert_eq!(world.requests(CREATE).len(), 1);
}
