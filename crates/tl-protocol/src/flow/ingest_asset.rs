//! Uploads and indexes a video with assets: create an asset, in one request, in chunks, or from a
//! URL; wait until it is ready; create the indexed asset; wait until it is ready. Each stage is
//! also a separate flow.

mod find;
mod plan;
mod resume;

use std::{ops::ControlFlow, time::Duration};

use tl_model::{Asset, AssetId, CreatedIndexedAsset, IndexId, IndexedAsset, IndexedAssetId};
use url::Url;

pub use plan::{AssetPlan, AssetUpload};

use self::find::FindIndexed;
use crate::{
    Endpoint, Error, ErrorKind, Event, Flow, IngestedAsset, Now, Observer, Outcome, Policy,
    Reached, Stage, Step, Token, Uploaded,
    endpoint::{CreateAsset, CreateIndexedAsset, GetAsset, GetIndexedAsset},
    flow::{
        Call, Create, Created, Wait, WaitPolicy, Waited,
        slot::{Receiver, Slot, Tokens},
        upload::{Intent, MultipartUpload, Record},
    },
    rng::Rng,
    telemetry::{Kind, Scope},
};

/// The operation in spans.
const OPERATION: &str = "upload and index an asset";

/// The flow that ingests one video.
#[derive(Debug)]
pub struct IngestAsset {
    plan: AssetPlan,
    base: Url,
    policy: Policy,
    rng: Rng,
    observer: Observer,
    so_far: IngestedAsset,
    /// When the current stage started.
    stage_started: Option<Duration>,
    /// Whether an earlier process may have indexed the asset.
    is_resumed: bool,
    scope: Scope,
    state: State,
    tokens: Tokens,
}

#[derive(Debug)]
enum State {
    Begin,
    Whole(Slot<Create<CreateAsset>>),
    /// An asset was found that may be the one of an earlier process. It is not if an indexed asset
    /// was created from it.
    CheckingOwner(Slot<FindIndexed>, Box<Created<Asset>>),
    Chunks(Slot<MultipartUpload>),
    Processing(Slot<Wait<GetAsset>>),
    /// The asset of an earlier process is not waited for, but it must exist.
    CheckingAsset(Slot<Call<GetAsset>>),
    /// Looks up whether an earlier process has indexed the asset.
    Finding(Slot<FindIndexed>),
    Creating(Slot<Create<CreateIndexedAsset>>),
    Indexing(Slot<Wait<GetIndexedAsset>>),
    /// The same as `CheckingAsset`.
    CheckingIndexed(Slot<Call<GetIndexedAsset>>),
    Finished,
}

impl State {
    fn slot(&mut self) -> Option<&mut dyn Receiver> {
        Some(match self {
            Self::Whole(slot) => slot,
            Self::CheckingOwner(slot, _) | Self::Finding(slot) => slot,
            Self::Chunks(slot) => slot,
            Self::Processing(slot) => slot,
            Self::CheckingAsset(slot) => slot,
            Self::Creating(slot) => slot,
            Self::Indexing(slot) => slot,
            Self::CheckingIndexed(slot) => slot,
            Self::Begin | Self::Finished => return None,
        })
    }
}

type IngestResult = Result<IngestedAsset, Error>;

impl IngestAsset {
    /// Creates the flow of `plan` for the API at `base`.
    #[must_use]
    pub fn new(plan: AssetPlan, base: &Url, policy: Policy, seed: u64) -> Self {
        Self {
            plan,
            base: base.clone(),
            policy,
            rng: Rng::new(seed),
            observer: Observer::none(),
            scope: Scope::default(),
            so_far: IngestedAsset::default(),
            stage_started: None,
            is_resumed: false,
            state: State::Begin,
            tokens: Tokens::default(),
        }
    }

    /// Reports progress to `observer`.
    #[must_use]
    pub fn observed(mut self, observer: Observer) -> Self {
        self.observer = observer;
        self
    }

    fn stage(&self) -> Stage {
        match self.state {
            State::Begin | State::Whole(_) | State::CheckingOwner(..) | State::Chunks(_) => {
                Stage::Uploading
            }
            State::Processing(_) | State::CheckingAsset(_) => Stage::Processing,
            State::Finding(_)
            | State::Creating(_)
            | State::Indexing(_)
            | State::CheckingIndexed(_)
            | State::Finished => Stage::Indexing,
        }
    }

    fn end_stage(&mut self, now: Now) {
        let took = now
            .mono
            .saturating_sub(self.stage_started.unwrap_or(now.mono));
        self.so_far.times.push((self.stage(), took));
        self.stage_started = Some(now.mono);
    }

