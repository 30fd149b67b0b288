//! The methods that both clients have of [`tl_protocol::Client`], with the types of their transport.

/// Methods that send requests.
///
/// `$Output<R>` is what a request for `R` returns, and `$Stream<E>` is the stream of its events.
macro_rules! api_methods {
    ($Transport:ident, $Output:ident, $Stream:ident) => {
        /// The same client for code that is generic over the transport.
        #[must_use]
        pub fn api(&self) -> &tl_protocol::Client<$Transport, crate::Error> {
            &self.api
        }

        /// Sends one request, with retries.
        ///
        /// # Errors
        /// See [`ErrorKind`](crate::ErrorKind).
        pub fn call<E: tl_protocol::Endpoint>(&self, endpoint: E) -> $Output<E::Response> {
            self.api.call(endpoint)
        }

        /// Streams the events of a response as they arrive.
        ///
        /// Nothing is sent before the first event is requested. Each item is an event, or the error
        /// that ends the stream. After the first event, the error is
        /// [`Interrupted`](crate::ErrorKind::Interrupted).
        pub fn stream<E: tl_protocol::endpoint::Streamed>(&self, endpoint: &E) -> $Stream<E> {
            self.api.stream(endpoint)
        }

        /// Iterates over all items of a list, page by page.
        pub fn pages<E: tl_protocol::flow::Paged>(
            &self,
            first: E,
        ) -> tl_protocol::flow::Pages<$Transport, E, crate::Error> {
            self.api.pages(first)
        }

        /// Searches the videos of an index: see
        /// [`SearchBuilder`](tl_protocol::search::SearchBuilder).
        ///
        /// Nothing is sent before the first results are requested.
        pub fn search(
            &self,
            index_id: impl Into<tl_model::IndexId>,
        ) -> tl_protocol::search::SearchBuilder<$Transport, crate::Error> {
            self.api.search(index_id)
        }

        /// Embeds texts, images, audio, videos and documents: see
        /// [`EmbedBuilder`](tl_protocol::embed::EmbedBuilder).
        ///
        /// Nothing is sent before one of its ends is called.
        pub fn embed(
            &self,
            model: impl Into<tl_model::ModelName>,
        ) -> tl_protocol::embed::EmbedBuilder<$Transport, crate::Error> {
            self.api.embed(model)
        }

        /// Polls `endpoint` until the status is final or the deadline of `policy` has passed.
        ///
        /// # Errors
        /// [`ProcessingFailed`](crate::ErrorKind::ProcessingFailed) with the platform's reason,
        /// [`DeadlinePassed`](crate::ErrorKind::DeadlinePassed) with the observed statuses, and
        /// errors that polling again cannot resolve.
        pub fn wait<E: tl_protocol::flow::Watched>(
            &self,
            endpoint: E,
            policy: tl_protocol::flow::WaitPolicy,
        ) -> $Output<tl_protocol::flow::Waited<E::Response>> {
            self.api.wait(endpoint, policy)
        }

        /// Adds entities from images to a collection. With `wait`, the result has entities that are
        /// ready.
        ///
        /// # Errors
        /// Those of listing the entities of the collection. Later errors are in the result.
        pub fn add_entities(
            &self,
            collection: impl Into<tl_model::EntityCollectionId>,
            entities: Vec<tl_protocol::flow::EntityImages>,
            wait: Option<tl_protocol::flow::WaitPolicy>,
            observer: tl_protocol::Observer,
        ) -> $Output<tl_protocol::flow::AddedEntities> {
            self.api.add_entities(collection, entities, wait, observer)
        }

        /// Asks about the content of a knowledge store.
        pub fn ask(
            &self,
            store: impl Into<tl_model::KnowledgeStoreId>,
        ) -> tl_protocol::Ask<'_, $Transport, crate::Error> {
            self.api.ask(store)
        }

        /// The operations on one knowledge store in short form.
        #[must_use]
        pub fn store(
            &self,
            store: impl Into<tl_model::KnowledgeStoreId>,
        ) -> tl_protocol::Store<'_, $Transport, crate::Error> {
            self.api.store(store)
        }

        /// The same client, with the same connections. `cancel` cancels every request, wait, upload
        /// and stream that it runs; each ends within about 200 ms with
        /// [`Canceled`](crate::ErrorKind::Canceled).
        #[must_use]
        pub fn cancel_by(&self, cancel: &crate::CancelHandle) -> Self {
            Self {
                api: self.api.cancel_by(cancel),
                checker: std::sync::Arc::clone(&self.checker),
            }
        }

        /// The settings of requests.
        #[must_use]
        pub fn settings(&self) -> &tl_protocol::ClientSettings {
            self.api.settings()
        }

        /// The transport, for running custom flows.
        #[must_use]
        pub fn transport(&self) -> &$Transport {
            self.api.transport()
        }
    };
}

/// The methods that return the operations of a resource.
macro_rules! resource_methods {
    ($Transport:ident: $($Group:ident $method:ident),+) => {
        $(
            #[doc = concat!(
                "The operations of [`", stringify!($Group), "`](tl_protocol::endpoint::",
                stringify!($Group), ")."
            )]
            #[must_use]
            pub fn $method(
                &self,
            ) -> tl_protocol::endpoint::$Group<'_, $Transport, crate::Error> {
                self.api.$method()
            }
        )+
    };
}

pub(crate) use api_methods;
pub(crate) use resource_methods;
