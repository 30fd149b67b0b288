//! Adds entities from images to a collection: uploads the images, waits for the assets, creates the
//! entities in bulk, tries those again that failed, and waits until all are ready.
//!
//! An entity whose name the collection already has is skipped, so that a second run adds only what
//! is missing. A failure of one entity does not end the others.

use std::{collections::BTreeSet, ops::ControlFlow};

use tl_model::{
    AssetId, CreatedEntities, Entity, EntityCollectionId, EntityId, NewEntity, Page, UserMetadata,
};
use url::Url;

use crate::{
    Error, ErrorKind, Flow, Now, Observer, Outcome, Policy, Step, Token,
    endpoint::{
        CreateAsset, CreateEntities, GetAsset, GetEntity, ListEntities, Media, PageRequest,
    },
    flow::{
        Call, Create, Reconcile, Wait, WaitPolicy,
        slot::{Receiver, Slot, Tokens},
    },
    rng::Rng,
};

/// Maximum number of entities per request. The platform documents no limit.
const MAX_BULK: usize = 50;
/// The largest page of the platform.
const PAGE: u32 = 50;
/// How often the creation of an entity is tried.
const ATTEMPTS: u32 = 2;

/// An entity to add.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EntityImages {
    /// The name of the entity.
    pub name: String,
    /// The images that show it, at least one.
    pub images: Vec<Media>,
    /// Its description.
    pub description: Option<String>,
    /// Custom metadata.
    pub metadata: Option<UserMetadata>,
}

impl EntityImages {
    /// An entity with a name and images.
    #[must_use]
    pub fn new(name: impl Into<String>, images: Vec<Media>) -> Self {
        Self {
            name: name.into(),
            images,
            description: None,
            metadata: None,
        }
    }
}

/// The result of adding entities.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct AddedEntities {
    /// The entities that were created, in the order of the input. They are ready if the flow
    /// waited.
    pub created: Vec<Entity>,
    /// The names of the entities that the collection had already. Nothing was sent for them.
    pub skipped: Vec<String>,
    /// The entities that were not created.
    pub failed: Vec<FailedEntity>,
    /// The error that ended the run early. What is not in the other lists was not tried.
    pub stopped: Option<Error>,
}

/// An entity that was not created.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FailedEntity {
    /// Its name.
    pub name: String,
    /// Why it was not created, for humans.
    pub reason: String,
    /// Its images that were uploaded. They exist and can be used or deleted.
    pub asset_ids: Vec<AssetId>,
}

/// An entity on its way.
#[derive(Debug)]
struct Pending {
    of: EntityImages,
    assets: Vec<AssetId>,
    attempts: u32,
    failure: Option<String>,
    created: Option<EntityId>,
    entity: Option<Entity>,
}

/// The flow that adds entities.
#[derive(Debug)]
pub struct AddEntities {
    collection: EntityCollectionId,
    base: Url,
    policy: Policy,
    /// How long to wait for assets and entities.
    wait: WaitPolicy,
    waits_for_entities: bool,
    rng: Rng,
    observer: Observer,
    pending: Vec<Pending>,
    skipped: Vec<String>,
    known: BTreeSet<String>,
    state: State,
    tokens: Tokens,
}

#[derive(Debug)]
enum State {
    Listing {
        page: u32,
        call: Slot<Call<ListEntities>>,
    },
    /// Uploads the next image of an entity.
    Uploading {
        at: usize,
        create: Slot<Create<CreateAsset>>,
    },
    /// Waits for an image of an entity.
    WaitingForImage {
        at: usize,
        image: usize,
        wait: Slot<Wait<GetAsset>>,
    },
    Creating {
        /// The positions of the entities of the request.
        batch: Vec<usize>,
        call: Slot<Call<CreateEntities>>,
    },
    WaitingForEntity {
        at: usize,
        wait: Slot<Wait<GetEntity>>,
    },
    Finished,
}

