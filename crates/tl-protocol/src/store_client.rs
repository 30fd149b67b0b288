//! Short forms for one knowledge store: questions and searches, for every transport.

use serde_json::Value;
use tl_model::{
    ChatFormat, ChatFormatType, ChatInclude, ChatMessage, ChatResponse, ChatSelection,
    ChatSessionId, ChatText, ItemCollectionId, KnowledgeStoreId, NewChatResponse, StoreFilter,
    StoreGroupBy, StoreHits, StoreIdFilter, StoreItemId, StoreItemType, StoreModality, StoreQuery,
    StoreSearch, StoreSearchOptions, StoreTypeFilter, StoreVideoOptions,
};

use crate::{
    Client, Error, Transport,
    client::{CallOutput, EventStream},
    endpoint::{CreateChatResponse, SearchKnowledgeStore, StreamChatResponse},
};

impl<T: Transport, X> Client<T, X> {
    /// Asks about the content of a knowledge store.
    ///
    /// ```
    /// # use tl_protocol::{Client, Transport};
    /// fn ask<T: Transport>(client: &Client<T>) {
    ///     let question = client
    ///         .ask("ks_019ebcf4-7e08-7201-b69c-69e0c1e6ae56")
    ///         .say("Who scores in this match?")
    ///         .about_item("ksi_019ec020-1a2b-7c3d-8e4f-a5b6c7d8e9f0");
    ///     let events = question.stream();
    /// }
    /// ```
    #[must_use = "nothing is sent until `answer` or `stream`"]
    pub fn ask(&self, store: impl Into<KnowledgeStoreId>) -> Ask<'_, T, X> {
        Ask {
            client: self,
            response: NewChatResponse::new(store, Vec::new()),
        }
    }

    /// The operations on one knowledge store in short form.
    ///
    /// ```
    /// # use tl_protocol::{Client, Transport};
    /// use tl_model::StoreModality;
    ///
    /// fn search<T: Transport>(client: &Client<T>) {
    ///     let store = client.store("ks_019ebcf4-7e08-7201-b69c-69e0c1e6ae56");
    ///     let goals = store.search("a goal in the rain").on([StoreModality::Audio]).by_item();
    ///     let first_page = goals.page();
    /// }
    /// ```
    #[must_use]
    pub fn store(&self, store: impl Into<KnowledgeStoreId>) -> Store<'_, T, X> {
        Store {
            client: self,
            id: store.into(),
        }
    }
}

/// A question about a knowledge store, ended by [`answer`](Ask::answer) or [`stream`](Ask::stream).
#[derive(Debug)]
#[must_use = "nothing is sent until `answer` or `stream`"]
pub struct Ask<'c, T, X = Error> {
    client: &'c Client<T, X>,
    response: NewChatResponse,
}

impl<T, X> Ask<'_, T, X> {
    /// Adds a message of the user: 1 to 10,000 characters.
    pub fn say(mut self, text: impl Into<String>) -> Self {
        self.response.input.push(ChatMessage::user(text));
        self
    }

    /// Continues a conversation. It must be about the same store.
    pub fn session(mut self, session: impl Into<ChatSessionId>) -> Self {
        self.response.session_id = Some(session.into());
        self
    }

    /// Gives guidance for this answer only.
    pub fn instructions(mut self, text: impl Into<String>) -> Self {
        self.response.instructions = Some(text.into());
        self
    }

    /// Prefers an item of the store, and refers to it in the last message.
    pub fn about_item(self, item: impl Into<StoreItemId>) -> Self {
        self.about(ChatSelection::item(&item.into()))
    }

    /// Prefers the items of a collection, and refers to it in the last message.
    pub fn about_collection(self, collection: impl Into<ItemCollectionId>) -> Self {
        self.about(ChatSelection::collection(&collection.into()))
    }

    fn about(mut self, selection: ChatSelection) -> Self {
        let number = self.response.selections.len();
        self.response.selections.push(selection);
        if let Some(message) = self.response.input.last_mut() {
            message.content.push_str(&format!(" {{{{sel:{number}}}}}"));
        }
        self
    }

    /// Asks for JSON that conforms to a schema. The platform requires all properties and allows no
    /// others. Keywords that it would ignore are refused before anything is sent.
    pub fn schema(mut self, name: impl Into<String>, schema: Value) -> Self {
        let mut format = ChatFormat::new(ChatFormatType::JsonSchema);
        format.name = Some(name.into());
        format.schema = Some(schema);
        let mut text = ChatText::default();
        text.format = Some(format);
        self.response.text = Some(text);
        self
    }

    /// Also returns the steps that led to the answer.
    pub fn with_steps(mut self) -> Self {
        self.response.include = vec![ChatInclude::IntermediateOutputs];
        self
    }

    /// The request, to change what has no method here.
    pub fn request_mut(&mut self) -> &mut NewChatResponse {
        &mut self.response
    }
}

