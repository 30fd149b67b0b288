//! Stateful property test: random sequences of requests and background results.
//!
//! Every response matches the API description and is no server error, lists and counts agree, and
//! the state can be restored from the recorded changes at any time.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;
use tl_emulator::platform::{
    Effect, Fetched, MediaKey, Payload, Platform, PutDecision, Rendered, Settings,
};
use tl_validate::{MediaFacts, ProbeError, ProbeErrorKind};

use crate::{
    assets::send,
    world::{Response, World, facts},
};

/// One step: the action, the objects it concerns, and its parameters.
#[derive(Debug, Clone)]
struct Step {
    action: u8,
    target: u16,
    other: u16,
    text: u16,
    number: u16,
}

fn step() -> impl Strategy<Value = Step> {
    let chance = any::<[u16; 4]>();
    (0..ACTIONS, chance).prop_map(|(action, [target, other, text, number])| Step {
        action,
        target,
        other,
        text,
        number,
    })
}

const ACTIONS: u8 = 30;

const TEXTS: [&str; 8] = [
    "a.mp4",
    "b.mp4",
    "ready",
    "failed",
    "filename",
    "-created_at",
    "übung & \"text\"",
    "",
];

/// The platform, the IDs issued so far by kind, and the persisted records.
struct Model {
    world: World,
    ids: BTreeMap<&'static str, Vec<String>>,
    records: BTreeMap<(String, String), String>,
    files: u32,
}

impl Model {
    fn new() -> Self {
        Self {
            world: World::new(settings()),
            ids: BTreeMap::new(),
            records: BTreeMap::new(),
            files: 0,
        }
    }

    /// An ID of this kind; sometimes one of another kind, or an unknown one.
    fn id(&self, kind: &str, which: u16) -> String {
        let ids: Vec<&String> = match which % 16 {
            15 => self.ids.values().flatten().collect(),
            _ => self.ids.get(kind).into_iter().flatten().collect(),
        };
        pick(&ids, which / 16).map_or_else(|| "f".repeat(24), |id| (*id).clone())
    }

    fn remember_id(&mut self, kind: &'static str, response: &Response, field: &str) {
        if let Some(id) = response.body[field].as_str() {
            self.ids.entry(kind).or_default().push(id.to_owned());
        }
    }

    fn key(&mut self) -> MediaKey {
        self.files += 1;
        MediaKey::new(format!("file{}", self.files))
    }

    fn apply(&mut self, step: &Step) -> Result<(), TestCaseError> {
        let response = self.perform(step);
        if let Some(response) = response {
            prop_assert!(
                (200..500).contains(&response.status),
                "{step:?}: {response:?}"
            );
            if response.status >= 400 {
                prop_assert!(response.body["code"].is_string(), "{step:?}: {response:?}");
            }
        }
        let effects = std::mem::take(&mut self.world.effects);
        for effect in effects {
            self.run_effect(&effect, step);
        }
        for change in self.world.platform.take_changes() {
            let id = (change.table.to_owned(), change.key);
            match change.value {
                Some(value) => self.records.insert(id, value),
                None => self.records.remove(&id),
            };
        }
        Ok(())
    }

