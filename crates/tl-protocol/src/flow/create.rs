//! Making something exactly once: the create, and the look after it where its answer was lost. What counts as the thing
//! that a lost create made is said by each endpoint (see [`Reconciled`], in `reconcile.rs`).

use std::time::{Duration, SystemTime};

use jiff::Timestamp as Instant;
use tl_model::Page;
use url::Url;

use crate::{
    Endpoint, Error, ErrorKind, Event, Flow, Now, Observer, Outcome, Policy, Step, Token,
    flow::{
        Call, Paged, Reconcile, Reconciled, pages::next_page, reconcile::CLOCK_SKEW, upload::Intent,
    },
    rng::Rng,
};

/// How long the platform is given to show a thing that it may have made, before each look.
const SETTLE: Duration = Duration::from_secs(2);

/// How many looks that find nothing it takes to believe that nothing was made.
const LOOKS: u32 = 2;

/// The most pages of one look: 10,000 things that were made since, at 50 on a page.
const MOST_PAGES: u32 = 200;

/// How often a create whose answer was lost is sent again after the looks found nothing.
const RESENDS: u32 = 2;

/// Something that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created<R> {
    /// The platform's answer, or what is left of it where it was lost.
    pub answer: R,
    /// Whether the answer was lost, and the thing was found by a look.
    pub reconciled: bool,
    /// The time that it took, looks included.
    pub took: Duration,
}

/// The flow that makes one thing.
#[derive(Debug)]
pub struct Create<E: Reconciled> {
    endpoint: E,
    base: Url,
    policy: Policy,
    reconcile: bool,
    /// The key and the value that tell the thing from all others.
    mark: Option<(String, String)>,
    rng: Rng,
    observer: Observer,
    started: Option<Now>,
    /// When the thing was first asked for, where an earlier process did.
    since: Option<SystemTime>,
    resends: u32,
    state: State<E>,
}

#[derive(Debug)]
enum State<E: Reconciled> {
    Creating(Box<Call<E>>),
    /// An earlier process sent it, perhaps.
    InDoubt,
    Settling {
        until: Duration,
        look: u32,
        lost: Error,
    },
    Looking {
        list: E::List,
        call: Box<Call<E::List>>,
        /// What may be it, on the pages before.
        found: Vec<<E::List as Paged>::Item>,
        look: u32,
        lost: Option<Error>,
    },
    Finished,
}

type Answer<E> = Result<Created<<E as Endpoint>::Response>, Error>;

