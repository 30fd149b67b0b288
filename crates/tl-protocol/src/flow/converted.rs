//! A flow whose error is converted into the error type of a client.

use std::marker::PhantomData;

use crate::{Error, Flow, Now, Outcome, Step, Token};

/// The flow `F`, with errors of type `X`.
pub(crate) struct Converted<F, X> {
    flow: F,
    error: PhantomData<fn() -> X>,
}

impl<F, X> Converted<F, X> {
    pub(crate) fn new(flow: F) -> Self {
        Self {
            flow,
            error: PhantomData,
        }
    }
}

impl<F, R, X> Flow for Converted<F, X>
where
    F: Flow<Output = Result<R, Error>>,
    R: Send,
    X: From<Error> + Send,
{
    type Output = Result<R, X>;

    fn max_in_flight(&self) -> usize {
        self.flow.max_in_flight()
    }

    fn step(&mut self, now: Now) -> Step<Result<R, X>> {
        self.flow.step(now).map(|result| result.map_err(X::from))
    }

    fn on_cancel(&mut self) {
        self.flow.on_cancel();
    }

    fn on_outcome(&mut self, now: Now, token: Token, outcome: Outcome) {
        self.flow.on_outcome(now, token, outcome);
    }
}
