//! The parameters of an operation as data, for descriptions of the API.

use tl_model::{
    AnalyzeBatchId, AnalyzeBatchStatus, AnalyzeMode, AnalyzeStatus, AnalyzeTaskId, AssetId,
    AssetType, ConnectionId, EmbeddingTaskId, EmbeddingTaskStatus, EntityCollectionId, EntityId,
    EntityStatus, ImportId, ImportSource, IndexId, IndexedAssetId, IndexedAssetStatus,
    ItemCollectionId, KnowledgeStoreId, MetadataPatch, ModelFamily, NewEntity, RedirectUriId,
    SortBy, SortOption, StoreItemId, StoreItemStatus, TaskId, TaskStatus, Timestamp,
    TranscriptionUnit, UploadId, UserMetadata, VideoId,
};

/// A parameter of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parameter {
    /// The name as it is sent, such as `page_limit` or `duration[gte]`.
    pub name: String,
    /// Where it is sent.
    pub place: Place,
    /// Whether every request has it.
    pub required: bool,
    /// What its value is.
    pub kind: ValueKind,
}

/// Where a parameter is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Place {
    /// A placeholder of the path.
    Path,
    /// The query.
    Query,
    /// A member of the JSON object that is the body.
    Json,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ValueKind {
    /// Any text.
    Text,
    /// `true` or `false`.
    Flag,
    /// A whole number from 0 up.
    Whole,
    /// A number.
    Number,
    /// A date and time of RFC 3339.
    Timestamp,
    /// An identifier.
    Id,
    /// One of these words. A newer version of the API may have more.
    Word(Vec<&'static str>),
    /// A list of values, sent as a repeated parameter.
    List(Box<Self>),
    /// Any number of keys with values.
    Object,
    /// Anything: the declaration does not say more.
    Any,
}

impl Parameter {
    pub(super) fn path<T: Described>(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            place: Place::Path,
            required: true,
            kind: T::kind(),
        }
    }

    pub(super) fn query(name: impl Into<String>, kind: ValueKind) -> Self {
        Self {
            name: name.into(),
            place: Place::Query,
            required: false,
            kind,
        }
    }

    pub(super) fn json(name: &str, required: bool, kind: ValueKind) -> Self {
        Self {
            name: name.to_owned(),
            place: Place::Json,
            required,
            kind,
        }
    }
}

/// A type of a parameter whose values can be described.
pub trait Described {
    /// What the values are.
    fn kind() -> ValueKind;
}

macro_rules! described {
    ($($Type:ty: $kind:expr;)+) => {
        $(impl Described for $Type {
            fn kind() -> ValueKind {
                $kind
            }
        })+
    };
}

described! {
    String: ValueKind::Text;
    bool: ValueKind::Flag;
    u32: ValueKind::Whole;
    f64: ValueKind::Number;
    Timestamp: ValueKind::Timestamp;
    AnalyzeBatchId: ValueKind::Id;
    AnalyzeTaskId: ValueKind::Id;
    AssetId: ValueKind::Id;
    ConnectionId: ValueKind::Id;
    ImportId: ValueKind::Id;
    ImportSource: ValueKind::Object;
    RedirectUriId: ValueKind::Id;
    EntityCollectionId: ValueKind::Id;
    EmbeddingTaskId: ValueKind::Id;
    EntityId: ValueKind::Id;
    IndexId: ValueKind::Id;
    IndexedAssetId: ValueKind::Id;
    ItemCollectionId: ValueKind::Text;
    KnowledgeStoreId: ValueKind::Text;
    StoreItemId: ValueKind::Text;
    TaskId: ValueKind::Id;
    UploadId: ValueKind::Id;
    VideoId: ValueKind::Id;
    MetadataPatch: ValueKind::Object;
    NewEntity: ValueKind::Object;
    UserMetadata: ValueKind::Object;
}

impl<T: Described> Described for Vec<T> {
    fn kind() -> ValueKind {
        ValueKind::List(Box::new(T::kind()))
    }
}

macro_rules! words {
    ($($Type:ty),+) => {
        described! {
            $($Type: ValueKind::Word(<$Type>::KNOWN.iter().map(<$Type>::as_str).collect());)+
        }
    };
}

words!(
    AnalyzeBatchStatus,
    AnalyzeMode,
    AnalyzeStatus,
    AssetType,
    EmbeddingTaskStatus,
    EntityStatus,
    IndexedAssetStatus,
    ModelFamily,
    SortBy,
    SortOption,
    StoreItemStatus,
    TaskStatus,
    TranscriptionUnit
);
