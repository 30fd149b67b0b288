//! The client: every method of the API, for asynchronous, blocking and simulated transports. The
//! transport's `run` determines whether a method returns a future.

use std::{
    marker::PhantomData,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tl_model::EntityCollectionId;
use url::Url;

use crate::{
    CancelHandle, CancelTransport, Endpoint, Error, Flow, Observer, Policy, Transport,
    endpoint::{CreateTask, Streamed},
    flow::{
        AddEntities, AddedEntities, AssetPlan, BatchJournal, Call, Converted, EntityImages, Events,
        IngestAsset, IngestTask, IngestedAsset, IngestedTask, Paged, Pages, RunBatches, Wait,
        WaitPolicy, Waited, Watched,
    },
    pegasus::batch::{BatchAnswers, BatchRun, BatchState},
    rng::Rng,
    with_fields::with_fields,
};

/// The settings of a client.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ClientSettings {
    /// The base URL of the API, version included.
    pub base: Url,
    /// The retry policy for requests.
    pub policy: Policy,
    /// The seed for delays and form boundaries. The same seed gives the same values.
    pub seed: u64,
    /// Receives retries and status changes, and all exchanges (see
    /// [`Observer::with_exchanges`]).
    pub observer: Observer,
}

with_fields!(ClientSettings {
    with_policy(policy: Policy);
    with_observer(observer: Observer);
});

impl ClientSettings {
    /// The default settings for the API at `base`.
    #[must_use]
    pub fn new(base: Url, seed: u64) -> Self {
        Self {
            base,
            policy: Policy::default(),
            seed,
            observer: Observer::none(),
        }
    }
}

/// A client of the API over any transport.
///
/// Clones are cheap and share the transport with its connections and limits. What a method returns
/// does not borrow the client: with an asynchronous transport, its future can be spawned.
///
/// `X` is the error type of its methods. A crate whose methods have other errors too converts
/// all errors into one type (see [`with_error`](Client::with_error)).
#[derive(Debug)]
pub struct Client<T, X = Error> {
    inner: Arc<Inner<T>>,
    error: PhantomData<fn() -> X>,
}

#[derive(Debug)]
struct Inner<T> {
    transport: T,
    settings: ClientSettings,
    calls: AtomicU64,
}

impl<T, X> Clone for Client<T, X> {
    fn clone(&self) -> Self {
        self.with_error()
    }
}

/// The return type of a method of a client over `T`: `Result<R, X>`, or a future of it.
pub type CallOutput<T, R, X = Error> = <T as Transport>::Output<'static, Result<R, X>>;

/// The stream of events of a client over `T`: an iterator, or a type with an asynchronous `next`.
pub type EventStream<T, E, X = Error> = <T as Transport>::Stream<'static, Events<E, X>>;

impl<T: Transport> Client<T> {
    /// Creates a client that sends requests with `transport`.
    #[must_use]
    pub fn new(transport: T, settings: ClientSettings) -> Self {
        Self {
            inner: Arc::new(Inner {
                transport,
                settings,
                calls: AtomicU64::new(0),
            }),
            error: PhantomData,
        }
    }
}

impl<T, X> Client<T, X> {
    /// The same client, with methods that convert errors into `Y`.
    #[must_use]
    pub fn with_error<Y>(&self) -> Client<T, Y> {
        Client {
            inner: Arc::clone(&self.inner),
            error: PhantomData,
        }
    }