    fn perform(&mut self, step: &Step) -> Option<Response> {
        let &Step {
            action,
            target,
            other,
            text,
            number,
        } = step;
        let text = pick(&TEXTS, text).copied().unwrap_or_default();
        let number = u32::from(number);
        let index = self.id("index", target);
        let asset = self.id("asset", other);
        let upload = format!("/assets/multipart-uploads/{}", self.id("upload", other));
        let metadata = json!({ "user_metadata": { "word": text, "number": number, "half": 0.5 } });
        let length = f64::from(number % 40);
        let world = &mut self.world;
        Some(match action {
            0 => {
                let models = json!([{ "model_name": "marengo3.0", "model_options": ["visual"] }]);
                let body =
                    json!({ "index_name": format!("{text}{}", number % 6), "models": models });
                let response = world.json("POST", "/indexes", &body);
                self.remember_id("index", &response, "_id");
                response
            }
            1 => world.json(
                "PUT",
                &format!("/indexes/{index}"),
                &json!({ "index_name": text }),
            ),
            2 if number % 4 == 0 => {
                world.request("DELETE", &format!("/indexes/{index}"), Payload::None)
            }
            3 => {
                let response = world.upload(&index, text, probe(length, number), &[]);
                self.remember_id("task", &response, "_id");
                self.remember_id("video", &response, "video_id");
                response
            }
            4 => {
                let link = [
                    ("index_id", index.as_str()),
                    ("video_url", "http://example.com/a.mp4"),
                ];
                let response = world.form(&link);
                self.remember_id("task", &response, "_id");
                response
            }
            5 => {
                let task = self.id("task", other);
                self.world.get(&format!("/tasks/{task}"))
            }
            6 if number % 3 == 0 => {
                let task = self.id("task", other);
                self.world
                    .request("DELETE", &format!("/tasks/{task}"), Payload::None)
            }
            7 => world.get(&format!(
                "/tasks?page_limit={}&page={}",
                1 + number % 50,
                1 + number % 3
            )),
            8 => world.get(&format!(
                "/indexes/{index}/videos?duration%5Bgte%5D={length}&page_limit=50"
            )),
            9 => {
                let video = self.id("video", other);
                self.world.json(
                    "PATCH",
                    &format!("/indexes/{index}/videos/{video}"),
                    &metadata,
                )
            }
            10 if number % 3 == 0 => {
                let video = self.id("video", other);
                self.world.request(
                    "DELETE",
                    &format!("/indexes/{index}/videos/{video}"),
                    Payload::None,
                )
            }
            11 => {
                let key = self.key();
                let response = send(
                    &mut self.world,
                    key.as_str(),
                    text,
                    probe(length, number),
                    &[],
                );
                self.remember_id("asset", &response, "_id");
                response
            }
            12 | 13 if number % 3 == 0 => {
                let force = if number % 2 == 0 { "?force=true" } else { "" };
                world.request("DELETE", &format!("/assets/{asset}{force}"), Payload::None)
            }
            14 => world.json(
                "PATCH",
                &format!("/assets/{asset}/user-metadata"),
                &metadata,
            ),
            15 => world.json("PUT", &format!("/assets/{asset}/user-metadata"), &metadata),
            16 => world.request(
                "DELETE",
                &format!("/assets/{asset}/user-metadata"),
                Payload::None,
            ),
            17 => world.get(&format!("/assets/{asset}/indexed-assets")),
            18 | 19 => {
                let mut body = metadata;
                body["asset_id"] = json!(asset);
                let response =
                    world.json("POST", &format!("/indexes/{index}/indexed-assets"), &body);
                self.remember_id("indexed", &response, "_id");
                response
            }
            20 => {
                let id = self.id("indexed", other);
                let path = format!("/indexes/{index}/indexed-assets/{id}");
                match number % 4 {
                    0 => self.world.request("DELETE", &path, Payload::None),
                    1 => self.world.json("PATCH", &path, &metadata),
                    _ => self.world.get(&path),
                }
            }
            21 => world.get(&format!(
                "/indexes/{index}/indexed-assets?status=ready&page_limit=50"
            )),
            22 => {
                let body =
                    json!({ "filename": "a.mp4", "type": "video", "total_size": number % 64 });
                let response = world.json("POST", "/assets/multipart-uploads", &body);
                self.remember_id("upload", &response, "upload_id");
                self.remember_id("asset", &response, "asset_id");
                response
            }
            23 => world.get(&upload),
            24 => world.get("/assets/multipart-uploads?page_limit=50"),
            25 | 26 => return self.upload_chunk(&upload, 1 + number % 8),
            27 => world.get("/assets?page_limit=50"),
            28 => {
                self.world.wait(u64::from(number) * 10);
                return None;
            }
            _ => return self.check_video_count(&index),
        })
    }

