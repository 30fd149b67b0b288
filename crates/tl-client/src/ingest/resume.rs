//! What an earlier process left: finding it, and going on from there.

use std::path::PathBuf;

use tl_protocol::{
    Event as ApiEvent, Source,
    flow::{AssetUpload, upload::Begin},
};
use url::Url;

use super::{Keep, Opened, Request};
use crate::{
    Checkpoints, Error, ErrorKind, Event,
    checkpoint::{self, Fingerprint, Origin, State},
};

impl Request {
    /// The checkpoint of what was opened, where one is kept.
    pub(super) fn checkpoint(
        &self,
        base: &Url,
        opened: &Opened,
    ) -> Result<Option<checkpoint::Opened>, Error> {
        let (source, path, modified): (&dyn Source, PathBuf, _) = match opened {
            Opened::File(file) => {
                let path = std::path::absolute(file.path()).unwrap_or_else(|_| file.path().into());
                let path = path.canonicalize().unwrap_or(path);
                (&**file, path, file.modified())
            }
            Opened::Source(source) if matches!(self.keep, Keep::In(_)) => {
                (&**source, PathBuf::from(source.name()), None)
            }
            _ => return Ok(None),
        };
        let checkpoints = match &self.keep {
            Keep::Nowhere => return Ok(None),
            Keep::In(folder) => Checkpoints::in_folder(folder),
            Keep::Standard => match Checkpoints::standard() {
                Ok(checkpoints) => checkpoints,
                Err(error) => {
                    self.tell(&Event::Unkept {
                        because: error.to_string(),
                    });
                    return Ok(None);
                }
            },
        };
        let fingerprint = Fingerprint::of(source, modified).map_err(|error| {
            Error::new(
                ErrorKind::File,
                format!("`{}` cannot be read", path.display()),
            )
            .because(error)
        })?;
        let origin = Origin {
            base_url: base.as_str(),
            source: path,
            fingerprint,
            index_id: self.index_id.as_ref(),
        };
        let listener = self.listener.clone();
        let trouble = move |because| {
            if let Some(listener) = &listener {
                listener(&Event::Unkept { because });
            }
        };
        checkpoints.open(&origin, self.anew, trouble).map(Some)
    }

    /// The upload from where an earlier process ended, or `fresh` where there is nothing to take up.
    pub(super) fn take_up(&self, found: Option<State>, fresh: AssetUpload) -> AssetUpload {
        let Some(state) = found else {
            return fresh;
        };
        let sent = state.upload.as_ref();
        let resuming = Event::Resuming {
            upload_id: sent.map(|upload| upload.upload_id.clone()),
            sent_chunks: sent.map_or(0, |upload| {
                u32::try_from(upload.sent.len()).unwrap_or(u32::MAX)
            }),
            total_chunks: sent.map_or(0, |upload| upload.total_chunks),
            asset_id: state.asset_id.clone(),
            indexed_asset_id: state.indexed_asset_id.clone(),
        };
        match (state.asset_id, state.upload, fresh) {
            (Some(asset_id), _, fresh) => {
                self.tell(&resuming);
                AssetUpload::Resumed {
                    asset_id,
                    indexed_asset_id: state.indexed_asset_id,
                    otherwise: Box::new(fresh),
                }
            }
            (
                None,
                Some(record),
                AssetUpload::Chunks {
                    source,
                    begin,
                    settings,
                },
            ) => {
                self.tell(&resuming);
                let create = match *begin {
                    Begin::New(create) | Begin::Resume(_, create) => create,
                };
                AssetUpload::Chunks {
                    source,
                    begin: Box::new(Begin::Resume(record, create)),
                    settings,
                }
            }
            (None, upload, fresh) => {
                if upload.is_some() {
                    self.tell(&Event::Api(ApiEvent::UploadRestarted {
                        because: "it goes by another route now, which cannot take up a session of chunks",
                    }));
                }
                fresh
            }
        }
    }
}