    /// The transport, for running custom flows.
    #[must_use]
    pub fn transport(&self) -> &T {
        &self.inner.transport
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &ClientSettings {
        &self.inner.settings
    }

    /// The same client, with the same connections and other settings, e.g. another retry policy.
    #[must_use]
    pub fn with_settings(&self, settings: ClientSettings) -> Self
    where
        T: Clone,
    {
        Self {
            inner: Arc::new(Inner {
                transport: self.inner.transport.clone(),
                settings,
                calls: AtomicU64::new(0),
            }),
            error: PhantomData,
        }
    }

    /// Returns a new seed for each call.
    pub(crate) fn next_seed(&self) -> u64 {
        let call = self.inner.calls.fetch_add(1, Ordering::Relaxed);
        Rng::new(
            self.settings()
                .seed
                .wrapping_add(call.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        )
        .bits()
    }

    pub(crate) fn call_flow<E: Endpoint>(&self, endpoint: E) -> Call<E> {
        Call::new(
            endpoint,
            &self.settings().base,
            self.settings().policy.clone(),
            self.next_seed(),
        )
        .observed(self.settings().observer.clone())
    }
}

impl<T, X> Client<T, X> {
    pub(crate) fn wait_flow<E: Watched>(&self, endpoint: E, policy: WaitPolicy) -> Wait<E> {
        let settings = self.settings();
        let flow = Wait::new(
            endpoint,
            &settings.base,
            settings.policy.clone(),
            policy,
            self.next_seed(),
        );
        flow.observed(settings.observer.clone())
    }
}

impl<T: Transport, X: From<Error> + Send + 'static> Client<T, X> {
    pub(crate) fn run<F, R>(&self, flow: F) -> CallOutput<T, R, X>
    where
        F: Flow<Output = Result<R, Error>> + 'static,
        R: Send + 'static,
    {
        self.transport().run(Converted::new(flow))
    }

    /// Sends one request, with retries.
    ///
    /// # Errors
    /// See [`ErrorKind`](crate::ErrorKind).
    pub fn call<E: Endpoint>(&self, endpoint: E) -> CallOutput<T, E::Response, X> {
        self.run(self.call_flow(endpoint))
    }

    /// Streams the events of a response as they arrive; see [`Events`] for retries and limits.
    ///
    /// Nothing is sent before the first event is requested. Each item is an event, or the error
    /// that ends the stream: see [`ErrorKind`](crate::ErrorKind). After the first event, the error
    /// is [`Interrupted`](crate::ErrorKind::Interrupted).
    ///
    /// ```text
    /// // Blocking: an iterator.
    /// for event in client.stream(&analyze) {
    ///     print!("{}", event?.text);
    /// }
    /// // Asynchronous: `next().await`, or `futures_core::Stream` with feature `stream` of tl-http-async.
    /// let mut events = client.stream(&analyze);
    /// while let Some(event) = events.next().await {
    ///     print!("{}", event?.text);
    /// }
    /// ```
    pub fn stream<E: Streamed>(&self, endpoint: &E) -> EventStream<T, E, X> {
        let settings = self.settings();
        let policy = settings.policy.clone();
        let feed = Events::build(endpoint, &settings.base, policy, self.next_seed());
        self.transport()
            .stream(feed.observed(settings.observer.clone()))
    }

    /// Iterates over all items of a list, page by page.
    pub fn pages<E: Paged>(&self, first: E) -> Pages<T, E, X> {
        Pages::new(self.clone(), first)
    }

    /// Polls `endpoint` until the status is final or the deadline of `policy` has passed.
    ///
    /// # Errors
    /// [`ProcessingFailed`](crate::ErrorKind::ProcessingFailed) with the platform's reason,
    /// [`DeadlinePassed`](crate::ErrorKind::DeadlinePassed) with the observed statuses, and errors
    /// that polling again cannot resolve.
    pub fn wait<E: Watched>(
        &self,
        endpoint: E,
        policy: WaitPolicy,
    ) -> CallOutput<T, Waited<E::Response>, X> {
        self.run(self.wait_flow(endpoint, policy))
    }

    /// Adds entities from images to a collection (see [`AddEntities`]). With `wait`, the result has
    /// entities that are ready.
    ///
    /// # Errors
    /// Those of listing the entities of the collection. Later errors are in the result, with what
    /// was done before.
    pub fn add_entities(
        &self,
        collection: impl Into<EntityCollectionId>,
        entities: Vec<EntityImages>,
        wait: Option<WaitPolicy>,
        observer: Observer,
    ) -> CallOutput<T, AddedEntities, X> {
        let settings = self.settings();
        let flow = AddEntities::new(
            collection.into(),
            entities,
            &settings.base,
            settings.policy.clone(),
            wait,
            self.next_seed(),
        );
        self.run(flow.observed(observer.with_exchanges_of(&settings.observer)))
    }

    /// Analyzes the rows of `run` in batches, and waits for all of them (see [`RunBatches`]).
    /// `saved` is the state of an earlier run of the same rows, which `journal` saved.
    ///
    /// # Errors
    /// [`Checkpoint`](crate::ErrorKind::Checkpoint) if `saved` belongs to other rows or settings,
    /// or if the state cannot be saved; [`DeadlinePassed`](crate::ErrorKind::DeadlinePassed) if the
    /// batches have not ended by then; and errors of requests. Another run with the saved state
    /// continues.
    pub fn run_batches(
        &self,
        run: BatchRun,
        saved: Option<BatchState>,
        wait: WaitPolicy,
        journal: BatchJournal,
        observer: Observer,
    ) -> CallOutput<T, BatchAnswers, X> {
        let settings = self.settings();
        let flow = RunBatches::new(
            run,
            saved,
            &settings.base,
            settings.policy.clone(),
            wait,
            self.next_seed(),
        );
        let observer = observer.with_exchanges_of(&settings.observer);
        self.run(flow.recorded(journal).observed(observer))
    }

    /// Creates a task and, if `wait` is set, waits until its video is indexed. If the response to
    /// the create request is lost, the client looks the task up (see [`IngestTask::new`]).
    ///
    /// # Errors
    /// Those of [`ingest_asset`](Client::ingest_asset).
    pub fn ingest_task(
        &self,
        create: CreateTask,
        wait: Option<WaitPolicy>,
        observer: Observer,
    ) -> CallOutput<T, IngestedTask, X> {
        let settings = self.settings();
        let flow = IngestTask::new(
            create,
            &settings.base,
            settings.policy.clone(),
            wait,
            true,
            self.next_seed(),
        );
        self.run(flow.observed(observer.with_exchanges_of(&settings.observer)))
    }

    /// Uploads a video as an asset and, if the plan has an index, indexes it (see [`IngestAsset`]).
    ///
    /// # Errors
    /// See [`call`](Client::call) and [`wait`](Client::wait). The error has the
    /// [stage](Error::stage) that failed and the [resources](Error::reached) created so far.
    pub fn ingest_asset(
        &self,
        plan: AssetPlan,
        observer: Observer,
    ) -> CallOutput<T, IngestedAsset, X> {
        let settings = self.settings();
        let flow = IngestAsset::new(
            plan,
            &settings.base,
            settings.policy.clone(),
            self.next_seed(),
        );
        self.run(flow.observed(observer.with_exchanges_of(&settings.observer)))
    }
}

impl<T: CancelTransport, X> Client<T, X> {
    /// The same client, with the same connections. `cancel` cancels every request, wait, upload and
    /// stream that it runs; each ends at once with
    /// [`Canceled`](crate::ErrorKind::Canceled), also between two polls or attempts.
    ///
    /// ```
    /// use tl_protocol::{CancelHandle, CancelTransport, Client, endpoint::GetAsset, flow::WaitPolicy};
    ///
    /// fn wait<T: CancelTransport>(client: &Client<T>, cancel: &CancelHandle) {
    ///     let client = client.cancel_by(cancel);
    ///     let asset = client.wait(GetAsset::new("6298d673f1090f1100476d4c"), WaitPolicy::default());
    /// }
    /// ```
    #[must_use]
    pub fn cancel_by(&self, cancel: &CancelHandle) -> Self {
        let mut settings = self.settings().clone();
        settings.seed = self.next_seed();
        Client::new(self.transport().cancel_by(cancel), settings).with_error()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::Mutex,
        time::{Duration, SystemTime},
    };

