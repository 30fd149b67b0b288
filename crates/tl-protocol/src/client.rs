//! Every method of the API once, for every colour: what `run` answers with decides whether there is an `.await`.

use std::sync::atomic::{AtomicU64, Ordering};

use tl_model::{
    CreatedIndex, CreatedTask, Index, IndexId, MetadataPatch, NewIndex, Page, Task, TaskId, Video,
    VideoId,
};
use url::Url;

use crate::{
    Endpoint, Error, Observer, Policy, Transport,
    chance::Chance,
    endpoint::{
        CreateIndex, CreateTask, DeleteIndex, DeleteTask, DeleteVideo, GetIndex, GetTask, GetVideo,
        ListIndexes, ListTasks, ListVideos, RenameIndex, Streamed, UpdateVideoMetadata,
    },
    flow::{
        AssetPlan, Call, Events, IngestAsset, IngestFailure, IngestTask, IngestedAsset,
        IngestedTask, Paged, Pages, Wait, WaitPolicy, Waited, Watched,
    },
};

/// What a client must know besides its transport.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    /// The address of the API, version included.
    pub base: Url,
    /// How calls are tried.
    pub policy: Policy,
    /// Where delays and boundaries are drawn from: the same seed draws the same.
    pub seed: u64,
    /// Who is told of retries and new statuses.
    pub observer: Observer,
}

impl ClientSettings {
    /// The default policy towards the API at `base`.
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

/// A client of the API over a transport of any colour.
#[derive(Debug)]
pub struct Client<T> {
    transport: T,
    settings: ClientSettings,
    calls: AtomicU64,
}

/// What a method of a client over `T` answers with: `Result<R, Error>`, or a future of it.
pub(crate) type Answer<'a, T, R> = <T as Transport>::Output<'a, Result<R, Error>>;

impl<T: Transport> Client<T> {
    /// A client that sends through `transport`.
    #[must_use]
    pub fn new(transport: T, settings: ClientSettings) -> Self {
        Self {
            transport,
            settings,
            calls: AtomicU64::new(0),
        }
    }

    /// The transport, to run a flow of one's own.
    #[must_use]
    pub fn transport(&self) -> &T {
        &self.transport
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &ClientSettings {
        &self.settings
    }

    /// A seed of its own for each call.
    fn next_seed(&self) -> u64 {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        Chance::new(
            self.settings
                .seed
                .wrapping_add(call.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        )
        .bits()
    }

    pub(crate) fn call_flow<E: Endpoint>(&self, endpoint: E) -> Call<E> {
        Call::new(
            endpoint,
            &self.settings.base,
            self.settings.policy.clone(),
            self.next_seed(),
        )
        .observed(self.settings.observer.clone())
    }

    /// Sends one request of any kind until it is answered for good.
    ///
    /// # Errors
    /// What [`ErrorKind`](crate::ErrorKind) lists.
    pub fn call<E: Endpoint>(&self, endpoint: E) -> Answer<'_, T, E::Response> {
        self.transport.run(self.call_flow(endpoint))
    }

    /// The events of a streamed answer, each as soon as it has come; see [`Events`] for retries and limits.
    ///
    /// Nothing is sent before the first event is asked for. Each item is an event, or the error that ends the answer: what
    /// [`ErrorKind`](crate::ErrorKind) lists, [`Interrupted`](crate::ErrorKind::Interrupted) after the first event.
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
    pub fn stream<E: Streamed>(&self, endpoint: &E) -> T::Stream<'_, Events<E>> {
        let settings = &self.settings;
        let policy = settings.policy.clone();
        let feed = Events::new(endpoint, &settings.base, policy, self.next_seed());
        self.transport
            .stream(feed.observed(settings.observer.clone()))
    }

    /// All items of a list, page by page.
    pub fn pages<E: Paged>(&self, first: E) -> Pages<'_, T, E> {
        Pages::new(self, first)
    }

