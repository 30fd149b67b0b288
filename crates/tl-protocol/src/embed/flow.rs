//! The flows of the builder: one request, a task with its wait, and a wait alone.

use std::ops::ControlFlow;

use tl_model::{EmbeddingOrigin, EmbeddingResult, EmbeddingTask, EmbeddingTaskId};

use crate::{
    Endpoint, Error, Flow, Now, Outcome, Resource, Step, Token,
    endpoint::{CreateEmbeddingTask, GetEmbeddingTask},
    flow::{
        Call, Wait, Waited,
        slot::{Receiver, Slot, Tokens},
    },
};

/// A call that may have been refused locally, and what becomes of its response.
pub(super) struct Prepared<E: Endpoint, M> {
    call: Result<Call<E>, Option<Error>>,
    finish: Option<M>,
}

impl<E: Endpoint, M> Prepared<E, M> {
    pub(super) fn new(call: Result<Call<E>, Error>, finish: M) -> Self {
        Self {
            call: call.map_err(Some),
            finish: Some(finish),
        }
    }
}

/// The error of a flow that is stepped after its end.
fn ended() -> Error {
    Error::invalid("this call has ended already")
}

impl<E, M, R> Flow for Prepared<E, M>
where
    E: Endpoint,
    M: FnOnce(E::Response) -> R + Send,
    R: Send,
{
    type Output = Result<R, Error>;

    fn step(&mut self, now: Now) -> Step<Self::Output> {
        let call = match &mut self.call {
            Ok(call) => call,
            Err(error) => return Step::Done(Err(error.take().unwrap_or_else(ended))),
        };
        let finish = &mut self.finish;
        call.step(now).map(|result| {
            let response = result?;
            Ok(finish.take().ok_or_else(ended)?(response))
        })
    }

    fn on_cancel(&mut self) {
        if let Ok(call) = &mut self.call {
            call.on_cancel();
        }
    }

    fn on_outcome(&mut self, now: Now, token: Token, outcome: Outcome) {
        if let Ok(call) = &mut self.call {
            call.on_outcome(now, token, outcome);
        }
    }
}

/// What becomes of a task that is ready.
pub(super) struct Finish(EmbeddingOrigin);

impl Finish {
    pub(super) fn new(origin: EmbeddingOrigin) -> Self {
        Self(origin)
    }

    fn result(&mut self, task: EmbeddingTask) -> EmbeddingResult {
        let mut origin = std::mem::take(&mut self.0);
        origin.task = Some(task.id);
        let mut result = EmbeddingResult::new(task.data.unwrap_or_default());
        result.data.set_origin(origin);
        result.metadata = task.metadata;
        result
    }
}

/// A wait for a task.
pub(super) struct Ended {
    wait: Wait<GetEmbeddingTask>,
    finish: Finish,
}

impl Ended {
    pub(super) fn new(wait: Wait<GetEmbeddingTask>, finish: Finish) -> Self {
        Self { wait, finish }
    }
}

impl Flow for Ended {
    type Output = Result<EmbeddingResult, Error>;

    fn step(&mut self, now: Now) -> Step<Self::Output> {
        let finish = &mut self.finish;
        self.wait
            .step(now)
            .map(|waited| waited.map(|Waited { value, .. }| finish.result(value)))
    }

    fn on_cancel(&mut self) {
        self.wait.on_cancel();
    }

    fn on_outcome(&mut self, now: Now, token: Token, outcome: Outcome) {
        self.wait.on_outcome(now, token, outcome);
    }
}

/// Starts the wait for a task.
type StartWait = Box<dyn Fn(EmbeddingTaskId) -> Wait<GetEmbeddingTask> + Send>;

/// Creates a task and waits for it.
pub(super) struct Task {
    state: State,
    wait: StartWait,
    finish: Finish,
    tokens: Tokens,
}

enum State {
    Creating(Slot<Call<CreateEmbeddingTask>>),
    Waiting(Resource, Slot<Wait<GetEmbeddingTask>>),
    Ended(Option<Error>),
}

impl Task {
    pub(super) fn new(
        create: Result<Call<CreateEmbeddingTask>, Error>,
        wait: StartWait,
        finish: Finish,
    ) -> Self {
        Self {
            state: match create {
                Ok(call) => State::Creating(Slot::new(call)),
                Err(error) => State::Ended(Some(error)),
            },
            wait,
            finish,
            tokens: Tokens::default(),
        }
    }

    fn end(
        &mut self,
        result: Result<EmbeddingResult, Error>,
    ) -> Step<Result<EmbeddingResult, Error>> {
        self.state = State::Ended(None);
        Step::Done(result)
    }
}

impl Flow for Task {
    type Output = Result<EmbeddingResult, Error>;

    fn step(&mut self, now: Now) -> Step<Self::Output> {
        loop {
            match &mut self.state {
                State::Creating(call) => match call.step(now, &mut self.tokens) {
                    ControlFlow::Break(step) => return step,
                    ControlFlow::Continue(Err(error)) => return self.end(Err(error)),
                    ControlFlow::Continue(Ok(created)) => {
                        let wait = (self.wait)(created.id.clone());
                        self.state = State::Waiting(created.id.into(), Slot::new(wait));
                    }
                },
                State::Waiting(task, wait) => match wait.step(now, &mut self.tokens) {
                    ControlFlow::Break(step) => return step,
                    ControlFlow::Continue(Err(error)) => {
                        let error = error.about(task);
                        return self.end(Err(error));
                    }
                    ControlFlow::Continue(Ok(waited)) => {
                        let result = self.finish.result(waited.value);
                        return self.end(Ok(result));
                    }
                },
                State::Ended(error) => {
                    return Step::Done(Err(error.take().unwrap_or_else(ended)));
                }
            }
        }
    }

    fn on_cancel(&mut self) {
        match &mut self.state {
            State::Creating(call) => call.on_cancel(),
            State::Waiting(_, wait) => wait.on_cancel(),
            State::Ended(_) => {}
        }
    }

    fn on_outcome(&mut self, now: Now, token: Token, outcome: Outcome) {
        match &mut self.state {
            State::Creating(call) => call.on_outcome(now, token, outcome),
            State::Waiting(_, wait) => wait.on_outcome(now, token, outcome),
            State::Ended(_) => {}
        }
    }
}
