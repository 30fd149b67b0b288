//! Ingestion of one video: open, choose a route, check, resume, send, finish. Shared by the async
//! and the blocking client, which only differ in how they wait for file reads.

mod finish;
mod media;
mod resume;

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::{Duration, Instant, SystemTime},
};

use tl_model::{AssetId, IndexId, NewUpload, UploadType, UserMetadata};
use tl_protocol::{
    Event as ApiEvent, Observer, Resource, Source, Stage as FlowStage,
    endpoint::{CreateAsset, CreateTask, CreateUpload, Media},
    flow::{
        AssetPlan, AssetUpload, Reconcile, WaitPolicy,
        upload::{Begin, UploadJournal, UploadSettings},
    },
};
use tl_validate::{
    ProbeError, ProbeErrorKind, Report, Route, RulePack, Target,
    static_file::{Purpose, StaticKind},
};
use url::Url;

pub(crate) use self::finish::Finish;
use self::media::{MediaBytes, Opened, RoutedMedia};
use crate::{
    Checker, Error, ErrorKind, Event, FileSource, Ingested, Input, NotChecked, Stage,
    cancel::Cancels,
    checker::{self, Checked},
    checkpoint::{self, CheckpointWriter},
    input::refuse_link,
    route::{self, Payload, Routed},
};

type Listener = Arc<dyn Fn(&Event) + Send + Sync>;

/// Where to store the checkpoint.
#[derive(Debug, Clone)]
pub(crate) enum CheckpointLocation {
    /// In the default folder, for files only.
    Default,
    /// In this folder.
    Folder(PathBuf),
    Disabled,
}

/// Settings of an upload or ingestion.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) input: Input,
    /// Whether `index_id` is required: yes for an ingestion, no for an upload.
    needs_index: bool,
    pub(crate) index_id: Option<IndexId>,
    pub(crate) user_metadata: Option<UserMetadata>,
    pub(crate) enable_video_stream: Option<bool>,
    pub(crate) wait: Option<WaitPolicy>,
    pub(crate) route: Option<Route>,
    pub(crate) checkpoint: CheckpointLocation,
    pub(crate) restart: bool,
    pub(crate) settings: UploadSettings,
    pub(crate) reconcile: Reconcile,
    pub(crate) skip_check: bool,
    pub(crate) cancels: Cancels,
    pub(crate) listener: Option<Listener>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("input", &self.input)
            .field("index_id", &self.index_id)
            .finish_non_exhaustive()
    }
}

/// A request that has passed the check and can be sent.
#[derive(Debug)]
pub(crate) struct PreparedUpload {
    pub(crate) send: UploadPlan,
    pub(crate) observer: Observer,
    pub(crate) finish: Finish,
}

/// What to send.
#[derive(Debug)]
pub(crate) enum UploadPlan {
    Task {
        create: CreateTask,
        wait: Option<WaitPolicy>,
    },
    Asset(Box<AssetPlan>),
}

impl Request {
    pub(crate) fn upload(input: Input) -> Self {
        Self::new(input, false)
    }

    pub(crate) fn ingest(input: Input) -> Self {
        Self::new(input, true)
    }

    fn new(input: Input, needs_index: bool) -> Self {
        Self {
            input,
            needs_index,
            index_id: None,
            user_metadata: None,
            enable_video_stream: None,
            wait: Some(WaitPolicy::default()),
            route: None,
            checkpoint: CheckpointLocation::Default,
            restart: false,
            settings: UploadSettings::default(),
            reconcile: Reconcile::default(),
            skip_check: false,
            cancels: Cancels::default(),
            listener: None,
        }
    }

    fn emit(&self, event: &Event) {
        if let Some(listener) = &self.listener {
            listener(event);
        }
    }

    /// Creates the observer for API events. Once the platform has the bytes, it closes `file`: the
    /// rest is waiting.
    fn observer(&self, file: Option<Arc<FileSource>>) -> Observer {
        let listener = self.listener.clone();
        Observer::new(move |event| {
            let is_sent = match event {
                ApiEvent::StageStarted { stage, .. } => *stage != FlowStage::Uploading,
                ApiEvent::Created { resource } => matches!(resource, Resource::Task(_)),
                _ => false,
            };
            if let Some(file) = file.as_ref().filter(|_| is_sent) {
                file.release();
            }
            if let Some(listener) = &listener {
                listener(&Event::Api(event.clone()));
            }
        })
    }