impl AddEntities {
    /// Creates a flow that adds `entities` to a collection of the API at `base`. Without `wait`, it
    /// ends once they are created; images are waited for in any case.
    #[must_use]
    pub fn new(
        collection: EntityCollectionId,
        entities: Vec<EntityImages>,
        base: &Url,
        policy: Policy,
        wait: Option<WaitPolicy>,
        seed: u64,
    ) -> Self {
        let pending = entities.into_iter().map(|of| Pending {
            of,
            assets: Vec::new(),
            attempts: 0,
            failure: None,
            created: None,
            entity: None,
        });
        let mut flow = Self {
            collection,
            base: base.clone(),
            policy,
            waits_for_entities: wait.is_some(),
            wait: wait.unwrap_or_default(),
            rng: Rng::new(seed),
            observer: Observer::none(),
            pending: pending.collect(),
            skipped: Vec::new(),
            known: BTreeSet::new(),
            state: State::Finished,
            tokens: Tokens::default(),
        };
        flow.state = flow.list(1);
        flow
    }

    /// Reports progress to `observer`.
    #[must_use]
    pub fn observed(mut self, observer: Observer) -> Self {
        if let State::Listing { call, .. } = &mut self.state {
            call.get_mut().observe(observer.clone());
        }
        self.observer = observer;
        self
    }

    fn call<E: crate::Endpoint>(&mut self, endpoint: E) -> Slot<Call<E>> {
        let call = Call::new(endpoint, &self.base, self.policy.clone(), self.rng.bits());
        Slot::new(call.observed(self.observer.clone()))
    }

    fn list(&mut self, page: u32) -> State {
        let request = PageRequest {
            page: Some(page),
            page_limit: Some(PAGE),
        };
        let list = ListEntities::new(self.collection.clone()).page(request);
        State::Listing {
            page,
            call: self.call(list),
        }
    }

    fn listed(&mut self, page: u32, listed: &Page<Entity>) -> State {
        let names = listed.data.iter().filter_map(|entity| entity.name.clone());
        self.known.extend(names);
        let pages = listed.page_info.total_page;
        let has_more = match pages {
            Some(pages) => u64::from(page) < pages,
            None => listed.data.len() >= PAGE as usize,
        };
        if has_more && !listed.data.is_empty() {
            return self.list(page.saturating_add(1));
        }
        let mut known = std::mem::take(&mut self.known);
        let mut skipped = Vec::new();
        self.pending.retain(|pending| {
            // A name that is given twice is added once.
            let is_new = known.insert(pending.of.name.clone());
            if !is_new {
                skipped.push(pending.of.name.clone());
            }
            is_new
        });
        self.skipped = skipped;
        for pending in &mut self.pending {
            if pending.of.images.is_empty() {
                pending.failure = Some("there is no image".to_owned());
            }
        }
        self.next_upload()
    }

    /// The next image to upload, or the first one to wait for.
    fn next_upload(&mut self) -> State {
        let next = self.pending.iter().position(|pending| {
            pending.failure.is_none() && pending.assets.len() < pending.of.images.len()
        });
        let Some(at) = next else {
            return self.next_image(0, 0);
        };
        let pending = &self.pending[at];
        let media = pending.of.images[pending.assets.len()].clone();
        let (seed, reconcile) = (self.rng.bits(), Reconcile::ByNameAndTime);
        let asset = CreateAsset::new(media);
        let mut create = Create::new(asset, &self.base, self.policy.clone(), reconcile, seed);
        create.observe(self.observer.clone());
        State::Uploading {
            at,
            create: Slot::new(create),
        }
    }

