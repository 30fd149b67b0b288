//! Combines the platform's response with local data, and updates the checkpoint.

use std::sync::Arc;

use tl_protocol::{
    ErrorKind as ApiErrorKind, IngestedAsset, IngestedTask, Reached, Stage as FlowStage,
};

use crate::{Error, Ingested, Stage, checkpoint::CheckpointWriter};

/// Data needed to finish a request.
#[derive(Debug)]
pub(crate) struct Finish {
    /// The result before anything was sent.
    pub(super) so_far: Ingested,
    pub(super) writer: Option<Arc<CheckpointWriter>>,
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
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Combines the outcome of an asset upload with local data, and removes the checkpoint if there
    /// is nothing left to resume.
    pub(crate) fn complete_asset(
        mut self,
        outcome: Result<IngestedAsset, tl_protocol::Error>,
    ) -> Result<Ingested, Error> {
        match outcome {
            Ok(ingested) => {
                if let Some(writer) = &self.writer {
                    writer.remove();
                }
                self.so_far.take_asset(ingested);
                Ok(self.so_far)
            }
            Err(error) => {
                if let Some(writer) = &self.writer {
                    // A permanent failure would repeat.
                    let is_permanent = error.kind() == ApiErrorKind::ProcessingFailed;
                    match error.stage() {
                        Some(FlowStage::Processing) if is_permanent => writer.remove(),
                        Some(FlowStage::Indexing) if is_permanent => writer.remove_indexed(),
                        _ => {
                            let upload = writer.state().record.upload;
                            self.so_far.upload_id = upload.map(|upload| upload.upload_id);
                        }
                    }
                }
                Err(self.failed(error))
            }
        }
    }

    /// The error with its stage, and everything that was reached.
    fn failed(mut self, mut error: tl_protocol::Error) -> Error {
        let (stage, reached) = error.take_reached();
        match reached {
            Some(Reached::Task(ingested)) => self.so_far.take_task(*ingested),
            Some(Reached::Asset(ingested)) => self.so_far.take_asset(*ingested),
            _ => {}
        }
        let stage = stage.map_or(Stage::Upload, Stage::from);
        Error::from(error).at(stage, self.so_far)
    }
}
