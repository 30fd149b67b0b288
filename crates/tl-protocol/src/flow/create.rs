//! Creates a resource exactly once: sends the create request, and looks the resource up if the
//! response is lost. Each endpoint defines how its resource is recognized (see [`Reconciled`] in
//! `reconcile.rs`).

use std::{
    ops::ControlFlow,
    time::{Duration, SystemTime},
};

use jiff::Timestamp as Instant;
use tl_model::Page;
use url::Url;

use crate::{
    Endpoint, Error, ErrorKind, Event, Flow, Now, Observer, Outcome, Policy, Step, Token,
    flow::{
        Call, Paged, Reconcile, Reconciled,
        pages::next_page,
        reconcile::CLOCK_SKEW,
        slot::{Receiver, Slot, Tokens},
        upload::Intent,
    },
    rng::Rng,
    telemetry::{Kind, Scope},
};

/// Delay before each lookup, so that the platform can list a resource that it may have created.
const LOOKUP_DELAY: Duration = Duration::from_secs(2);

/// Number of empty lookups after which the resource counts as not created.
const LOOKUPS: u32 = 2;

/// Maximum number of pages per lookup: 10,000 resources created since, at 50 per page.
const MAX_PAGES: u32 = 200;

/// Maximum number of times a create request is sent again after the lookups found nothing.
const MAX_RESENDS: u32 = 2;

/// A created resource.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Created<R> {
    /// The response, or its known parts if it was lost.
    pub response: R,
    /// Whether the response was lost and the resource was found by a lookup.
    pub reconciled: bool,
    /// The elapsed time, lookups included.
    pub took: Duration,
}

/// The flow that creates one resource.
#[derive(Debug)]
pub struct Create<E: Reconciled> {
    endpoint: E,
    base: Url,
    policy: Policy,
    reconcile: bool,
    /// The metadata key and value that identify the resource.
    mark: Option<(String, String)>,
    rng: Rng,
    observer: Observer,
    started: Option<Now>,
    /// When the request was first sent, if by an earlier process.
    since: Option<SystemTime>,
    resends: u32,
    /// The request is not sent again earlier: a 503 asked for that.
    not_before: Duration,
    scope: Scope,
    state: State<E>,
    tokens: Tokens,
}

#[derive(Debug)]
enum State<E: Reconciled> {
    Creating(Slot<Call<E>>),
    /// An earlier process may have sent the request.
    InDoubt,
    /// Nothing was created; the request is sent again.
    Resending {
        until: Duration,
    },
    Delaying {
        until: Duration,
        lookup: u32,
        lost: Error,
    },
    LookingUp {
        list: E::List,
        call: Slot<Call<E::List>>,
        /// Candidates on the previous pages.
        candidates: Vec<<E::List as Paged>::Item>,
        lookup: u32,
        lost: Option<Error>,
    },
    Finished,
}

type CreateResult<E> = Result<Created<<E as Endpoint>::Response>, Error>;

impl<E: Reconciled> Create<E> {
    /// Creates a flow that sends `endpoint` to the API at `base`.
    ///
    /// If the response is lost, the flow lists the resources created since it started. One
    /// candidate is taken. If two lookups find none, the request is sent again, at most twice.
    /// Several candidates cannot be distinguished, which is an error. If the endpoint
    /// [doubts a 503](Reconciled::DOUBTS_503), it is looked up too, and the request is sent again as
    /// often and as late as the policy and the platform say. With [`Reconcile::Never`], a lost
    /// response is [`OutcomeUnknown`](ErrorKind::OutcomeUnknown).
    #[must_use]
    pub fn new(
        endpoint: E,
        base: &Url,
        policy: Policy,
        reconcile: impl Into<Reconcile>,
        seed: u64,
    ) -> Self {
        let mut rng = Rng::new(seed);
        let reconcile = reconcile.into();
        let mark = match &reconcile {
            Reconcile::ByMetadataKey(key) => {
                let value = format!("{:016x}{:016x}", rng.bits(), rng.bits());
                Some((key.clone(), value))
            }
            Reconcile::Never | Reconcile::ByNameAndTime => None,
        };
        Self::with_marker(
            endpoint,
            base,
            policy,
            reconcile != Reconcile::Never,
            mark,
            rng,
        )
    }

