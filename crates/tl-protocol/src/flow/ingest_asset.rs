//! A video into an index on the platform's present path: an asset, uploaded whole or in chunks or fetched by the platform;
//! the wait until it is ready; the indexed asset; the wait until that is ready. Each stage is also a flow of its own.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use tl_model::{
    Asset, AssetId, CreatedIndexedAsset, IndexId, IndexedAsset, IndexedAssetId, UserMetadata,
};
use url::Url;

use crate::{
    Error, Flow, Now, Observer, Outcome, Policy, Source, Step, Token,
    chance::Chance,
    endpoint::{CreateAsset, CreateIndexedAsset, GetAsset, GetIndexedAsset},
    error::StatusSeen,
    flow::{
        Create, Made, Reconcile, Wait, WaitPolicy, Waited,
        upload::{Begin, Ledger, MultipartUpload, UploadSettings, Uploaded},
    },
};

/// How the media reaches the platform.
#[derive(Debug, Clone)]
pub enum AssetUpload {
    /// In one request, or by a URL that the platform fetches.
    Whole(CreateAsset),
    /// In chunks.
    Chunks {
        /// The bytes.
        source: Arc<dyn Source>,
        /// A new session or that of an earlier process.
        begin: Box<Begin>,
        /// How chunks are sent.
        settings: UploadSettings,
        /// What a later process must know.
        ledger: Ledger,
    },
    /// It is there already.
    Existing(AssetId),
}

/// What an ingestion is to do.
#[derive(Debug, Clone)]
pub struct AssetPlan {
    /// How the media gets there.
    pub upload: AssetUpload,
    /// The index that it goes into; without one, it stays an asset.
    pub index_id: Option<IndexId>,
    /// Whether the platform keeps the video for streaming. The platform's default is no on this path.
    pub enable_video_stream: Option<bool>,
    /// The caller's own data about the indexed asset.
    pub user_metadata: Option<UserMetadata>,
    /// How to wait at the end, for the index or, without one, for the asset. `None` returns as soon as the platform has
    /// taken the last step on; an asset that is to be indexed is always waited for, because it must be ready.
    pub wait: Option<WaitPolicy>,
    /// What is done where an answer is lost (see [`Create::new`]).
    pub reconcile: Reconcile,
}

/// A stage of an ingestion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The bytes go to the platform.
    Uploading,
    /// The platform makes an asset of them.
    Processing,
    /// The asset goes into the index.
    Indexing,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Uploading => "upload",
            Self::Processing => "processing",
            Self::Indexing => "indexing",
        })
    }
}

/// What an ingestion has come to so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct IngestedAsset {
    /// The asset.
    pub asset_id: Option<AssetId>,
    /// The asset as it was seen last.
    pub asset: Option<Asset>,
    /// How the upload in chunks went, where there was one.
    pub upload: Option<Uploaded>,
    /// The asset in the index; also the id of the video.
    pub indexed_asset_id: Option<IndexedAssetId>,
    /// The indexed asset when it was ready.
    pub indexed_asset: Option<IndexedAsset>,
    /// The statuses that were seen, with their stage, oldest first.
    pub history: Vec<(Stage, StatusSeen)>,
    /// The time of each stage that was gone through.
    pub times: Vec<(Stage, Duration)>,
    /// Whether an answer was lost and what it had made was found by a look.
    pub reconciled: bool,
}

/// An ingestion that did not come to its end: where, why, and what there is all the same.
#[derive(Debug)]
pub struct IngestFailure {
    /// The stage.
    pub stage: Stage,
    /// What it had come to: its ids are worth keeping.
    pub so_far: Box<IngestedAsset>,
    /// Why.
    pub error: Error,
}

impl fmt::Display for IngestFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed: {}", self.stage, self.error)?;
        if let Some(id) = &self.so_far.asset_id {
            write!(f, " (asset {id} exists)")?;
        }
        Ok(())
    }
}

impl std::error::Error for IngestFailure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.error)
    }
}

/// The flow of one video.
#[derive(Debug)]
pub struct IngestAsset {
    plan: AssetPlan,
    base: Url,
    policy: Policy,
    chance: Chance,
    observer: Observer,
    so_far: IngestedAsset,
    /// When the stage at hand began.
    began: Option<Duration>,
    state: State,
    /// Which stage started an exchange, and under which token: what a stage leaves in flight is not for the next one.
    tokens: BTreeMap<Token, (u32, Token)>,
    next_token: u32,
    generation: u32,
}