impl<E: Reconciled> Create<E> {
    /// The flow that sends `endpoint` to the API at `base`.
    ///
    /// Where the answer is lost, the flow lists what was made since it began: one that may be it is taken, none after two
    /// looks means that it is sent again (twice at most), and of several it cannot know which. With [`Reconcile::Never`], a lost
    /// answer is [`OutcomeUnknown`](ErrorKind::OutcomeUnknown).
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
        Self::marked(
            endpoint,
            base,
            policy,
            reconcile != Reconcile::Never,
            mark,
            rng,
        )
    }

    fn marked(
        mut endpoint: E,
        base: &Url,
        policy: Policy,
        reconcile: bool,
        mark: Option<(String, String)>,
        mut rng: Rng,
    ) -> Self {
        let mark = mark.filter(|(key, value)| endpoint.mark(key, value));
        let first = Call::new(endpoint.clone(), base, policy.clone(), rng.bits());
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
            state: State::Creating(Box::new(first)),
        }
    }

    /// The flow for a thing that an earlier process was about to make: it looks whether the platform has it, before it sends
    /// `endpoint`, with the mark of that process.
    #[must_use]
    pub(crate) fn in_doubt(
        endpoint: E,
        base: &Url,
        policy: Policy,
        seed: u64,
        intent: &Intent,
    ) -> Self {
        let (mark, rng) = (intent.mark.clone(), Rng::new(seed));
        let mut create = Self::marked(endpoint, base, policy, true, mark, rng);
        create.since = Some(intent.since());
        create.state = State::InDoubt;
        create
    }

    /// The key and the value that tell the thing from all others, where it has such a mark.
    pub(crate) fn mark(&self) -> Option<(String, String)> {
        self.mark.clone()
    }

    /// The same flow that tells `observer` how it goes on.
    #[must_use]
    pub fn observed(mut self, observer: Observer) -> Self {
        if let State::Creating(call) = self.state {
            self.state = State::Creating(Box::new(call.observed(observer.clone())));
        }
        self.observer = observer;
        self
    }

    fn call<F: Endpoint>(&mut self, endpoint: F) -> Box<Call<F>> {
        let call = Call::new(endpoint, &self.base, self.policy.clone(), self.rng.bits());
        Box::new(call.observed(self.observer.clone()))
    }

    fn made(&mut self, now: Now, answer: E::Response, reconciled: bool) -> Answer<E> {
        let id = E::id(&answer);
        if reconciled {
            self.observer.tell(&Event::Reconciled {
                resource: E::RESOURCE,
                id: id.clone(),
            });
        }
        self.observer.tell(&Event::Created {
            resource: E::RESOURCE,
            id,
        });
        let took = now
            .mono
            .saturating_sub(self.started.map(|started| started.mono).unwrap_or_default());
        Ok(Created {
            answer,
            reconciled,
            took,
        })
    }

    fn after_create(&mut self, now: Now, result: Result<E::Response, Error>) -> Option<Answer<E>> {
        match result {
            Ok(answer) => Some(self.made(now, answer, false)),
            // An answer of 2xx that cannot be read means that the thing exists.
            Err(lost)
                if self.reconcile
                    && matches!(
                        lost.kind(),
                        ErrorKind::OutcomeUnknown | ErrorKind::Malformed
                    ) =>
            {
                self.observer.tell(&Event::Reconciling {
                    operation: E::OPERATION,
                });
                self.state = State::Settling {
                    until: now.mono.saturating_add(SETTLE),
                    look: 1,
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

    /// Whether an item has the mark of this flow; `None` where there is no mark, or the list does not tell.
    fn is_marked(&self, item: &<E::List as Paged>::Item) -> Option<bool> {
        let (key, value) = self.mark.as_ref()?;
        let metadata = E::marks(item)?;
        Some(metadata.get(key) == Some(&value.as_str().into()))
    }

    fn look(&mut self, look: u32, lost: Error) {
        let since = self
            .since()
            .and_then(|wall| Instant::try_from(wall.checked_sub(CLOCK_SKEW)?).ok());
        let list = self.endpoint.look(since.map(Into::into));
        self.look_at(list, Vec::new(), look, lost);
    }

    fn look_at(
        &mut self,
        list: E::List,
        found: Vec<<E::List as Paged>::Item>,
        look: u32,
        lost: Error,
    ) {
        let call = self.call(list.clone());
        self.state = State::Looking {
            list,
            call,
            found,
            look,
            lost: Some(lost),
        };
    }

    fn after_look(
        &mut self,
        now: Now,
        result: Result<Page<<E::List as Paged>::Item>, Error>,
        mut list: E::List,
        mut found: Vec<<E::List as Paged>::Item>,
        look: u32,
        lost: Error,
    ) -> Option<Answer<E>> {
        let page = match result {
            Ok(page) => page,
            Err(error) => return Some(Err(lost.with_source(error))),
        };
        let since = self.since();
        let number = list.page_mut().page.unwrap_or(1);
        let more = next_page(number, &page).filter(|next| {
            // The newest come first: what follows something older is older still.
            *next <= MOST_PAGES
                && page
                    .data
                    .last()
                    .is_some_and(|item| E::is_recent(item, since))
        });
        found.extend(page.data.into_iter().filter(|item| {
            self.endpoint.may_be_ours(item, since) && self.is_marked(item) != Some(false)
        }));
        if let Some(next) = more {
            list.page_mut().page = Some(next);
            self.look_at(list, found, look, lost);
            return None;
        }
        if let Some(marked) = found
            .iter()
            .position(|item| self.is_marked(item) == Some(true))
        {
            found = vec![found.swap_remove(marked)];
        }
        if found.len() > 1 {
            let ids: Vec<String> = found.iter().map(E::item_id).collect();
            return Some(Err(Error::new(
                ErrorKind::OutcomeUnknown,
                format!(
                    "the answer was lost, and each of these may be the {} that was made: {}. Look which one it is, and go on with it",
                    E::RESOURCE,
                    ids.join(", ")
                ),
            )
            .during(E::OPERATION)));
        }
        match found.pop() {
            Some(item) => Some(self.made(now, E::answer_of(item), true)),
            None if look < LOOKS => {
                let until = now.mono.saturating_add(SETTLE);
                self.state = State::Settling {
                    until,
                    look: look + 1,
                    lost,
                };
                None
            }
            None if self.resends < RESENDS => {
                self.resends += 1;
                let endpoint = self.endpoint.clone();
                self.state = State::Creating(self.call(endpoint));
                None
            }
            None => Some(Err(lost)),
        }
    }
}

impl<E: Reconciled> Flow for Create<E> {
    type Output = Answer<E>;

    fn step(&mut self, now: Now) -> Step<Self::Output> {
        self.started.get_or_insert(now);
        loop {
            let end = match &mut self.state {
                State::Creating(call) => match call.step(now) {
                    Step::Done(result) => self.after_create(now, result),
                    Step::Start(token, exchange) => return Step::Start(token, exchange),
                    Step::Wait { until } => return Step::Wait { until },
                },
                State::InDoubt => {
                    self.observer.tell(&Event::Reconciling {
                        operation: E::OPERATION,
                    });
                    self.state = State::Settling {
                        until: now.mono.saturating_add(SETTLE),
                        look: 1,
                        lost: Error::new(
                            ErrorKind::OutcomeUnknown,
                            "an earlier process sent the request and ended before its answer came",
                        )
                        .during(E::OPERATION),
                    };
                    None
                }
                State::Settling { until, .. } if now.mono < *until => {
                    return Step::Wait {
                        until: Some(*until),
                    };
                }
                State::Settling { .. } => {
                    if let State::Settling { look, lost, .. } =
                        std::mem::replace(&mut self.state, State::Finished)
                    {
                        self.look(look, lost);
                    }
                    None
                }
                State::Looking {
                    list,
                    call,
                    found,
                    look,
                    lost,
                } => match call.step(now) {
                    Step::Done(result) => {
                        let unknown =
                            || Error::new(ErrorKind::OutcomeUnknown, "the answer was lost");
                        let (list, found) = (list.clone(), std::mem::take(found));
                        let (look, lost) = (*look, lost.take().unwrap_or_else(unknown));
                        self.after_look(now, result, list, found, look, lost)
                    }
                    Step::Start(token, exchange) => return Step::Start(token, exchange),
                    Step::Wait { until } => return Step::Wait { until },
                },
                State::Finished => Some(Err(Error::invalid("this create has ended already"))),
            };
            if let Some(answer) = end {
                self.state = State::Finished;
                return Step::Done(answer);
            }
        }
    }

    fn on_outcome(&mut self, now: Now, token: Token, outcome: Outcome) {
        match &mut self.state {
            State::Creating(call) => call.on_outcome(now, token, outcome),
            State::Looking { call, .. } => call.on_outcome(now, token, outcome),
            State::InDoubt | State::Settling { .. } | State::Finished => {}
        }
    }
}
