//! Stateful property test: random sequences of requests and background results.
//!
//! Every response matches the API description and is no server error, lists and counts agree, and
//! the state can be restored from the recorded changes at any time.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;
use tl_emulator::platform::{
    Effect, Fetched, MediaKey, Payload, Platform, PutBegin, Rendered, Settings,
};
use tl_validate::{MediaFacts, ProbeError, ProbeErrorKind};

use crate::{
    assets::send,
    world::{Answer, World, facts},
};

/// One step: the action, the objects it concerns, and its parameters.
#[derive(Debug, Clone)]
struct Turn {
    deed: u8,
    thing: u16,
    other: u16,
    word: u16,
    number: u16,
}

fn turn() -> impl Strategy<Value = Turn> {
    let chance = any::<[u16; 4]>();
    (0..DEEDS, chance).prop_map(|(deed, [thing, other, word, number])| Turn {
        deed,
        thing,
        other,
        word,
        number,
    })
}

const DEEDS: u8 = 30;

const WORDS: [&str; 8] = [
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
struct Story {
    world: World,
    ids: BTreeMap<&'static str, Vec<String>>,
    store: BTreeMap<(String, String), String>,
    files: u32,
}

impl Story {
    fn new() -> Self {
        Self {
            world: World::new(settings()),
            ids: BTreeMap::new(),
            store: BTreeMap::new(),
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

    fn made(&mut self, kind: &'static str, answer: &Answer, field: &str) {
        if let Some(id) = answer.body[field].as_str() {
            self.ids.entry(kind).or_default().push(id.to_owned());
        }
    }

    fn key(&mut self) -> MediaKey {
        self.files += 1;
        MediaKey::new(format!("file{}", self.files))
    }

    fn tell(&mut self, turn: &Turn) -> Result<(), TestCaseError> {
        let answer = self.act(turn);
        if let Some(answer) = answer {
            prop_assert!((200..500).contains(&answer.status), "{turn:?}: {answer:?}");
            if answer.status >= 400 {
                prop_assert!(answer.body["code"].is_string(), "{turn:?}: {answer:?}");
            }
        }
        let effects = std::mem::take(&mut self.world.effects);
        for effect in effects {
            self.follow(&effect, turn);
        }
        for change in self.world.platform.take_changes() {
            let place = (change.table.to_owned(), change.key);
            match change.value {
                Some(value) => self.store.insert(place, value),
                None => self.store.remove(&place),
            };
        }
        Ok(())
    }

    fn act(&mut self, turn: &Turn) -> Option<Answer> {
        let &Turn {
            deed,
            thing,
            other,
            word,
            number,
        } = turn;
        let word = pick(&WORDS, word).copied().unwrap_or_default();
        let number = u32::from(number);
        let index = self.id("index", thing);
        let asset = self.id("asset", other);
        let upload = format!("/assets/multipart-uploads/{}", self.id("upload", other));
        let metadata = json!({ "user_metadata": { "word": word, "number": number, "half": 0.5 } });
        let length = f64::from(number % 40);
        let world = &mut self.world;
        Some(match deed {
            0 => {
                let models = json!([{ "model_name": "marengo3.0", "model_options": ["visual"] }]);
                let body =
                    json!({ "index_name": format!("{word}{}", number % 6), "models": models });
                let answer = world.json("POST", "/indexes", &body);
                self.made("index", &answer, "_id");
                answer
            }
            1 => world.json(
                "PUT",
                &format!("/indexes/{index}"),
                &json!({ "index_name": word }),
            ),
            2 if number % 4 == 0 => {
                world.ask("DELETE", &format!("/indexes/{index}"), Payload::None)
            }
            3 => {
                let answer = world.upload(&index, word, look(length, number), &[]);
                self.made("task", &answer, "_id");
                self.made("video", &answer, "video_id");
                answer
            }
            4 => {
                let link = [
                    ("index_id", index.as_str()),
                    ("video_url", "http://example.com/a.mp4"),
                ];
                let answer = world.form(&link);
                self.made("task", &answer, "_id");
                answer
            }
            5 => {
                let task = self.id("task", other);
                self.world.get(&format!("/tasks/{task}"))
            }
            6 if number % 3 == 0 => {
                let task = self.id("task", other);
                self.world
                    .ask("DELETE", &format!("/tasks/{task}"), Payload::None)
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
                self.world.ask(
                    "DELETE",
                    &format!("/indexes/{index}/videos/{video}"),
                    Payload::None,
                )
            }
            11 => {
                let key = self.key();
                let answer = send(
                    &mut self.world,
                    key.as_str(),
                    word,
                    look(length, number),
                    &[],
                );
                self.made("asset", &answer, "_id");
                answer
            }
            12 | 13 if number % 3 == 0 => {
                let force = if number % 2 == 0 { "?force=true" } else { "" };
                world.ask("DELETE", &format!("/assets/{asset}{force}"), Payload::None)
            }
            14 => world.json(
                "PATCH",
                &format!("/assets/{asset}/user-metadata"),
                &metadata,
            ),
            15 => world.json("PUT", &format!("/assets/{asset}/user-metadata"), &metadata),
            16 => world.ask(
                "DELETE",
                &format!("/assets/{asset}/user-metadata"),
                Payload::None,
            ),
            17 => world.get(&format!("/assets/{asset}/indexed-assets")),
            18 | 19 => {
                let mut body = metadata;
                body["asset_id"] = json!(asset);
                let answer = world.json("POST", &format!("/indexes/{index}/indexed-assets"), &body);
                self.made("indexed", &answer, "_id");
                answer
            }
            20 => {
                let id = self.id("indexed", other);
                let path = format!("/indexes/{index}/indexed-assets/{id}");
                match number % 4 {
                    0 => self.world.ask("DELETE", &path, Payload::None),
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
                let answer = world.json("POST", "/assets/multipart-uploads", &body);
                self.made("upload", &answer, "upload_id");
                self.made("asset", &answer, "asset_id");
                answer
            }
            23 => world.get(&upload),
            24 => world.get("/assets/multipart-uploads?page_limit=50"),
            25 | 26 => return self.store(&upload, 1 + number % 8),
            27 => world.get("/assets?page_limit=50"),
            28 => {
                self.world.wait(u64::from(number) * 10);
                return None;
            }
            _ => return self.counted(&index),
        })
    }

    /// Uploads a chunk to a new URL and reports it.
    fn store(&mut self, upload: &str, chunk: u32) -> Option<Answer> {
        let ask = json!({ "start": chunk, "count": 1 });
        let urls = self
            .world
            .json("POST", &format!("{upload}/presigned-urls"), &ask);
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
        if let PutBegin::Take(put) = self.world.platform.put_begins(now, &head.into_parts().0) {
            self.world.platform.put_ends(*put, Ok([7; 16]));
        }
        let item = json!({ "chunk_index": chunk, "proof": "07".repeat(16), "proof_type": "etag", "chunk_size": len });
        Some(
            self.world
                .json("POST", upload, &json!({ "completed_chunks": [item] })),
        )
    }

    /// Checks that the video count of an index matches the list of its videos.
    fn counted(&mut self, index: &str) -> Option<Answer> {
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
    fn follow(&mut self, effect: &Effect, turn: &Turn) {
        let now = self.world.now();
        let number = u32::from(turn.number);
        let look = look(f64::from(number % 60), number / 7);
        let key = self.key();
        let platform = &mut self.world.platform;
        let more = match effect {
            Effect::Look { asset, .. } => platform.looked(now, asset, 1000, &look, None),
            Effect::Fetch { task, .. } => {
                let fetched = Fetched {
                    key,
                    filename: "a.mp4".to_owned(),
                    bytes: 1000,
                    look,
                    static_file: None,
                };
                let outcome = if number % 5 == 0 {
                    Err("the server is gone".to_owned())
                } else {
                    Ok(fetched)
                };
                platform.fetched(now, task, outcome)
            }
            Effect::Render { owner, .. } => {
                let made = Rendered {
                    folder: MediaKey::new(format!("{owner}.made")),
                    has_stream: true,
                    thumbnails: 2,
                };
                let outcome = if number % 3 == 0 {
                    Err("no room".to_owned())
                } else {
                    Ok(made)
                };
                platform.rendered(now, owner, outcome)
            }
            _ => Vec::new(),
        };
        for effect in more {
            self.follow(&effect, turn);
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
fn look(seconds: f64, luck: u32) -> Result<MediaFacts, ProbeError> {
    match luck % 6 {
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
        turns in prop::collection::vec(turn(), 1..80),
    ) {
        let mut story = Story::new();
        // Start with an index.
        let begin = Turn { deed: 0, thing: 0, other: 0, word: 0, number: 0 };
        story.tell(&begin)?;
        for turn in &turns {
            story.tell(turn)?;
        }
        let mut again = Platform::new(settings());
        let records = story.store.iter().map(|((table, key), value)| (table.clone(), key.clone(), value.clone()));
        again.restore(records).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(again.export(), story.world.platform.export(), "from the store");
        prop_assert_eq!(again.media(), story.world.platform.media());
        let mut copy = Platform::new(settings());
        let export = story.world.platform.export();
        copy.import(&export).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(copy.export(), export, "from an export");
    }
}
