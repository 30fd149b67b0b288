//! State of an input during the upload, read from its events.

use std::sync::{Arc, Mutex, PoisonError};

use tl_client::Event;
use tl_model::{AssetId, TaskId, UploadId};
use tl_protocol::flow::Stage;
use tl_protocol::{Event as Api, Resource};

/// State of an input, for the report after a signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ItemState {
    NotStarted,
    Checking,
    /// Sending bytes, in one request or, with a session, in chunks.
    Uploading(Option<UploadId>),
    /// Sending in one request that the ledger knows: whether it arrived is looked up by the next run.
    Sending,
    /// The platform has the asset.
    Processing(Option<AssetId>),
    /// The platform has the task.
    Task(TaskId),
}

/// Tracks the state of one input by its events.
#[derive(Debug, Clone)]
pub(crate) struct ItemTracker(Arc<Mutex<ItemState>>);

impl ItemTracker {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(ItemState::NotStarted)))
    }

    pub(crate) fn set(&self, state: ItemState) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    pub(crate) fn state(&self) -> ItemState {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Updates the state from `event`. Returns whether all bytes were sent.
    pub(crate) fn observe(&self, event: &Event) -> bool {
        let state = match event {
            Event::Api(Api::StageStarted {
                stage: Stage::Uploading,
                ..
            }) => ItemState::Uploading(None),
            Event::Api(Api::UploadStarted { upload_id, .. }) => {
                ItemState::Uploading(Some(upload_id.clone()))
            }
            Event::Api(Api::StageStarted { asset_id, .. }) => {
                ItemState::Processing(asset_id.clone())
            }
            Event::Api(Api::Created {
                resource: Resource::Task(id),
            }) => ItemState::Task(id.clone()),
            _ => return false,
        };
        let there = matches!(state, ItemState::Processing(_) | ItemState::Task(_));
        self.set(state);
        there
    }
}
