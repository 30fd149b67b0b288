//! Uploads an item: in one request, in chunks, or as a link that the platform fetches.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tl_client::{FileSource, RouteChoice, Stage};
use tl_ledger::{
    Chunk, Hashed, Item, ItemError, Lease, Ledger, NewContent, NewItem, Operation, Outcome, State,
    Update,
};
use tl_model::{Asset, AssetId, AssetStatus, NewUpload, UserMetadata};
use tl_protocol::endpoint::{CreateAsset, CreateUpload, Media};
use tl_protocol::flow::upload::{Begin, IngestRecord, Record, SentChunk, UploadJournal};
use tl_protocol::flow::{AssetPlan, AssetUpload, Reconcile};
use tl_protocol::limiter::{Category, Cost};
use tl_protocol::{ErrorKind, Observer, Source};
use tl_validate::{Route, RulePack};

use super::Shared;
use super::lane::{Claimed, Details, Request, Step, Work, item_error};
use crate::content::{self, Hashing};
use crate::event::Event;
use crate::hash_lane::HashLane;
use crate::uri::{self, Named};

/// What an upload costs: its request, and the minutes and the task of the indexing that follows.
/// The index request is reserved when the asset is ready, so that both are paced.
pub(super) fn cost(item: &Item) -> Cost {
    let mut cost = Cost::upload();
    if !item.index_id.is_empty() {
        cost.video = item.video.unwrap_or_default();
        cost.tasks = 1;
    }
    cost
}

impl Shared {
    /// Uploads an item that is ready, or resumes an upload in chunks.
    pub(super) async fn upload(&self, claimed: &Claimed, details: &mut Details) -> Work {
        let (item, lease) = (&claimed.item, claimed.lease);
        if item.state == State::Ready && !self.has_capacity(item).await {
            self.give_back(lease, cost(item)).await?;
            return Ok(Step::IndexFull);
        }
        let path = match self.file_of(claimed).await? {
            Ok(Some(path)) => path,
            Ok(None) => return self.send_link(claimed, details).await,
            Err(error) => return self.fail(lease, error).await,
        };
        if let Some(step) = self.compare(claimed, &path).await? {
            return Ok(step);
        }
        if let Some(step) = self.share(claimed, &path, details).await? {
            return Ok(step);
        }
        // The semaphore is never closed.
        let _permit = self.sending.acquire().await;
        let opened = tokio::task::spawn_blocking({
            let path = path.clone();
            move || FileSource::open(path)
        });
        let source: Arc<dyn Source> = match opened.await {
            Ok(Ok(source)) => Arc::new(source),
            Ok(Err(error)) => {
                let error = ItemError::new(super::lane::kind_word(error.kind()), error.to_string());
                return self.hold_or_fail(claimed, error).await;
            }
            Err(_) => {
                let error = ItemError::new("file", "the file could not be opened");
                return self.hold_or_fail(claimed, error).await;
            }
        };
        let asked = item.route.as_deref().and_then(|name| name.parse().ok());
        let choice = match asked.or(self.settings.route) {
            Some(route) => RouteChoice::requested(route),
            None => RouteChoice::for_file(source.len(), RulePack::current()),
        };
        let is_chunked = choice.route == Route::Multipart || item.upload_id.is_some();
        details.ingested.route = Some(choice);
        let name = self.filename(item, &path);
        if is_chunked {
            self.send_chunks(claimed, source, name, details).await
        } else {
            self.send_file(claimed, source, name, details).await
        }
    }

    /// Sends a file in one request. Its bytes are hashed meanwhile.
    async fn send_file(
        &self,
        claimed: &Claimed,
        source: Arc<dyn Source>,
        name: Option<String>,
        details: &mut Details,
    ) -> Work {
        let total = source.len();
        let source = Arc::new(Hashing::new(source, self.transfer(claimed, total)));
        let mut create = CreateAsset::new(Media::File(Arc::clone(&source) as Arc<dyn Source>));
        create.filename = name;
        let hash = || source.finish();
        let step = self.create(claimed, create, hash, details).await?;
        if details.is_uploaded {
            details.sent += total;
        }
        Ok(step)
    }

