//! The multipart upload of `/assets`: sends a large file in chunks to a storage with presigned
//! URLs.
//!
//! Chunks are sent in parallel; a slow chunk does not delay the others. URLs are requested in
//! advance, and each is used once before it expires; a failed chunk gets a new one. Sent chunks are
//! reported in batches. Every change that a later process needs is written to the journal, so that
//! it can resume the upload.
//!
//! ```text
//! New ──► Creating ──────────────┐            ┌─ urls   (1 at a time) ─┐
//!                                ├──► Sending ┤  chunks (concurrency)  ├──► all reported ──► Verifying? ──► Done
//! Resume ─► Reading (its state) ─┘     ▲      └─ report (1 at a time) ─┘         │
//!              │ gone or expired       └────────────── chunks missing ───────────┘
//!              └──► Creating (reported)
//! ```

mod chunk_tracker;
mod chunks;
mod control;
mod digest;
mod journal;
mod session;
mod settings;
mod setup;
mod urls;

use std::{
    collections::BTreeMap,
    ops::{ControlFlow, RangeInclusive},
    sync::Arc,
    time::{Duration, SystemTime},
};

use http::header;
use tl_model::{ChunkStatus, Timestamp, UploadId, UploadState};
use url::Url;

pub use crate::ingested::Uploaded;
pub use journal::{IngestRecord, Intent, Record, SentChunk, UploadJournal, UploadRecord};
pub use settings::{UploadControl, UploadSettings};

use crate::{
    Endpoint, Error, ErrorKind, Flow, Now, Observer, Outcome, Policy, Source, Step, Token,
    endpoint::{CreateUpload, GetUpload, PageRequest, ReportChunks, RequestUploadUrls},
    flow::{
        Call,
        slot::{Receiver, Slot, Tokens, earlier, step_beside},
    },
    retry::http_date,
    rng::Rng,
    telemetry::{InFlightAttempt, Kind, Scope},
};
use chunk_tracker::ChunkTracker;
use digest::DigestSlot;
use session::Session;
use urls::Urls;

/// The operation in errors and spans.
const OPERATION: &str = "upload the file in chunks";

/// The start of an upload.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Begin {
    /// A new session.
    New(CreateUpload),
    /// Resume a session of an earlier process. If it is gone or has expired, a new one is created,
    /// and the restart is reported.
    Resume(UploadRecord, CreateUpload),
    /// The same for a file that may have changed: the caller has compared only the recorded chunks
    /// with it. If the platform has any other chunk, a new session is created, so that an asset
    /// never contains two versions of a file.
    ResumeCompared(UploadRecord, CreateUpload),
}

/// The flow of one multipart upload.
#[derive(Debug)]
pub struct MultipartUpload {
    source: Arc<dyn Source>,
    base: Url,
    policy: Policy,
    settings: UploadSettings,
    rng: Rng,
    observer: Observer,
    journal: UploadJournal,
    create: CreateUpload,
    started: Option<Duration>,
    /// The last API response: when it was requested, and its date.
    last_response: Option<(Duration, Option<SystemTime>)>,
    tokens: Tokens,
    /// The chunks in flight.
    chunks: BTreeMap<Token, ChunkInFlight>,
    is_canceled: bool,
    scope: Scope,
    phase: Phase,
}

/// A chunk that is being sent to the storage.
#[derive(Debug)]
struct ChunkInFlight {
    index: u32,
    digest: Option<DigestSlot>,
    started: Duration,
    attempt: InFlightAttempt,
}

type UploadStep = Step<Result<Uploaded, Error>>;

#[derive(Debug)]
enum Phase {
    Creating(Slot<Call<CreateUpload>>),
    Reading {
        record: UploadRecord,
        /// Only recorded chunks are known to match this version of the file.
        only_recorded: bool,
        call: Slot<Call<GetUpload>>,
        completed: Vec<u32>,
        page: u32,
    },
    Sending(Box<Sending>),
    Finished(Option<Box<Result<Uploaded, Error>>>),
}

#[derive(Debug)]
struct Sending {
    session: Session,
    tracker: ChunkTracker,
    urls: Urls,
    url_call: Option<Slot<Call<RequestUploadUrls>>>,
    /// The chunks whose URLs `url_call` requests.
    requested_urls: RangeInclusive<u32>,
    report_call: Option<Slot<Call<ReportChunks>>>,
    verify_call: Option<Slot<Call<GetUpload>>>,
    /// The completed chunks of the state being read, and its current page.
    verified: (Vec<u32>, u32),
    verifications: u32,
    /// The storage's last ETag had the form of an MD5, or there was none yet: hashing chunks is
    /// useful.
    etag_is_md5: bool,
    /// When the oldest unreported chunk was sent.
    unreported_since: Option<Duration>,
    /// No chunk starts before this time, because of the bandwidth limit.
    paced_until: Duration,
    started: Duration,
    /// Number of bytes that this process has sent, those of chunks that were sent again included.
    sent_bytes: u64,
    attempts: u32,
    resumed: u32,
}

