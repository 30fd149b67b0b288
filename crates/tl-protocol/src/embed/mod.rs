//! Embeddings with a builder: [`Client::embed`](crate::Client::embed) checks a request, sends it, and
//! returns a matrix whose rows say where they come from. Saved embeddings are searched without the
//! platform by [`nearest`] and [`fuse`].

mod flow;
mod nearest;
pub mod npy;
mod request;
mod rules;
mod table;

use tl_model::{
    CreatedEmbeddingTask, EmbeddingResult, EmbeddingSource, EmbeddingTaskId, ModelName,
};

pub use nearest::{FUSION_CONSTANT, Neighbor, QueryMismatch, fuse, nearest};
pub use request::EmbedRequest;
pub use rules::{EmbedRules, RULES};
pub use table::{TableError, join, lines, read_lines};

use crate::{
    Client, Error, Transport,
    client::CallOutput,
    endpoint::{CreateEmbedding, CreateEmbeddingTask, GetEmbeddingTask},
    flow::{Wait, WaitPolicy},
};
use flow::{Ended, Finish, Prepared, Task};

impl<T: Transport, X> Client<T, X> {
    /// Embeds texts, images, audio, videos and documents.
    ///
    /// A request that the platform would reject is an
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) and is not sent: see [`EmbedRules`].
    ///
    /// ```
    /// use tl_protocol::{CallOutput, Client, Transport, flow::WaitPolicy};
    /// use tl_model::{EmbeddingResult, EmbeddingSource, ModelName};
    ///
    /// fn embed<T: Transport>(client: &Client<T>) -> CallOutput<T, EmbeddingResult> {
    ///     client
    ///         .embed(ModelName::Marengo3_0)
    ///         .video(EmbeddingSource::asset("6298d673f1090f1100476d4c"))
    ///         .fixed(6)
    ///         .options(["visual"])
    ///         .run_task(WaitPolicy::default())
    /// }
    /// ```
    pub fn embed(&self, model: impl Into<ModelName>) -> EmbedBuilder<T, X> {
        EmbedBuilder {
            client: self.clone(),
            request: EmbedRequest::new(model),
        }
    }
}

/// A request for embeddings that is not sent yet: see [`Client::embed`](crate::Client::embed).
#[derive(Debug)]
#[must_use = "nothing is sent until it is run"]
pub struct EmbedBuilder<T, X = Error> {
    client: Client<T, X>,
    request: EmbedRequest,
}

impl<T, X> Clone for EmbedBuilder<T, X> {
    fn clone(&self) -> Self {
        Self {
            client: self.client.clone(),
            request: self.request.clone(),
        }
    }
}

/// Declares the methods that set something of the request.
macro_rules! setters {
    ($($name:ident($($argument:ident: $Argument:ty),*);)+) => {
        impl<T, X> EmbedBuilder<T, X> {
            $(
                #[doc = concat!("See [`EmbedRequest::", stringify!($name), "`].")]
                pub fn $name(mut self, $($argument: $Argument),*) -> Self {
                    self.request = self.request.$name($($argument),*);
                    self
                }
            )+
        }
    };
}

setters! {
    text(text: impl Into<String>);
    image(source: EmbeddingSource);
    audio(source: EmbeddingSource);
    video(source: EmbeddingSource);
    document(source: EmbeddingSource);
    window(start: impl Into<Option<f64>>, end: impl Into<Option<f64>>);
    fixed(seconds: u32);
    dynamic(min_seconds: u32);
    options(options: impl IntoIterator<Item = impl Into<String>>);
    scopes(scopes: impl IntoIterator<Item = impl Into<String>>);
    fused();
    dimension(dimension: impl Into<Option<u32>>);
    with_uncertainty();
    truncated();
    named(name: impl Into<String>);
}

impl<T: Transport, X: From<Error> + Send + 'static> EmbedBuilder<T, X> {
    /// Sends this request instead of the one that was built.
    pub fn with_request(mut self, request: EmbedRequest) -> Self {
        self.request = request;
        self
    }

    /// The request.
    pub fn request(&self) -> &EmbedRequest {
        &self.request
    }

    /// Embeds in one request. Audio and videos have 10 minutes at most.
    ///
    /// # Errors
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) with the rule, and nothing was sent;
    /// otherwise see [`Client::call`](crate::Client::call).
    pub fn run(self) -> CallOutput<T, EmbeddingResult, X> {
        let origin = self.request.origin();
        let call = self
            .checked(false)
            .map(|new| self.client.call_flow(CreateEmbedding::new(new)));
        let finish = move |mut result: EmbeddingResult| {
            result.data.set_origin(origin);
            result
        };
        self.client.run(Prepared::new(call, finish))
    }

    /// Creates a task. [`resume`](Self::resume) waits for it, also in another process. The platform
    /// keeps its embeddings for seven days.
    ///
    /// # Errors
    /// Those of [`run`](Self::run). If the response is lost, it is
    /// [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown): the list of tasks shows whether there is
    /// one.
    pub fn create_task(self) -> CallOutput<T, CreatedEmbeddingTask, X> {
        let call = self
            .checked(true)
            .map(|new| self.client.call_flow(CreateEmbeddingTask::new(new)));
        self.client.run(Prepared::new(call, std::convert::identity))
    }

    /// Creates a task and waits for its embeddings.
    ///
    /// # Errors
    /// Those of [`create_task`](Self::create_task) and [`Client::wait`](crate::Client::wait). Errors
    /// of the wait name the task, which [`resume`](Self::resume) can wait for again.
    pub fn run_task(self, policy: WaitPolicy) -> CallOutput<T, EmbeddingResult, X> {
        let create = self
            .checked(true)
            .map(|new| self.client.call_flow(CreateEmbeddingTask::new(new)));
        let origin = self.request.origin();
        let settings = self.client.settings();
        let (base, call_policy) = (settings.base.clone(), settings.policy.clone());
        let (observer, seed) = (settings.observer.clone(), self.client.next_seed());
        let wait = move |id: EmbeddingTaskId| {
            let get = GetEmbeddingTask::new(id);
            let wait = Wait::new(get, &base, call_policy.clone(), policy.clone(), seed);
            wait.observed(observer.clone())
        };
        self.client
            .run(Task::new(create, Box::new(wait), Finish::new(origin)))
    }

    /// Waits for the embeddings of a task of this model, which any process may have created. The
    /// inputs of the builder are not used, except for the origin of the rows.
    ///
    /// # Errors
    /// See [`Client::wait`](crate::Client::wait).
    pub fn resume(
        self,
        task: impl Into<EmbeddingTaskId>,
        policy: WaitPolicy,
    ) -> CallOutput<T, EmbeddingResult, X> {
        let wait = self.client.wait_flow(GetEmbeddingTask::new(task), policy);
        let finish = Finish::new(self.request.origin());
        self.client.run(Ended::new(wait, finish))
    }

    fn checked(&self, is_task: bool) -> Result<tl_model::NewEmbedding, Error> {
        self.request.build(is_task).map_err(|rejection| {
            Error::invalid(format!("the request was not sent: {rejection}"))
                .during("create embeddings")
        })
    }
}

#[cfg(test)]
mod tests;
