//! A flow inside a composed flow. The slot gives each exchange of the inner flow a token of the
//! composed flow, and passes outcomes on with the inner token.

use std::{ops::ControlFlow, time::Duration};

use crate::{Flow, Now, Outcome, Step, Token};

/// The tokens of a composed flow. Each is used once, so that the outcome of an exchange never
/// reaches a flow that did not start it.
#[derive(Debug, Default)]
pub(crate) struct Tokens(u32);

impl Tokens {
    /// Returns an unused token.
    pub(crate) fn next(&mut self) -> Token {
        self.0 = self.0.wrapping_add(1);
        Token(self.0)
    }
}

/// A flow inside a composed flow.
#[derive(Debug)]
pub(crate) struct Slot<F> {
    flow: Box<F>,
    in_flight: Vec<InFlight>,
}

#[derive(Debug)]
struct InFlight {
    /// The token in the composed flow.
    outer: Token,
    /// The token in the inner flow.
    inner: Token,
    /// When the exchange started, on the driver's clock.
    started: Duration,
}

impl<F: Flow> Slot<F> {
    pub(crate) fn new(flow: F) -> Self {
        Self {
            flow: Box::new(flow),
            in_flight: Vec::new(),
        }
    }

    /// The inner flow, to change its settings.
    pub(crate) fn get_mut(&mut self) -> &mut F {
        &mut self.flow
    }

    /// The caller canceled the composed flow.
    pub(crate) fn on_cancel(&mut self) {
        self.flow.on_cancel();
    }

    /// One step of the inner flow: the next action of the composed flow, with a token from `tokens`
    /// (`Break`), or the output (`Continue`).
    pub(crate) fn step<U>(
        &mut self,
        now: Now,
        tokens: &mut Tokens,
    ) -> ControlFlow<Step<U>, F::Output> {
        match self.flow.step(now) {
            Step::Start(inner, exchange) => {
                let outer = tokens.next();
                self.in_flight.push(InFlight {
                    outer,
                    inner,
                    started: now.mono,
                });
                ControlFlow::Break(Step::Start(outer, exchange))
            }
            Step::Wait { until } => ControlFlow::Break(Step::Wait { until }),
            Step::Done(output) => ControlFlow::Continue(output),
        }
    }
}

/// One step of a flow that runs beside others, if there is one. Empties the slot if the flow is
/// done, and moves `until` forward if it must be stepped earlier.
pub(crate) fn step_beside<F: Flow, U>(
    slot: &mut Option<Slot<F>>,
    now: Now,
    tokens: &mut Tokens,
    until: &mut Option<Duration>,
) -> ControlFlow<Step<U>, Option<F::Output>> {
    let Some(flow) = slot else {
        return ControlFlow::Continue(None);
    };
    match flow.step(now, tokens) {
        ControlFlow::Continue(output) => {
            *slot = None;
            ControlFlow::Continue(Some(output))
        }
        ControlFlow::Break(Step::Wait { until: next }) => {
            *until = earlier(*until, next);
            ControlFlow::Continue(None)
        }
        ControlFlow::Break(step) => ControlFlow::Break(step),
    }
}

