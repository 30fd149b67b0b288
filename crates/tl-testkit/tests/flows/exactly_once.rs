//! An ingestion whose process ends at any moment and resumes from its record: the video is in the
//! index exactly once, and no asset is left over.
//!
//! Each run ends at one exchange: before the platform acts on it, after it has acted, or so that
//! the platform acts a little later, when the next process is already running.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Response};
use serde_json::{Value, json};
use tl_model::{NewUpload, UploadType};
use tl_protocol::{
    BytesSource, Error, Exchange, Now, Outcome, Source,
    endpoint::{CreateAsset, CreateUpload, Media},
    flow::{
        AssetPlan, AssetUpload, IngestAsset, IngestedAsset, Reconcile, WaitPolicy,
        upload::{Begin, IngestRecord, UploadJournal, UploadSettings},
    },
};
use tl_testkit::sim::{Planned, Sim, World};

use super::{at_once, base, chain};

const CONTENT: &[u8] = b"the bytes of the match";
const CHUNK: usize = 5;

/// The route of the video.
#[derive(Debug, Clone, Copy, PartialEq)]
enum UploadKind {
    Whole,
    Chunks,
}

/// What happens to the exchange at which the process ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Cut {
    Before,
    After,
    /// The platform acts after this time.
    Late(Duration),
}

const CUTS: [Cut; 3] = [
    Cut::Before,
    Cut::After,
    Cut::Late(Duration::from_millis(1500)),
];

#[derive(Default)]
struct Platform {
    exchanges: usize,
    /// The exchange at which the process ends.
    cut: Option<(usize, Cut)>,
    /// A request still in flight: when it arrives, and its content.
    late: Option<(Duration, Method, String, Value)>,
    /// Assets: name, and number of polls until it is ready.
    assets: Vec<(String, u32)>,
    /// Sessions: the reserved asset, and the reported chunks.
    sessions: Vec<(usize, BTreeSet<u64>)>,
    /// Stored chunks by session.
    stored: BTreeMap<usize, BTreeSet<u64>>,
    /// Index entries: the asset, and whether indexing failed.
    indexed: Vec<(usize, bool)>,
    /// Entries of the asset in other indexes, which fill pages.
    elsewhere: usize,
    /// Index requests, from 1, whose response is a 503: whether the platform has acted.
    unavailable: BTreeMap<usize, bool>,
    index_requests: usize,
    /// Seconds in the `Retry-After` of such a response, and when the requests arrived.
    retry_after: Option<u64>,
    indexed_at: Vec<Duration>,
}

impl Platform {
    /// The complete assets.
    fn whole(&self) -> Vec<usize> {
        let reserved: BTreeMap<usize, bool> = self
            .sessions
            .iter()
            .map(|(asset, reported)| (*asset, reported.len() == chunks()))
            .collect();
        (0..self.assets.len())
            .filter(|asset| *reserved.get(asset).unwrap_or(&true))
            .collect()
    }

    fn arrive(&mut self, now: Duration) {
        if let Some((_, method, target, body)) = self.late.take_if(|(at, ..)| *at <= now) {
            self.act(&method, &target, &body);
        }
    }

