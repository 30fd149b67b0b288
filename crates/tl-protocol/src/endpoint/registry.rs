//! The registry of all operations: the list that routers, documentation and tests are generated
//! from.

use http::{Method, StatusCode};

use super::*;

/// Marks the endpoint types that [`for_each_endpoint!`](crate::for_each_endpoint) lists.
pub trait Registered: Endpoint {}

/// Fails to compile for an endpoint that is missing from the registry.
pub(super) const fn assert_registered<E: Registered>() {}

/// An operation as data.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Operation {
    /// [`Endpoint::NAME`].
    pub name: &'static str,
    /// [`Endpoint::OPERATION`].
    pub summary: &'static str,
    /// [`Endpoint::METHOD`].
    pub method: Method,
    /// [`Endpoint::PATH`].
    pub path: &'static str,
    /// [`Endpoint::BODY`].
    pub body: BodyKind,
    /// [`Endpoint::SUCCESS`].
    pub success: StatusCode,
}

impl Operation {
    /// The operation that `E` declares.
    #[must_use]
    pub const fn of<E: Endpoint>() -> Self {
        Self {
            name: E::NAME,
            summary: E::OPERATION,
            method: E::METHOD,
            path: E::PATH,
            body: E::BODY,
            success: E::SUCCESS,
        }
    }
}

/// Calls the macro `$callback!` with the names of all endpoint types, separated by commas. The
/// types are in scope after `use tl_protocol::endpoint::*`.
///
/// A server generates its routing table from it, so that a new operation without a handler does not
/// compile.
#[macro_export]
macro_rules! for_each_endpoint {
    ($callback:ident) => {
        $callback! {
            CreateTask, ListTasks, GetTask, DeleteTask,
            CreateIndex, ListIndexes, GetIndex, RenameIndex, DeleteIndex,
            ListVideos, GetVideo, UpdateVideoMetadata, DeleteVideo,
            CreateAsset, ListAssets, GetAsset, DeleteAsset,
            UpdateAssetMetadata, ReplaceAssetMetadata, ClearAssetMetadata,
            ListAssetIndexedAssets, ListAssetEntities, GetAssetTranscription,
            CreateUpload, ListUploads, GetUpload, ReportChunks, RequestUploadUrls,
            CreateIndexedAsset, ListIndexedAssets, GetIndexedAsset, UpdateIndexedAsset, DeleteIndexedAsset,
            CreateEntityCollection, ListEntityCollections, GetEntityCollection,
            UpdateEntityCollection, DeleteEntityCollection,
            CreateEntity, CreateEntities, ListEntities, GetEntity, UpdateEntity, DeleteEntity,
            AddEntityAssets, RemoveEntityAssets,
            Search, GetSearchPage,
            CreateEmbedding, CreateEmbeddingTask, ListEmbeddingTasks, GetEmbeddingTask,
            CreateLegacyEmbedding, CreateLegacyEmbeddingTask, ListLegacyEmbeddingTasks,
            GetLegacyEmbeddingTask, GetLegacyEmbeddingTaskStatus,
            CreateKnowledgeStore, ListKnowledgeStores, GetKnowledgeStore, UpdateKnowledgeStore,
            DeleteKnowledgeStore, SearchKnowledgeStore,
            CreateStoreItem, ListStoreItems, GetStoreItem, DeleteStoreItem,
            CreateItemCollection, ListItemCollections, GetItemCollection, UpdateItemCollection,
            DeleteItemCollection, ListCollectionItems, AddCollectionItems, RemoveCollectionItems,
            Analyze,
            CreateAnalyzeTask, ListAnalyzeTasks, GetAnalyzeTask, DeleteAnalyzeTask, CancelAnalyzeTask,
            CreateAnalyzeBatch, ListAnalyzeBatches, GetAnalyzeBatch, DeleteAnalyzeBatch,
            CancelAnalyzeBatch, GetAnalyzeBatchResults,
            CreateChatResponse,
            AuthorizeConnection, ListConnections, GetConnection, DeleteConnection, CreatePickerToken,
            CreateRedirectUri, ListRedirectUris, DeleteRedirectUri,
            CreateImport, ListImports, GetImport
        }
    };
}