#[derive(Debug)]
enum State {
    Begin,
    Whole(Box<Create<CreateAsset>>),
    Chunks(Box<MultipartUpload>),
    Processing(Box<Wait<GetAsset>>),
    Creating(Box<Create<CreateIndexedAsset>>),
    Indexing(Box<Wait<GetIndexedAsset>>),
    Finished,
}

type Answer = Result<IngestedAsset, IngestFailure>;

impl IngestAsset {
    /// The flow of `plan` at the API at `base`.
    #[must_use]
    pub fn new(plan: AssetPlan, base: &Url, policy: Policy, seed: u64) -> Self {
        Self {
            plan,
            base: base.clone(),
            policy,
            chance: Chance::new(seed),
            observer: Observer::none(),
            so_far: IngestedAsset::default(),
            began: None,
            state: State::Begin,
            tokens: BTreeMap::new(),
            next_token: 0,
            generation: 0,
        }
    }

    /// The same flow that tells `observer` how it goes on.
    #[must_use]
    pub fn observed(mut self, observer: Observer) -> Self {
        self.observer = observer;
        self
    }

    /// Passes on what a stage wants, under a token of this flow's own.
    fn hand_on<T>(&mut self, step: Step<T>) -> Step<Answer> {
        match step {
            Step::Start(inner, exchange) => {
                self.next_token = self.next_token.wrapping_add(1);
                let token = Token(self.next_token);
                self.tokens.insert(token, (self.generation, inner));
                Step::Start(token, exchange)
            }
            Step::Wait { until } => Step::Wait { until },
            // An end is taken where it comes.
            Step::Done(_) => Step::Wait {
                until: Some(Duration::ZERO),
            },
        }
    }

    fn stage(&self) -> Stage {
        match self.state {
            State::Begin | State::Whole(_) | State::Chunks(_) => Stage::Uploading,
            State::Processing(_) => Stage::Processing,
            State::Creating(_) | State::Indexing(_) | State::Finished => Stage::Indexing,
        }
    }

    fn end_stage(&mut self, now: Now) {
        let took = now.mono.saturating_sub(self.began.unwrap_or(now.mono));
        self.so_far.times.push((self.stage(), took));
        self.began = Some(now.mono);
    }

    fn fail(&mut self, now: Now, error: Error) -> Answer {
        let stage = self.stage();
        self.so_far
            .history
            .extend(error.history().iter().map(|seen| (stage, seen.clone())));
        self.end_stage(now);
        self.state = State::Finished;
        Err(IngestFailure {
            stage,
            so_far: Box::new(std::mem::take(&mut self.so_far)),
            error,
        })
    }

    fn finish(&mut self) -> Answer {
        self.state = State::Finished;
        Ok(std::mem::take(&mut self.so_far))
    }

    fn begin(&mut self) {
        self.state = match self.plan.upload.clone() {
            AssetUpload::Whole(create) => {
                let seed = self.chance.bits();
                let create = Create::new(
                    create,
                    &self.base,
                    self.policy.clone(),
                    self.plan.reconcile.clone(),
                    seed,
                );
                State::Whole(Box::new(create.observed(self.observer.clone())))
            }
            AssetUpload::Chunks {
                source,
                begin,
                settings,
                ledger,
            } => {
                let seed = self.chance.bits();
                let flow = MultipartUpload::new(
                    source,
                    *begin,
                    &self.base,
                    self.policy.clone(),
                    settings,
                    seed,
                );
                State::Chunks(Box::new(
                    flow.recorded(ledger).observed(self.observer.clone()),
                ))
            }
            AssetUpload::Existing(asset_id) => self.process(asset_id),
        };
    }

    /// Waits for the asset where the plan says so, or where it must be ready to be indexed.
    fn process(&mut self, asset_id: AssetId) -> State {
        self.so_far.asset_id = Some(asset_id.clone());
        let policy = match (&self.plan.wait, &self.plan.index_id) {
            (Some(policy), _) => policy.clone(),
            (None, Some(_)) => WaitPolicy::default(),
            (None, None) => return State::Finished,
        };
        let seed = self.chance.bits();
        let wait = Wait::new(
            GetAsset { asset_id },
            &self.base,
            self.policy.clone(),
            policy,
            seed,
        );
        State::Processing(Box::new(wait.observed(self.observer.clone())))
    }

    fn after_upload(&mut self, now: Now, asset_id: AssetId) -> Option<Answer> {
        self.end_stage(now);
        self.state = self.process(asset_id);
        matches!(self.state, State::Finished).then(|| self.finish())
    }

