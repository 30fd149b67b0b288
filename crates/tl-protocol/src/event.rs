//! Progress events of long operations. A flow emits them; the caller's observer handles them.

use std::{fmt, sync::Arc, time::Duration};

use tl_model::{
    AnalyzeBatchId, AnalyzeTaskId, AssetId, EmbeddingTaskId, EntityId, ImportId, IndexedAssetId,
    StoreItemId, TaskId, UploadId,
};

use crate::{ErrorKind, FinishedExchange, Stage};

/// A resource of the platform that a flow creates or waits for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Resource {
    /// A task of `/tasks`.
    Task(TaskId),
    /// An asset.
    Asset(AssetId),
    /// An indexed asset.
    IndexedAsset(IndexedAssetId),
    /// An item of a knowledge store.
    StoreItem(StoreItemId),
    /// An entity.
    Entity(EntityId),
    /// An analysis task.
    AnalyzeTask(AnalyzeTaskId),
    /// A batch of analyses.
    AnalyzeBatch(AnalyzeBatchId),
    /// An embedding task.
    EmbeddingTask(EmbeddingTaskId),
    /// An import of files of a data provider.
    Import(ImportId),
}

impl Resource {
    /// The type of the resource in words: `task`, `asset`, `indexed asset`, `item`, `entity`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Task(_) => "task",
            Self::Asset(_) => "asset",
            Self::IndexedAsset(_) => "indexed asset",
            Self::StoreItem(_) => "item",
            Self::Entity(_) => "entity",
            Self::AnalyzeTask(_) => "analysis task",
            Self::AnalyzeBatch(_) => "batch",
            Self::EmbeddingTask(_) => "embedding task",
            Self::Import(_) => "import",
        }
    }

    /// The identifier as text.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Task(id) => id.as_str(),
            Self::Asset(id) => id.as_str(),
            Self::IndexedAsset(id) => id.as_str(),
            Self::StoreItem(id) => id.as_str(),
            Self::Entity(id) => id.as_str(),
            Self::AnalyzeTask(id) => id.as_str(),
            Self::AnalyzeBatch(id) => id.as_str(),
            Self::EmbeddingTask(id) => id.as_str(),
            Self::Import(id) => id.as_str(),
        }
    }
}

/// The type and the identifier: `asset 6298d673f1090f1100476d4c`.
impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), self.id())
    }
}

impl From<EmbeddingTaskId> for Resource {
    fn from(id: EmbeddingTaskId) -> Self {
        Self::EmbeddingTask(id)
    }
}

impl From<TaskId> for Resource {
    fn from(id: TaskId) -> Self {
        Self::Task(id)
    }
}

impl From<AssetId> for Resource {
    fn from(id: AssetId) -> Self {
        Self::Asset(id)
    }
}

impl From<IndexedAssetId> for Resource {
    fn from(id: IndexedAssetId) -> Self {
        Self::IndexedAsset(id)
    }
}

impl From<StoreItemId> for Resource {
    fn from(id: StoreItemId) -> Self {
        Self::StoreItem(id)
    }
}

impl From<EntityId> for Resource {
    fn from(id: EntityId) -> Self {
        Self::Entity(id)
    }
}

impl From<AnalyzeTaskId> for Resource {
    fn from(id: AnalyzeTaskId) -> Self {
        Self::AnalyzeTask(id)
    }
}

impl From<AnalyzeBatchId> for Resource {
    fn from(id: AnalyzeBatchId) -> Self {
        Self::AnalyzeBatch(id)
    }
}

impl From<ImportId> for Resource {
    fn from(id: ImportId) -> Self {
        Self::Import(id)
    }
}