/// Marks the client handles that [`for_each_resource!`](crate::for_each_resource) lists.
pub trait RegisteredResource {}

/// Fails to compile for a client handle that is missing from the list.
pub(super) const fn assert_resource<R: RegisteredResource>() {}

/// Calls the macro `$callback!` with the client handles: the type, and the method of
/// [`Client`](crate::Client) that returns it. A client that wraps this one generates its methods
/// from it.
#[macro_export]
macro_rules! for_each_resource {
    ($callback:ident) => {
        $callback! {
            Analyses analyses, AnalyzeBatches analyze_batches, AnalyzeTasks analyze_tasks,
            Assets assets, Embed embeddings, ChatResponses chat_responses, Connections connections,
            EntityCollections entity_collections, Entities entities, Imports imports,
            IndexedAssets indexed_assets, Indexes indexes, ItemCollections item_collections,
            KnowledgeStores knowledge_stores, LegacyEmbed legacy_embed, RedirectUris redirect_uris, Searches searches, StoreItems store_items,
            Tasks tasks, Uploads uploads, Videos videos
        }
    };
}

macro_rules! register_resources {
    ($($Group:ident $method:ident),+) => {
        $(impl<T, X> RegisteredResource for $Group<'_, T, X> {})+
    };
}

for_each_resource!(register_resources);

macro_rules! register {
    ($($Endpoint:ident),+) => {
        $(impl Registered for $Endpoint {})+

        /// All operations, in the order of the registry.
        pub static OPERATIONS: &[Operation] = &[$(Operation::of::<$Endpoint>()),+];
    };
}

for_each_endpoint!(register);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_and_routes_are_unique() {
        let names: BTreeSet<_> = OPERATIONS.iter().map(|operation| operation.name).collect();
        let routes: BTreeSet<_> = OPERATIONS
            .iter()
            .map(|operation| (operation.method.as_str(), operation.path))
            .collect();
        assert_eq!(names.len(), OPERATIONS.len());
        assert_eq!(routes.len(), OPERATIONS.len());
    }

    /// The parameters of one operation.
    type Parameters = fn() -> Vec<Parameter>;

    macro_rules! parameters {
        ($($Endpoint:ident),+) => {
            const PARAMETERS: &[(Operation, Parameters)] =
                &[$((Operation::of::<$Endpoint>(), <$Endpoint as Codec>::parameters)),+];
        };
    }

    for_each_endpoint!(parameters);

    #[test]
    fn parameters_match_path_and_body() {
        for (operation, parameters) in PARAMETERS {
            let parameters = parameters();
            let placed = |place| {
                let placed = parameters.iter().filter(move |given| given.place == place);
                placed.map(|given| given.name.as_str()).collect::<Vec<_>>()
            };
            let segments = operation.path.split('/');
            let placeholders =
                segments.filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
            let placeholders: Vec<_> = placeholders.collect();
            assert_eq!(placed(Place::Path), placeholders, "{}", operation.name);
            let has_members = !placed(Place::Json).is_empty();
            let is_json = operation.body == BodyKind::Json;
            assert_eq!(has_members, is_json, "{}", operation.name);
            let names: BTreeSet<_> = parameters.iter().map(|given| &given.name).collect();
            assert_eq!(names.len(), parameters.len(), "{}", operation.name);
        }
        let list = <ListVideos as Codec>::parameters();
        let find = |name: &str| list.iter().find(|given| given.name == name);
        assert_eq!(find("duration[gte]").unwrap().kind, ValueKind::Number);
        assert_eq!(
            find("sort_option").unwrap().kind,
            ValueKind::Word(vec!["asc", "desc"])
        );
        assert!(find("index_id").unwrap().required && !find("page").unwrap().required);
    }

    #[test]
    fn placeholders_are_identifiers() {
        for operation in OPERATIONS {
            for segment in operation.path.split('/').skip(1) {
                let name = segment
                    .strip_prefix('{')
                    .map_or(segment, |rest| rest.strip_suffix('}').unwrap_or_default());
                assert!(!name.is_empty(), "{}", operation.path);
            }
        }
    }
}
