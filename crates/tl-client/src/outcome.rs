//! Results of uploads and ingestions: ids, duration of each stage, observed statuses.

use std::{fmt, time::Duration};

use tl_model::{
    Asset, AssetId, IndexId, IndexedAsset, IndexedAssetId, Task, TaskId, UploadId, VideoId,
};
use tl_protocol::{IngestedAsset, IngestedTask, Stage as FlowStage, StatusSeen, Uploaded};
use tl_validate::Report;

use crate::{Error, RouteChoice};

/// A stage of an ingestion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// The file is checked locally; nothing is sent.
    Check,
    /// The bytes are sent, or the platform fetches them.
    Upload,
    /// The platform processes the asset.
    Processing,
    /// The video is indexed.
    Indexing,
}

impl Stage {
    /// Name in results and on the command line: `check`, `upload`, `processing`, `indexing`.
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

/// Result of an ingestion. If it failed, [`Error::reached`] has the partial result.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Ingested {
    /// The route and the reason; `None` for an existing asset.
    pub route: Option<RouteChoice>,
    /// The requested index.
    pub index_id: Option<IndexId>,
    /// The upload session, if the source was sent in chunks.
    pub upload_id: Option<UploadId>,
    /// The asset; `None` with the route `tasks`.
    pub asset_id: Option<AssetId>,
    /// The indexed asset; `None` with the route `tasks`.
    pub indexed_asset_id: Option<IndexedAssetId>,
    /// The task; only with the route `tasks`.
    pub task_id: Option<TaskId>,
    /// The video. Its id is that of the indexed asset.
    pub video_id: Option<VideoId>,
    /// The last response for the asset.
    pub asset: Option<Asset>,
    /// The indexed asset when it was ready.
    pub indexed_asset: Option<IndexedAsset>,
    /// The task when it was ready.
    pub task: Option<Task>,
    /// Statistics of the chunk upload, if there was one.
    pub upload: Option<Uploaded>,
    /// Every observed status with its stage, oldest first.
    pub history: Vec<(Stage, StatusSeen)>,
    /// Duration of each stage, in order.
    pub times: Vec<(Stage, Duration)>,
    /// Whether a response was lost and a lookup found the created resource.
    pub reconciled: bool,
    /// The report of the local check; `None` if the input was not checked.
    pub report: Option<Report>,
    /// Why the input was not checked; `None` if it was.
    pub not_checked: Option<NotChecked>,
}

/// Why the local check did not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotChecked {
    /// The caller skipped the check.
    Skipped,
    /// The input is a link, which the platform fetches; only the URL was checked.
    Link,
    /// The input is an existing asset.
    Asset,
    /// This build has no prober, and the client was given none.
    NoChecker,
    /// The input is not a file, and the prober reads only files.
    ProberReadsFiles,
    /// The input is not a file, and delivers its bytes more slowly than the prober's time limit
    /// allows.
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
    /// Duration of a stage; `None` if it did not run.
    #[must_use]
    pub fn time(&self, stage: Stage) -> Option<Duration> {
        let times = self.times.iter().filter(|(other, _)| *other == stage);
        times.map(|(_, took)| *took).reduce(|a, b| a + b)
    }

    /// The last observed status, as named by the platform.
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
        if ingested.task.is_some() || !ingested.indexing.is_zero() {
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

/// Result of an upload.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct UploadedAsset {
    /// The asset.
    pub asset_id: AssetId,
    /// Route, times, statuses and the report of the check.
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