    fn act(&mut self, method: &Method, target: &str, body: &Value) -> (u16, Value) {
        let path = target.split('?').next().unwrap_or_default();
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let number = |text: &str| text[1..].parse::<usize>().expect("an identifier");
        let created_at = "2027-01-01T00:00:00Z";
        let asset = |id: usize, ready: bool| {
            json!({"_id": format!("a{id}"), "method": "direct", "filename": "match.mp4",
                   "status": if ready { "ready" } else { "processing" }, "created_at": created_at,
                   "size": CONTENT.len()})
        };
        let page = |items: Vec<Value>| {
            let number = target
                .split(['?', '&'])
                .find_map(|part| part.strip_prefix("page="))
                .map_or(1, |page| page.parse::<usize>().expect("a page"));
            let total = items.len().div_ceil(50).max(1);
            let data: Vec<_> = items.into_iter().skip((number - 1) * 50).take(50).collect();
            (
                200,
                json!({"data": data, "page_info": {"page": number, "total_page": total}}),
            )
        };
        match (method, &parts[..]) {
            (&Method::POST, ["v1.3", "assets"]) => {
                self.assets.push(("match.mp4".to_owned(), 2));
                (201, asset(self.assets.len() - 1, false))
            }
            (&Method::GET, ["v1.3", "assets"]) => {
                let assets = self.whole().into_iter().rev();
                page(assets.map(|id| asset(id, self.assets[id].1 == 0)).collect())
            }
            (&Method::POST, ["v1.3", "assets", "multipart-uploads"]) => {
                self.assets.push(("match.mp4".to_owned(), 2));
                let id = self.assets.len() - 1;
                self.sessions.push((id, BTreeSet::new()));
                let session = self.sessions.len() - 1;
                let urls: Vec<_> = (1..=chunks())
                    .map(|chunk| json!({"chunk_index": chunk, "url": url(session, chunk)}))
                    .collect();
                (
                    201,
                    json!({"upload_id": format!("u{session}"), "asset_id": format!("a{id}"), "chunk_size": CHUNK,
                           "total_chunks": chunks(), "upload_urls": urls}),
                )
            }
            (&Method::POST, ["v1.3", "assets", "multipart-uploads", id]) => {
                let session = number(id);
                for chunk in body["completed_chunks"].as_array().expect("chunks") {
                    let index = chunk["chunk_index"].as_u64().expect("a number");
                    assert!(self.stored[&session].contains(&index), "chunk {index}");
                    self.sessions[session].1.insert(index);
                }
                (200, json!({"processed_chunks": 1}))
            }
            (&Method::POST, ["v1.3", "assets", "multipart-uploads", id, "presigned-urls"]) => {
                let start = body["start"].as_u64().expect("a number");
                let count = body["count"].as_u64().expect("a number");
                let urls: Vec<_> = (start..start + count)
                    .map(|chunk| json!({"chunk_index": chunk, "url": url(number(id), chunk as usize)}))
                    .collect();
                (200, json!({"upload_id": id, "upload_urls": urls}))
            }
            (&Method::GET, ["v1.3", "assets", "multipart-uploads", id]) => {
                let (_, reported) = &self.sessions[number(id)];
                let whole = reported.len() == chunks();
                let states: Vec<_> = reported
                    .iter()
                    .map(|chunk| json!({"index": chunk, "status": "completed"}))
                    .collect();
                (
                    200,
                    json!({"upload_id": id, "status": if whole { "completed" } else { "active" },
                           "uploaded_chunks": states, "page_info": {"total_page": 1}}),
                )
            }
            (&Method::PUT, ["storage", session, chunk]) => {
                let chunk = chunk.parse().expect("a number");
                self.stored
                    .entry(number(session))
                    .or_default()
                    .insert(chunk);
                (200, Value::Null)
            }
            (&Method::GET, ["v1.3", "assets", id]) => {
                let id = number(id);
                let polls = &mut self.assets[id].1;
                *polls = polls.saturating_sub(1);
                let ready = *polls == 0;
                (200, asset(id, ready))
            }
            (&Method::GET, ["v1.3", "assets", id, "indexed-assets"]) => {
                let id = number(id);
                let others = (0..self.elsewhere)
                    .map(|at| json!({"_id": format!("y{at}"), "index": {"_id": "other"}}));
                let ours = (0..self.indexed.len())
                    .filter(|at| self.indexed[*at].0 == id)
                    .map(|at| json!({"_id": format!("x{at}"), "index": {"_id": "i1"}}));
                page(others.chain(ours).collect())
            }
            (&Method::GET, ["v1.3", "indexes", "i1", "indexed-assets"]) => {
                let all = self.indexed.iter().enumerate().rev();
                page(all.map(|(at, (asset, failed))| {
                    // After the start of every process.
                    json!({"_id": format!("x{at}"), "asset_id": format!("a{asset}"),
                           "created_at": "2027-01-02T00:00:00Z", "status": if *failed { "failed" } else { "ready" }})
                }).collect())
            }
            (&Method::POST, ["v1.3", "indexes", "i1", "indexed-assets"]) => {
                self.index_requests += 1;
                let unavailable = self.unavailable.get(&self.index_requests).copied();
                if unavailable == Some(false) {
                    return (
                        503,
                        json!({"code": "service_unavailable", "message": "later"}),
                    );
                }
                let id = number(body["asset_id"].as_str().expect("an id"));
                self.indexed.push((id, false));
                if unavailable == Some(true) {
                    return (
                        503,
                        json!({"code": "service_unavailable", "message": "later"}),
                    );
                }
                (
                    202,
                    json!({"_id": format!("x{}", self.indexed.len() - 1), "asset_id": format!("a{id}")}),
                )
            }
            (&Method::GET, ["v1.3", "indexes", "i1", "indexed-assets", id]) => {
                let (asset, failed) = self.indexed[number(id)];
                (
                    200,
                    json!({"_id": id, "asset_id": format!("a{asset}"), "created_at": created_at,
                           "status": if failed { "failed" } else { "ready" }}),
                )
            }
            other => panic!("{other:?} was asked for"),
        }
    }
}

