//! What an ingestion or an upload came to: every identifier, the time of each stage, every status that was seen. How it came
//! to it lives in `ingest`.

use std::{fmt, time::Duration};

use tl_model::{
    Asset, AssetId, IndexId, IndexedAsset, IndexedAssetId, Task, TaskId, UploadId, VideoId,
};
use tl_protocol::{
    StatusSeen,
    flow::{IngestedAsset, IngestedTask, Stage as FlowStage, upload::Uploaded},
};
use tl_validate::Report;

use crate::{Error, RouteChoice};

/// A stage on the way of a video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// The file is read and judged here; nothing is sent.
    Check,
    /// The bytes go to the platform, or it fetches them.
    Upload,
    /// The platform makes an asset of them.
    Processing,
    /// The video goes into the index.
    Indexing,
}

impl Stage {
    /// Its name in results and on the command line: `check`, `upload`, `processing`, `indexing`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Upload => "upload",
            Self::Processing => "processing",
            Self::Indexing => "indexing",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<FlowStage> for Stage {
    fn from(stage: FlowStage) -> Self {
        match stage {
            FlowStage::Uploading => Self::Upload,
            FlowStage::Processing => Self::Processing,
            FlowStage::Indexing => Self::Indexing,
        }
    }
}

/// What became of a video. Of an ingestion that failed, [`Error::reached`] has what there is of it.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Ingested {
    /// The route, and why it was taken; `None` where the asset was there already.
    pub route: Option<RouteChoice>,
    /// The index that it was meant for.
    pub index_id: Option<IndexId>,
    /// The session, where it went up in chunks.
    pub upload_id: Option<UploadId>,
    /// The asset; `None` by `/tasks`.
    pub asset_id: Option<AssetId>,
    /// The asset in the index; `None` by `/tasks`.
    pub indexed_asset_id: Option<IndexedAssetId>,
    /// The task; only by `/tasks`.
    pub task_id: Option<TaskId>,
    /// The video. It has the identifier of the indexed asset.
    pub video_id: Option<VideoId>,
    /// The asset as it was seen last.
    pub asset: Option<Asset>,
    /// The indexed asset when it was ready.
    pub indexed_asset: Option<IndexedAsset>,
    /// The task when it was ready.
    pub task: Option<Task>,
    /// How the upload in chunks went, where there was one.
    pub upload: Option<Uploaded>,
    /// Every status that was seen, with its stage, oldest first.
    pub history: Vec<(Stage, StatusSeen)>,
    /// The time that each stage took, in their order.
    pub times: Vec<(Stage, Duration)>,
    /// Whether an answer was lost, and what it had made was found by a look.
    pub reconciled: bool,
    /// What the local check said; `None` where nothing was checked.
    pub report: Option<Report>,
    /// Why nothing was checked; `None` where it was.
    pub not_checked: Option<NotChecked>,
}

/// Why the local check did not look at what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotChecked {
    /// The caller asked to skip the check.
    Skipped,
    /// It is a link, which the platform fetches: only the address was looked at.
    Link,
    /// It is an asset, which the platform has already.
    Asset,
    /// This build has no prober, and the client was given none.
    NoChecker,
    /// It is no file, and the prober reads files only.
    ProberReadsFiles,
    /// It is no file, and gave its bytes more slowly than the prober waits for.
    TooSlow,
}

impl fmt::Display for NotChecked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Skipped => "the check was skipped on request",
            Self::Link => "the platform fetches the link itself",
            Self::Asset => "the platform has the asset already",
            Self::NoChecker => "this build has no prober",
            Self::ProberReadsFiles => "it is not a file, and the prober reads files only",
            Self::TooSlow => "its bytes came too slowly for the prober",
        })
    }
}

impl Ingested {
    /// The time that a stage took; `None` where it was not gone through.
    #[must_use]
    pub fn time(&self, stage: Stage) -> Option<Duration> {
        let times = self.times.iter().filter(|(other, _)| *other == stage);
        times.map(|(_, took)| *took).reduce(|a, b| a + b)
    }

    /// The last status that was seen, in the platform's word.
    #[must_use]
    pub fn status(&self) -> Option<&str> {
        self.history.last().map(|(_, seen)| seen.status.as_str())
    }

    pub(crate) fn take_task(&mut self, ingested: IngestedTask) {
        self.task_id = Some(ingested.created.id.clone());
        let task_video = ingested
            .task
            .as_ref()
            .and_then(|task| task.video_id.clone());
        self.video_id = task_video.or(ingested.created.video_id);
        self.times.push((Stage::Upload, ingested.upload));
        if ingested.task.is_some() {
            self.times.push((Stage::Indexing, ingested.indexing));
        }
        let seen = ingested.history.into_iter();
        self.history
            .extend(seen.map(|seen| (Stage::Indexing, seen)));
        self.reconciled = ingested.reconciled;
        self.task = ingested.task;
    }

    pub(crate) fn take_asset(&mut self, ingested: IngestedAsset) {
        self.video_id = ingested
            .indexed_asset_id
            .as_ref()
            .map(|id| VideoId::from(id.as_str()));
        self.upload_id = ingested
            .upload
            .as_ref()
            .map(|upload| upload.upload_id.clone())
            .or(self.upload_id.take());
        self.asset_id = ingested.asset_id;
        self.indexed_asset_id = ingested.indexed_asset_id;
        self.asset = ingested.asset;
        self.indexed_asset = ingested.indexed_asset;
        self.upload = ingested.upload;
        let seen = ingested.history.into_iter();
        self.history
            .extend(seen.map(|(stage, seen)| (stage.into(), seen)));
        let times = ingested.times.into_iter();
        self.times
            .extend(times.map(|(stage, took)| (stage.into(), took)));
        self.reconciled = ingested.reconciled;
    }
}

/// An asset that was uploaded.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct UploadedAsset {
    /// The asset.
    pub asset_id: AssetId,
    /// The rest: route, times, statuses, and the report of the check.
    pub details: Ingested,
}

impl UploadedAsset {
    pub(crate) fn of(details: Ingested) -> Result<Self, Error> {
        match details.asset_id.clone() {
            Some(asset_id) => Ok(Self { asset_id, details }),
            None => Err(Error::new(
                crate::ErrorKind::Route,
                "the route `tasks` makes no asset: choose `asset`, `asset-url` or `multipart`",
            )),
        }
    }
}
