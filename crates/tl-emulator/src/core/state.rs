//! The state: the tables of all records, their changes since the last commit, and what is looked up
//! in more than one place.

use std::{collections::BTreeSet, fmt};

use jiff::Timestamp;

use super::{
    ids,
    meter::Meter,
    records::{
        AnalyzeBatchRecord, AnalyzeTaskRecord, AssetRecord, AuthorizationRecord, ChatSessionRecord,
        ChunkRecord, ConnectionRecord, EmbeddingTaskRecord, EntityCollectionRecord, EntityRecord,
        IdempotencyRecord, ImportRecord, IndexRecord, ItemCollectionRecord, KnowledgeStoreRecord,
        LegacyEmbeddingTaskRecord, MediaKey, RedirectUriRecord, RenditionRecord, SearchRecord,
        StoreItemRecord, TaskRecord, UploadRecord, VideoRecord, WebhookRecord,
    },
    refusal::Refusal,
    table::{Change, Table},
};

/// A stored or exported state is invalid. The message names the invalid part.
#[derive(Debug)]
pub struct StateError(String);

impl StateError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StateError {}

/// The name of the counter for identifiers.
const IDS: &str = "ids";

macro_rules! state {
    ($($table:ident: $record:ty,)+) => {
        /// The state created by requests: the tables of all records, and an index of them.
        #[derive(Debug)]
        pub(crate) struct State {
            $(pub(crate) $table: Table<$record>,)+
            /// When tasks and assets end whose end was not announced yet. It follows from the
            /// records and is not stored.
            pub(crate) pending_ends: BTreeSet<(Timestamp, String)>,
        }

        impl Default for State {
            fn default() -> Self {
                Self {
                    $($table: Table::new(stringify!($table)),)+
                    pending_ends: BTreeSet::new(),
                }
            }
        }

        impl State {
            /// The records that were written or removed since the last commit.
            pub(crate) fn changes(&self) -> Vec<Change> {
                let mut changes = Vec::new();
                $(self.$table.changes(&mut changes);)+
                changes
            }

            /// Marks the changes as stored.
            pub(crate) fn commit(&mut self) {
                $(self.$table.commit();)+
            }

            /// Reverts the changes since the last commit.
            pub(crate) fn roll_back(&mut self) {
                $(self.$table.roll_back();)+
                self.rebuild_pending_ends();
            }

            /// Inserts a record from a store.
            pub(crate) fn restore(&mut self, table: &str, key: String, value: &str) -> Result<(), serde_json::Error> {
                match table {
                    $(stringify!($table) => self.$table.restore(key, value),)+
                    other => Err(serde::de::Error::custom(format!("there is no table `{other}`"))),
                }
            }

            pub(crate) fn export(&self, tables: &mut serde_json::Map<String, serde_json::Value>) {
                $(tables.insert(stringify!($table).to_owned(), self.$table.export());)+
            }

            /// Replaces `before`: all records of both count as changed, for the store.
            pub(crate) fn replace(&mut self, before: &Self) {
                $(self.$table.replace(&before.$table);)+
            }
        }
    };
}

state! {
    indexes: IndexRecord,
    tasks: TaskRecord,
    videos: VideoRecord,
    meters: Meter,
    webhooks: WebhookRecord,
    counters: u64,
    assets: AssetRecord,
    uploads: UploadRecord,
    chunks: ChunkRecord,
    renditions: RenditionRecord,
    entity_collections: EntityCollectionRecord,
    entities: EntityRecord,
    contents: String,
    analyze_tasks: AnalyzeTaskRecord,
    analyze_batches: AnalyzeBatchRecord,
    idempotency: IdempotencyRecord,
    knowledge_stores: KnowledgeStoreRecord,
    store_items: StoreItemRecord,
    item_collections: ItemCollectionRecord,
    searches: SearchRecord,
    chat_sessions: ChatSessionRecord,
    authorizations: AuthorizationRecord,
    connections: ConnectionRecord,
    redirect_uris: RedirectUriRecord,
    imports: ImportRecord,
    embedding_tasks: EmbeddingTaskRecord,
    legacy_embedding_tasks: LegacyEmbeddingTaskRecord,
}

impl State {
    /// The counter of identifiers, which also numbers the records in the order of their creation.
    pub(crate) fn last_number(&self) -> u64 {
        self.counters.get(IDS).copied().unwrap_or(0)
    }

    /// Sets the counter of identifiers.
    pub(crate) fn set_last_number(&mut self, number: u64) {
        self.counters.insert(IDS.to_owned(), number);
    }

    /// The usage of a category of requests.
    pub(crate) fn meter(&self, category: &str) -> Meter {
        self.meters.get(category).copied().unwrap_or_default()
    }