    use bytes::Bytes;

    use tl_model::{
        AssetId, ChunkReport, MetadataPatch, NewUpload, TranscriptionUnit, UrlRequest, UserMetadata,
    };

    use super::*;
    use crate::{
        ErrorKind, Flow, Now, Step,
        endpoint::{
            CreateAsset, DeleteAsset, GetAssetTranscription, GetIndexedAsset, GetUpload,
            ListAssetEntities, ListAssetIndexedAssets, ListAssets, ListIndexedAssets, ListUploads,
            Media, PageRequest,
        },
    };

    /// A transport that records requests and responds to each with 404.
    #[derive(Debug, Default)]
    struct NotFoundTransport(Mutex<Vec<String>>);

    impl Transport for NotFoundTransport {
        type Output<'a, R: Send + 'a> = R;
        type Stream<'a, F: tl_http::Feed + 'a> = ();

        fn stream<'a, F: tl_http::Feed + 'a>(&self, _: F) {
            panic!("no answer is streamed here");
        }

        fn run<'a, F: Flow + 'a>(&self, mut flow: F) -> F::Output {
            let now = Now::new(Duration::ZERO, SystemTime::UNIX_EPOCH);
            loop {
                match flow.step(now) {
                    Step::Done(output) => return output,
                    Step::Wait { .. } => panic!("nothing is under way, and a 404 is final"),
                    Step::Start(token, exchange) => {
                        let uri = exchange.http.uri();
                        let path = uri.path_and_query().unwrap().as_str();
                        let line = format!("{} {path}", exchange.http.method());
                        self.0.lock().unwrap().push(line);
                        let response = http::Response::builder()
                            .status(404)
                            .body(Bytes::from_static(b"{}"));
                        flow.on_outcome(now, token, Ok(response.unwrap()));
                    }
                }
            }
        }
    }

