//! The end: what the platform answered, joined to what is known here; and what becomes of the checkpoint.

use std::sync::{Arc, Mutex, PoisonError};

use tl_model::TaskId;
use tl_protocol::flow::{IngestFailure, IngestedAsset, IngestedTask, Stage as FlowStage};

use crate::{Error, Ingested, Stage, checkpoint::CheckpointWriter};

/// What is needed to conclude.
#[derive(Debug)]
pub(crate) struct After {
    /// What there is before anything was sent.
    pub(super) so_far: Ingested,
    pub(super) keeper: Option<Arc<CheckpointWriter>>,
    /// The task that was made, told on the way: an error does not name it.
    pub(super) task: Arc<Mutex<Option<TaskId>>>,
}

impl After {
    /// Joins what the platform answered by the path of `/tasks` to what is known here.
    pub(crate) fn conclude_task(
        mut self,
        outcome: Result<IngestedTask, tl_protocol::Error>,
    ) -> Result<Ingested, Error> {
        match outcome {
            Ok(ingested) => {
                self.so_far.take_task(ingested);
                Ok(self.so_far)
            }
            Err(error) => {
                let task = self
                    .task
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .take();
                let stage = if task.is_some() {
                    Stage::Indexing
                } else {
                    Stage::Upload
                };
                let seen = error.history().iter().cloned();
                self.so_far.history.extend(seen.map(|seen| (stage, seen)));
                self.so_far.task_id = task;
                Err(Error::from(error).at(stage, self.so_far))
            }
        }
    }

    /// Joins what the platform answered by the path of assets to what is known here, and ends the checkpoint where nothing is
    /// left to be taken up.
    pub(crate) fn conclude_asset(
        mut self,
        outcome: Result<IngestedAsset, IngestFailure>,
    ) -> Result<Ingested, Error> {
        match outcome {
            Ok(ingested) => {
                if let Some(keeper) = &self.keeper {
                    keeper.remove();
                }
                self.so_far.take_asset(ingested);
                Ok(self.so_far)
            }
            Err(failure) => {
                if let Some(keeper) = &self.keeper {
                    // What has failed for good would fail again.
                    let failed = tl_protocol::ErrorKind::ProcessingFailed;
                    match failure.stage {
                        FlowStage::Processing if failure.error.kind() == failed => keeper.remove(),
                        FlowStage::Indexing if failure.error.kind() == failed => {
                            keeper.forget_indexed();
                        }
                        _ => {
                            let upload = keeper.state().record.upload;
                            self.so_far.upload_id = upload.map(|upload| upload.upload_id);
                        }
                    }
                }
                self.so_far.take_asset(*failure.so_far);
                Err(Error::from(failure.error).at(failure.stage.into(), self.so_far))
            }
        }
    }
}
