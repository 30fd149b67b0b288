//! Seeds: indexes with ready videos, created without an upload.

use serde::{Deserialize, Serialize};
use tl_model::{IndexModel, ModelName, ModelOption, TaskStatus, UserMetadata};

use super::indexes;
use crate::core::{
    Env, State,
    lifecycle::Timeline,
    records::{IndexRecord, Measured, TaskRecord, VideoRecord},
    state::StateError,
};

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

/// Creates indexes with ready videos and returns the index identifiers.
///
/// # Errors
/// Returns an error if a name is already in use. No index is created then.
pub(crate) fn create(
    state: &mut State,
    env: &Env<'_>,
    seed: &Seed,
) -> Result<Vec<String>, StateError> {
    for (at, index) in seed.indexes.iter().enumerate() {
        let is_twice = seed.indexes[..at]
            .iter()
            .any(|other| other.index_name == index.index_name);
        if is_twice
            || state
                .indexes
                .values()
                .any(|other| other.name == index.index_name)
        {
            return Err(StateError::new(format!(
                "there is an index `{}` already",
                index.index_name
            )));
        }
    }
    Ok(seed
        .indexes
        .iter()
        .map(|index| create_index(state, env, index))
        .collect())
}

fn create_index(state: &mut State, env: &Env<'_>, seed: &SeedIndex) -> String {
    let id = env.next_id(state);
    let options = [ModelOption::Visual, ModelOption::Audio];
    let models = indexes::models(&env.settings.rules);
    let model = models.into_iter().next().unwrap_or(ModelName::Marengo3_0);
    let index = IndexRecord {
        id: id.clone(),
        number: state.last_number(),
        name: seed.index_name.clone(),
        models: vec![IndexModel::new(model, options)],
        addons: Vec::new(),
        created_at: env.now,
        updated_at: env.now,
        expires_at: indexes::expiry(env),
    };
    state.indexes.insert(id.clone(), index);
    for video in &seed.videos {
        let task_id = env.next_id(state);
        let video_id = env.next_id(state);
        let number = state.last_number();
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
            created_at: env.now,
            timeline: Timeline::starting_in(TaskStatus::Ready, env.now),
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
            created_at: env.now,
            indexed_at: env.now,
            updated_at: None,
            filename: video.filename.clone(),
            measured,
            user_metadata: video.user_metadata.clone(),
            media: None,
            content: None,
        };
        state.tasks.insert(task_id, task);
        state.videos.insert(video_id, video);
    }
    id
}