    async fn send_link(&self, claimed: &Claimed, details: &mut Details) -> Work {
        let id = claimed.item.id;
        let uris = self.store.call(move |ledger, _| ledger.sources(id)).await?;
        let link = uris.iter().find_map(|uri| match uri::read(uri) {
            Some(Named::Link(url)) => Some(url),
            _ => None,
        });
        let Some(url) = link else {
            let error = ItemError::new("file", "the item has no source");
            return self.fail(claimed.lease, error).await;
        };
        details.ingested.route = Some(RouteChoice::for_url(RulePack::current()));
        let create = CreateAsset::new(Media::Url(url));
        self.create(claimed, create, || None, details).await
    }

    /// Sends a request that creates an asset, with its mark. `hash` is that of the bytes sent.
    async fn create(
        &self,
        claimed: &Claimed,
        mut create: CreateAsset,
        hash: impl FnOnce() -> Option<[u8; 32]> + Send,
        details: &mut Details,
    ) -> Work {
        let lease = claimed.lease;
        let nonce = self.nonce(claimed);
        create.user_metadata = Some(self.marked(&claimed.item, &nonce));
        let update = Update::to(State::Sending)
            .nonce(nonce)
            .route(route_name(&create));
        let attempt = self.intent(lease, Operation::CreateAsset, update).await?;
        let started = Instant::now();
        match self.creates.call(create).await {
            Ok(asset) => {
                details.is_uploaded = true;
                details
                    .ingested
                    .times
                    .push((Stage::Upload, started.elapsed()));
                let outcome = Outcome::created(asset.id.as_str()).with_http(201);
                let (update, step) = self.after_upload(claimed, &asset);
                let hash = hash();
                self.store
                    .call(move |ledger, now| {
                        keep_hash(ledger, lease, hash)?;
                        ledger.outcome(now, lease, attempt, &outcome, &update)
                    })
                    .await?;
                details.ingested.asset_id = Some(asset.id.clone());
                details.ingested.asset = Some(asset);
                Ok(step)
            }
            Err(error) => {
                let request = Request {
                    attempt,
                    category: Category::Upload,
                    back: State::Ready,
                };
                self.create_failed(claimed, request, &error).await
            }
        }
    }

    /// What follows when the asset exists.
    pub(super) fn after_upload(&self, claimed: &Claimed, asset: &Asset) -> (Update, Step) {
        let is_ready = asset.status == Some(AssetStatus::Ready);
        let status = asset
            .status
            .as_ref()
            .map_or("processing", AssetStatus::as_str);
        let with = |state| Update::to(state).asset_id(asset.id.as_str()).status(status);
        if claimed.item.index_id.is_empty() {
            if is_ready || !self.settings.limits.wait {
                let state = if is_ready {
                    State::Done
                } else {
                    State::Processing
                };
                let step = if is_ready {
                    Step::Done
                } else {
                    Step::Released(state)
                };
                return (with(state).and_release(), step);
            }
        } else if is_ready {
            return (
                with(State::Indexable).and_release(),
                Step::Released(State::Indexable),
            );
        }
        // The lease is kept: this process watches the item.
        (with(State::Processing), Step::Waiting)
    }