/// A progress event of a flow.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// An attempt failed and will be repeated.
    Retrying {
        /// The operation, for example `create a task`.
        operation: &'static str,
        /// The number of the failed attempt, from 1.
        attempt: u32,
        /// Why it failed.
        because: ErrorKind,
        /// The time until the next attempt.
        delay: Duration,
    },
    /// The response to a create request was lost: the flow looks the resource up before it sends
    /// anything again.
    Reconciling {
        /// The operation.
        operation: &'static str,
    },
    /// The lookup after a lost response found the resource.
    Reconciled {
        /// The resource.
        resource: Resource,
    },
    /// The platform has created a resource.
    Created {
        /// The resource.
        resource: Resource,
    },
    /// The platform limits how much may be created: it is tried again later.
    CreationDelayed {
        /// The operation, for example `create a batch of analyses`.
        operation: &'static str,
        /// Whether the limit is on what is active at a time, so that another one has to end first.
        limits_active: bool,
    },
    /// The next stage of an ingestion has started.
    StageStarted {
        /// The stage.
        stage: Stage,
        /// The asset, once it exists.
        asset_id: Option<AssetId>,
        /// The indexed asset, once it exists.
        indexed_asset_id: Option<IndexedAssetId>,
    },
    /// The upload session is open, and the chunks are about to be sent.
    UploadStarted {
        /// The session.
        upload_id: UploadId,
        /// The asset that is reserved for it.
        asset_id: AssetId,
        /// Total number of chunks.
        chunks: u32,
        /// Number of chunks that an earlier process has sent.
        resumed: u32,
    },
    /// The session of an earlier process is no longer usable: the upload starts over.
    UploadRestarted {
        /// The reason.
        because: &'static str,
    },
    /// The storage has received a chunk.
    ChunkSent {
        /// The chunk number, from 1.
        chunk: u32,
        /// Number of chunks received so far.
        chunks: u32,
        /// Total number of chunks.
        total_chunks: u32,
        /// Number of bytes received so far.
        bytes: u64,
        /// Total number of bytes.
        total_bytes: u64,
        /// Average upload rate of this process, in bytes per second.
        bytes_per_second: Option<f64>,
        /// Estimated remaining time at this rate.
        left: Option<Duration>,
    },
    /// A chunk failed and will be sent again, to a new URL.
    ChunkRetrying {
        /// The chunk number, from 1.
        chunk: u32,
        /// The number of failures so far.
        attempt: u32,
        /// The reason.
        because: ErrorKind,
        /// The time until the next attempt.
        delay: Duration,
    },
    /// The page token of a search has expired: the search is sent again, which is charged, and its
    /// results continue after those that were returned.
    SearchRestarted {
        /// Number of results returned so far.
        returned: usize,
    },
    /// The status changed since the last poll. The final status is always reported.
    Status {
        /// The resource.
        resource: Resource,
        /// The status as received.
        status: String,
        /// Time since the start of the wait.
        after: Duration,
    },
}

/// Receives events and finished exchanges. It is called inside the driver and should return
/// quickly.
#[derive(Clone, Default)]
pub struct Observer {
    events: Option<Arc<Listener>>,
    exchanges: Option<Arc<ExchangeListener>>,
}

type Listener = dyn Fn(&Event) + Send + Sync;
type ExchangeListener = dyn Fn(&FinishedExchange) + Send + Sync;

impl Observer {
    /// Creates an observer that calls `listen`.
    pub fn new(listen: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        Self {
            events: Some(Arc::new(listen)),
            exchanges: None,
        }
    }

    /// Creates an observer that ignores all events.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Also calls `listen` for each HTTP exchange that has finished, failed attempts and chunks
    /// included: with its status, bytes and time, for metrics.
    ///
    /// The listener of [`ClientSettings::observer`](crate::ClientSettings::observer) receives the
    /// exchanges of all operations of the client, also of those that have their own observer. An
    /// exchange that is dropped before its end, with its future or stream, is not reported.
    ///
    /// ```
    /// use std::sync::{Arc, atomic::{AtomicU64, Ordering}};
    /// use tl_protocol::Observer;
    ///
    /// let sent = Arc::new(AtomicU64::new(0));
    /// let total = Arc::clone(&sent);
    /// let observer = Observer::none().with_exchanges(move |exchange| {
    ///     total.fetch_add(exchange.bytes_sent, Ordering::Relaxed);
    /// });
    /// ```
    #[must_use]
    pub fn with_exchanges(
        mut self,
        listen: impl Fn(&FinishedExchange) + Send + Sync + 'static,
    ) -> Self {
        self.exchanges = Some(Arc::new(listen));
        self
    }

    /// The same observer, which also passes exchanges to the listener of `other`.
    pub(crate) fn with_exchanges_of(mut self, other: &Self) -> Self {
        self.exchanges = match (self.exchanges.take(), other.exchanges.clone()) {
            (Some(own), Some(other)) if !Arc::ptr_eq(&own, &other) => {
                Some(Arc::new(move |exchange: &FinishedExchange| {
                    own(exchange);
                    other(exchange);
                }))
            }
            (own, other) => own.or(other),
        };
        self
    }

    pub(crate) fn has_exchanges(&self) -> bool {
        self.exchanges.is_some()
    }

    pub(crate) fn tell_exchange(&self, exchange: &FinishedExchange) {
        if let Some(listen) = &self.exchanges {
            listen(exchange);
        }
    }

    /// Emits `event`.
    pub fn tell(&self, event: &Event) {
        if let Some(listen) = &self.events {
            listen(event);
        }
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.events.is_some() || self.exchanges.is_some() {
            "Observer(listening)"
        } else {
            "Observer(none)"
        })
    }
}
