//! The state as a whole: restore it from a store, export, import, seed and reset it.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Map, Value};
use tl_protocol::Now;
use tl_validate::Route;
use url::Url;

use super::{Effect, MediaKey, Platform, Seed, StateError};
use crate::{
    api::seed,
    core::{Env, State, records::RenditionRecord, time::to_timestamp},
    media::validation,
};

/// The version of the export format.
const FORMAT: u64 = 1;

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
                StateError::new(format!(
                    "the record `{key}` of `{table}` cannot be read: {error}"
                ))
            })?;
        }
        self.replace_state(state);
        Ok(())
    }

    fn replace_state(&mut self, state: State) {
        self.state = state;
        self.state.rebuild_pending_ends();
    }

    /// The effects that the previous run had not finished: files to fetch, to probe and to render.
    #[must_use]
    pub fn unfinished(&self) -> Vec<Effect> {
        let fetching = self.state.tasks.values().filter_map(|task| {
            let url = Url::parse(task.fetching.as_deref()?).ok()?;
            Some(Effect::Fetch {
                task: task.id.clone(),
                url,
                max_bytes: validation::max_task_file(&self.settings.rules),
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
                max_bytes: validation::max_asset_file(Route::AssetUrl, &self.settings.rules),
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
            return Err(StateError::new(format!(
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
                .ok_or_else(|| StateError::new(format!("`{table}` of the export is no object")))?;
            for (key, value) in records {
                let read = state.restore(table, key.clone(), &value.to_string());
                read.map_err(|error| {
                    StateError::new(format!(
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
        state.set_last_number(self.state.last_number());
        self.replace_state(state);
        before.into_iter().map(Effect::Discard).collect()
    }

    /// Creates indexes with ready videos and returns the index identifiers.
    ///
    /// # Errors
    /// Returns an error if a name is already in use. No index is created then.
    pub fn seed(&mut self, now: Now, seed: &Seed) -> Result<Vec<String>, StateError> {
        let env = Env::new(&self.settings, to_timestamp(now));
        seed::create(&mut self.state, &env, seed)
    }

    /// The time from `now` until the next scheduled status change; `None` if none is scheduled.
    #[must_use]
    pub fn next_change(&self, now: Now) -> Option<Duration> {
        let (at, _) = self.state.pending_ends.first()?;
        Some(Duration::try_from(at.duration_since(to_timestamp(now))).unwrap_or(Duration::ZERO))
    }

    /// The time from `now` until the last scheduled status change; `None` if none is scheduled.
    #[must_use]
    pub fn last_change(&self, now: Now) -> Option<Duration> {
        let (at, _) = self.state.pending_ends.last()?;
        Some(Duration::try_from(at.duration_since(to_timestamp(now))).unwrap_or(Duration::ZERO))
    }
}