    #[test]
    fn clones_share_the_transport_and_the_seeds() {
        let base = "https://api.twelvelabs.io/v1.3".parse().unwrap();
        let client = Client::new(NotFoundTransport::default(), ClientSettings::new(base, 1));
        let clone = client.clone();
        assert_ne!(client.next_seed(), clone.next_seed());
        client.assets().get("a").unwrap_err();
        clone.assets().get("b").unwrap_err();
        let seen = client.transport().0.lock().unwrap();
        assert_eq!(*seen, ["GET /v1.3/assets/a", "GET /v1.3/assets/b"]);
    }

    #[test]
    fn each_method_sends_its_request() {
        let base = "https://api.twelvelabs.io/v1.3".parse().unwrap();
        let client = Client::new(NotFoundTransport::default(), ClientSettings::new(base, 1));
        let url = Media::Url("https://example.com/a.mp4".parse().unwrap());
        let page = PageRequest {
            page: Some(2),
            page_limit: None,
        };
        fn kind<R>(response: Result<R, Error>) -> ErrorKind {
            match response {
                Ok(_) => panic!("nothing is there"),
                Err(error) => error.kind(),
            }
        }
        let (assets, uploads, indexed) =
            (client.assets(), client.uploads(), client.indexed_assets());
        let forced = DeleteAsset {
            force: Some(true),
            ..DeleteAsset::new("a")
        };
        let indexed_of_asset = ListAssetIndexedAssets {
            page,
            ..ListAssetIndexedAssets::new("a")
        };
        let entities = ListAssetEntities {
            page,
            ..ListAssetEntities::new("a")
        };
        let transcription = GetAssetTranscription {
            include: vec![TranscriptionUnit::Sentences],
            ..GetAssetTranscription::new("a")
        };
        let upload = GetUpload {
            page,
            ..GetUpload::new("u")
        };
        let asset = AssetId::from("a");
        let kinds = [
            kind(assets.create(CreateAsset::new(url))),
            kind(assets.list(ListAssets::default())),
            kind(assets.get("a")),
            kind(assets.delete(DeleteAsset::new("a"))),
            kind(assets.delete(forced)),
            kind(assets.update_metadata("a", MetadataPatch::new())),
            kind(assets.replace_metadata("a", UserMetadata::new())),
            kind(assets.clear_metadata("a")),
            kind(assets.list_indexed_assets(indexed_of_asset)),
            kind(assets.list_entities(entities)),
            kind(assets.transcription(transcription)),
            kind(uploads.create(NewUpload::new("a.mp4", "video", 5_u64))),
            kind(uploads.list(ListUploads::default())),
            kind(uploads.get(upload)),
            kind(uploads.report("u", ChunkReport::new([]))),
            kind(uploads.request_urls("u", UrlRequest::new(1_u32, 10_u32))),
            kind(indexed.create("i", asset)),
            kind(indexed.list(ListIndexedAssets::new("i"))),
            kind(indexed.get(GetIndexedAsset::new("i", "x"))),
            kind(indexed.update_metadata("i", "x", MetadataPatch::new())),
            kind(indexed.delete("i", "x")),
        ];
        assert!(
            kinds.iter().all(|kind| *kind == ErrorKind::NotFound),
            "{kinds:?}"
        );
        let lines = client.transport().0.lock().unwrap().join("\n");
        insta::assert_snapshot!(lines);
    }
}