impl<T: Transport, X: From<Error> + Send + 'static> Ask<'_, T, X> {
    /// Returns the whole answer.
    ///
    /// # Errors
    /// See [`Client::call`].
    pub fn answer(self) -> CallOutput<T, ChatResponse, X> {
        self.client.call(CreateChatResponse::new(self.response))
    }

    /// Streams the answer while it is written. Keepalives are events as well.
    ///
    /// Errors are those of [`Client::stream`].
    pub fn stream(self) -> EventStream<T, StreamChatResponse, X> {
        self.client.stream(&StreamChatResponse::new(self.response))
    }
}

/// One knowledge store.
#[derive(Debug)]
pub struct Store<'c, T, X = Error> {
    client: &'c Client<T, X>,
    id: KnowledgeStoreId,
}

impl<'c, T, X> Store<'c, T, X> {
    /// Begins a search for what a text describes.
    pub fn search(&self, text: impl Into<String>) -> SearchStore<'c, T, X> {
        SearchStore {
            client: self.client,
            store: self.id.clone(),
            search: StoreSearch::new(StoreQuery::new(text)),
        }
    }
}

/// A search of a knowledge store, ended by [`page`](SearchStore::page).
#[derive(Debug)]
#[must_use = "nothing is sent until `page`"]
pub struct SearchStore<'c, T, X = Error> {
    client: &'c Client<T, X>,
    store: KnowledgeStoreId,
    search: StoreSearch,
}

impl<T, X> SearchStore<'_, T, X> {
    /// Compares these parts of videos. The default is [`Visual`](StoreModality::Visual).
    pub fn on(mut self, modalities: impl IntoIterator<Item = StoreModality>) -> Self {
        let mut video = StoreVideoOptions::default();
        video.modalities = modalities.into_iter().collect();
        let mut options = StoreSearchOptions::default();
        options.video = Some(video);
        self.search.search_options = Some(options);
        self
    }

    /// Finds only items of these types.
    pub fn types(mut self, types: impl IntoIterator<Item = StoreItemType>) -> Self {
        let mut by = StoreTypeFilter::default();
        by.any_of = types.into_iter().collect();
        self.filter().asset_type = Some(by);
        self
    }

    /// Finds only these items.
    pub fn items(mut self, items: impl IntoIterator<Item = StoreItemId>) -> Self {
        let mut by = StoreIdFilter::default();
        by.any_of = items.into_iter().collect();
        self.filter().item_id = Some(by);
        self
    }

    fn filter(&mut self) -> &mut StoreFilter {
        self.search.filter.get_or_insert_default()
    }

    /// Returns one hit for each item, with all its matching clips.
    pub fn by_item(mut self) -> Self {
        self.search.group_by = Some(StoreGroupBy::Item);
        self
    }

    /// Returns the metadata of the items as well.
    pub fn with_metadata(mut self) -> Self {
        self.search.include_metadata = Some(true);
        self
    }

    /// Sets the number of hits per page: 1 to 50. The platform's default is 10.
    pub fn page_size(mut self, size: u32) -> Self {
        self.search.page_size = Some(size);
        self
    }

    /// Continues an earlier search: [`StoreHits::next_page_token`]. An expired token is an error
    /// with the status 410: search again.
    pub fn after(mut self, token: impl Into<String>) -> Self {
        self.search.page_token = Some(token.into());
        self
    }
}

impl<T: Transport, X: From<Error> + Send + 'static> SearchStore<'_, T, X> {
    /// Returns one page of hits, the best first.
    ///
    /// # Errors
    /// See [`Client::call`].
    pub fn page(self) -> CallOutput<T, StoreHits, X> {
        self.client
            .call(SearchKnowledgeStore::new(self.store, self.search))
    }
}