    /// Opens the input, chooses the route, checks, and resumes from a checkpoint. Blocks while it
    /// reads.
    ///
    /// # Errors
    /// [`ErrorKind::RefusedLocally`] with the report if the platform would reject the file.
    pub(crate) fn prepare(
        &self,
        base: &Url,
        cell: &OnceLock<Checker>,
    ) -> Result<PreparedUpload, Error> {
        let began = Instant::now();
        self.check_settings()?;
        let payload = match self.open()? {
            Opened::Asset(asset_id) => return Ok(self.prepare_existing(asset_id)),
            Opened::Media(payload) => payload,
        };
        let rules = cell
            .get()
            .map_or(RulePack::current() as &RulePack, Checker::rules);
        let choice = match (self.route, &payload) {
            (Some(route), _) => route::requested(route),
            (None, Payload::Bytes(bytes)) => {
                route::choose(Payload::Bytes(bytes.as_source().len()), rules)
            }
            (None, Payload::Link(_)) => route::choose(Payload::Link(()), rules),
        };
        let routed = route::routed(payload, choice.route, self.index_id.as_ref())?;
        self.emit(&Event::Route(choice.clone()));
        let route = choice.route;
        let mut so_far = Ingested {
            route: Some(choice),
            index_id: self.index_id.clone(),
            ..Ingested::default()
        };
        match self.check(&routed, route, cell)? {
            Ok(report) => {
                so_far.report = Some(report);
                let probe_time = match &self.input {
                    Input::Probed(probed) => probed.probe_time,
                    _ => Duration::ZERO,
                };
                so_far
                    .times
                    .push((Stage::Check, probe_time + began.elapsed()));
            }
            Err(why) => so_far.not_checked = Some(why),
        }
        if let Some(bytes) = routed.bytes() {
            route::fits(route, bytes.as_source().len(), rules)?;
        }
        let file = routed.bytes().and_then(MediaBytes::file).cloned();
        let (send, writer) = match routed {
            Routed::Tasks(payload, index_id) => {
                // Before the task exists, this flow has only one stage and emits no event for it.
                self.emit(&Event::Api(ApiEvent::StageStarted {
                    stage: FlowStage::Uploading,
                    asset_id: None,
                    indexed_asset_id: None,
                }));
                let send = UploadPlan::Task {
                    create: self.task(payload, index_id),
                    wait: self.wait.clone(),
                };
                (send, None)
            }
            Routed::AssetUrl(url) => {
                let upload = self.whole(Media::Url(url));
                (self.plan(upload, UploadJournal::none()), None)
            }
            Routed::Asset(bytes) => {
                let media = Media::File(self.observed(bytes.clone().into_source()));
                self.resumable(base, &bytes, self.whole(media), &mut so_far)?
            }
            Routed::Multipart(bytes) => {
                let fresh = self.chunks(bytes.clone().into_source());
                self.resumable(base, &bytes, fresh, &mut so_far)?
            }
        };
        Ok(PreparedUpload {
            send,
            observer: self.observer(file),
            finish: Finish { so_far, writer },
        })
    }

    /// An existing asset is not sent, only indexed.
    fn prepare_existing(&self, asset_id: AssetId) -> PreparedUpload {
        let so_far = Ingested {
            index_id: self.index_id.clone(),
            asset_id: Some(asset_id.clone()),
            not_checked: Some(NotChecked::Asset),
            ..Ingested::default()
        };
        PreparedUpload {
            send: self.plan(AssetUpload::Existing(asset_id), UploadJournal::none()),
            observer: self.observer(None),
            finish: Finish {
                so_far,
                writer: None,
            },
        }
    }

    /// The plan of an upload that writes a checkpoint and resumes from one.
    fn resumable(
        &self,
        base: &Url,
        bytes: &MediaBytes,
        fresh: AssetUpload,
        so_far: &mut Ingested,
    ) -> Result<(UploadPlan, Option<Arc<CheckpointWriter>>), Error> {
        let Some(checkpoint::Opened { writer, found }) = self.checkpoint(base, bytes)? else {
            return Ok((self.plan(fresh, UploadJournal::none()), None));
        };
        so_far.upload_id = found
            .as_ref()
            .and_then(|found| Some(found.record.upload.as_ref()?.upload_id.clone()));
        let upload = self.resume_upload(found, fresh);
        Ok((self.plan(upload, writer.journal()), Some(writer)))
    }