    fn after_whole(&mut self, now: Now, result: Result<Made<Asset>, Error>) -> Option<Answer> {
        match result {
            Err(error) => Some(self.fail(now, error)),
            Ok(made) => {
                self.so_far.reconciled |= made.reconciled;
                let asset_id = made.answer.id.clone();
                self.so_far.asset = Some(made.answer);
                self.after_upload(now, asset_id)
            }
        }
    }

    fn after_chunks(&mut self, now: Now, result: Result<Uploaded, Error>) -> Option<Answer> {
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
    ) -> Option<Answer> {
        let waited = match result {
            Err(error) => return Some(self.fail(now, error)),
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
        let mut create = CreateIndexedAsset::new(index_id, asset_id);
        create.indexed_asset.enable_video_stream = self.plan.enable_video_stream;
        create
            .indexed_asset
            .user_metadata
            .clone_from(&self.plan.user_metadata);
        let seed = self.chance.bits();
        let create = Create::new(
            create,
            &self.base,
            self.policy.clone(),
            self.plan.reconcile.clone(),
            seed,
        );
        self.state = State::Creating(Box::new(create.observed(self.observer.clone())));
        None
    }

    fn after_creating(
        &mut self,
        now: Now,
        result: Result<Made<CreatedIndexedAsset>, Error>,
    ) -> Option<Answer> {
        let made = match result {
            Err(error) => return Some(self.fail(now, error)),
            Ok(made) => made,
        };
        self.so_far.reconciled |= made.reconciled;
        self.so_far.indexed_asset_id = Some(made.answer.id.clone());
        let (Some(policy), Some(index_id)) = (self.plan.wait.clone(), self.plan.index_id.clone())
        else {
            self.end_stage(now);
            return Some(self.finish());
        };
        let get = GetIndexedAsset::new(index_id, made.answer.id);
        let wait = Wait::new(
            get,
            &self.base,
            self.policy.clone(),
            policy,
            self.chance.bits(),
        );
        self.state = State::Indexing(Box::new(wait.observed(self.observer.clone())));
        None
    }

    fn after_indexing(&mut self, now: Now, result: Result<Waited<IndexedAsset>, Error>) -> Answer {
        let waited = match result {
            Err(error) => return self.fail(now, error),
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
        self.finish()
    }
}

impl Flow for IngestAsset {
    type Output = Answer;

    fn max_in_flight(&self) -> usize {
        match &self.plan.upload {
            AssetUpload::Chunks { settings, .. } => settings.lanes.max(1) + 2,
            AssetUpload::Whole(_) | AssetUpload::Existing(_) => 1,
        }
    }

    fn step(&mut self, now: Now) -> Step<Self::Output> {
        self.began.get_or_insert(now.mono);
        loop {
            let end = match &mut self.state {
                State::Begin => {
                    self.begin();
                    matches!(self.state, State::Finished).then(|| self.finish())
                }
                State::Whole(flow) => match flow.step(now) {
                    Step::Done(result) => self.after_whole(now, result),
                    step => return self.hand_on(step),
                },
                State::Chunks(flow) => match flow.step(now) {
                    Step::Done(result) => self.after_chunks(now, result),
                    step => return self.hand_on(step),
                },
                State::Processing(flow) => match flow.step(now) {
                    Step::Done(result) => self.after_processing(now, result),
                    step => return self.hand_on(step),
                },
                State::Creating(flow) => match flow.step(now) {
                    Step::Done(result) => self.after_creating(now, result),
                    step => return self.hand_on(step),
                },
                State::Indexing(flow) => match flow.step(now) {
                    Step::Done(result) => Some(self.after_indexing(now, result)),
                    step => return self.hand_on(step),
                },
                State::Finished => {
                    let error = Error::invalid("this ingestion has ended already");
                    Some(self.fail(now, error))
                }
            };
            self.generation += 1;
            if let Some(answer) = end {
                return Step::Done(answer);
            }
        }
    }

    fn on_outcome(&mut self, now: Now, token: Token, outcome: Outcome) {
        let Some((generation, token)) = self.tokens.remove(&token) else {
            return;
        };
        if generation != self.generation {
            return;
        }
        match &mut self.state {
            State::Whole(flow) => flow.on_outcome(now, token, outcome),
            State::Chunks(flow) => flow.on_outcome(now, token, outcome),
            State::Processing(flow) => flow.on_outcome(now, token, outcome),
            State::Creating(flow) => flow.on_outcome(now, token, outcome),
            State::Indexing(flow) => flow.on_outcome(now, token, outcome),
            State::Begin | State::Finished => {}
        }
    }
}
