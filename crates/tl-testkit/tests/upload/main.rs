//! A multipart upload over a network whose faults depend on a seed, with crashes and resumes: the
//! bytes always arrive, no finished chunk is sent twice, and the platform's rules are respected.
//!
//! A failing seed is printed; `TL_SEED=<seed> cargo nextest run -p tl-testkit --test upload` runs
//! it alone. `TL_SEEDS=<number>` runs fewer or more seeds.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by a panic, and names its seed"
)]

mod cloud;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use cloud::{API, Cloud, Finished};
use tl_model::{NewUpload, UploadType};
use tl_protocol::{
    BytesSource, ErrorKind, Policy, Source,
    endpoint::CreateUpload,
    flow::upload::{
        Begin, MultipartUpload, Record, UploadJournal, UploadRecord, UploadSettings, Uploaded,
    },
    rng::Rng,
};
use tl_testkit::sim::Sim;

/// Number of seeds of a run without `TL_SEEDS`; each is a complete upload.
const SEEDS: u64 = 2000;

struct Scenario {
    content: Vec<u8>,
    sim: Sim<Cloud>,
    finished: Finished,
    record: Arc<Mutex<Option<UploadRecord>>>,
    concurrency: usize,
    seed: u64,
}

impl Scenario {
    fn new(seed: u64, fault_rate: f64) -> Self {
        let mut rng = Rng::new(seed ^ 0x5eed);
        let chunk_size = 1 + rng.bits() % 40;
        let size = 1 + rng.bits() % (chunk_size * 130);
        let content: Vec<u8> = (0..size).map(|_| rng.bits().to_le_bytes()[0]).collect();
        let finished: Finished = Arc::default();
        let cloud = Cloud::new(
            seed,
            content.clone(),
            chunk_size,
            fault_rate,
            Arc::clone(&finished),
        );
        let concurrency = 1 + usize::try_from(rng.bits() % 9).unwrap();
        Self {
            content,
            sim: Sim::new(cloud),
            finished,
            record: Arc::default(),
            concurrency,
            seed,
        }
    }

    fn flow(&self, deadline: Option<Duration>) -> MultipartUpload {
        let source: Arc<dyn Source> = Arc::new(BytesSource::new("match.mp4", self.content.clone()));
        let create = CreateUpload::new(NewUpload::new(
            "match.mp4",
            UploadType::Video,
            self.content.len() as u64,
        ));
        let begin = match self.record.lock().unwrap().clone() {
            None => Begin::New(create),
            Some(record) => Begin::Resume(record, create),
        };
        let (record, finished) = (Arc::clone(&self.record), Arc::clone(&self.finished));
        let journal = UploadJournal::new(move |change| {
            let mut record = record.lock().unwrap();
            match (&mut *record, change) {
                (Some(record), change) => record.apply(change),
                (record @ None, Record::Session(session)) => *record = Some(session.clone()),
                (None, change) => panic!("{change:?} before a session"),
            }
            let upload_id = record.as_ref().unwrap().upload_id.clone();
            let mut finished = finished.lock().unwrap();
            let chunks = finished.entry(upload_id).or_default();
            match change {
                Record::Sent(index, _) => {
                    assert!(chunks.insert(*index), "chunk {index} finished twice");
                }
                Record::Forgotten(indexes) => chunks.retain(|index| !indexes.contains(index)),
                _ => {}
            }
        });
        let settings = UploadSettings::default()
            .with_concurrency(self.concurrency)
            .with_deadline(deadline);
        let base = API.parse().unwrap();
        MultipartUpload::new(source, begin, &base, Policy::default(), settings, self.seed)
            .recorded(journal)
    }

    fn conclude(&self, uploaded: &Uploaded) {
        let asset = self.sim.world(|cloud| cloud.asset(&uploaded.upload_id));
        assert_eq!(
            asset.as_deref(),
            Some(&self.content[..]),
            "the asset is the file"
        );
        assert_eq!(uploaded.bytes, self.content.len() as u64);
    }
}