    fn with_marker(
        mut endpoint: E,
        base: &Url,
        policy: Policy,
        reconcile: bool,
        mark: Option<(String, String)>,
        mut rng: Rng,
    ) -> Self {
        let mark = mark.filter(|(key, value)| endpoint.set_marker(key, value));
        let first = Call::new(endpoint.clone(), base, policy.clone(), rng.bits());
        let first = match E::DOUBTS_503 && reconcile {
            true => first.doubting_503(),
            false => first,
        };
        Self {
            endpoint,
            base: base.clone(),
            policy,
            reconcile,
            mark,
            rng,
            observer: Observer::none(),
            started: None,
            since: None,
            resends: 0,
            not_before: Duration::ZERO,
            scope: Scope::default(),
            state: State::Creating(Slot::new(first)),
            tokens: Tokens::default(),
        }
    }

    /// Creates a flow for a resource that an earlier process may have created: it looks the
    /// resource up, with the marker of that process, before it sends `endpoint`.
    #[must_use]
    pub(crate) fn in_doubt(
        endpoint: E,
        base: &Url,
        policy: Policy,
        seed: u64,
        intent: &Intent,
    ) -> Self {
        let (mark, rng) = (intent.mark.clone(), Rng::new(seed));
        let mut create = Self::with_marker(endpoint, base, policy, true, mark, rng);
        create.since = Some(intent.since());
        create.state = State::InDoubt;
        create
    }

    /// The metadata key and value that identify the resource, if it has such a marker.
    pub(crate) fn mark(&self) -> Option<(String, String)> {
        self.mark.clone()
    }

    /// Reports progress to `observer`.
    #[must_use]
    pub fn observed(mut self, observer: Observer) -> Self {
        self.observe(observer);
        self
    }

    pub(crate) fn observe(&mut self, observer: Observer) {
        if let State::Creating(call) = &mut self.state {
            call.get_mut().observe(observer.clone());
        }
        self.observer = observer;
    }

    fn call<F: Endpoint>(&mut self, endpoint: F) -> Slot<Call<F>> {
        let call = Call::new(endpoint, &self.base, self.policy.clone(), self.rng.bits());
        Slot::new(call.observed(self.observer.clone()))
    }

    fn created(&mut self, now: Now, response: E::Response, reconciled: bool) -> CreateResult<E> {
        let resource = E::resource(&response);
        if reconciled {
            self.observer.tell(&Event::Reconciled {
                resource: resource.clone(),
            });
        }
        self.observer.tell(&Event::Created { resource });
        let took = now
            .mono
            .saturating_sub(self.started.map(|started| started.mono).unwrap_or_default());
        Ok(Created {
            response,
            reconciled,
            took,
        })
    }

    fn after_create(
        &mut self,
        now: Now,
        result: Result<E::Response, Error>,
    ) -> Option<CreateResult<E>> {
        match result {
            Ok(response) => Some(self.created(now, response, false)),
            // A 2xx response that cannot be decoded means that the resource exists.
            Err(lost)
                if self.reconcile
                    && (matches!(
                        lost.kind(),
                        ErrorKind::OutcomeUnknown | ErrorKind::Malformed
                    ) || is_doubted_503::<E>(&lost)) =>
            {
                let delay = match lost.retry_after() {
                    Some(delay) => delay,
                    None => self.policy.backoff(self.resends + 1, &mut self.rng),
                };
                self.not_before = now.mono.saturating_add(delay);
                self.observer.tell(&Event::Reconciling {
                    operation: E::OPERATION,
                });
                self.state = State::Delaying {
                    until: now.mono.saturating_add(LOOKUP_DELAY),
                    lookup: 1,
                    lost,
                };
                None
            }
            Err(error) => Some(Err(error)),
        }
    }