impl Phase {
    /// The API requests in flight.
    fn slots(&mut self) -> [Option<&mut dyn Receiver>; 3] {
        match self {
            Self::Creating(call) => [Some(call), None, None],
            Self::Reading { call, .. } => [Some(call), None, None],
            Self::Sending(sending) => [
                sending.url_call.as_mut().map(|call| call as _),
                sending.report_call.as_mut().map(|call| call as _),
                sending.verify_call.as_mut().map(|call| call as _),
            ],
            Self::Finished(_) => [None, None, None],
        }
    }
}

impl MultipartUpload {
    /// Creates a flow that uploads `source` to the API at `base`.
    #[must_use]
    pub fn new(
        source: Arc<dyn Source>,
        begin: Begin,
        base: &Url,
        mut policy: Policy,
        settings: UploadSettings,
        seed: u64,
    ) -> Self {
        // API requests get at least as many attempts as chunks, because much has been sent when one
        // of hundreds fails.
        policy.max_attempts = policy.max_attempts.max(policy.chunk_attempts);
        let mut rng = Rng::new(seed);
        let (create, record, only_recorded) = match begin {
            Begin::New(create) => (create, None, false),
            Begin::Resume(record, create) => (create, Some(record), false),
            Begin::ResumeCompared(record, create) => (create, Some(record), true),
        };
        let phase = match record {
            None => Phase::Creating(Slot::new(Call::new(
                create.clone(),
                base,
                policy.clone(),
                rng.bits(),
            ))),
            Some(record) => {
                let call = Call::new(
                    read_state(&record.upload_id, 1),
                    base,
                    policy.clone(),
                    rng.bits(),
                );
                Phase::Reading {
                    record,
                    only_recorded,
                    call: Slot::new(call),
                    completed: Vec::new(),
                    page: 1,
                }
            }
        };
        Self {
            source,
            base: base.clone(),
            policy,
            settings,
            rng,
            observer: Observer::none(),
            journal: UploadJournal::none(),
            create,
            started: None,
            last_response: None,
            tokens: Tokens::default(),
            chunks: BTreeMap::new(),
            is_canceled: false,
            scope: Scope::default(),
            phase,
        }
    }

    /// Reports progress to `observer`.
    #[must_use]
    pub fn observed(mut self, observer: Observer) -> Self {
        match &mut self.phase {
            Phase::Creating(call) => call.get_mut().observe(observer.clone()),
            Phase::Reading { call, .. } => call.get_mut().observe(observer.clone()),
            Phase::Sending(_) | Phase::Finished(_) => {}
        }
        self.observer = observer;
        self
    }

    /// Records progress in `journal` for a later process.
    #[must_use]
    pub fn recorded(mut self, journal: UploadJournal) -> Self {
        self.journal = journal;
        self
    }

    fn call<E: Endpoint>(&mut self, endpoint: E) -> Slot<Call<E>> {
        let call = Call::new(endpoint, &self.base, self.policy.clone(), self.rng.bits());
        let call = call.observed(self.observer.clone());
        Slot::new(match self.deadline() {
            Some(deadline) => call.by(deadline),
            None => call,
        })
    }

    fn deadline(&self) -> Option<Duration> {
        Some(self.started?.saturating_add(self.settings.deadline?))
    }

    /// A time on the driver's clock, and the API's clock at that time or later. The lifetime of a
    /// URL counted from there is never too long, however slow the response was and however wrong
    /// the local clock is.
    fn signing_time(&self, now: Now, generated_at: Option<&Timestamp>) -> (Duration, SystemTime) {
        let generated = generated_at
            .and_then(Timestamp::instant)
            .map(SystemTime::from);
        match self.last_response {
            Some((started_at, Some(date))) => (started_at, date),
            Some((started_at, None)) => (started_at, generated.unwrap_or(now.wall)),
            None => (now.mono, generated.unwrap_or(now.wall)),
        }
    }

    fn fail(&mut self, error: Error) {
        self.phase = Phase::Finished(Some(Box::new(Err(error.during(OPERATION)))));
    }