fn seeds() -> Vec<u64> {
    match std::env::var("TL_SEED") {
        Ok(seed) => vec![seed.parse().expect("TL_SEED is a number")],
        Err(_) => {
            let number = std::env::var("TL_SEEDS").map(|number| number.parse());
            (0..number.map_or(SEEDS, |number| number.expect("TL_SEEDS is a number"))).collect()
        }
    }
}

/// Runs `scenario` for every seed, and prints the seed that fails.
fn for_every_seed(scenario: impl Fn(u64) + std::panic::RefUnwindSafe) {
    for seed in seeds() {
        if let Err(panic) = std::panic::catch_unwind(|| scenario(seed)) {
            eprintln!(
                "the seed is {seed}: TL_SEED={seed} cargo nextest run -p tl-testkit --test upload"
            );
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn without_faults_each_chunk_is_sent_once() {
    for_every_seed(|seed| {
        let scenario = Scenario::new(seed, 0.0);
        let uploaded = scenario
            .sim
            .run_for(scenario.flow(None), 100_000)
            .expect("it ends")
            .expect("it succeeds");
        scenario.conclude(&uploaded);
        assert_eq!(uploaded.attempts, uploaded.chunks);
        assert_eq!(scenario.sim.world(|cloud| cloud.puts), uploaded.chunks);
    });
}

#[test]
fn bytes_arrive_through_faults_and_crashes() {
    for_every_seed(|seed| {
        let mut rng = Rng::new(seed ^ 0xc4a5);
        let fault_rate = rng.fraction() * 0.5;
        let scenario = Scenario::new(seed, fault_rate);
        for _ in 0..rng.bits() % 6 {
            let steps = u32::try_from(1 + rng.bits() % 600).unwrap();
            match scenario.sim.run_for(scenario.flow(None), steps) {
                // Killed: exchanges in flight are lost, and so are pending waits.
                None => {}
                Some(Ok(uploaded)) => return scenario.conclude(&uploaded),
                Some(Err(error)) => assert!(
                    matches!(
                        error.kind(),
                        ErrorKind::Server
                            | ErrorKind::ConnectionLost
                            | ErrorKind::RateLimited
                            | ErrorKind::Malformed
                            | ErrorKind::NotFound
                            | ErrorKind::Refused
                    ),
                    "{error:?}"
                ),
            }
            scenario.sim.world(Cloud::reset_waits);
            if rng.bits().is_multiple_of(5) {
                // A session expires after 24 hours.
                scenario.sim.pass(Duration::from_secs(25 * 3600));
            }
        }
        scenario.sim.world(|cloud| cloud.fault_rate = 0.0);
        let uploaded = scenario
            .sim
            .run_for(scenario.flow(None), 1_000_000)
            .expect("it ends")
            .expect("it succeeds");
        scenario.conclude(&uploaded);
    });
}

#[test]
fn upload_ends_by_its_deadline() {
    for_every_seed(|seed| {
        let scenario = Scenario::new(seed, 0.6);
        let deadline = Duration::from_secs(1 + seed % 300);
        let result = scenario
            .sim
            .run_for(scenario.flow(Some(deadline)), 1_000_000)
            .expect("it ends");
        assert!(
            scenario.sim.elapsed() <= deadline,
            "{:?} of {deadline:?}",
            scenario.sim.elapsed()
        );
        if let Ok(uploaded) = result {
            scenario.conclude(&uploaded);
        }
    });
}

#[test]
fn control_detects_a_finished_chunk_sent_again() {
    let forgetful = (0..50).any(|seed| {
        let scenario = Scenario::new(seed, 0.0);
        if scenario.sim.run_for(scenario.flow(None), 60).is_some() {
            return false;
        }
        // The record is kept without its chunks: those not reported yet are sent again.
        if let Some(record) = &mut *scenario.record.lock().unwrap() {
            record.sent.clear();
        }
        let again = || scenario.sim.run_for(scenario.flow(None), 100_000);
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(again)).is_err()
    });
    assert!(
        forgetful,
        "a client that forgets what it has sent must be noticed"
    );
}
