//! Making something exactly once: the create, and the look after it where its answer was lost. What counts as the thing
//! that a lost create made is said by each endpoint (see [`Reconciled`]).

use std::time::{Duration, SystemTime};

use jiff::Timestamp as Instant;
use tl_model::{CreatedTask, Page, SortBy, SortOption, Task, Timestamp};
use url::Url;

use crate::{
    Endpoint, Error, ErrorKind, Event, Flow, Now, Observer, Outcome, Policy, Step, Token,
    chance::Chance,
    endpoint::{CreateTask, ListTasks, PageRequest, Sort},
    flow::{Call, Paged},
    form::escaped,
};

/// How long the platform is given to show a thing that it may have made, before each look.
const SETTLE: Duration = Duration::from_secs(2);

/// How many looks that find nothing it takes to believe that nothing was made.
const LOOKS: u32 = 2;

/// How much earlier than this machine's clock a thing may claim to have been made: the clocks differ a little.
pub(super) const CLOCK_SKEW: Duration = Duration::from_secs(5);

/// How often a create whose answer was lost is sent again after the looks found nothing.
const RESENDS: u32 = 2;

/// An endpoint that makes something, and knows the thing again in a list.
pub trait Reconciled: Endpoint {
    /// The list in which it would stand.
    type List: Paged;

    /// What is made: `task`.
    const RESOURCE: &'static str;

    /// The request for the newest things, made at `since` or later.
    fn look(&self, since: Option<Timestamp>) -> Self::List;

    /// Whether `item` may be what this request made at `since` or later. What tells no time or no name may be it too.
    fn may_be_ours(&self, item: &<Self::List as Paged>::Item, since: Option<SystemTime>) -> bool;

    /// The identifier of an item.
    fn item_id(item: &<Self::List as Paged>::Item) -> String;

    /// The answer that was lost, as far as the item tells it.
    fn answer_of(item: <Self::List as Paged>::Item) -> Self::Response;

    /// The identifier in an answer.
    fn id(response: &Self::Response) -> String;
}

impl Reconciled for CreateTask {
    type List = ListTasks;

    const RESOURCE: &'static str = "task";

    fn look(&self, since: Option<Timestamp>) -> ListTasks {
        ListTasks {
            page: newest(),
            sort: newest_first(),
            index_id: Some(self.index_id.clone()),
            created_at: since,
            ..ListTasks::default()
        }
    }

    fn may_be_ours(&self, task: &Task, since: Option<SystemTime>) -> bool {
        let name = task
            .system_metadata()
            .and_then(|metadata| metadata.filename.as_deref());
        is_recent(task.created_at.as_ref(), since) && same_name(name, self.filename())
    }

    fn item_id(task: &Task) -> String {
        task.id.to_string()
    }

    fn answer_of(task: Task) -> CreatedTask {
        let mut created = CreatedTask::new(task.id);
        created.video_id = task.video_id;
        created
    }

    fn id(created: &CreatedTask) -> String {
        created.id.to_string()
    }
}

/// The first page, as long as the API allows.
pub(super) fn newest() -> PageRequest {
    PageRequest {
        page: Some(1),
        page_limit: Some(50),
    }
}

/// The newest first.
pub(super) fn newest_first() -> Sort {
    Sort {
        by: Some(SortBy::CreatedAt),
        option: Some(SortOption::Desc),
    }
}

/// Whether something was made at `since` or later, give or take the clocks.
pub(super) fn is_recent(created_at: Option<&Timestamp>, since: Option<SystemTime>) -> bool {
    let made = created_at
        .and_then(Timestamp::instant)
        .map(SystemTime::from);
    match (made, since) {
        (Some(made), Some(since)) => made + CLOCK_SKEW >= since,
        _ => true,
    }
}

/// Whether a name is the file's own, in its own letters or as it stood on the wire.
pub(super) fn same_name(name: Option<&str>, own: Option<&str>) -> bool {
    match (name, own) {
        (Some(name), Some(own)) => name == own || name == escaped(own),
        _ => true,
    }
}

/// Something that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made<R> {
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
    chance: Chance,
    observer: Observer,
    started: Option<Now>,
    resends: u32,
    state: State<E>,
}

#[derive(Debug)]
enum State<E: Reconciled> {
    Creating(Box<Call<E>>),
    Settling {
        until: Duration,
        look: u32,
        lost: Error,
    },
    Looking {
        call: Box<Call<E::List>>,
        look: u32,
        lost: Option<Error>,
    },
    Finished,
}

type Answer<E> = Result<Made<<E as Endpoint>::Response>, Error>;

impl<E: Reconciled> Create<E> {
    /// The flow that sends `endpoint` to the API at `base`.
    ///
    /// Where the answer is lost, the flow lists what was made since it began: one that may be it is taken, none after two
    /// looks means that it is sent again (twice at most), and of several it cannot know which. Without `reconcile`, a lost
    /// answer is [`OutcomeUnknown`](ErrorKind::OutcomeUnknown).
    #[must_use]
    pub fn new(endpoint: E, base: &Url, policy: Policy, reconcile: bool, seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let first = Call::new(endpoint.clone(), base, policy.clone(), chance.bits());
        Self {
            endpoint,
            base: base.clone(),
            policy,
            reconcile,
            chance,
            observer: Observer::none(),
            started: None,
            resends: 0,
            state: State::Creating(Box::new(first)),
        }
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
        let call = Call::new(
            endpoint,
            &self.base,
            self.policy.clone(),
            self.chance.bits(),
        );
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
        Ok(Made {
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
        self.started.map(|started| started.wall)
    }

    fn look(&mut self, look: u32, lost: Error) {
        let since = self
            .since()
            .and_then(|wall| Instant::try_from(wall.checked_sub(CLOCK_SKEW)?).ok());
        let list = self.endpoint.look(since.map(Into::into));
        let call = self.call(list);
        self.state = State::Looking {
            call,
            look,
            lost: Some(lost),
        };
    }

    fn after_look(
        &mut self,
        now: Now,
        result: Result<Page<<E::List as Paged>::Item>, Error>,
        look: u32,
        lost: Error,
    ) -> Option<Answer<E>> {
        let page = match result {
            Ok(page) => page,
            Err(error) => return Some(Err(lost.because(error))),
        };
        let since = self.since();
        let mut found: Vec<_> = page
            .data
            .into_iter()
            .filter(|item| self.endpoint.may_be_ours(item, since))
            .collect();
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
                State::Looking { call, look, lost } => match call.step(now) {
                    Step::Done(result) => {
                        let unknown =
                            || Error::new(ErrorKind::OutcomeUnknown, "the answer was lost");
                        let (look, lost) = (*look, lost.take().unwrap_or_else(unknown));
                        self.after_look(now, result, look, lost)
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
            State::Settling { .. } | State::Finished => {}
        }
    }
}
