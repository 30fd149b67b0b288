//! Indexes: groups of videos that are searched together, and the models that index them
//! (`/indexes`).

use serde_json::Value;

use crate::{Addon, IndexId, ModelName, ModelOption, Timestamp};

object! {
    /// An index, as listed or retrieved.
    pub struct Index {
        required {
            /// Identifies the index.
            id: IndexId = "_id",
        }
        /// When the index was created.
        lenient created_at: Option<Timestamp>,
        /// When the index last changed.
        lenient updated_at: Option<Timestamp>,
        /// When the platform deletes the index: 90 days after creation on the Free plan. `None` on
        /// a paid plan, for which the platform sends `null` (kept in `extra`).
        lenient expires_at: Option<Timestamp>,
        /// The name, unique within an account.
        lenient index_name: Option<String>,
        /// Total duration of all videos, in seconds.
        number total_duration: Option<f64>,
        /// Number of videos in the index. The API description allows any number.
        number video_count: Option<f64>,
        /// The models of the index. Empty if the response has none (API v1.2 has `engines`, kept in
        /// `extra`), and then not written.
        lenient_list models: Vec<IndexModel>,
        /// The add-ons of the index.
        lenient addons: Option<Vec<Addon>>,
    }
}

object! {
    /// A model of an index and the modalities that it processes.
    pub struct IndexModel {
        /// The model. Absent in API v1.2: see [`name()`](IndexModel::name).
        optional model_name: Option<ModelName>,
        /// The modalities. Absent in API v1.2: see [`options()`](IndexModel::options).
        optional model_options: Option<Vec<ModelOption>>,
    }
}

impl IndexModel {
    /// A model with its modalities: one or both of `visual` and `audio`.
    pub fn new(
        model_name: impl Into<ModelName>,
        model_options: impl IntoIterator<Item = ModelOption>,
    ) -> Self {
        Self {
            model_name: Some(model_name.into()),
            model_options: Some(model_options.into_iter().collect()),
            extra: crate::Extra::new(),
        }
    }

    /// The model, from the current member or from `engine_name` of API v1.2.
    pub fn name(&self) -> Option<ModelName> {
        self.model_name.clone().or_else(|| {
            self.extra
                .get("engine_name")
                .and_then(Value::as_str)
                .map(ModelName::from)
        })
    }

    /// The modalities, from the current member or from `engine_options` of API v1.2. Empty if there
    /// are none.
    pub fn options(&self) -> Vec<ModelOption> {
        self.model_options.clone().unwrap_or_else(|| {
            let legacy = self.extra.get("engine_options").and_then(Value::as_array);
            legacy
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(ModelOption::from)
                .collect()
        })
    }
}

object! {
    /// The response to creating an index.
    pub struct CreatedIndex {
        required {
            /// Identifies the index.
            id: IndexId = "_id",
        }
    }
}

object! {
    /// The request body that creates an index. Its models cannot be changed afterwards.
    pub struct NewIndex {
        required {
            /// The name, unique within an account.
            index_name: String,
            /// One or two models, each with one or two options.
            models: Vec<IndexModel>,
        }
        /// At most one: `thumbnail`, for Marengo only.
        optional addons: Option<Vec<Addon>>,
    }
}

object! {
    /// The request body that renames an index.
    pub struct UpdateIndex {
        required {
            /// The new name.
            index_name: String,
        }
    }
}
