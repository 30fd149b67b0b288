//! Uploads and indexes a video with `/tasks`: create the task and wait until the video is indexed.
//! The caller validates the file.

use std::time::Duration;

use tl_model::{CreatedTask, Task};
use url::Url;

use crate::{
    Error, Flow, Now, Observer, Outcome, Policy, Step, Token,
    endpoint::{CreateTask, GetTask},
    error::StatusSeen,
    flow::{Create, Created, Reconcile, Wait, WaitPolicy},
    rng::Rng,
};

/// The result of an ingestion.
#[derive(Debug, Clone, PartialEq)]
pub struct IngestedTask {
    /// The created task.
    pub created: CreatedTask,
    /// The task when it was ready; `None` without waiting.
    pub task: Option<Task>,
    /// The observed statuses, oldest first.
    pub history: Vec<StatusSeen>,
    /// Duration of the upload, lookups after a lost response included.
    pub upload: Duration,
    /// Duration of the wait.
    pub indexing: Duration,
    /// Whether the response to the create request was lost and the task was found by a lookup.
    pub reconciled: bool,
}

/// The flow that ingests one video.
#[derive(Debug)]
pub struct IngestTask {
    base: Url,
    policy: Policy,
    wait: Option<WaitPolicy>,
    rng: Rng,
    observer: Observer,
    state: State,
}

#[derive(Debug)]
enum State {
    Creating(Box<Create<CreateTask>>),
    Waiting {
        created: Created<CreatedTask>,
        wait: Box<Wait<GetTask>>,
    },
    Finished,
}

impl IngestTask {
    /// Creates a flow that sends `create` to the API at `base` and, if `wait` is set, waits until
    /// the video is indexed. `reconcile` determines what happens if the response is lost (see
    /// [`Create::new`]).
    #[must_use]
    pub fn new(
        create: CreateTask,
        base: &Url,
        policy: Policy,
        wait: Option<WaitPolicy>,
        reconcile: impl Into<Reconcile>,
        seed: u64,
    ) -> Self {
        let mut rng = Rng::new(seed);
        let create = Create::new(create, base, policy.clone(), reconcile, rng.bits());
        Self {
            base: base.clone(),
            policy,
            wait,
            rng,
            observer: Observer::none(),
            state: State::Creating(Box::new(create)),
        }
    }

    /// Reports progress to `observer`.
    #[must_use]
    pub fn observed(mut self, observer: Observer) -> Self {
        if let State::Creating(create) = self.state {
            self.state = State::Creating(Box::new(create.observed(observer.clone())));
        }
        self.observer = observer;
        self
    }
}

impl Flow for IngestTask {
    type Output = Result<IngestedTask, Error>;

    fn step(&mut self, now: Now) -> Step<Self::Output> {
        loop {
            match &mut self.state {
                State::Creating(create) => match create.step(now) {
                    Step::Start(token, exchange) => return Step::Start(token, exchange),
                    Step::Wait { until } => return Step::Wait { until },
                    Step::Done(Err(error)) => return Step::Done(Err(error)),
                    Step::Done(Ok(created)) => {
                        let Some(policy) = self.wait.clone() else {
                            self.state = State::Finished;
                            return Step::Done(Ok(ingested(created, None)));
                        };
                        let get = GetTask {
                            task_id: created.response.id.clone(),
                        };
                        let wait = Wait::new(
                            get,
                            &self.base,
                            self.policy.clone(),
                            policy,
                            self.rng.bits(),
                        );
                        let wait = Box::new(wait.observed(self.observer.clone()));
                        self.state = State::Waiting { created, wait };
                    }
                },
                State::Waiting { created, wait } => {
                    let step = wait.step(now);
                    return step.map(|result| {
                        let waited = result?;
                        let done = (waited.value, waited.history, waited.took);
                        Ok(ingested(created.clone(), Some(done)))
                    });
                }
                State::Finished => {
                    return Step::Done(Err(Error::invalid("this ingestion has ended already")));
                }
            }
        }
    }

    fn on_cancel(&mut self) {
        if let State::Waiting { wait, .. } = &mut self.state {
            wait.on_cancel();
        }
    }

    fn on_outcome(&mut self, now: Now, token: Token, outcome: Outcome) {
        match &mut self.state {
            State::Creating(create) => create.on_outcome(now, token, outcome),
            State::Waiting { wait, .. } => wait.on_outcome(now, token, outcome),
            State::Finished => {}
        }
    }
}

fn ingested(
    created: Created<CreatedTask>,
    waited: Option<(Task, Vec<StatusSeen>, Duration)>,
) -> IngestedTask {
    let (task, history, indexing) = match waited {
        Some((task, history, took)) => (Some(task), history, took),
        None => (None, Vec::new(), Duration::ZERO),
    };
    IngestedTask {
        created: created.response,
        task,
        history,
        upload: created.took,
        indexing,
        reconciled: created.reconciled,
    }
}