    fn since(&self) -> Option<SystemTime> {
        self.since.or(self.started.map(|started| started.wall))
    }

    /// Whether an item has the marker of this flow; `None` if there is no marker, or the list does
    /// not include metadata.
    fn has_marker(&self, item: &<E::List as Paged>::Item) -> Option<bool> {
        let (key, value) = self.mark.as_ref()?;
        let metadata = E::user_metadata(item)?;
        Some(metadata.get(key) == Some(&value.as_str().into()))
    }

    fn lookup(&mut self, lookup: u32, lost: Error) {
        let since = self
            .since()
            .and_then(|wall| Instant::try_from(wall.checked_sub(CLOCK_SKEW)?).ok());
        let list = self.endpoint.list_request(since.map(Into::into));
        self.request_page(list, Vec::new(), lookup, lost);
    }

    fn request_page(
        &mut self,
        list: E::List,
        candidates: Vec<<E::List as Paged>::Item>,
        lookup: u32,
        lost: Error,
    ) {
        let call = self.call(list.clone());
        self.state = State::LookingUp {
            list,
            call,
            candidates,
            lookup,
            lost: Some(lost),
        };
    }

    fn after_lookup(
        &mut self,
        now: Now,
        result: Result<Page<<E::List as Paged>::Item>, Error>,
        mut list: E::List,
        mut candidates: Vec<<E::List as Paged>::Item>,
        lookup: u32,
        lost: Error,
    ) -> Option<CreateResult<E>> {
        let page = match result {
            Ok(page) => page,
            // It stays unknown whether anything was created.
            Err(error) if is_doubted_503::<E>(&lost) => {
                let text = "the platform returned 503, and whether it processed the request could \
                            not be looked up";
                let unknown = Error::new(ErrorKind::OutcomeUnknown, text).with_source(error);
                return Some(Err(unknown.during(E::OPERATION)));
            }
            Err(error) => return Some(Err(lost.with_source(error))),
        };
        let since = self.since();
        let number = list.page_mut().page.unwrap_or(1);
        let more = next_page(number, &page).filter(|next| {
            // The list is sorted newest first: after an older item, all items are older.
            *next <= MAX_PAGES
                && page
                    .data
                    .last()
                    .is_some_and(|item| E::is_recent(item, since))
        });
        candidates.extend(page.data.into_iter().filter(|item| {
            self.endpoint.may_match(item, since) && self.has_marker(item) != Some(false)
        }));
        if let Some(next) = more {
            list.page_mut().page = Some(next);
            self.request_page(list, candidates, lookup, lost);
            return None;
        }
        if let Some(marked) = candidates
            .iter()
            .position(|item| self.has_marker(item) == Some(true))
        {
            candidates = vec![candidates.swap_remove(marked)];
        }
        if let [first, _, ..] = candidates.as_slice() {
            let kind = E::item_resource(first).kind();
            let resources = candidates.iter().map(E::item_resource);
            let ids: Vec<String> = resources.map(|resource| resource.id().to_owned()).collect();
            return Some(Err(Error::new(
                ErrorKind::OutcomeUnknown,
                format!(
                    "no response was received, and several resources may be the created {kind}: {}. Check which one it is and continue with it",
                    ids.join(", ")
                ),
            )
            .during(E::OPERATION)));
        }
        match candidates.pop() {
            Some(item) => Some(self.created(now, E::response_from(item), true)),
            None if lookup < LOOKUPS => {
                let until = now.mono.saturating_add(LOOKUP_DELAY);
                self.state = State::Delaying {
                    until,
                    lookup: lookup + 1,
                    lost,
                };
                None
            }
            None => self.resend(lost),
        }
    }