    /// Uploads a file in chunks, or resumes that. The ledger has its session and its chunks.
    async fn send_chunks(
        &self,
        claimed: &Claimed,
        source: Arc<dyn Source>,
        name: Option<String>,
        details: &mut Details,
    ) -> Work {
        let (item, lease) = (&claimed.item, claimed.lease);
        let total = source.len();
        let name = name.unwrap_or_else(|| source.name().to_owned());
        let mut new = NewUpload::new(name, "video", total);
        let nonce = item.nonce.clone().unwrap_or_else(|| self.nonce(claimed));
        new.user_metadata = Some(self.marked(item, &nonce));
        let fresh = AssetUpload::Chunks {
            source: Arc::clone(&source),
            begin: Box::new(Begin::New(CreateUpload::new(new))),
            settings: self.settings.chunks.clone(),
        };
        let id = item.id;
        let record = self
            .store
            .call(move |ledger, _| {
                let state = ledger.checkpoint(id)?;
                Ok((state, ledger.chunks(id)?))
            })
            .await?;
        let record = read_record(record);
        let before = record.upload.as_ref().map_or(0, |upload| {
            upload
                .sent
                .values()
                .map(|chunk| chunk.chunk_size)
                .sum::<u64>()
        });
        let update = Update::to(State::Sending)
            .nonce(nonce)
            .route(Route::Multipart.as_str());
        let attempt = self.intent(lease, Operation::CreateUpload, update).await?;
        let upload = record.resume(fresh, false, false);
        let journal = self.journal(claimed);
        let plan = AssetPlan::new(upload)
            .with_wait(None)
            .with_reconcile(Reconcile::Never)
            .with_journal(journal);
        let lane = HashLane::start(source, before);
        let observer = Observer::new({
            let (listener, id, hash_up_to) = (self.listener(), item.id, lane.progress());
            move |event| {
                if let tl_protocol::Event::ChunkSent { bytes, .. } = event {
                    hash_up_to(*bytes);
                    listener(Event::Transfer {
                        item: id,
                        sent: *bytes,
                        total,
                    });
                }
            }
        });
        let started = Instant::now();
        match self.creates.ingest_asset(plan, observer).await {
            Ok(done) => {
                details.is_uploaded = true;
                details.sent += total.saturating_sub(before);
                details
                    .ingested
                    .times
                    .push((Stage::Upload, started.elapsed()));
                details.ingested.upload = done.upload;
                let asset_id = done.asset_id.unwrap_or_else(|| AssetId::from(""));
                let asset = done.asset.unwrap_or_else(|| Asset::new(asset_id.clone()));
                let (update, step) = self.after_upload(claimed, &asset);
                let outcome = Outcome::created(asset_id.as_str());
                let hash = lane.finish().await;
                self.store
                    .call(move |ledger, now| {
                        keep_hash(ledger, lease, hash)?;
                        ledger.set_checkpoint(lease, None)?;
                        ledger.outcome(now, lease, attempt, &outcome, &update)
                    })
                    .await?;
                details.ingested.asset_id = Some(asset_id);
                Ok(step)
            }
            Err(error) => {
                // The ledger has what was sent: the upload resumes. A session whose creation is
                // unknown has no bytes, and expires.
                let word = super::lane::kind_word(error.kind());
                let outcome = Outcome::not_created(word);
                self.outcome(lease, attempt, outcome, Update::new()).await?;
                match error.kind() {
                    ErrorKind::Canceled => {
                        self.store
                            .call(move |ledger, _| ledger.release(lease))
                            .await?;
                        Ok(Step::Released(State::Sending))
                    }
                    ErrorKind::QuotaExhausted | ErrorKind::Unauthorized => {
                        self.store
                            .call(move |ledger, _| ledger.release(lease))
                            .await?;
                        let reason = match error.kind() {
                            ErrorKind::Unauthorized => super::lane::StopReason::KeyRefused,
                            _ => super::lane::StopReason::Quota,
                        };
                        Ok(Step::Stop(reason, item_error(&error)))
                    }
                    _ if error.is_retryable() => {
                        self.hold_or_fail(claimed, item_error(&error)).await
                    }
                    ErrorKind::OutcomeUnknown => {
                        self.hold_or_fail(claimed, item_error(&error)).await
                    }
                    _ => self.fail(lease, item_error(&error)).await,
                }
            }
        }
    }

