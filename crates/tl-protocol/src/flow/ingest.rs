//! A video into an index, on the path of `/tasks`: create the task, look again where the answer was lost, and wait until
//! the video is indexed. Checking the file is the business of the client that owns the disk.

use std::time::Duration;

use jiff::Timestamp as Instant;
use tl_model::{CreatedTask, Page, SortBy, SortOption, Task, TaskId};
use url::Url;

use crate::{
    Error, ErrorKind, Event, Flow, Now, Observer, Outcome, Policy, Step, Token,
    chance::Chance,
    endpoint::{CreateTask, GetTask, ListTasks, PageRequest, Sort},
    error::StatusSeen,
    flow::{Call, Wait, WaitPolicy},
    form::escaped,
};

/// How long the platform is given to show a task that it may have made, before the look; twice, then it is sent again.
const SETTLE: Duration = Duration::from_secs(2);

/// How many looks that find nothing it takes to believe that nothing was made.
const LOOKS: u32 = 2;

/// How much earlier than this machine's clock a task may claim to have been made: the clocks differ a little.
const CLOCK_SKEW: Duration = Duration::from_secs(5);

/// How often a create whose answer was lost is sent again after a look found nothing.
const RESENDS: u32 = 2;

/// What an ingestion came to.
#[derive(Debug, Clone, PartialEq)]
pub struct IngestedTask {
    /// The task that was made.
    pub created: CreatedTask,
    /// The task when it was ready; `None` where nobody asked to wait.
    pub task: Option<Task>,
    /// The statuses that were seen, oldest first.
    pub history: Vec<StatusSeen>,
    /// The time that the upload took, looks after a lost answer included.
    pub upload: Duration,
    /// The time that the wait took.
    pub indexing: Duration,
    /// Whether the answer to the create was lost, and the task was found by a look.
    pub reconciled: bool,
}

/// The flow of one video.
#[derive(Debug)]
pub struct IngestTask {
    create: CreateTask,
    base: Url,
    policy: Policy,
    wait: Option<WaitPolicy>,
    reconcile: bool,
    chance: Chance,
    observer: Observer,
    started: Option<Now>,
    resends: u32,
    created: Option<(CreatedTask, Duration, bool)>,
    state: State,
}

#[derive(Debug)]
enum State {
    Creating(Box<Call<CreateTask>>),
    Settling {
        until: Duration,
        look: u32,
        lost: Option<Error>,
    },
    Looking {
        call: Box<Call<ListTasks>>,
        look: u32,
        lost: Option<Error>,
    },
    Waiting(Box<Wait<GetTask>>),
    Finished(Option<Box<Result<IngestedTask, Error>>>),
}

impl State {
    fn failed(error: Error) -> Self {
        Self::Finished(Some(Box::new(Err(error))))
    }
}

impl IngestTask {
    /// The flow that sends `create` to the API at `base` and, where `wait` says how, waits until the video is indexed.
    ///
    /// Where the answer to the create is lost, the flow lists the tasks of the index that were made since it began and
    /// bear the file's name: one is taken as its own, none is asked for twice before the video is sent again, and of
    /// several it cannot know which. `reconcile` switches that off; a lost answer is then an error.
    #[must_use]
    pub fn new(
        create: CreateTask,
        base: &Url,
        policy: Policy,
        wait: Option<WaitPolicy>,
        reconcile: bool,
        seed: u64,
    ) -> Self {
        let mut chance = Chance::new(seed);
        let first = Call::new(create.clone(), base, policy.clone(), chance.bits());
        Self {
            create,
            base: base.clone(),
            policy,
            wait,
            reconcile,
            chance,
            observer: Observer::none(),
            started: None,
            resends: 0,
            created: None,
            state: State::Creating(Box::new(first)),
        }
    }

    /// The same flow that tells `observer` how it goes on.
    #[must_use]
    pub fn observed(mut self, observer: Observer) -> Self {
        self.observer = observer.clone();
        if let State::Creating(call) = self.state {
            self.state = State::Creating(Box::new(call.observed(observer)));
        }
        self
    }

    fn send(&mut self) -> State {
        let call = Call::new(
            self.create.clone(),
            &self.base,
            self.policy.clone(),
            self.chance.bits(),
        );
        State::Creating(Box::new(call.observed(self.observer.clone())))
    }

    fn after_create(&mut self, now: Now, result: Result<CreatedTask, Error>) -> State {
        match result {
            Ok(created) => self.adopt(now, created, false),
            // An answer of 2xx that cannot be read means that the task exists.
            Err(error)
                if self.reconcile
                    && matches!(
                        error.kind(),
                        ErrorKind::OutcomeUnknown | ErrorKind::Malformed
                    ) =>
            {
                self.observer.tell(&Event::Reconciling {
                    operation: "create a task",
                });
                State::Settling {
                    until: now.mono.saturating_add(SETTLE),
                    look: 1,
                    lost: Some(error),
                }
            }
            Err(error) => State::failed(error),
        }
    }

    fn look(&mut self, look: u32, lost: Option<Error>) -> State {
        let since = self.started.and_then(|started| {
            Instant::try_from(started.wall)
                .ok()?
                .checked_sub(jiff::SignedDuration::try_from(CLOCK_SKEW).ok()?)
                .ok()
        });
        let list = ListTasks {
            page: PageRequest {
                page: Some(1),
                page_limit: Some(50),
            },
            sort: Sort {
                by: Some(SortBy::CreatedAt),
                option: Some(SortOption::Desc),
            },
            index_id: Some(self.create.index_id.clone()),
            created_at: since.map(Into::into),
            ..ListTasks::default()
        };
        let call = Call::new(list, &self.base, self.policy.clone(), self.chance.bits());
        State::Looking {
            call: Box::new(call.observed(self.observer.clone())),
            look,
            lost,
        }
    }