    fn fail(&mut self, now: Now, error: Error) -> IngestResult {
        let stage = self.stage();
        self.so_far
            .history
            .extend(error.history().iter().map(|seen| (stage, seen.clone())));
        self.end_stage(now);
        self.state = State::Finished;
        let reached = Reached::Asset(Box::new(std::mem::take(&mut self.so_far)));
        Err(error.at(stage, Some(reached)))
    }

    fn finish(&mut self) -> IngestResult {
        self.state = State::Finished;
        Ok(std::mem::take(&mut self.so_far))
    }

    fn emit_stage(&self, stage: Stage) {
        self.observer.tell(&Event::StageStarted {
            stage,
            asset_id: self.so_far.asset_id.clone(),
            indexed_asset_id: self.so_far.indexed_asset_id.clone(),
        });
    }

    fn begin(&mut self, now: Now) {
        self.is_resumed = resume::is_resumed(&self.plan.upload);
        if matches!(
            self.plan.upload,
            AssetUpload::Whole(_) | AssetUpload::InDoubt { .. } | AssetUpload::Chunks { .. }
        ) {
            self.emit_stage(Stage::Uploading);
        }
        self.state = match self.plan.upload.clone() {
            AssetUpload::Whole(create) => {
                let seed = self.rng.bits();
                let create = Create::new(
                    create,
                    &self.base,
                    self.policy.clone(),
                    self.plan.reconcile.clone(),
                    seed,
                );
                let intent = Intent::new(now.wall, create.mark());
                self.plan.journal.write(&Record::Creating(intent));
                State::Whole(Slot::new(create.observed(self.observer.clone())))
            }
            AssetUpload::InDoubt { create, intent } => {
                let seed = self.rng.bits();
                let policy = self.policy.clone();
                let create = Create::in_doubt(create, &self.base, policy, seed, &intent);
                State::Whole(Slot::new(create.observed(self.observer.clone())))
            }
            AssetUpload::Chunks {
                source,
                begin,
                settings,
            } => {
                let seed = self.rng.bits();
                let flow = MultipartUpload::new(
                    source,
                    *begin,
                    &self.base,
                    self.policy.clone(),
                    settings,
                    seed,
                );
                State::Chunks(Slot::new(
                    flow.recorded(self.plan.journal.clone())
                        .observed(self.observer.clone()),
                ))
            }
            AssetUpload::Existing(asset_id) | AssetUpload::Resumed { asset_id, .. } => {
                self.process(asset_id)
            }
        };
    }

    fn call<E: Endpoint>(&mut self, endpoint: E) -> Slot<Call<E>> {
        let seed = self.rng.bits();
        let call = Call::new(endpoint, &self.base, self.policy.clone(), seed);
        Slot::new(call.observed(self.observer.clone()))
    }

    fn find(&mut self, asset_id: AssetId, index_id: Option<IndexId>) -> FindIndexed {
        let (policy, observer) = (self.policy.clone(), self.observer.clone());
        let seed = self.rng.bits();
        FindIndexed::new(asset_id, index_id, &self.base, policy, observer, seed)
    }

    /// Waits for the asset if the plan requires it, or if it must be ready to be indexed.
    fn process(&mut self, asset_id: AssetId) -> State {
        self.so_far.asset_id = Some(asset_id.clone());
        let policy = match (&self.plan.wait, &self.plan.index_id) {
            (Some(policy), _) => policy.clone(),
            (None, Some(_)) => WaitPolicy::default(),
            (None, None) if self.is_resumed => {
                let get = self.call(GetAsset { asset_id });
                return State::CheckingAsset(get);
            }
            (None, None) => return State::Finished,
        };
        self.emit_stage(Stage::Processing);
        let seed = self.rng.bits();
        let wait = Wait::new(
            GetAsset { asset_id },
            &self.base,
            self.policy.clone(),
            policy,
            seed,
        );
        State::Processing(Slot::new(wait.observed(self.observer.clone())))
    }

    fn after_upload(&mut self, now: Now, asset_id: AssetId) -> Option<IngestResult> {
        self.plan.journal.write(&Record::Asset(asset_id.clone()));
        self.end_stage(now);
        self.state = self.process(asset_id);
        matches!(self.state, State::Finished).then(|| self.finish())
    }

