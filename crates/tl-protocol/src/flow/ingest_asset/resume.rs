//! Resuming the ingestion of an earlier process: does the asset still exist, does it belong to that
//! process, and is it already indexed? A checkpoint is always verified with the platform.

use tl_model::{Asset, AssetId, IndexId, IndexedAsset, IndexedAssetId};

use super::{AssetUpload, IngestAsset, IngestResult, IngestedAsset, State};
use crate::{
    Error, ErrorKind, Event, Now,
    endpoint::{GetAsset, GetIndexedAsset},
    flow::{
        Created, Progress, Watched,
        slot::Slot,
        upload::{Begin, Record},
        wait,
    },
};

impl IngestAsset {
    /// Restarts if the asset of an earlier process no longer exists.
    pub(super) fn restart_or_fail(&mut self, now: Now, error: Error) -> Option<IngestResult> {
        let AssetUpload::Resumed { fallback, .. } = &self.plan.upload else {
            return Some(self.fail(now, error));
        };
        if error.kind() != ErrorKind::NotFound {
            return Some(self.fail(now, error));
        }
        self.observer.tell(&Event::UploadRestarted {
            because: "the platform does not know the asset of the earlier upload any more",
        });
        self.plan.upload = (**fallback).clone();
        self.so_far = IngestedAsset::default();
        self.stage_started = Some(now.mono);
        self.state = State::Begin;
        None
    }

    pub(super) fn after_checking_owner(
        &mut self,
        now: Now,
        result: Result<Option<IndexedAssetId>, Error>,
        created: Created<Asset>,
    ) -> Option<IngestResult> {
        match (result, self.plan.upload.clone()) {
            (Err(error), _) => Some(self.fail(now, error)),
            (Ok(Some(_)), AssetUpload::InDoubt { create, .. }) => {
                self.plan.upload = AssetUpload::Whole(create);
                self.state = State::Begin;
                None
            }
            (Ok(_), _) => self.take_whole(now, created),
        }
    }

    /// Indexes the asset unless an earlier process has done so.
    pub(super) fn create_unless_indexed(&mut self, index_id: IndexId, asset_id: AssetId) {
        if !self.is_resumed {
            return self.create(index_id, asset_id);
        }
        let find = self.find(asset_id, Some(index_id));
        let in_doubt = matches!(
            self.plan.upload,
            AssetUpload::Resumed {
                is_indexing: true,
                ..
            }
        );
        self.state = State::Finding(Slot::new(if in_doubt { find.in_doubt() } else { find }));
    }

    pub(super) fn after_finding(
        &mut self,
        now: Now,
        result: Result<Option<IndexedAssetId>, Error>,
    ) -> Option<IngestResult> {
        let index_id = self.plan.index_id.clone()?;
        let asset_id = self.so_far.asset_id.clone()?;
        match result {
            Err(error) => self.restart_or_fail(now, error),
            Ok(None) => {
                self.create(index_id, asset_id);
                None
            }
            Ok(Some(indexed_asset_id)) => {
                self.observer.tell(&Event::Reconciled {
                    resource: indexed_asset_id.clone().into(),
                });
                self.so_far.reconciled = true;
                self.plan.journal.write(&Record::Indexed {
                    index_id: index_id.clone(),
                    indexed_asset_id: indexed_asset_id.clone(),
                });
                self.indexing(now, index_id, indexed_asset_id)
            }
        }
    }

    /// The indexed asset of an earlier process no longer exists: creates it again, once.
    pub(super) fn recreate_indexed(&mut self, now: Now, error: Error) -> Option<IngestResult> {
        self.so_far.indexed_asset_id = None;
        let (Some(index_id), Some(asset_id)) =
            (self.plan.index_id.clone(), self.so_far.asset_id.clone())
        else {
            return Some(self.fail(now, error));
        };
        self.is_resumed = false;
        self.create(index_id, asset_id);
        None
    }

    /// Handles the lookup of the asset of an earlier process, which is not waited for.
    pub(super) fn after_checking_asset(
        &mut self,
        now: Now,
        result: Result<Asset, Error>,
    ) -> Option<IngestResult> {
        let asset = match result {
            Err(error) => return self.restart_or_fail(now, error),
            Ok(asset) => asset,
        };
        if let Progress::Failed(reason) = GetAsset::progress(&asset) {
            let error = wait::failed::<GetAsset>(reason, Vec::new());
            return Some(self.fail(now, error));
        }
        self.so_far.asset = Some(asset);
        self.end_stage(now);
        Some(self.finish())
    }

    pub(super) fn after_checking_indexed(
        &mut self,
        now: Now,
        result: Result<IndexedAsset, Error>,
    ) -> Option<IngestResult> {
        let indexed = match result {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return self.recreate_indexed(now, error);
            }
            Err(error) => return Some(self.fail(now, error)),
            Ok(indexed) => indexed,
        };
        if let Progress::Failed(reason) = GetIndexedAsset::progress(&indexed) {
            let error = wait::failed::<GetIndexedAsset>(reason, Vec::new());
            return Some(self.fail(now, error));
        }
        self.end_stage(now);
        Some(self.finish())
    }
}

/// Whether an earlier process may have progressed beyond its last record.
pub(super) fn is_resumed(upload: &AssetUpload) -> bool {
    match upload {
        AssetUpload::Resumed { .. } | AssetUpload::InDoubt { .. } => true,
        AssetUpload::Chunks { begin, .. } => !matches!(**begin, Begin::New(_)),
        AssetUpload::Whole(_) | AssetUpload::Existing(_) => false,
    }
}