fn chunks() -> usize {
    CONTENT.len().div_ceil(CHUNK)
}

fn url(session: usize, chunk: usize) -> String {
    format!("https://bucket.example/storage/u{session}/{chunk}")
}

impl World for Platform {
    fn answer(&mut self, now: Now, exchange: &Exchange) -> Planned {
        self.arrive(now.mono);
        self.exchanges += 1;
        let mut bytes = Vec::new();
        std::io::copy(&mut exchange.http.body().reader(), &mut bytes).expect("it can be read");
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        let (method, uri) = (exchange.http.method().clone(), exchange.http.uri());
        let target = uri.path_and_query().expect("a target").to_string();
        let outcome: Outcome = match self.cut {
            Some((number, Cut::Before)) if number == self.exchanges => Ok(Response::default()),
            Some((number, Cut::Late(after))) if number == self.exchanges => {
                self.late = Some((now.mono + after, method, target, body));
                Ok(Response::default())
            }
            _ => {
                if method == Method::POST && target.ends_with("/i1/indexed-assets") {
                    self.indexed_at.push(now.mono);
                }
                let (status, answer) = self.act(&method, &target, &body);
                let etag = format!("\"{target}\"");
                let answer = if answer.is_null() {
                    String::new()
                } else {
                    answer.to_string()
                };
                let mut response = Response::builder().status(status).header("etag", etag);
                if let Some(seconds) = self.retry_after.filter(|_| status == 503) {
                    response = response.header("retry-after", seconds);
                }
                Ok(response.body(Bytes::from(answer)).expect("an answer"))
            }
        };
        Planned::new(Duration::from_millis(100), outcome)
    }
}

/// A file and its route, with the record of its processes.
struct Scenario {
    kind: UploadKind,
    sim: Sim<Platform>,
    record: Arc<Mutex<IngestRecord>>,
    reconcile: Reconcile,
    wait: bool,
}

impl Scenario {
    fn new(kind: UploadKind) -> Self {
        Self {
            kind,
            sim: Sim::new(Platform::default()),
            record: Arc::default(),
            reconcile: Reconcile::ByNameAndTime,
            wait: true,
        }
    }

    /// The flow of the next process.
    fn flow(&self, seed: u64) -> IngestAsset {
        let source: Arc<dyn Source> = Arc::new(BytesSource::new("match.mp4", CONTENT));
        let fresh = match self.kind {
            UploadKind::Whole => AssetUpload::Whole(CreateAsset::new(Media::File(source))),
            UploadKind::Chunks => AssetUpload::Chunks {
                begin: Box::new(Begin::New(CreateUpload::new(NewUpload::new(
                    "match.mp4",
                    UploadType::Video,
                    source.len(),
                )))),
                source,
                settings: UploadSettings::default().with_concurrency(2),
            },
        };
        let record = self.record.lock().expect("no panic before").clone();
        let keep = Arc::clone(&self.record);
        let plan = AssetPlan::new(record.resume(fresh, false, true))
            .with_index(Some("i1".into()))
            .with_video_stream(None)
            .with_metadata(None)
            .with_wait(self.wait.then(WaitPolicy::default))
            .with_reconcile(self.reconcile.clone())
            .with_journal(UploadJournal::new(move |change| {
                keep.lock().expect("no panic before").apply(change);
            }));
        IngestAsset::new(plan, &base(), at_once(), seed)
    }

    /// Runs one process to its end, or for `steps` steps.
    fn run(&self, seed: u64, steps: u32) -> Option<Result<IngestedAsset, Error>> {
        self.sim.run_for(self.flow(seed), steps)
    }

    fn exchanges(&self) -> usize {
        self.sim.world(|platform| platform.exchanges)
    }

    #[track_caller]
    fn finish(&self, what: &str) -> IngestedAsset {
        let result = self.run(99, 100_000).expect("it ends");
        let video = result.unwrap_or_else(|error| panic!("{what}: {}", chain(&error)));
        self.sim.pass(Duration::from_secs(60));
        let now = self.sim.elapsed();
        self.sim.world(|platform| {
            platform.arrive(now);
            let asset = video.asset_id.as_ref().expect("an asset").to_string();
            let whole: Vec<String> = platform.whole().iter().map(|id| format!("a{id}")).collect();
            assert_eq!(whole, [asset.as_str()], "{what}: no asset is left over");
            let good = platform.indexed.iter().filter(|(_, failed)| !failed);
            let indexed: Vec<String> = good.map(|(id, _)| format!("a{id}")).collect();
            assert_eq!(indexed, [asset], "{what}: it is in the index once");
        });
        video
    }
}