/// The earlier of two times, if there is one.
pub(crate) fn earlier(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// A [`Slot`] of any flow, as the receiver of outcomes.
pub(crate) trait Receiver {
    /// When the exchange with this token of the composed flow started; `None` if it is not in
    /// flight, or of another slot.
    fn started(&self, token: Token) -> Option<Duration>;

    /// Passes an outcome to the inner flow, if that flow started the exchange.
    fn on_outcome(&mut self, now: Now, token: Token, outcome: Outcome);
}

impl<F: Flow> Receiver for Slot<F> {
    fn started(&self, token: Token) -> Option<Duration> {
        let mut in_flight = self.in_flight.iter();
        Some(in_flight.find(|exchange| exchange.outer == token)?.started)
    }

    fn on_outcome(&mut self, now: Now, token: Token, outcome: Outcome) {
        let position = self
            .in_flight
            .iter()
            .position(|exchange| exchange.outer == token);
        if let Some(position) = position {
            let InFlight { inner, .. } = self.in_flight.swap_remove(position);
            self.flow.on_outcome(now, inner, outcome);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use bytes::Bytes;

    use super::*;
    use crate::{Auth, Body, Exchange};

    /// Starts two exchanges with the tokens 1 and 2, and ends with the tokens of the outcomes in
    /// the order of their arrival.
    #[derive(Debug, Default)]
    struct Pair {
        started: u32,
        seen: Vec<Token>,
    }

    impl Flow for Pair {
        type Output = Vec<Token>;

        fn max_in_flight(&self) -> usize {
            2
        }

        fn step(&mut self, _: Now) -> Step<Vec<Token>> {
            if self.started < 2 {
                self.started += 1;
                let exchange = Exchange::new(
                    http::Request::new(Body::empty()),
                    Auth::None,
                    Duration::MAX,
                    Duration::MAX,
                );
                return Step::Start(Token(self.started), exchange);
            }
            if self.seen.len() == 2 {
                return Step::Done(self.seen.clone());
            }
            Step::Wait { until: None }
        }

        fn on_outcome(&mut self, _: Now, token: Token, _: Outcome) {
            self.seen.push(token);
        }
    }

    fn at(seconds: u64) -> Now {
        Now::new(Duration::from_secs(seconds), SystemTime::UNIX_EPOCH)
    }

    fn start(slot: &mut Slot<Pair>, now: Now, tokens: &mut Tokens) -> Token {
        match slot.step::<()>(now, tokens) {
            ControlFlow::Break(Step::Start(token, _)) => token,
            other => panic!("it starts an exchange: {other:?}"),
        }
    }

    fn respond(slot: &mut Slot<Pair>, token: Token) {
        slot.on_outcome(at(9), token, Ok(http::Response::new(Bytes::new())));
    }

    #[test]
    fn outcomes_reach_only_the_flow_that_started_the_exchange() {
        let mut tokens = Tokens::default();
        let (mut one, mut other) = (Slot::new(Pair::default()), Slot::new(Pair::default()));
        let a = start(&mut one, at(1), &mut tokens);
        let b = start(&mut other, at(2), &mut tokens);
        let c = start(&mut other, at(3), &mut tokens);
        let d = start(&mut one, at(4), &mut tokens);
        assert_eq!(other.started(c), Some(Duration::from_secs(3)));
        assert_eq!(other.started(d), None);
        // Each slot is offered each outcome, and `c` twice.
        for token in [d, c, a, c, b] {
            respond(&mut one, token);
            respond(&mut other, token);
        }
        assert_eq!(other.started(c), None);
        for (slot, order) in [(&mut one, [2, 1]), (&mut other, [2, 1])] {
            let ControlFlow::Continue(seen) = slot.step::<()>(at(10), &mut tokens) else {
                panic!("both outcomes arrived");
            };
            assert_eq!(seen, order.map(Token));
        }
    }

    #[test]
    fn a_late_outcome_of_an_earlier_flow_is_ignored() {
        let mut tokens = Tokens::default();
        let mut earlier = Slot::new(Pair::default());
        let late = start(&mut earlier, at(1), &mut tokens);
        let mut current = Slot::new(Pair::default());
        start(&mut current, at(2), &mut tokens);
        start(&mut current, at(2), &mut tokens);
        respond(&mut current, late);
        assert_eq!(current.get_mut().seen, []);
    }

    #[test]
    fn flows_beside_each_other_share_the_earliest_wait() {
        let mut tokens = Tokens::default();
        let mut until = Some(Duration::from_secs(5));
        let mut slot = Some(Slot::new(Pair::default()));
        let mut beside = |until: &mut _| step_beside::<_, ()>(&mut slot, at(1), &mut tokens, until);
        assert!(beside(&mut until).is_break());
        assert!(beside(&mut until).is_break());
        assert_eq!(beside(&mut until).continue_value(), Some(None));
        assert_eq!(until, Some(Duration::from_secs(5)));
        for token in [1, 2].map(Token) {
            respond(slot.as_mut().unwrap(), token);
        }
        let done = step_beside::<_, ()>(&mut slot, at(1), &mut tokens, &mut until);
        assert_eq!(done.continue_value(), Some(Some([1, 2].map(Token).into())));
        assert!(slot.is_none());
    }
}