    /// Looks by `endpoint` until the status is final or the deadline of `policy` has passed.
    ///
    /// # Errors
    /// [`ProcessingFailed`](crate::ErrorKind::ProcessingFailed) with the platform's reason,
    /// [`DeadlinePassed`](crate::ErrorKind::DeadlinePassed) with what was seen, and what waiting cannot mend.
    pub fn wait<E: Watched>(
        &self,
        endpoint: E,
        policy: WaitPolicy,
    ) -> Answer<'_, T, Waited<E::Response>> {
        let settings = &self.settings;
        let flow = Wait::new(
            endpoint,
            &settings.base,
            settings.policy.clone(),
            policy,
            self.next_seed(),
        );
        self.transport.run(flow.observed(settings.observer.clone()))
    }

    /// Creates a task and, where `wait` says how, waits until its video is indexed; a lost answer is looked after (see
    /// [`IngestTask::new`]).
    ///
    /// # Errors
    /// As [`call`](Client::call) and [`wait`](Client::wait).
    pub fn ingest_task(
        &self,
        create: CreateTask,
        wait: Option<WaitPolicy>,
        observer: Observer,
    ) -> Answer<'_, T, IngestedTask> {
        let settings = &self.settings;
        let flow = IngestTask::new(
            create,
            &settings.base,
            settings.policy.clone(),
            wait,
            true,
            self.next_seed(),
        );
        self.transport.run(flow.observed(observer))
    }

    /// Brings a video to the platform as an asset and, where the plan names one, into an index (see [`IngestAsset`]).
    ///
    /// # Errors
    /// The stage that failed, why, and what there is all the same.
    pub fn ingest_asset(
        &self,
        plan: AssetPlan,
        observer: Observer,
    ) -> T::Output<'_, Result<IngestedAsset, IngestFailure>> {
        let settings = &self.settings;
        let flow = IngestAsset::new(
            plan,
            &settings.base,
            settings.policy.clone(),
            self.next_seed(),
        );
        self.transport.run(flow.observed(observer))
    }

    /// Creates a task: the platform takes the video in and indexes it.
    ///
    /// # Errors
    /// A lost answer is [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown); [`ingest_task`](Client::ingest_task) looks.
    pub fn create_task(&self, create: CreateTask) -> Answer<'_, T, CreatedTask> {
        self.call(create)
    }

    /// One page of tasks.
    ///
    /// # Errors
    /// As [`call`](Client::call).
    pub fn list_tasks(&self, list: ListTasks) -> Answer<'_, T, Page<Task>> {
        self.call(list)
    }

    /// A task.
    ///
    /// # Errors
    /// As [`call`](Client::call).
    pub fn get_task(&self, task_id: TaskId) -> Answer<'_, T, Task> {
        self.call(GetTask { task_id })
    }

    /// Waits until the task's video is indexed.
    ///
    /// # Errors
    /// As [`wait`](Client::wait).
    pub fn wait_for_task(
        &self,
        task_id: TaskId,
        policy: WaitPolicy,
    ) -> Answer<'_, T, Waited<Task>> {
        self.wait(GetTask { task_id }, policy)
    }

    /// Deletes a task that is `ready` or `failed`.
    ///
    /// # Errors
    /// As [`call`](Client::call).
    pub fn delete_task(&self, task_id: TaskId) -> Answer<'_, T, ()> {
        self.call(DeleteTask { task_id })
    }

    /// Creates an index.
    ///
    /// # Errors
    /// As [`call`](Client::call).
    pub fn create_index(&self, index: NewIndex) -> Answer<'_, T, CreatedIndex> {
        self.call(CreateIndex { index })
    }

    /// One page of indexes.
    ///
    /// # Errors
    /// As [`call`](Client::call).
    pub fn list_indexes(&self, list: ListIndexes) -> Answer<'_, T, Page<Index>> {
        self.call(list)
    }

    /// An index.
    ///
    /// # Errors
    /// As [`call`](Client::call).
    pub fn get_index(&self, index_id: IndexId) -> Answer<'_, T, Index> {
        self.call(GetIndex { index_id })
    }

    /// Gives an index another name.
    ///
    /// # Errors
    /// As [`call`](Client::call).
    pub fn rename_index(
        &self,
        index_id: IndexId,
        index_name: impl Into<String>,
    ) -> Answer<'_, T, ()> {
        self.call(RenameIndex {
            index_id,
            index_name: index_name.into(),
        })
    }

    /// Deletes an index with all that is in it.
    ///
    /// # Errors
    /// As [`call`](Client::call).
    pub fn delete_index(&self, index_id: IndexId) -> Answer<'_, T, ()> {
        self.call(DeleteIndex { index_id })
    }

    /// One page of the videos of an index.
    ///
    /// # Errors
    /// As [`call`](Client::call).
    pub fn list_videos(&self, list: ListVideos) -> Answer<'_, T, Page<Video>> {
        self.call(list)
    }

    /// A video of an index.
    ///
    /// # Errors
    /// As [`call`](Client::call).
    pub fn get_video(&self, index_id: IndexId, video_id: VideoId) -> Answer<'_, T, Video> {
        self.call(GetVideo::new(index_id, video_id))
    }

    /// Changes the user metadata of a video.
    ///
    /// # Errors
    /// As [`call`](Client::call).
    pub fn update_video_metadata(
        &self,
        index_id: IndexId,
        video_id: VideoId,
        user_metadata: MetadataPatch,
    ) -> Answer<'_, T, ()> {
        self.call(UpdateVideoMetadata {
            index_id,
            video_id,
            user_metadata,
        })
    }

    /// Deletes a video from its index.
    ///
    /// # Errors
    /// As [`call`](Client::call).
    pub fn delete_video(&self, index_id: IndexId, video_id: VideoId) -> Answer<'_, T, ()> {
        self.call(DeleteVideo { index_id, video_id })
    }
}