    /// Sends the request again: nothing was created.
    fn resend(&mut self, lost: Error) -> Option<CreateResult<E>> {
        let (most, until) = match is_doubted_503::<E>(&lost) {
            true => (self.policy.max_attempts.saturating_sub(1), self.not_before),
            false => (MAX_RESENDS, Duration::ZERO),
        };
        let started = self.started.map(|started| started.mono).unwrap_or_default();
        let is_late = until > started.saturating_add(self.policy.total_timeout);
        if self.resends >= most || is_late {
            return Some(Err(lost.after_attempts(self.resends + 1)));
        }
        self.resends += 1;
        self.state = State::Resending { until };
        None
    }
}

/// Whether an error is a 503 after which something may have been created.
fn is_doubted_503<E: Reconciled>(error: &Error) -> bool {
    E::DOUBTS_503 && error.kind() == ErrorKind::Server && error.status() == Some(503)
}

impl<E: Reconciled> Create<E> {
    fn next_step(&mut self, now: Now) -> Step<<Self as Flow>::Output> {
        self.started.get_or_insert(now);
        loop {
            let end = match &mut self.state {
                State::Creating(call) => match call.step(now, &mut self.tokens) {
                    ControlFlow::Continue(result) => self.after_create(now, result),
                    ControlFlow::Break(step) => return step,
                },
                State::Resending { until } if now.mono < *until => {
                    return Step::Wait {
                        until: Some(*until),
                    };
                }
                State::Resending { .. } => {
                    let endpoint = self.endpoint.clone();
                    let call =
                        Call::new(endpoint, &self.base, self.policy.clone(), self.rng.bits());
                    let call = match E::DOUBTS_503 {
                        true => call.doubting_503(),
                        false => call,
                    };
                    self.state = State::Creating(Slot::new(call.observed(self.observer.clone())));
                    None
                }
                State::InDoubt => {
                    self.observer.tell(&Event::Reconciling {
                        operation: E::OPERATION,
                    });
                    self.state = State::Delaying {
                        until: now.mono.saturating_add(LOOKUP_DELAY),
                        lookup: 1,
                        lost: Error::new(
                            ErrorKind::OutcomeUnknown,
                            "an earlier process sent the request and ended before the response arrived",
                        )
                        .during(E::OPERATION),
                    };
                    None
                }
                State::Delaying { until, .. } if now.mono < *until => {
                    return Step::Wait {
                        until: Some(*until),
                    };
                }
                State::Delaying { .. } => {
                    if let State::Delaying { lookup, lost, .. } =
                        std::mem::replace(&mut self.state, State::Finished)
                    {
                        self.lookup(lookup, lost);
                    }
                    None
                }
                State::LookingUp {
                    list,
                    call,
                    candidates,
                    lookup,
                    lost,
                } => match call.step(now, &mut self.tokens) {
                    ControlFlow::Continue(result) => {
                        let unknown =
                            || Error::new(ErrorKind::OutcomeUnknown, "no response was received");
                        let (list, candidates) = (list.clone(), std::mem::take(candidates));
                        let (lookup, lost) = (*lookup, lost.take().unwrap_or_else(unknown));
                        self.after_lookup(now, result, list, candidates, lookup, lost)
                    }
                    ControlFlow::Break(step) => return step,
                },
                State::Finished => Some(Err(Error::invalid("this create has ended already"))),
            };
            if let Some(result) = end {
                self.state = State::Finished;
                return Step::Done(result);
            }
        }
    }
}

impl<E: Reconciled> Flow for Create<E> {
    type Output = CreateResult<E>;

    fn step(&mut self, now: Now) -> Step<Self::Output> {
        let entered = self.scope.enter(Kind::Create, E::OPERATION);
        entered.watch(self.next_step(now))
    }

    fn on_outcome(&mut self, now: Now, token: Token, outcome: Outcome) {
        let _entered = self.scope.enter(Kind::Create, E::OPERATION);
        match &mut self.state {
            State::Creating(call) => call.on_outcome(now, token, outcome),
            State::LookingUp { call, .. } => call.on_outcome(now, token, outcome),
            State::InDoubt | State::Resending { .. } | State::Delaying { .. } | State::Finished => {
            }
        }
    }
}

#[cfg(test)]
mod tests;