/// For each exchange of `scenario`, the step of the process after which it starts.
fn boundaries(scenario: impl Fn() -> Scenario, prepare: impl Fn(&Scenario)) -> Vec<(u32, usize)> {
    let mut found = Vec::new();
    let mut before = 0;
    for steps in 1.. {
        let scenario = scenario();
        prepare(&scenario);
        let earlier = scenario.exchanges();
        let end = scenario.run(1, steps);
        let exchanges = scenario.exchanges() - earlier;
        if exchanges > before {
            found.push((steps, scenario.exchanges()));
            before = exchanges;
        }
        if end.is_some() {
            return found;
        }
    }
    unreachable!("a flow ends")
}

#[test]
fn one_crash_anywhere_leaves_nothing_twice() {
    for (kind, wait) in [
        (UploadKind::Whole, true),
        (UploadKind::Whole, false),
        (UploadKind::Chunks, true),
        (UploadKind::Chunks, false),
    ] {
        let scenario = || Scenario {
            wait,
            ..Scenario::new(kind)
        };
        let boundaries = boundaries(scenario, |_| {});
        assert!(boundaries.len() >= 4, "{kind:?}: {boundaries:?}");
        for (steps, number) in boundaries {
            for cut in CUTS {
                let scenario = scenario();
                scenario
                    .sim
                    .world(|platform| platform.cut = Some((number, cut)));
                assert!(scenario.run(1, steps).is_none(), "it is ended");
                scenario.finish(&format!(
                    "{kind:?}, wait {wait}, exchange {number}, {cut:?}"
                ));
            }
        }
    }
}