    /// The next image to wait for, from this one on.
    fn next_image(&mut self, at: usize, image: usize) -> State {
        let (mut at, mut image) = (at, image);
        while let Some(pending) = self.pending.get(at) {
            if pending.failure.is_none()
                && let Some(asset) = pending.assets.get(image)
            {
                let wait = Wait::new(
                    GetAsset::new(asset.clone()),
                    &self.base,
                    self.policy.clone(),
                    self.wait.clone(),
                    self.rng.bits(),
                );
                let wait = Slot::new(wait.observed(self.observer.clone()));
                return State::WaitingForImage { at, image, wait };
            }
            (at, image) = (at + 1, 0);
        }
        self.next_batch()
    }

    /// The next entities to create, or the first one to wait for.
    fn next_batch(&mut self) -> State {
        let open = self.pending.iter().enumerate().filter(|(_, pending)| {
            let is_open = pending.created.is_none() && pending.attempts < ATTEMPTS;
            // A failure before the creation is final.
            is_open && (pending.failure.is_none() || pending.attempts > 0)
        });
        let batch: Vec<usize> = open.map(|(at, _)| at).take(MAX_BULK).collect();
        if batch.is_empty() {
            return self.next_entity(0);
        }
        let mut entities = Vec::new();
        for at in &batch {
            let pending = &mut self.pending[*at];
            pending.attempts += 1;
            let mut entity = NewEntity::new(pending.of.name.as_str(), pending.assets.clone());
            entity.description.clone_from(&pending.of.description);
            entity.metadata.clone_from(&pending.of.metadata);
            entities.push(entity);
        }
        let create = CreateEntities::new(self.collection.clone(), entities);
        State::Creating {
            batch,
            call: self.call(create),
        }
    }

    fn created(&mut self, batch: &[usize], result: CreatedEntities) {
        let mut failed = BTreeSet::new();
        for error in result.errors {
            let at = error
                .entity_index
                .and_then(|index| usize::try_from(index).ok())
                .and_then(|index| batch.get(index));
            if let Some(at) = at {
                failed.insert(*at);
                let reason = error.error_reason;
                self.pending[*at].failure =
                    Some(reason.unwrap_or_else(|| "no reason is given".to_owned()));
            }
        }
        // The created ones are in the order of the request.
        let positions = batch.iter().filter(|at| !failed.contains(at));
        for (at, entity) in positions.zip(result.entities) {
            let pending = &mut self.pending[*at];
            pending.failure = None;
            pending.created = Some(entity.id.clone());
            pending.entity = Some(entity);
        }
    }

    /// The next entity to wait for, from this one on.
    fn next_entity(&mut self, from: usize) -> State {
        if !self.waits_for_entities {
            return State::Finished;
        }
        let rest = self.pending.iter().enumerate().skip(from);
        let next = rest
            .filter_map(|(at, pending)| Some((at, pending.created.clone()?)))
            .next();
        let Some((at, id)) = next else {
            return State::Finished;
        };
        let wait = Wait::new(
            GetEntity::new(self.collection.clone(), id),
            &self.base,
            self.policy.clone(),
            self.wait.clone(),
            self.rng.bits(),
        );
        let wait = Slot::new(wait.observed(self.observer.clone()));
        State::WaitingForEntity { at, wait }
    }

    /// The result, with what the error that ended the run left undone.
    fn result(&mut self, stopped: Option<Error>) -> AddedEntities {
        let mut added = AddedEntities {
            skipped: std::mem::take(&mut self.skipped),
            stopped,
            ..AddedEntities::default()
        };
        for pending in std::mem::take(&mut self.pending) {
            match (pending.entity, pending.failure) {
                (Some(entity), _) => added.created.push(entity),
                (None, Some(reason)) => added.failed.push(FailedEntity {
                    name: pending.of.name,
                    reason,
                    asset_ids: pending.assets,
                }),
                // Images that were uploaded must not be forgotten.
                (None, None) if !pending.assets.is_empty() => added.failed.push(FailedEntity {
                    name: pending.of.name,
                    reason: "the run ended before it was created".to_owned(),
                    asset_ids: pending.assets,
                }),
                (None, None) => {}
            }
        }
        added
    }
}