    /// Rebuilds the pending ends from the records.
    pub(crate) fn rebuild_pending_ends(&mut self) {
        self.pending_ends.clear();
        for task in self.tasks.values().filter(|task| !task.is_announced) {
            if let Some(end) = task.timeline.end() {
                self.pending_ends.insert((end.at, task.id.clone()));
            }
        }
        for task in self.analyze_tasks.values() {
            if task.ends_at < Timestamp::MAX && task.canceled.is_none() {
                self.pending_ends.insert((task.ends_at, task.id.clone()));
            }
        }
        for asset in self.assets.values() {
            let at = asset.outcome.as_ref().map(|outcome| outcome.at);
            if let Some(at) = at.filter(|at| *at < Timestamp::MAX) {
                self.pending_ends.insert((at, asset.id.clone()));
            }
        }
    }

    /// The SHA-256 of a stored file in hexadecimal, if it is known.
    pub(crate) fn content_of(&self, media: Option<&MediaKey>) -> Option<&str> {
        self.contents.get(media?.as_str()).map(String::as_str)
    }

    /// The videos of an index that are visible at `now`.
    pub(crate) fn videos_of<'a>(
        &'a self,
        index_id: &'a str,
        now: Timestamp,
    ) -> impl Iterator<Item = &'a VideoRecord> {
        self.videos
            .values()
            .filter(move |video| video.index_id == index_id && video.indexed_at <= now)
    }

    /// Looks up an index.
    pub(crate) fn index(&self, id: &str) -> Result<&IndexRecord, Refusal> {
        ids::check("index-id", id)?;
        let index = self.indexes.get(id);
        index.ok_or_else(|| Refusal::not_exist("indexes", id))
    }

    /// Looks up an asset.
    pub(crate) fn asset(&self, id: &str) -> Result<&AssetRecord, Refusal> {
        ids::check("asset_id", id)?;
        let asset = self.assets.get(id);
        asset.ok_or_else(|| Refusal::not_exist("assets", id))
    }

    /// Looks up an entity collection.
    pub(crate) fn entity_collection(&self, id: &str) -> Result<&EntityCollectionRecord, Refusal> {
        ids::check("entity_collection_id", id)?;
        let collection = self.entity_collections.get(id);
        collection.ok_or_else(|| Refusal::not_exist("entity_collections", id))
    }

    /// Looks up an entity of a collection.
    pub(crate) fn entity(&self, collection_id: &str, id: &str) -> Result<&EntityRecord, Refusal> {
        self.entity_collection(collection_id)?;
        ids::check("entity_id", id)?;
        let entity = self.entities.get(id);
        entity
            .filter(|entity| entity.collection_id == collection_id)
            .ok_or_else(|| Refusal::not_exist("entities", id))
    }

    /// Looks up a connection.
    pub(crate) fn connection(&self, id: &str) -> Result<&ConnectionRecord, Refusal> {
        ids::check("connection_id", id)?;
        let connection = self.connections.get(id);
        connection.ok_or_else(|| Refusal::not_exist("connections", id))
    }

    /// Looks up a knowledge store.
    pub(crate) fn knowledge_store(&self, id: &str) -> Result<&KnowledgeStoreRecord, Refusal> {
        ids::check_prefixed("knowledge_store_id", "ks_", id)?;
        let store = self.knowledge_stores.get(id);
        store.ok_or_else(|| Refusal::not_exist("knowledge_stores", id))
    }

    /// Looks up an item of a knowledge store.
    pub(crate) fn store_item(&self, store: &str, id: &str) -> Result<&StoreItemRecord, Refusal> {
        self.knowledge_store(store)?;
        ids::check_prefixed("item_id", "ksi_", id)?;
        let item = self.store_items.get(id);
        item.filter(|item| item.store_id == store)
            .ok_or_else(|| Refusal::not_exist("items", id))
    }

    /// Looks up a collection of items of a knowledge store.
    pub(crate) fn item_collection(
        &self,
        store: &str,
        id: &str,
    ) -> Result<&ItemCollectionRecord, Refusal> {
        self.knowledge_store(store)?;
        ids::check_prefixed("collection_id", "ksic_", id)?;
        let collection = self.item_collections.get(id);
        collection
            .filter(|collection| collection.store_id == store)
            .ok_or_else(|| Refusal::not_exist("item_collections", id))
    }

    /// Looks up an upload session. A malformed identifier is unknown as well: only 404 is
    /// documented.
    pub(crate) fn upload(&self, id: &str) -> Result<&UploadRecord, Refusal> {
        self.uploads.get(id).ok_or_else(Refusal::not_found)
    }

    /// The indexed assets created from an asset.
    pub(crate) fn references<'a>(
        &'a self,
        asset_id: &'a str,
    ) -> impl Iterator<Item = &'a TaskRecord> {
        let tasks = self.tasks.values();
        tasks.filter(move |task| task.asset_id.as_deref() == Some(asset_id))
    }
}