    fn check_settings(&self) -> Result<(), Error> {
        let has_index = self
            .index_id
            .as_ref()
            .is_some_and(|id| !id.as_str().is_empty());
        if self.needs_index && !has_index {
            return Err(Error::new(
                ErrorKind::Configuration,
                "no index: say which one with `into_index`",
            ));
        }
        if let Some(metadata) = &self.user_metadata {
            metadata.check().map_err(|error| {
                Error::new(ErrorKind::Configuration, "the user metadata cannot be sent")
                    .with_source(error)
            })?;
        }
        Ok(())
    }

    fn open(&self) -> Result<Opened, Error> {
        Ok(match &self.input {
            Input::Url(url) => {
                if !self.skip_check {
                    refuse_link(url, SystemTime::now())?;
                }
                Opened::Media(Payload::Link(url.clone()))
            }
            Input::Asset(asset_id) => Opened::Asset(asset_id.clone()),
            Input::Source(source) if source.is_empty() => {
                return Err(Error::new(
                    ErrorKind::File,
                    format!("`{}` is empty", source.name()),
                ));
            }
            Input::Source(source) => {
                Opened::Media(Payload::Bytes(MediaBytes::Source(Arc::clone(source))))
            }
            Input::File(path) => {
                let file = Arc::new(FileSource::open(path)?);
                Opened::Media(Payload::Bytes(MediaBytes::File(file)))
            }
            Input::Probed(probed) => {
                Opened::Media(Payload::Bytes(MediaBytes::File(Arc::clone(&probed.source))))
            }
            Input::OpenFile(file) => {
                Opened::Media(Payload::Bytes(MediaBytes::File(Arc::clone(file))))
            }
        })
    }

    /// The report of the local check, or why there is none.
    fn check(
        &self,
        routed: &RoutedMedia,
        route: Route,
        cell: &OnceLock<Checker>,
    ) -> Result<Result<Report, NotChecked>, Error> {
        let Some(bytes) = routed.bytes() else {
            return Ok(Err(NotChecked::Link));
        };
        if self.skip_check {
            return Ok(Err(NotChecked::Skipped));
        }
        if let Input::Probed(probed) = &self.input {
            let name = probed.source.path().display().to_string();
            let report = checker::check_facts(cell, &probed.facts, route);
            return self.judged(&name, report).map(Ok);
        }
        let name = bytes.shown_name();
        // An image or a document has its own rules, and no prober reads it.
        if StaticKind::of_name(&name).is_some()
            && let Some(checked) = self.check_static(bytes, &name, route, cell)?
        {
            return self.judged(&name, checked.report).map(Ok);
        }
        if !cfg!(feature = "validate") && cell.get().is_none() {
            return Ok(Err(self.not_checked(NotChecked::NoChecker)));
        }
        let checker = checker::get_or_standard(cell)?;
        let checked = match bytes {
            MediaBytes::File(file) => {
                let handle = file.try_clone_file().map_err(|error| {
                    Error::new(
                        ErrorKind::File,
                        format!("failed to open `{name}` a second time"),
                    )
                    .with_source(error)
                })?;
                checker.check_file(handle, &name, route)
            }
            MediaBytes::Source(source) => checker.check_source(&**source, &name, route),
        };
        let checked = match checked {
            Ok(checked) => checked,
            // The prober reads only files, or the source is slower than the prober's time limit.
            Err(error) if bytes.file().is_none() => {
                return match error.probe().map(ProbeError::kind) {
                    Some(ProbeErrorKind::Unsupported) => {
                        Ok(Err(self.not_checked(NotChecked::ProberReadsFiles)))
                    }
                    Some(ProbeErrorKind::DeadlinePassed | ProbeErrorKind::BudgetSpent) => {
                        Ok(Err(self.not_checked(NotChecked::TooSlow)))
                    }
                    _ => Err(error),
                };
            }
            Err(error) => return Err(error),
        };
        // It may be an image with another name.
        let checked = match checked.facts {
            None => self
                .check_static(bytes, &name, route, cell)?
                .unwrap_or(checked),
            Some(_) => checked,
        };
        self.judged(&name, checked.report).map(Ok)
    }

    fn check_static(
        &self,
        bytes: &MediaBytes,
        name: &str,
        route: Route,
        cell: &OnceLock<Checker>,
    ) -> Result<Option<Checked>, Error> {
        let purpose = if self.needs_index || self.index_id.is_some() {
            Purpose::Video
        } else {
            Purpose::Asset
        };
        match cell.get() {
            Some(checker) => checker.check_static(bytes.as_source(), name, purpose, route),
            None => {
                let target = Target::new(route);
                let rules = RulePack::current();
                checker::check_static(bytes.as_source(), name, purpose, &target, rules)
            }
        }
    }