    /// Stores the records of an upload in chunks. The upload does not wait for those of chunks: one
    /// whose record is lost is only sent again. It waits for that of its session: if all chunks were
    /// sent and the session was not known, its asset would be left over, and the file sent again.
    fn journal(&self, claimed: &Claimed) -> UploadJournal {
        let (store, lease) = (self.store.clone(), claimed.lease);
        let state = std::sync::Mutex::new(IngestRecord::default());
        UploadJournal::new(move |record| {
            let mut state = state
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            state.apply(record);
            match record {
                Record::Sent(number, chunk) => {
                    let chunks = [Chunk::new(*number, chunk.etag.clone(), chunk.chunk_size)];
                    store.send(move |ledger, _| ledger.add_chunks(lease, &chunks));
                }
                Record::Session(session) => {
                    let upload_id = session.upload_id.to_string();
                    let Ok(text) = serde_json::to_string(&*state) else {
                        return;
                    };
                    let stored = store.call_in_order(move |ledger, now| {
                        // Chunks of an earlier session are forgotten.
                        ledger.set_checkpoint(lease, None)?;
                        ledger.set_checkpoint(lease, Some(&text))?;
                        ledger.update(now, lease, &Update::new().upload_id(&upload_id))
                    });
                    // The outcome of the upload fails for the same reason.
                    drop(stored);
                }
                Record::Forgotten(_) => {
                    let Ok(text) = serde_json::to_string(&*state) else {
                        return;
                    };
                    store.send(move |ledger, _| {
                        ledger.set_checkpoint(lease, None)?;
                        ledger.set_checkpoint(lease, Some(&text))
                    });
                }
                _ => {}
            }
        })
    }

    /// Compares a file with its row: it may have changed since it was added, or another file may
    /// have the same bytes. Returns how the item ends, or `None` to upload it.
    async fn compare(
        &self,
        claimed: &Claimed,
        path: &std::path::Path,
    ) -> tl_ledger::Result<Option<Step>> {
        let (item, lease) = (claimed.item.clone(), claimed.lease);
        let stat = match path.metadata() {
            Ok(metadata) => content::stat(&metadata),
            Err(error) => {
                let error = super::intake::unreadable(&item.name, &error);
                return self.fail(lease, error).await.map(Some);
            }
        };
        let Some(uri) = uri::of_file(path) else {
            return Ok(None);
        };
        let (content, known) = (item.content, uri.clone());
        let (is_same, has_twin) = self
            .store
            .call(move |ledger, _| {
                let found = ledger.known(&[(&known, stat)])?;
                Ok((found == [Some(content)], ledger.has_twin(content)?))
            })
            .await?;
        if !is_same {
            let read = read_blocking(path.to_owned(), |path| content::fingerprint(&path)).await;
            let fingerprint = match read {
                Ok(fingerprint) => fingerprint,
                Err(error) => {
                    let error = super::intake::unreadable(&item.name, &error);
                    return self.fail(lease, error).await.map(Some);
                }
            };
            let mut new = NewItem::new(
                uri,
                stat,
                NewContent::Read(fingerprint),
                item.index_id.clone(),
            )
            .with_name(item.name.clone())
            .with_options(item.options_hash.clone())
            .with_state(State::Found);
            new.metadata.clone_from(&item.metadata);
            let (run, account) = (self.run, self.account);
            let added = self
                .store
                .call(move |ledger, now| ledger.add(now, run, account, std::slice::from_ref(&new)))
                .await?;
            let is_other = added.first().is_none_or(|added| added.item != item.id);
            if is_other {
                let text = format!(
                    "`{}` changed after it was added; its new content is a new item",
                    item.name
                );
                let error = ItemError::new("source_changed", text);
                return self.fail(lease, error).await.map(Some);
            }
        }
        if !has_twin || item.state != State::Ready {
            return Ok(None);
        }
        match read_blocking(path.to_owned(), |path| content::hash(&path)).await {
            Ok(hash) => self.merge(claimed, hash).await,
            Err(error) => {
                let error = super::intake::unreadable(&item.name, &error);
                self.fail(lease, error).await.map(Some)
            }
        }
    }