#[test]
fn two_crashes_anywhere_leave_nothing_twice() {
    for kind in [UploadKind::Whole, UploadKind::Chunks] {
        for (steps, number) in boundaries(|| Scenario::new(kind), |_| {}) {
            for cut in CUTS {
                let first = |scenario: &Scenario| {
                    scenario
                        .sim
                        .world(|platform| platform.cut = Some((number, cut)));
                    assert!(scenario.run(1, steps).is_none(), "it is ended");
                };
                for (again, second) in boundaries(|| Scenario::new(kind), first) {
                    for next in CUTS {
                        let scenario = Scenario::new(kind);
                        first(&scenario);
                        scenario
                            .sim
                            .world(|platform| platform.cut = Some((second, next)));
                        // It may have finished with the last outcome.
                        if scenario.run(1, again).is_none() {
                            scenario
                                .finish(&format!("{kind:?}: {number} {cut:?}, {second} {next:?}"));
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn metadata_key_identifies_the_asset_after_a_crash() {
    let scenario = || Scenario {
        reconcile: Reconcile::ByMetadataKey("mark".into()),
        ..Scenario::new(UploadKind::Whole)
    };
    let (steps, number) = boundaries(scenario, |_| {})[0];
    let scenario = scenario();
    scenario
        .sim
        .world(|platform| platform.cut = Some((number, Cut::Before)));
    assert!(scenario.run(1, steps).is_none());
    let record = scenario.record.lock().expect("no panic before").clone();
    let (key, value) = record
        .creating
        .and_then(|intent| intent.mark)
        .expect("a mark");
    assert!(key == "mark" && value.len() == 32, "{key} {value}");
    scenario.finish("by its mark");
}

#[test]
fn used_asset_is_not_taken_for_the_lost_one() {
    let scenario = Scenario::new(UploadKind::Whole);
    let (steps, number) = boundaries(|| Scenario::new(UploadKind::Whole), |_| {})[0];
    scenario
        .sim
        .world(|platform| platform.cut = Some((number, Cut::Before)));
    assert!(scenario.run(1, steps).is_none());
    // Meanwhile, another file of the same name and size is uploaded and indexed.
    scenario.sim.world(|platform| {
        platform.assets.push(("match.mp4".to_owned(), 0));
        platform.indexed.push((0, false));
    });
    let video = scenario
        .run(2, 100_000)
        .expect("it ends")
        .expect("it is indexed");
    assert_eq!(video.asset_id.expect("an asset").as_str(), "a1");
    let indexed = scenario.sim.world(|platform| platform.indexed.clone());
    assert_eq!(indexed, [(0, false), (1, false)]);
}

#[test]
fn all_pages_are_read_before_indexing_again() {
    let scenario = Scenario::new(UploadKind::Whole);
    scenario.sim.world(|platform| platform.elsewhere = 120);
    let (steps, number) = *boundaries(|| Scenario::new(UploadKind::Whole), |_| {})
        .iter()
        .rev()
        .nth(1)
        .expect("the request that indexes it");
    scenario
        .sim
        .world(|platform| platform.cut = Some((number, Cut::After)));
    assert!(scenario.run(1, steps).is_none());
    assert_eq!(scenario.sim.world(|platform| platform.indexed.len()), 1);
    let video = scenario.finish("behind two pages of other indexes");
    assert!(video.reconciled);
}

#[test]
fn failed_indexing_is_repeated() {
    let scenario = Scenario::new(UploadKind::Whole);
    scenario.finish("the first run");
    scenario.sim.world(|platform| platform.indexed[0].1 = true);
    // The checkpoint after the platform discarded the session.
    scenario
        .record
        .lock()
        .expect("no panic before")
        .indexed_asset_id = None;
    let video = scenario.finish("the next run");
    assert_eq!(video.indexed_asset_id.expect("it is there").as_str(), "x1");
}

/// Which index requests get a 503, and whether the platform has acted on each, from a seed.
fn unavailable(seed: usize) -> BTreeMap<usize, bool> {
    let number = |at: usize| at.wrapping_mul(0x9e37_79b9).wrapping_add(seed * 7919) >> 3;
    let refused = 1 + number(1) % 4;
    let all = (1..=refused).map(|at| (at, number(at + 1).is_multiple_of(2)));
    all.collect()
}

#[test]
fn asset_that_was_indexed_with_a_503_is_not_indexed_again() {
    for seed in 0..64 {
        let plan = unavailable(seed);
        let scenario = Scenario {
            wait: seed % 2 == 0,
            ..Scenario::new(UploadKind::Whole)
        };
        scenario
            .sim
            .world(|platform| platform.unavailable = plan.clone());
        let video = scenario.finish(&format!("seed {seed}, {plan:?}"));
        let acted = plan.values().position(|acted| *acted);
        assert_eq!(video.reconciled, acted.is_some(), "seed {seed}, {plan:?}");
        let requests = scenario.sim.world(|platform| platform.index_requests);
        let expected = acted.map_or(plan.len() + 1, |acted| acted + 1);
        assert_eq!(requests, expected, "seed {seed}, {plan:?}");
    }
}

#[test]
fn asset_indexed_with_a_503_survives_a_crash_during_the_lookup() {
    for acted in [false, true] {
        let scenario = || {
            let scenario = Scenario::new(UploadKind::Whole);
            let plan = BTreeMap::from([(1, acted)]);
            scenario.sim.world(|platform| platform.unavailable = plan);
            scenario
        };
        for (steps, number) in boundaries(scenario, |_| {}) {
            for cut in CUTS {
                let scenario = scenario();
                scenario
                    .sim
                    .world(|platform| platform.cut = Some((number, cut)));
                assert!(scenario.run(1, steps).is_none(), "it is ended");
                scenario.finish(&format!("acted {acted}, exchange {number}, {cut:?}"));
            }
        }
    }
}

#[test]
fn index_request_is_repeated_as_a_503_asks_and_not_for_ever() {
    let scenario = Scenario::new(UploadKind::Whole);
    scenario.sim.world(|platform| {
        platform.unavailable = BTreeMap::from([(1, false)]);
        platform.retry_after = Some(30);
    });
    scenario.finish("after 30 seconds");
    let at = scenario.sim.world(|platform| platform.indexed_at.clone());
    assert!(at[1] - at[0] >= Duration::from_secs(30), "{at:?}");

    for retry_after in [None, Some(3600)] {
        let scenario = Scenario::new(UploadKind::Whole);
        scenario.sim.world(|platform| {
            platform.unavailable = (1..100).map(|at| (at, false)).collect();
            platform.retry_after = retry_after;
        });
        let error = scenario.run(1, 100_000).expect("it ends").unwrap_err();
        assert_eq!(error.status(), Some(503), "{}", chain(&error));
        let requests = scenario.sim.world(|platform| platform.index_requests);
        assert_eq!(requests, if retry_after.is_none() { 5 } else { 1 });
        assert_eq!(error.attempts() as usize, requests);
    }
}