    /// Emits the report, and fails if it refuses the file.
    fn judged(&self, name: &str, report: Report) -> Result<Report, Error> {
        self.emit(&Event::Checked(Box::new(report.clone())));
        if report.is_refused() {
            return Err(Error::new(
                ErrorKind::RefusedLocally,
                format!("`{name}` was not sent: local check failed: {report}"),
            )
            .with_report(report));
        }
        Ok(report)
    }

    /// Emits an event with the reason why the bytes are sent unchecked.
    fn not_checked(&self, why: NotChecked) -> NotChecked {
        self.emit(&Event::NotChecked(why));
        why
    }

    /// The request for the route `/tasks`.
    fn task(&self, payload: Payload<MediaBytes, Url>, index_id: IndexId) -> CreateTask {
        let media = match payload {
            Payload::Link(url) => Media::Url(url),
            Payload::Bytes(bytes) => Media::File(self.observed(bytes.into_source())),
        };
        let mut create = CreateTask::new(index_id, media);
        create.user_metadata.clone_from(&self.user_metadata);
        create.enable_video_stream = self.enable_video_stream;
        create
    }

    fn plan(&self, upload: AssetUpload, journal: UploadJournal) -> UploadPlan {
        UploadPlan::Asset(Box::new(
            AssetPlan::new(upload)
                .with_index(self.index_id.clone())
                .with_video_stream(self.enable_video_stream)
                .with_metadata(self.user_metadata.clone())
                .with_wait(self.wait.clone())
                .with_reconcile(self.reconcile.clone())
                .with_journal(journal),
        ))
    }

    /// The metadata of the asset. With an index, the metadata belongs to the indexed asset instead.
    fn asset_metadata(&self) -> Option<UserMetadata> {
        let metadata = self.user_metadata.clone();
        metadata.filter(|_| self.index_id.is_none())
    }

    /// An upload in one request.
    fn whole(&self, media: Media) -> AssetUpload {
        let mut create = CreateAsset::new(media);
        create.user_metadata = self.asset_metadata();
        AssetUpload::Whole(create)
    }

    /// An upload in chunks, from the first byte.
    fn chunks(&self, source: Arc<dyn Source>) -> AssetUpload {
        let mut upload = NewUpload::new(source.name(), upload_type(source.name()), source.len());
        upload.user_metadata = self.asset_metadata();
        AssetUpload::Chunks {
            source,
            begin: Box::new(Begin::New(CreateUpload::new(upload))),
            settings: self.settings.clone(),
        }
    }

    fn observed(&self, source: Arc<dyn Source>) -> Arc<dyn Source> {
        match self.listener.clone() {
            None => source,
            Some(listener) => Arc::new(Observed::new(source, move |sent, total| {
                listener(&Event::Sending { sent, total });
            })),
        }
    }
}

/// Media type by file extension; required to open a session.
fn upload_type(name: &str) -> UploadType {
    let extension = Path::new(name)
        .extension()
        .map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    match extension.as_deref() {
        Some("mp3" | "wav" | "aac" | "flac" | "m4a" | "ogg" | "opus") => UploadType::Audio,
        Some("jpg" | "jpeg" | "png" | "webp" | "gif" | "bmp") => UploadType::Image,
        _ => UploadType::Video,
    }
}

/// A source that reports how many bytes have been read.
#[derive(Clone)]
struct Observed {
    inner: Arc<dyn Source>,
    emit: Arc<dyn Fn(u64, u64) + Send + Sync>,
}

impl Observed {
    fn new(inner: Arc<dyn Source>, emit: impl Fn(u64, u64) + Send + Sync + 'static) -> Self {
        Self {
            inner,
            emit: Arc::new(emit),
        }
    }
}

impl fmt::Debug for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl Source for Observed {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn len(&self) -> u64 {
        self.inner.len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read_at(offset, buffer)?;
        (self.emit)(offset + count as u64, self.inner.len());
        Ok(count)
    }

    fn try_read_at(&self, offset: u64, buffer: &mut [u8]) -> Option<io::Result<usize>> {
        let read = self.inner.try_read_at(offset, buffer)?;
        Some(read.inspect(|count| (self.emit)(offset + *count as u64, self.inner.len())))
    }

    fn read_size(&self) -> Option<usize> {
        self.inner.read_size()
    }
}