    fn after_whole(
        &mut self,
        now: Now,
        result: Result<Created<Asset>, Error>,
    ) -> Option<IngestResult> {
        let created = match result {
            Err(error) => {
                if certainly_not_created(&error) {
                    self.plan.journal.write(&Record::NotCreated);
                }
                return Some(self.fail(now, error));
            }
            Ok(created) => created,
        };
        if let AssetUpload::InDoubt { intent, .. } = &self.plan.upload
            && intent.mark.is_none()
            && created.reconciled
        {
            let find = self.find(created.response.id.clone(), None);
            self.state = State::CheckingOwner(Slot::new(find), Box::new(created));
            return None;
        }
        self.take_whole(now, created)
    }

    fn take_whole(&mut self, now: Now, created: Created<Asset>) -> Option<IngestResult> {
        self.so_far.reconciled |= created.reconciled;
        let asset_id = created.response.id.clone();
        self.so_far.asset = Some(created.response);
        self.after_upload(now, asset_id)
    }

    fn after_chunks(&mut self, now: Now, result: Result<Uploaded, Error>) -> Option<IngestResult> {
        match result {
            Err(error) => Some(self.fail(now, error)),
            Ok(uploaded) => {
                let asset_id = uploaded.asset_id.clone();
                self.so_far.upload = Some(uploaded);
                self.after_upload(now, asset_id)
            }
        }
    }

    fn after_processing(
        &mut self,
        now: Now,
        result: Result<Waited<Asset>, Error>,
    ) -> Option<IngestResult> {
        let waited = match result {
            Err(error) => return self.restart_or_fail(now, error),
            Ok(waited) => waited,
        };
        self.so_far.history.extend(
            waited
                .history
                .into_iter()
                .map(|seen| (Stage::Processing, seen)),
        );
        self.end_stage(now);
        let asset_id = waited.value.id.clone();
        self.so_far.asset = Some(waited.value);
        let Some(index_id) = self.plan.index_id.clone() else {
            return Some(self.finish());
        };
        if let AssetUpload::Resumed {
            indexed_asset_id, ..
        } = &mut self.plan.upload
            && let Some(indexed) = indexed_asset_id.take()
        {
            return self.indexing(now, index_id, indexed);
        }
        self.create_unless_indexed(index_id, asset_id);
        None
    }

    fn create(&mut self, index_id: IndexId, asset_id: AssetId) {
        self.emit_stage(Stage::Indexing);
        let mut create = CreateIndexedAsset::new(index_id, asset_id);
        create.indexed_asset.enable_video_stream = self.plan.enable_video_stream;
        create
            .indexed_asset
            .user_metadata
            .clone_from(&self.plan.user_metadata);
        let seed = self.rng.bits();
        let create = Create::new(
            create,
            &self.base,
            self.policy.clone(),
            self.plan.reconcile.clone(),
            seed,
        );
        if let Some(index_id) = self.plan.index_id.clone() {
            self.plan.journal.write(&Record::Indexing(index_id));
        }
        self.state = State::Creating(Slot::new(create.observed(self.observer.clone())));
    }

    fn after_creating(
        &mut self,
        now: Now,
        result: Result<Created<CreatedIndexedAsset>, Error>,
    ) -> Option<IngestResult> {
        let created = match result {
            Err(error) => {
                if certainly_not_created(&error) {
                    self.plan.journal.write(&Record::NotIndexed);
                }
                return Some(self.fail(now, error));
            }
            Ok(created) => created,
        };
        self.so_far.reconciled |= created.reconciled;
        // The asset was just created, so there is nothing of an earlier process to look up.
        self.is_resumed = false;
        let index_id = self.plan.index_id.clone()?;
        self.plan.journal.write(&Record::Indexed {
            index_id: index_id.clone(),
            indexed_asset_id: created.response.id.clone(),
        });
        self.indexing(now, index_id, created.response.id)
    }

    /// Waits for the indexed asset if the plan requires it.
    fn indexing(
        &mut self,
        now: Now,
        index_id: IndexId,
        indexed_asset_id: IndexedAssetId,
    ) -> Option<IngestResult> {
        self.so_far.indexed_asset_id = Some(indexed_asset_id.clone());
        let Some(policy) = self.plan.wait.clone() else {
            if self.is_resumed {
                let get = self.call(GetIndexedAsset::new(index_id, indexed_asset_id));
                self.state = State::CheckingIndexed(get);
                return None;
            }
            self.state = State::Finished;
            self.end_stage(now);
            return Some(self.finish());
        };
        self.emit_stage(Stage::Indexing);
        let get = GetIndexedAsset::new(index_id, indexed_asset_id);
        let wait = Wait::new(
            get,
            &self.base,
            self.policy.clone(),
            policy,
            self.rng.bits(),
        );
        self.state = State::Indexing(Slot::new(wait.observed(self.observer.clone())));
        None
    }

