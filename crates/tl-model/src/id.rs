//! Typed identifiers: a task id cannot be passed as an index id.

use std::borrow::Borrow;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Length of the identifiers in every sample, in hexadecimal digits.
const OBJECT_ID_DIGITS: usize = 24;

macro_rules! id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps a string without checking or changing it.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The identifier as sent and received.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Whether the identifier is 24 hexadecimal digits, like nearly all of the platform's
            /// samples.
            pub fn is_object_id(&self) -> bool {
                self.0.len() == OBJECT_ID_DIGITS && self.0.bytes().all(|byte| byte.is_ascii_hexdigit())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl FromStr for $name {
            type Err = Infallible;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Ok(Self::from(text))
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.0 == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.0 == *other
            }
        }
    };
}

id! {
    /// Identifies an embedding task.
    EmbeddingTaskId
}

id! {
    /// Identifies a video indexing task (`/tasks/{task_id}`): 24 hexadecimal digits in every
    /// sample, not enforced.
    TaskId
}
id! {
    /// Identifies a video of an index: 24 hexadecimal digits in every sample, not enforced.
    ///
    /// May or may not equal the id of its task: the samples disagree.
    VideoId
}
id! {
    /// Identifies an index: 24 hexadecimal digits in every sample, not enforced.
    IndexId
}
id! {
    /// Identifies an uploaded asset: 24 hexadecimal digits in every sample, not enforced.
    AssetId
}
id! {
    /// Identifies an asset within an index: 24 hexadecimal digits in every sample, not enforced.
    ///
    /// Observed to equal the [`VideoId`] of the same video.
    IndexedAssetId
}
id! {
    /// Identifies a multipart upload session: 24 hexadecimal digits in the samples, not enforced.
    UploadId
}
id! {
    /// Identifies a collection of entities: 24 hexadecimal digits in every sample, not enforced.
    EntityCollectionId
}
id! {
    /// Identifies an entity: 24 hexadecimal digits in every sample, not enforced.
    EntityId
}
id! {
    /// Identifies a webhook event (`whe_…` in the samples). A repeated delivery carries the same
    /// id.
    EventId
}
id! {
    /// Identifies a batch of analyses: an opaque string.
    AnalyzeBatchId
}
id! {
    /// Identifies an analysis task: an opaque string.
    AnalyzeTaskId
}
id! {
    /// Identifies a knowledge store: `ks_` and a UUID in the samples, not enforced.
    KnowledgeStoreId
}
id! {
    /// Identifies an item of a knowledge store: `ksi_` and a UUID in the samples, not enforced.
    StoreItemId
}
id! {
    /// Identifies a collection of items of a knowledge store: `ksic_` and a UUID in the samples, not
    /// enforced.
    ItemCollectionId
}
id! {
    /// Identifies a response of a chat (`resp_…` in the samples).
    ChatResponseId
}
id! {
    /// Identifies a conversation with a knowledge store (`sess_…` in the samples).
    ChatSessionId
}
id! {
    /// Identifies a connection to a data provider: an opaque string.
    ConnectionId
}
id! {
    /// Identifies a registered redirect URI: an opaque string.
    RedirectUriId
}
id! {
    /// Identifies an import through a connection: an opaque string.
    ImportId
}