    /// One step while chunks are sent; `Continue` if the state changed and another step is needed.
    fn step_sending(&mut self, now: Now) -> ControlFlow<UploadStep> {
        let Phase::Sending(sending) = &mut self.phase else {
            return ControlFlow::Continue(());
        };
        let (tokens, mut until) = (&mut self.tokens, None);
        if let Some(result) = step_beside(&mut sending.url_call, now, tokens, &mut until)? {
            self.after_urls(now, result);
            return ControlFlow::Continue(());
        }
        if let Some(result) = step_beside(&mut sending.report_call, now, tokens, &mut until)? {
            self.after_report(result);
            return ControlFlow::Continue(());
        }
        if let Some(result) = step_beside(&mut sending.verify_call, now, tokens, &mut until)? {
            self.after_verification(now, result);
            return ControlFlow::Continue(());
        }
        if self.request_urls(now) || self.report(now, &mut until) || self.finish_if_reported(now) {
            return ControlFlow::Continue(());
        }
        ControlFlow::Break(
            self.start_chunk(now, &mut until)
                .unwrap_or(Step::Wait { until }),
        )
    }
}

impl MultipartUpload {
    fn next_step(&mut self, now: Now) -> Step<<Self as Flow>::Output> {
        if self.started.is_none() {
            self.started = Some(now.mono);
            if let Some(deadline) = self.deadline() {
                match &mut self.phase {
                    Phase::Creating(call) => call.get_mut().limit(deadline),
                    Phase::Reading { call, .. } => call.get_mut().limit(deadline),
                    Phase::Sending(_) | Phase::Finished(_) => {}
                }
            }
        }
        loop {
            if let Phase::Finished(result) = &mut self.phase {
                let ended = || Err(Error::invalid("this upload has ended already"));
                return Step::Done(result.take().map_or_else(ended, |result| *result));
            }
            if self.is_canceled || self.settings.control.is_canceled() {
                self.fail(Error::new(
                    ErrorKind::Canceled,
                    "it was canceled; what the platform has stays there for 24 hours, and the upload can be resumed",
                ));
                continue;
            }
            if self.deadline().is_some_and(|deadline| now.mono >= deadline) {
                self.fail(Error::new(
                    ErrorKind::DeadlinePassed,
                    "the time limit of the upload passed; what the platform has stays there for 24 hours, and the upload can be resumed",
                ));
                continue;
            }
            let step = match &self.phase {
                Phase::Creating(_) | Phase::Reading { .. } => self.step_setup(now),
                Phase::Sending(_) => self.step_sending(now),
                Phase::Finished(_) => ControlFlow::Continue(()),
            };
            match step {
                ControlFlow::Continue(()) => {}
                ControlFlow::Break(Step::Wait { until }) => {
                    return Step::Wait {
                        until: earlier(until, self.deadline()),
                    };
                }
                ControlFlow::Break(step) => return step,
            }
        }
    }
}

impl Flow for MultipartUpload {
    type Output = Result<Uploaded, Error>;

    fn max_in_flight(&self) -> usize {
        // The chunks, one URL request, and one report or state request.
        self.settings.concurrency.max(1) + 2
    }

    fn step(&mut self, now: Now) -> Step<Self::Output> {
        let entered = self.scope.enter(Kind::Upload, OPERATION);
        entered.watch(self.next_step(now))
    }

    fn on_cancel(&mut self) {
        self.is_canceled = true;
    }

    fn on_outcome(&mut self, now: Now, token: Token, outcome: Outcome) {
        let _entered = self.scope.enter(Kind::Upload, OPERATION);
        if let Some(chunk) = self.chunks.remove(&token) {
            return self.after_chunk(now, chunk, outcome);
        }
        for slot in self.phase.slots().into_iter().flatten() {
            let Some(started) = slot.started(token) else {
                continue;
            };
            if let Ok(response) = &outcome {
                let date = response.headers().get(header::DATE);
                let date = date.and_then(|date| http_date(date.to_str().ok()?));
                self.last_response = Some((started, date));
            }
            return slot.on_outcome(now, token, outcome);
        }
    }
}

fn read_state(upload_id: &UploadId, page: u32) -> GetUpload {
    GetUpload {
        upload_id: upload_id.clone(),
        page: PageRequest {
            page: Some(page),
            page_limit: Some(50),
        },
    }
}

fn completed_chunks(state: &UploadState) -> impl Iterator<Item = u32> + '_ {
    let complete = |status: &Option<ChunkStatus>| *status == Some(ChunkStatus::Completed);
    state
        .uploaded_chunks
        .iter()
        .filter(move |chunk| complete(&chunk.status))
        .map(|chunk| chunk.index)
}

fn has_more(state: &UploadState, page: u32) -> bool {
    !state.uploaded_chunks.is_empty()
        && state
            .page_info
            .total_page
            .is_none_or(|total| u64::from(page) < total)
}

#[cfg(test)]
mod driven_upload;
#[cfg(test)]
mod tests;
