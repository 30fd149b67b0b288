//! Finds the checkpoint of an earlier process and resumes from it.

use tl_protocol::{
    Event as ApiEvent,
    flow::{AssetUpload, Reconcile, upload::Begin},
};
use url::Url;

use super::{CheckpointLocation, Request, media::MediaBytes};
use crate::{
    Checkpoints, Error, ErrorKind, Event,
    checkpoint::{self, Fingerprint, Found, Origin},
};

impl Request {
    /// Opens the checkpoint of the input, if one is to be written.
    pub(super) fn checkpoint(
        &self,
        base: &Url,
        bytes: &MediaBytes,
    ) -> Result<Option<checkpoint::Opened>, Error> {
        let checkpoints = match &self.checkpoint {
            CheckpointLocation::Disabled => return Ok(None),
            CheckpointLocation::Folder(folder) => Checkpoints::in_folder(folder),
            CheckpointLocation::Default if bytes.file().is_none() => return Ok(None),
            CheckpointLocation::Default => match Checkpoints::standard() {
                Ok(checkpoints) => checkpoints,
                Err(error) => {
                    self.emit(&Event::NoCheckpoint {
                        because: error.to_string(),
                    });
                    return Ok(None);
                }
            },
        };
        let (source, (path, status)) = (bytes.as_source(), bytes.origin());
        let fingerprint = Fingerprint::of(source, status).map_err(|error| {
            Error::new(
                ErrorKind::File,
                format!("`{}` cannot be read", path.display()),
            )
            .with_source(error)
        })?;
        let origin = Origin {
            base_url: base.as_str(),
            source: path,
            content: source,
            fingerprint,
            index_id: self.index_id.as_ref(),
        };
        let listener = self.listener.clone();
        let on_failure = move |because| {
            if let Some(listener) = &listener {
                listener(&Event::NoCheckpoint { because });
            }
        };
        checkpoints.open(&origin, self.restart, on_failure)
    }

    /// Resumes the upload where an earlier process ended, or returns `fresh` if there is nothing to
    /// resume.
    pub(super) fn resume_upload(&self, found: Option<Found>, fresh: AssetUpload) -> AssetUpload {
        let Some(Found {
            record,
            is_compared,
            has_namesake,
        }) = found
        else {
            return fresh;
        };
        let sent = record.upload.as_ref();
        let resuming = Event::Resuming {
            upload_id: sent.map(|upload| upload.upload_id.clone()),
            sent_chunks: sent.map_or(0, |upload| {
                u32::try_from(upload.sent.len()).unwrap_or(u32::MAX)
            }),
            total_chunks: sent.map_or(0, |upload| upload.total_chunks),
            asset_id: record.asset_id.clone(),
            indexed_asset_id: record.indexed_asset_id.clone(),
        };
        // An asset that matches only by name and time may belong to another file. Accept it only if
        // it was not used yet, which only an ingestion can check, and if no other upload of this
        // machine can have created it.
        let by_name_and_time =
            self.reconcile == Reconcile::ByNameAndTime && self.index_id.is_some() && !has_namesake;
        let was_in_session = record.upload.is_some();
        let was_in_doubt = record.creating.is_some();
        let upload = record.resume(fresh, is_compared, by_name_and_time);
        let restarted = match &upload {
            AssetUpload::Resumed { .. } => None,
            AssetUpload::Chunks { begin, .. } if !matches!(**begin, Begin::New(_)) => None,
            // The flow emits this event after the lookup.
            AssetUpload::InDoubt { .. } => return upload,
            _ if was_in_session => {
                Some("it goes by another route now, which cannot take up a session of chunks")
            }
            _ if was_in_doubt => Some(
                "an earlier run ended before the response arrived, and its asset could not be told from that of another file; `tl asset list` shows whether there are two",
            ),
            _ => return upload,
        };
        self.emit(&match restarted {
            None => resuming,
            Some(because) => Event::Api(ApiEvent::UploadRestarted { because }),
        });
        upload
    }
}