    /// Ends an item whose bytes another item has.
    async fn merge(&self, claimed: &Claimed, hash: [u8; 32]) -> tl_ledger::Result<Option<Step>> {
        let (lease, account, cost) = (claimed.lease, self.account, cost(&claimed.item));
        self.store
            .call(move |ledger, now| {
                let Hashed::DuplicateOf(twin) = ledger.set_hash(lease, hash)? else {
                    return Ok(None);
                };
                let twin = ledger.item(twin)?;
                let mut update = Update::new().status(format!("duplicate of item {}", twin.id));
                if let Some(id) = twin.asset_id {
                    update = update.asset_id(id);
                }
                if let Some(id) = twin.indexed_id {
                    update = update.indexed_id(id);
                }
                if let Some(id) = twin.video_id {
                    update = update.video_id(id);
                }
                ledger.finish(now, lease, update)?;
                ledger.limiter(now, account, |_, limiter| limiter.refund(cost))?;
                Ok(Some(Step::Duplicate))
            })
            .await
    }

    /// The name that the platform gets, if it is not that of the file.
    fn filename(&self, item: &Item, path: &std::path::Path) -> Option<String> {
        let is_path = std::path::Path::new(&item.name).file_name() == path.file_name();
        (!is_path).then(|| item.name.clone())
    }

    /// The user metadata of the item.
    pub(super) fn user_metadata(&self, item: &Item) -> Option<UserMetadata> {
        let metadata = item.metadata.clone()?;
        UserMetadata::try_from(metadata).ok()
    }

    /// The metadata of an asset: its mark and, if it is not indexed, that of the item.
    fn marked(&self, item: &Item, nonce: &str) -> UserMetadata {
        let own = item.index_id.is_empty().then(|| self.user_metadata(item));
        let mut metadata = own.flatten().unwrap_or_default();
        metadata.insert(self.settings.mark.clone(), nonce);
        metadata
    }

    /// A value that no other upload has.
    fn nonce(&self, claimed: &Claimed) -> String {
        if let (Some(_), Some(nonce)) = (&self.settings.idempotency_key, &claimed.item.nonce) {
            return nonce.clone();
        }
        let mut hasher = Sha256::new();
        hasher.update(self.salt.to_le_bytes());
        hasher.update(claimed.lease.item.get().to_le_bytes());
        hasher.update(claimed.lease.epoch.to_le_bytes());
        let hash = hasher.finalize();
        hash.iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// Reports how many bytes of a file were read.
    fn transfer(&self, claimed: &Claimed, total: u64) -> Box<dyn Fn(u64) + Send + Sync> {
        let (listener, item) = (self.listener(), claimed.item.id);
        let last = std::sync::Mutex::new(None::<Instant>);
        Box::new(move |sent| {
            let mut last = last
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            // Reads are small; a display needs few events.
            let is_due = last.is_none_or(|last| last.elapsed() >= Duration::from_millis(200));
            if is_due || sent == total {
                *last = Some(Instant::now());
                listener(Event::Transfer { item, sent, total });
            }
        })
    }
}

/// Stores the hash of the bytes that were sent, if it is known. The lease must not have ended.
fn keep_hash(ledger: &mut Ledger, lease: Lease, hash: Option<[u8; 32]>) -> tl_ledger::Result<()> {
    match hash {
        Some(hash) => ledger.set_hash(lease, hash).map(drop),
        None => Ok(()),
    }
}

fn route_name(create: &CreateAsset) -> &'static str {
    match create.media {
        Media::File(_) => Route::Asset.as_str(),
        Media::Url(_) => Route::AssetUrl.as_str(),
    }
}

/// The record of an upload from its checkpoint and its chunks.
fn read_record((state, chunks): (Option<String>, Vec<Chunk>)) -> IngestRecord {
    let record = state.and_then(|state| serde_json::from_str(&state).ok());
    let mut record: IngestRecord = record.unwrap_or_default();
    for chunk in chunks {
        let sent = SentChunk::new(chunk.etag, chunk.size);
        record.apply(&Record::Sent(chunk.number, sent));
    }
    record
}

async fn read_blocking<T: Send + 'static>(
    path: PathBuf,
    read: impl FnOnce(PathBuf) -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    match tokio::task::spawn_blocking(move || read(path)).await {
        Ok(result) => result,
        Err(_) => Err(std::io::Error::other("the read was aborted")),
    }
}