    fn after_look(
        &mut self,
        now: Now,
        result: Result<Page<Task>, Error>,
        look: u32,
        lost: Option<Error>,
    ) -> State {
        let page = match result {
            Ok(page) => page,
            Err(error) => {
                let unknown = lost.unwrap_or_else(|| {
                    Error::new(ErrorKind::OutcomeUnknown, "the answer was lost")
                });
                return State::failed(unknown.because(error));
            }
        };
        let mut found: Vec<Task> = page
            .data
            .into_iter()
            .filter(|task| self.may_be_ours(task))
            .collect();
        match (found.pop(), found.is_empty()) {
            (Some(task), true) => {
                self.observer.tell(&Event::Reconciled {
                    task_id: task.id.clone(),
                });
                let mut created = CreatedTask::new(task.id);
                created.video_id = task.video_id;
                self.adopt(now, created, true)
            }
            (Some(last), false) => {
                found.push(last);
                let ids: Vec<String> = found.iter().map(|task| task.id.to_string()).collect();
                State::failed(Error::new(
                    ErrorKind::OutcomeUnknown,
                    format!(
                        "the answer was lost, and several tasks may be the one that was made: {}. Look at them, and wait for the right one",
                        ids.join(", ")
                    ),
                )
                .during("create a task"))
            }
            (None, _) if look < LOOKS => State::Settling {
                until: now.mono.saturating_add(SETTLE),
                look: look + 1,
                lost,
            },
            (None, _) if self.resends < RESENDS => {
                self.resends += 1;
                self.send()
            }
            (None, _) => {
                let lost = lost.unwrap_or_else(|| {
                    Error::new(ErrorKind::OutcomeUnknown, "the answer was lost")
                });
                State::failed(lost)
            }
        }
    }

    /// Whether `task` may be what the lost create made: made since this flow began, for a file of this name. A task
    /// that tells no time or no name may be it too.
    fn may_be_ours(&self, task: &Task) -> bool {
        let since = self
            .started
            .and_then(|started| Instant::try_from(started.wall).ok());
        let made = task
            .created_at
            .as_ref()
            .and_then(tl_model::Timestamp::instant);
        let recent = match (made, since) {
            (Some(made), Some(since)) => {
                made.as_second() + CLOCK_SKEW.as_secs().cast_signed() >= since.as_second()
            }
            _ => true,
        };
        let name = task
            .system_metadata()
            .and_then(|metadata| metadata.filename.as_deref());
        recent
            && name.is_none_or(|name| {
                self.create
                    .filename()
                    .is_none_or(|own| name == own || name == escaped(own))
            })
    }

    fn adopt(&mut self, now: Now, created: CreatedTask, reconciled: bool) -> State {
        let upload = now
            .mono
            .saturating_sub(self.started.map(|started| started.mono).unwrap_or_default());
        self.observer.tell(&Event::TaskCreated {
            task_id: created.id.clone(),
            video_id: created.video_id.clone(),
        });
        let task_id = TaskId::clone(&created.id);
        self.created = Some((created, upload, reconciled));
        match &self.wait {
            None => self.finished(None, Vec::new(), Duration::ZERO),
            Some(policy) => {
                let wait = Wait::new(
                    GetTask { task_id },
                    &self.base,
                    self.policy.clone(),
                    policy.clone(),
                    self.chance.bits(),
                );
                State::Waiting(Box::new(wait.observed(self.observer.clone())))
            }
        }
    }

    fn finished(
        &mut self,
        task: Option<Task>,
        history: Vec<StatusSeen>,
        indexing: Duration,
    ) -> State {
        let result = self.created.take().map(|(created, upload, reconciled)| {
            Box::new(Ok(IngestedTask {
                created,
                task,
                history,
                upload,
                indexing,
                reconciled,
            }))
        });
        State::Finished(result)
    }
}

impl Flow for IngestTask {
    type Output = Result<IngestedTask, Error>;

    fn step(&mut self, now: Now) -> Step<Self::Output> {
        self.started.get_or_insert(now);
        loop {
            let next = match &mut self.state {
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
                State::Settling { look, lost, .. } => {
                    let (look, lost) = (*look, lost.take());
                    self.look(look, lost)
                }
                State::Looking { call, look, lost } => match call.step(now) {
                    Step::Done(result) => {
                        let (look, lost) = (*look, lost.take());
                        self.after_look(now, result, look, lost)
                    }
                    Step::Start(token, exchange) => return Step::Start(token, exchange),
                    Step::Wait { until } => return Step::Wait { until },
                },
                State::Waiting(wait) => match wait.step(now) {
                    Step::Done(Ok(waited)) => {
                        self.finished(Some(waited.value), waited.history, waited.took)
                    }
                    Step::Done(Err(error)) => State::failed(error),
                    Step::Start(token, exchange) => return Step::Start(token, exchange),
                    Step::Wait { until } => return Step::Wait { until },
                },
                State::Finished(result) => {
                    let ended = || Err(Error::invalid("this ingestion has ended already"));
                    return Step::Done(result.take().map_or_else(ended, |result| *result));
                }
            };
            self.state = next;
        }
    }

    fn on_outcome(&mut self, now: Now, token: Token, outcome: Outcome) {
        match &mut self.state {
            State::Creating(call) => call.on_outcome(now, token, outcome),
            State::Looking { call, .. } => call.on_outcome(now, token, outcome),
            State::Waiting(wait) => wait.on_outcome(now, token, outcome),
            State::Settling { .. } | State::Finished(_) => {}
        }
    }
}
