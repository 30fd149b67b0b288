//! What a long operation tells while it runs. A flow speaks; the caller decides where it is shown.

use std::{fmt, sync::Arc, time::Duration};

use tl_model::{AssetId, IndexedAssetId, UploadId};

use crate::{ErrorKind, flow::Stage};

/// Something that happened inside a flow.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// An attempt failed and will be repeated.
    Retrying {
        /// What is being done, for example `create a task`.
        operation: &'static str,
        /// The number of the attempt that failed, from 1.
        attempt: u32,
        /// Why it failed.
        because: ErrorKind,
        /// The time until the next attempt.
        delay: Duration,
    },
    /// The answer to a create was lost: the flow looks whether the platform acted, before it sends anything again.
    Reconciling {
        /// What was being done.
        operation: &'static str,
    },
    /// A look after a lost answer found what the create had made.
    Reconciled {
        /// What was found: `task`, `asset`, `indexed asset`.
        resource: &'static str,
        /// Its identifier.
        id: String,
    },
    /// The platform has made something.
    Created {
        /// What was made: `task`, `asset`, `indexed asset`.
        resource: &'static str,
        /// Its identifier.
        id: String,
    },
    /// The next stage of an ingestion has begun.
    StageBegun {
        /// Which one.
        stage: Stage,
        /// The asset, as soon as there is one.
        asset_id: Option<AssetId>,
        /// The asset in the index, as soon as there is one.
        indexed_asset_id: Option<IndexedAssetId>,
    },
    /// The session of a multipart upload stands, and chunks are going to be sent.
    UploadBegun {
        /// The session.
        upload_id: UploadId,
        /// The asset that is reserved for it.
        asset_id: AssetId,
        /// How many chunks there are.
        chunks: u32,
        /// How many of them an earlier process had sent.
        resumed: u32,
    },
    /// The session of an earlier process cannot be used any more: the upload begins anew.
    UploadRestarted {
        /// Why.
        because: &'static str,
    },
    /// The storage has one more chunk.
    ChunkSent {
        /// Which one, from 1.
        chunk: u32,
        /// How many chunks it has.
        chunks: u32,
        /// How many there are.
        total_chunks: u32,
        /// How many bytes it has.
        bytes: u64,
        /// How many there are.
        total_bytes: u64,
        /// The bytes per second of this process, averaged over all its time.
        bytes_per_second: Option<f64>,
        /// The time that the rest will take at this rate.
        left: Option<Duration>,
    },
    /// A chunk failed and will be sent again, to a new URL.
    ChunkRetrying {
        /// Its number, from 1.
        chunk: u32,
        /// How often it has failed.
        attempt: u32,
        /// Why.
        because: ErrorKind,
        /// The time until it may start again.
        delay: Duration,
    },
    /// A wait saw a status that differs from the one before; the final status is always told.
    Status {
        /// What is waited for: `task`, `asset`, `indexed asset`.
        resource: &'static str,
        /// Its identifier.
        id: String,
        /// Its status, in the platform's word.
        status: String,
        /// Time since the wait began.
        after: Duration,
    },
}

/// Where events go. Called from inside the driver: it should return soon.
#[derive(Clone, Default)]
pub struct Observer(Option<Arc<Listener>>);

type Listener = dyn Fn(&Event) + Send + Sync;

impl Observer {
    /// Events go to `listen`.
    pub fn new(listen: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(listen)))
    }

    /// Nobody listens.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    /// Tells `event`.
    pub fn tell(&self, event: &Event) {
        if let Some(listen) = &self.0 {
            listen(event);
        }
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "Observer(listening)"
        } else {
            "Observer(none)"
        })
    }
}
