//! Uploads and indexes a video with `/tasks`: create the task and wait until the video is indexed.
//! The caller validates the file.

use std::{ops::ControlFlow, time::Duration};

use tl_model::{CreatedTask, Task};
use url::Url;

use crate::{
    Error, Flow, IngestedTask, Now, Observer, Outcome, Policy, Reached, Stage, Step, Token,
    endpoint::{CreateTask, GetTask},
    flow::{
        Create, Created, Reconcile, Wait, WaitPolicy, Waited,
        slot::{Receiver, Slot, Tokens},
    },
    rng::Rng,
    telemetry::{Kind, Scope},
};

/// The operation in spans.
const OPERATION: &str = "upload and index a video";

/// The flow that ingests one video.
#[derive(Debug)]
pub struct IngestTask {
    base: Url,
    policy: Policy,
    wait: Option<WaitPolicy>,
    rng: Rng,
    observer: Observer,
    scope: Scope,
    state: State,
    tokens: Tokens,
}

#[derive(Debug)]
enum State {
    Creating(Slot<Create<CreateTask>>),
    Waiting {
        created: Created<CreatedTask>,
        wait: Slot<Wait<GetTask>>,
        /// On the driver's clock.
        started: Duration,
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
            scope: Scope::default(),
            state: State::Creating(Slot::new(create)),
            tokens: Tokens::default(),
        }
    }

    /// Reports progress to `observer`.
    #[must_use]
    pub fn observed(mut self, observer: Observer) -> Self {
        if let State::Creating(create) = &mut self.state {
            create.get_mut().observe(observer.clone());
        }
        self.observer = observer;
        self
    }
}

impl IngestTask {
    fn after_create(
        &mut self,
        now: Now,
        result: Result<Created<CreatedTask>, Error>,
    ) -> Option<IngestResult> {
        let created = match result {
            Ok(created) => created,
            Err(error) => return Some(Err(error.at(Stage::Uploading, None))),
        };
        let Some(policy) = self.wait.clone() else {
            return Some(Ok(ingested(created)));
        };
        let get = GetTask {
            task_id: created.response.id.clone(),
        };
        let seed = self.rng.bits();
        let wait = Wait::new(get, &self.base, self.policy.clone(), policy, seed);
        self.state = State::Waiting {
            created,
            wait: Slot::new(wait.observed(self.observer.clone())),
            started: now.mono,
        };
        None
    }
}

type IngestResult = Result<IngestedTask, Error>;

impl IngestTask {
    fn next_step(&mut self, now: Now) -> Step<<Self as Flow>::Output> {
        loop {
            let end = match &mut self.state {
                State::Creating(create) => match create.step(now, &mut self.tokens) {
                    ControlFlow::Continue(result) => self.after_create(now, result),
                    ControlFlow::Break(step) => return step,
                },
                State::Waiting {
                    created,
                    wait,
                    started,
                } => match wait.step(now, &mut self.tokens) {
                    ControlFlow::Continue(result) => {
                        let took = now.mono.saturating_sub(*started);
                        Some(after_wait(created.clone(), result, took))
                    }
                    ControlFlow::Break(step) => return step,
                },
                State::Finished => {
                    return Step::Done(Err(Error::invalid("this ingestion has ended already")));
                }
            };
            if let Some(result) = end {
                self.state = State::Finished;
                return Step::Done(result);
            }
        }
    }
}

impl Flow for IngestTask {
    type Output = IngestResult;

    fn step(&mut self, now: Now) -> Step<Self::Output> {
        let entered = self.scope.enter(Kind::Ingest, OPERATION);
        entered.watch(self.next_step(now))
    }

    fn on_cancel(&mut self) {
        if let State::Waiting { wait, .. } = &mut self.state {
            wait.on_cancel();
        }
    }

    fn on_outcome(&mut self, now: Now, token: Token, outcome: Outcome) {
        let _entered = self.scope.enter(Kind::Ingest, OPERATION);
        match &mut self.state {
            State::Creating(create) => create.on_outcome(now, token, outcome),
            State::Waiting { wait, .. } => wait.on_outcome(now, token, outcome),
            State::Finished => {}
        }
    }
}

fn after_wait(
    created: Created<CreatedTask>,
    result: Result<Waited<Task>, Error>,
    took: Duration,
) -> IngestResult {
    let mut ingested = ingested(created);
    match result {
        Ok(waited) => {
            ingested.task = Some(waited.value);
            ingested.history = waited.history;
            ingested.indexing = waited.took;
            Ok(ingested)
        }
        Err(error) => {
            ingested.history = error.history().to_vec();
            ingested.indexing = took;
            Err(error.at(Stage::Indexing, Some(Reached::Task(Box::new(ingested)))))
        }
    }
}

/// The result before the wait.
fn ingested(created: Created<CreatedTask>) -> IngestedTask {
    IngestedTask {
        created: created.response,
        task: None,
        history: Vec::new(),
        upload: created.took,
        indexing: Duration::ZERO,
        reconciled: created.reconciled,
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::SystemTime};

    use super::*;
    use crate::{
        BytesSource, Delivery, ErrorKind, TransportError, TransportErrorKind, endpoint::Media,
    };

    const MINUTE: Duration = Duration::from_secs(60);

    /// An ingestion that waits for its second poll at 60 seconds, which is the deadline too.
    fn waiting() -> IngestTask {
        let media = Media::File(Arc::new(BytesSource::new("match.mp4", &b"media"[..])));
        let base = "https://api.example/v1.3".parse().unwrap();
        let wait = WaitPolicy::within(MINUTE)
            .with_first_interval(MINUTE)
            .with_max_interval(MINUTE);
        let create = CreateTask::new("i", media);
        let mut flow = IngestTask::new(create, &base, Policy::default(), Some(wait), false, 1);
        for body in [r#"{"_id": "t"}"#, r#"{"_id": "t", "status": "indexing"}"#] {
            let Step::Start(token, _) = flow.step(at(0)) else {
                panic!("it sends a request")
            };
            let response = http::Response::builder().status(200);
            flow.on_outcome(at(0), token, Ok(response.body(body.into()).unwrap()));
        }
        let step = flow.step(at(0));
        assert!(
            matches!(
                step,
                Step::Wait {
                    until: Some(MINUTE)
                }
            ),
            "{step:?}"
        );
        flow
    }

    fn at(seconds: u64) -> Now {
        Now::new(Duration::from_secs(seconds), SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn canceled_wait_does_not_end_with_its_deadline() {
        let mut flow = waiting();
        let Step::Done(Err(late)) = flow.step(at(60)) else {
            panic!("the deadline ends the wait")
        };
        assert_eq!(late.kind(), ErrorKind::DeadlinePassed);

        let mut flow = waiting();
        flow.on_cancel();
        let Step::Start(token, _) = flow.step(at(60)) else {
            panic!("it polls")
        };
        let canceled = TransportError::new(TransportErrorKind::Canceled, Delivery::NotSent);
        flow.on_outcome(at(60), token, Err(canceled));
        let Step::Done(Err(error)) = flow.step(at(60)) else {
            panic!("it ends")
        };
        assert_eq!(error.kind(), ErrorKind::Canceled);
        // What was reached is part of the error.
        assert_eq!(error.stage(), Some(Stage::Indexing));
        let Some(Reached::Task(ingested)) = error.reached() else {
            panic!("the task was created: {error}")
        };
        assert_eq!(ingested.created.id.as_str(), "t");
        assert_eq!(ingested.indexing, MINUTE);
    }
}