    fn after_indexing(
        &mut self,
        now: Now,
        result: Result<Waited<IndexedAsset>, Error>,
    ) -> Option<IngestResult> {
        let waited = match result {
            Err(error) if self.is_resumed && error.kind() == ErrorKind::NotFound => {
                return self.recreate_indexed(now, error);
            }
            Err(error) => return Some(self.fail(now, error)),
            Ok(waited) => waited,
        };
        self.so_far.history.extend(
            waited
                .history
                .into_iter()
                .map(|seen| (Stage::Indexing, seen)),
        );
        self.so_far.indexed_asset = Some(waited.value);
        self.end_stage(now);
        Some(self.finish())
    }
}

impl IngestAsset {
    /// One step of the current stage: the next action (`Break`), or the result if the ingestion
    /// ends with this stage (`Continue`).
    fn advance(&mut self, now: Now) -> ControlFlow<Step<IngestResult>, Option<IngestResult>> {
        let tokens = &mut self.tokens;
        ControlFlow::Continue(match &mut self.state {
            State::Begin => {
                self.begin(now);
                matches!(self.state, State::Finished).then(|| self.finish())
            }
            State::Whole(slot) => {
                let result = slot.step(now, tokens)?;
                self.after_whole(now, result)
            }
            State::CheckingOwner(slot, created) => {
                let result = slot.step(now, tokens)?;
                let created = (**created).clone();
                self.after_checking_owner(now, result, created)
            }
            State::Chunks(slot) => {
                let result = slot.step(now, tokens)?;
                self.after_chunks(now, result)
            }
            State::Processing(slot) => {
                let result = slot.step(now, tokens)?;
                self.after_processing(now, result)
            }
            State::CheckingAsset(slot) => {
                let result = slot.step(now, tokens)?;
                self.after_checking_asset(now, result)
            }
            State::Finding(slot) => {
                let result = slot.step(now, tokens)?;
                self.after_finding(now, result)
            }
            State::Creating(slot) => {
                let result = slot.step(now, tokens)?;
                self.after_creating(now, result)
            }
            State::Indexing(slot) => {
                let result = slot.step(now, tokens)?;
                self.after_indexing(now, result)
            }
            State::CheckingIndexed(slot) => {
                let result = slot.step(now, tokens)?;
                self.after_checking_indexed(now, result)
            }
            State::Finished => {
                let error = Error::invalid("this ingestion has ended already");
                Some(self.fail(now, error))
            }
        })
    }
}

/// Maximum number of exchanges that `upload` may have in flight, with any alternative.
fn concurrency(upload: &AssetUpload) -> usize {
    match upload {
        AssetUpload::Chunks { settings, .. } => settings.concurrency.max(1) + 2,
        AssetUpload::Resumed { fallback, .. } => concurrency(fallback),
        AssetUpload::Whole(_) | AssetUpload::InDoubt { .. } | AssetUpload::Existing(_) => 1,
    }
}

/// Whether a failed create request has certainly created nothing.
fn certainly_not_created(error: &Error) -> bool {
    !matches!(
        error.kind(),
        ErrorKind::OutcomeUnknown | ErrorKind::Malformed
    )
}

impl IngestAsset {
    fn next_step(&mut self, now: Now) -> Step<<Self as Flow>::Output> {
        self.stage_started.get_or_insert(now.mono);
        loop {
            match self.advance(now) {
                ControlFlow::Continue(None) => {}
                ControlFlow::Continue(Some(result)) => return Step::Done(result),
                ControlFlow::Break(step) => return step,
            }
        }
    }
}

impl Flow for IngestAsset {
    type Output = IngestResult;

    fn max_in_flight(&self) -> usize {
        concurrency(&self.plan.upload)
    }

    fn on_cancel(&mut self) {
        match &mut self.state {
            State::Chunks(flow) => flow.on_cancel(),
            State::Processing(flow) => flow.on_cancel(),
            State::Indexing(flow) => flow.on_cancel(),
            _ => {}
        }
    }

    fn step(&mut self, now: Now) -> Step<Self::Output> {
        let entered = self.scope.enter(Kind::Ingest, OPERATION);
        entered.watch(self.next_step(now))
    }

    fn on_outcome(&mut self, now: Now, token: Token, outcome: Outcome) {
        let _entered = self.scope.enter(Kind::Ingest, OPERATION);
        if let Some(slot) = self.state.slot() {
            slot.on_outcome(now, token, outcome);
        }
    }
}

#[cfg(test)]
mod tests;
