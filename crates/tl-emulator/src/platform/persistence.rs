//! The state as a whole: restore it from a store, export, import, seed and reset it.

use std::{collections::BTreeSet, fmt, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tl_model::{IndexModel, ModelName, ModelOption, TaskStatus, UserMetadata};
use tl_protocol::Now;
use tl_validate::Route;
use url::Url;

use super::{
    Effect, Measured, MediaKey, Platform,
    assets::max_file,
    ids::Ids,
    indexes,
    lifecycle::Timeline,
    records::{IndexRecord, State, TaskRecord, VideoRecord},
    renditions::RenditionRecord,
    to_timestamp,
};

/// The version of the export format.
const FORMAT: u64 = 1;

/// A stored or exported state is invalid. The message names the invalid part.
#[derive(Debug)]
pub struct StateError(String);

impl StateError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StateError {}

/// Indexes with ready videos but without files, for tests of what comes after indexing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Seed {
    /// The indexes.
    pub indexes: Vec<SeedIndex>,
}

/// An index of a [`Seed`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SeedIndex {
    /// The name, which must be unique.
    pub index_name: String,
    /// The videos.
    #[serde(default)]
    pub videos: Vec<SeedVideo>,
}

/// A video of a [`Seed`]. It is not validated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SeedVideo {
    /// The file name.
    pub filename: String,
    /// Duration, in seconds.
    #[serde(default)]
    pub duration: Option<f64>,
    /// Frames per second.
    #[serde(default)]
    pub fps: Option<f64>,
    /// Width, in pixels.
    #[serde(default)]
    pub width: Option<u32>,
    /// Height, in pixels.
    #[serde(default)]
    pub height: Option<u32>,
    /// File size, in bytes.
    #[serde(default)]
    pub size: u64,
    /// The user metadata.
    #[serde(default)]
    pub user_metadata: UserMetadata,
}

impl Platform {
    /// Restores the state from the records of a store, as returned by [`changes`](Self::changes):
    /// table, key and JSON.
    ///
    /// # Errors
    /// Returns an error that names the first invalid record.
    pub fn restore(
        &mut self,
        records: impl IntoIterator<Item = (String, String, String)>,
    ) -> Result<(), StateError> {
        let mut state = State::default();
        for (table, key, value) in records {
            let read = state.restore(&table, key.clone(), &value);
            read.map_err(|error| {
                StateError(format!(
                    "the record `{key}` of `{table}` cannot be read: {error}"
                ))
            })?;
        }
        self.replace_state(state);
        Ok(())
    }

    fn replace_state(&mut self, state: State) {
        self.state = state;
        self.rebuild_pending_ends();
    }

    /// Rebuilds the identifier counter and the pending ends from the records.
    pub(super) fn rebuild_pending_ends(&mut self) {
        self.ids = Ids::new(self.settings.seed);
        self.ids.counter = self.state.counters.get(super::IDS).copied().unwrap_or(0);
        self.pending_ends.clear();
        for task in self.state.tasks.values().filter(|task| !task.is_announced) {
            if let Some(end) = task.timeline.end() {
                self.pending_ends.insert((end.at, task.id.clone()));
            }
        }
        for asset in self.state.assets.values() {
            let at = asset.outcome.as_ref().map(|outcome| outcome.at);
            if let Some(at) = at.filter(|at| *at < Timestamp::MAX) {
                self.pending_ends.insert((at, asset.id.clone()));
            }
        }
    }

    /// The effects that the previous run had not finished: files to fetch, to probe and to render.
    #[must_use]
    pub fn unfinished(&self) -> Vec<Effect> {
        let fetching = self.state.tasks.values().filter_map(|task| {
            let url = Url::parse(task.fetching.as_deref()?).ok()?;
            Some(Effect::Fetch {
                task: task.id.clone(),
                url,
                max_bytes: self.max_file(),
            })
        });
        let assets = self.state.assets.values().filter_map(|asset| {
            if let Some(key) = asset.unprobed() {
                return Some(Effect::Probe {
                    asset: asset.id.clone(),
                    key: key.clone(),
                    filename: asset.filename.clone(),
                });
            }
            let url = Url::parse(asset.fetching.as_deref()?).ok()?;
            Some(Effect::Fetch {
                task: asset.id.clone(),
                url,
                max_bytes: max_file(Route::AssetUrl, &self.settings.rules),
            })
        });
        let renditions = self.state.renditions.values();
        let renditions = renditions.filter_map(RenditionRecord::unfinished);
        fetching.chain(assets).chain(renditions).collect()
    }

    /// All stored files that are in use: files of videos, assets and incomplete uploads, and
    /// directories of renditions.
    #[must_use]
    pub fn media(&self) -> BTreeSet<MediaKey> {
        let videos = self.state.videos.values();
        let videos = videos.filter_map(|video| video.media.clone());
        let assets = self.state.assets.values();
        let assets = assets.filter_map(|asset| asset.media.clone());
        let uploads = self.state.uploads.values();
        let uploads = uploads.filter_map(|upload| upload.file.clone());
        let renditions = self.state.renditions.values();
        let folders = renditions.filter_map(|rendition| rendition.folder().cloned());
        videos.chain(assets).chain(uploads).chain(folders).collect()
    }

