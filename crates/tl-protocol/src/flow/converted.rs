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

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    /// Records its calls, and fails with the list of them.
    #[derive(Default)]
    struct Recorder(Vec<String>);

    impl Flow for Recorder {
        type Output = Result<(), Error>;

        fn max_in_flight(&self) -> usize {
            7
        }

        fn step(&mut self, now: Now) -> Step<Result<(), Error>> {
            self.0.push(format!("step at {:?}", now.mono));
            Step::Done(Err(Error::invalid(self.0.join(", "))))
        }

        fn on_cancel(&mut self) {
            self.0.push("cancel".to_owned());
        }

        fn on_outcome(&mut self, now: Now, token: Token, outcome: Outcome) {
            let status = outcome.unwrap().status().as_u16();
            let line = format!("{status} of {} at {:?}", token.0, now.mono);
            self.0.push(line);
        }
    }

    /// The error of a client.
    #[derive(Debug)]
    struct ClientError(Error);

    impl From<Error> for ClientError {
        fn from(error: Error) -> Self {
            Self(error)
        }
    }

    #[test]
    fn every_call_is_passed_on_and_the_error_converted() {
        let at = |seconds| Now::new(Duration::from_secs(seconds), SystemTime::UNIX_EPOCH);
        let mut flow = Converted::<_, ClientError>::new(Recorder::default());
        assert_eq!(flow.max_in_flight(), 7);
        flow.on_outcome(at(2), Token(3), Ok(http::Response::default()));
        flow.on_cancel();
        let Step::Done(Err(ClientError(error))) = flow.step(at(4)) else {
            panic!("it fails")
        };
        assert_eq!(error.to_string(), "200 of 3 at 2s, cancel, step at 4s");
    }
}
