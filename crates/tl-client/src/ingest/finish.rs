//! Combines the platform's response with local data, and updates the checkpoint.

use std::sync::{Arc, Mutex, PoisonError};

use tl_model::TaskId;
use tl_protocol::flow::{IngestFailure, IngestedAsset, IngestedTask, Stage as FlowStage};

use crate::{Error, Ingested, Stage, checkpoint::CheckpointWriter};

/// Data needed to finish a request.
#[derive(Debug)]
pub(crate) struct Finish {
    /// The result before anything was sent.
    pub(super) so_far: Ingested,
    pub(super) writer: Option<Arc<CheckpointWriter>>,
    /// The created task, from an event: the error does not contain it.
    pub(super) task: Arc<Mutex<Option<TaskId>>>,
}

impl Finish {
    /// Combines the outcome of the route `/tasks` with local data.
    pub(crate) fn complete_task(
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

    /// Combines the outcome of an asset upload with local data, and removes the checkpoint if there
    /// is nothing left to resume.
    pub(crate) fn complete_asset(
        mut self,
        outcome: Result<IngestedAsset, IngestFailure>,
    ) -> Result<Ingested, Error> {
        match outcome {
            Ok(ingested) => {
                if let Some(writer) = &self.writer {
                    writer.remove();
                }
                self.so_far.take_asset(ingested);
                Ok(self.so_far)
            }
            Err(failure) => {
                if let Some(writer) = &self.writer {
                    // A permanent failure would repeat.
                    let failed = tl_protocol::ErrorKind::ProcessingFailed;
                    match failure.stage {
                        FlowStage::Processing if failure.error.kind() == failed => writer.remove(),
                        FlowStage::Indexing if failure.error.kind() == failed => {
                            writer.remove_indexed();
                        }
                        _ => {
                            let upload = writer.state().record.upload;
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