/// Whether an error concerns one entity only, so that the others go on.
fn is_of_one(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Refused
            | ErrorKind::NotFound
            | ErrorKind::ProcessingFailed
            | ErrorKind::DeadlinePassed
            | ErrorKind::SourceFailed
    )
}

impl Flow for AddEntities {
    type Output = Result<AddedEntities, Error>;

    fn step(&mut self, now: Now) -> Step<Self::Output> {
        loop {
            let tokens = &mut self.tokens;
            let next = match &mut self.state {
                State::Listing { page, call } => match call.step(now, tokens) {
                    ControlFlow::Break(step) => return step,
                    ControlFlow::Continue(Err(error)) => return Step::Done(Err(error)),
                    ControlFlow::Continue(Ok(listed)) => {
                        let page = *page;
                        Ok(self.listed(page, &listed))
                    }
                },
                State::Uploading { at, create } => match create.step(now, tokens) {
                    ControlFlow::Break(step) => return step,
                    ControlFlow::Continue(result) => {
                        let at = *at;
                        result
                            .map(|created| self.pending[at].assets.push(created.response.id))
                            .or_else(|error| self.fail(at, error))
                            .map(|()| self.next_upload())
                    }
                },
                State::WaitingForImage { at, image, wait } => match wait.step(now, tokens) {
                    ControlFlow::Break(step) => return step,
                    ControlFlow::Continue(result) => {
                        let (at, image) = (*at, *image);
                        result
                            .map(|_| ())
                            .or_else(|error| self.fail(at, error))
                            .map(|()| self.next_image(at, image + 1))
                    }
                },
                State::Creating { batch, call } => match call.step(now, tokens) {
                    ControlFlow::Break(step) => return step,
                    ControlFlow::Continue(Err(error)) => Err(error),
                    ControlFlow::Continue(Ok(result)) => {
                        let batch = std::mem::take(batch);
                        self.created(&batch, result);
                        Ok(self.next_batch())
                    }
                },
                State::WaitingForEntity { at, wait } => match wait.step(now, tokens) {
                    ControlFlow::Break(step) => return step,
                    ControlFlow::Continue(result) => {
                        let at = *at;
                        let result = result.map(|waited| waited.value);
                        match result {
                            Ok(entity) => {
                                self.pending[at].entity = Some(entity);
                                Ok(self.next_entity(at + 1))
                            }
                            // It was created: the wait can go on later.
                            Err(error) => Err(error),
                        }
                    }
                },
                State::Finished => return Step::Done(Ok(self.result(None))),
            };
            match next {
                Ok(state) => self.state = state,
                Err(error) => {
                    self.state = State::Finished;
                    return Step::Done(Ok(self.result(Some(error))));
                }
            }
        }
    }

    fn on_cancel(&mut self) {
        match &mut self.state {
            State::WaitingForImage { wait, .. } => wait.on_cancel(),
            State::WaitingForEntity { wait, .. } => wait.on_cancel(),
            _ => {}
        }
    }

    fn on_outcome(&mut self, now: Now, token: Token, outcome: Outcome) {
        match &mut self.state {
            State::Listing { call, .. } => call.on_outcome(now, token, outcome),
            State::Uploading { create, .. } => create.on_outcome(now, token, outcome),
            State::WaitingForImage { wait, .. } => wait.on_outcome(now, token, outcome),
            State::Creating { call, .. } => call.on_outcome(now, token, outcome),
            State::WaitingForEntity { wait, .. } => wait.on_outcome(now, token, outcome),
            State::Finished => {}
        }
    }
}

impl AddEntities {
    /// Records the failure of one entity, or returns the error that ends the run.
    fn fail(&mut self, at: usize, error: Error) -> Result<(), Error> {
        if !is_of_one(&error) {
            return Err(error);
        }
        self.pending[at].failure = Some(error.to_string());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