    /// Uploads a chunk to a new URL and reports it.
    fn upload_chunk(&mut self, upload: &str, chunk: u32) -> Option<Response> {
        let payload = json!({ "start": chunk, "count": 1 });
        let urls = self
            .world
            .json("POST", &format!("{upload}/presigned-urls"), &payload);
        let Some(url) = urls.body["upload_urls"][0]["url"].as_str() else {
            return Some(urls);
        };
        let status = self.world.get(upload).body;
        let size = status["total_size"].as_u64().unwrap_or(8);
        let len = 8.min(size.saturating_sub(u64::from(chunk - 1) * 8));
        let head = http::Request::put(url)
            .header("content-type", "application/octet-stream")
            .header("content-length", len)
            .body(())
            .unwrap();
        let now = self.world.now();
        if let PutDecision::Take(put) = self.world.platform.begin_put(now, &head.into_parts().0) {
            self.world.platform.finish_put(*put, Ok([7; 16]));
        }
        let item = json!({ "chunk_index": chunk, "proof": "07".repeat(16), "proof_type": "etag", "chunk_size": len });
        Some(
            self.world
                .json("POST", upload, &json!({ "completed_chunks": [item] })),
        )
    }

    /// Checks that the video count of an index matches the list of its videos.
    fn check_video_count(&mut self, index: &str) -> Option<Response> {
        let shown = self.world.get(&format!("/indexes/{index}"));
        if shown.status == 200 {
            let listed = self
                .world
                .get(&format!("/indexes/{index}/videos?page_limit=50"));
            let total = &listed.body["page_info"]["total_results"];
            assert_eq!(&shown.body["video_count"], total, "{listed:?}");
            let data = listed.body["data"].as_array().map_or(0, Vec::len) as u64;
            assert_eq!(total.as_u64().map(|total| total.min(50)), Some(data));
        }
        Some(shown)
    }

    /// Carries out an effect as the server would. The step determines its outcome.
    fn run_effect(&mut self, effect: &Effect, step: &Step) {
        let now = self.world.now();
        let number = u32::from(step.number);
        let probe = probe(f64::from(number % 60), number / 7);
        let key = self.key();
        let platform = &mut self.world.platform;
        let more = match effect {
            Effect::Probe { asset, .. } => platform.probed(now, asset, 1000, &probe, None),
            Effect::Fetch { task, .. } => {
                let fetched = Fetched::new(key, "a.mp4", 1000, probe);
                let outcome = if number % 5 == 0 {
                    Err("the server is gone".to_owned())
                } else {
                    Ok(fetched)
                };
                platform.fetched(now, task, outcome)
            }
            Effect::Render { owner, .. } => {
                let rendered = Rendered::new(MediaKey::new(format!("{owner}.made")), true, 2);
                let outcome = if number % 3 == 0 {
                    Err("no room".to_owned())
                } else {
                    Ok(rendered)
                };
                platform.rendered(now, owner, outcome)
            }
            _ => Vec::new(),
        };
        for effect in more {
            self.run_effect(&effect, step);
        }
    }
}

fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.chunk_size = 8;
    settings.initial_urls = 2;
    settings
}

/// A valid video, a rejected one, or a file that is no video.
fn probe(seconds: f64, seed: u32) -> Result<MediaFacts, ProbeError> {
    match seed % 6 {
        0 => Err(ProbeError::new(ProbeErrorKind::NotMedia, "a.mp4", "text")),
        1 => Ok(facts(320, 240, seconds)),
        _ => Ok(facts(640, 360, seconds + 4.0)),
    }
}

fn pick<T>(things: &[T], which: u16) -> Option<&T> {
    things.get(usize::from(which).checked_rem(things.len())?)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn random_sequences_keep_the_state_consistent(
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut model = Model::new();
        // Start with an index.
        let begin = Step { action: 0, target: 0, other: 0, text: 0, number: 0 };
        model.apply(&begin)?;
        for step in &steps {
            model.apply(step)?;
        }
        let mut restored = Platform::new(settings());
        let records = model.records.iter().map(|((table, key), value)| (table.clone(), key.clone(), value.clone()));
        restored.restore(records).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(restored.export(), model.world.platform.export(), "from the store");
        prop_assert_eq!(restored.media(), model.world.platform.media());
        let mut copy = Platform::new(settings());
        let export = model.world.platform.export();
        copy.import(&export).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(copy.export(), export, "from an export");
    }
}