    /// The whole state as JSON. It contains the keys of received files, not the files.
    #[must_use]
    pub fn export(&self) -> Value {
        let mut tables = Map::new();
        tables.insert("format".to_owned(), FORMAT.into());
        self.state.export(&mut tables);
        Value::Object(tables)
    }

    /// Replaces the whole state with an export. Returns the effects that delete unused files.
    ///
    /// # Errors
    /// Returns an error if the JSON is not an export in this format. The state is then unchanged.
    pub fn import(&mut self, export: &Value) -> Result<Vec<Effect>, StateError> {
        if export.get("format").and_then(Value::as_u64) != Some(FORMAT) {
            return Err(StateError(format!(
                "this is no export of the emulator: `format` is not {FORMAT}"
            )));
        }
        let mut state = State::default();
        for (table, records) in export
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(name, _)| *name != "format")
        {
            let records = records
                .as_object()
                .ok_or_else(|| StateError(format!("`{table}` of the export is no object")))?;
            for (key, value) in records {
                let read = state.restore(table, key.clone(), &value.to_string());
                read.map_err(|error| {
                    StateError(format!(
                        "the record `{key}` of `{table}` cannot be read: {error}"
                    ))
                })?;
            }
        }
        let before = self.media();
        state.replace(&self.state);
        self.replace_state(state);
        let after = self.media();
        Ok(before
            .difference(&after)
            .cloned()
            .map(Effect::Discard)
            .collect())
    }

    /// Deletes everything but the settings. Returns the effects that delete the files.
    pub fn reset(&mut self) -> Vec<Effect> {
        let before = self.media();
        let mut state = State::default();
        state.replace(&self.state);
        // Keep the counter, so that an emulator never uses an identifier twice.
        state
            .counters
            .insert(super::IDS.to_owned(), self.ids.counter);
        self.replace_state(state);
        before.into_iter().map(Effect::Discard).collect()
    }

    /// Creates indexes with ready videos and returns the index identifiers.
    ///
    /// # Errors
    /// Returns an error if a name is already in use. No index is created then.
    pub fn seed(&mut self, now: Now, seed: &Seed) -> Result<Vec<String>, StateError> {
        let now = to_timestamp(now);
        for (at, index) in seed.indexes.iter().enumerate() {
            let is_twice = seed.indexes[..at]
                .iter()
                .any(|other| other.index_name == index.index_name);
            if is_twice
                || self
                    .state
                    .indexes
                    .values()
                    .any(|other| other.name == index.index_name)
            {
                return Err(StateError(format!(
                    "there is an index `{}` already",
                    index.index_name
                )));
            }
        }
        Ok(seed
            .indexes
            .iter()
            .map(|index| self.seed_index(now, index))
            .collect())
    }

    fn seed_index(&mut self, now: Timestamp, seed: &SeedIndex) -> String {
        let id = self.next_id(now);
        let options = [ModelOption::Visual, ModelOption::Audio];
        let models = indexes::models(&self.settings.rules);
        let model = models.into_iter().next().unwrap_or(ModelName::Marengo3_0);
        let index = IndexRecord {
            id: id.clone(),
            number: self.ids.counter,
            name: seed.index_name.clone(),
            models: vec![IndexModel::new(model, options)],
            addons: Vec::new(),
            created_at: now,
            updated_at: now,
            expires_at: indexes::expiry(self, now),
        };
        self.state.indexes.insert(id.clone(), index);
        for video in &seed.videos {
            let task_id = self.next_id(now);
            let video_id = self.next_id(now);
            let number = self.ids.counter;
            let measured = Measured {
                duration: video.duration,
                fps: video.fps,
                width: video.width,
                height: video.height,
                size: video.size,
            };
            let task = TaskRecord {
                id: task_id.clone(),
                number,
                index_id: id.clone(),
                video_id: video_id.clone(),
                created_at: now,
                timeline: Timeline::starting_in(TaskStatus::Ready, now),
                filename: video.filename.clone(),
                measured: Some(measured),
                enable_video_stream: false,
                user_metadata: video.user_metadata.clone(),
                error_reason: None,
                fault: None,
                fetching: None,
                is_announced: true,
                asset_id: None,
            };
            let video = VideoRecord {
                id: video_id.clone(),
                number,
                index_id: id.clone(),
                task_id: task_id.clone(),
                created_at: now,
                indexed_at: now,
                updated_at: None,
                filename: video.filename.clone(),
                measured,
                user_metadata: video.user_metadata.clone(),
                media: None,
            };
            self.state.tasks.insert(task_id, task);
            self.state.videos.insert(video_id, video);
        }
        id
    }

    /// The time from `now` until the next scheduled status change; `None` if none is scheduled.
    #[must_use]
    pub fn next_change(&self, now: Now) -> Option<Duration> {
        let (at, _) = self.pending_ends.first()?;
        Some(Duration::try_from(at.duration_since(to_timestamp(now))).unwrap_or(Duration::ZERO))
    }

    /// The time from `now` until the last scheduled status change; `None` if none is scheduled.
    #[must_use]
    pub fn last_change(&self, now: Now) -> Option<Duration> {
        let (at, _) = self.pending_ends.last()?;
        Some(Duration::try_from(at.duration_since(to_timestamp(now))).unwrap_or(Duration::ZERO))
    }
}
