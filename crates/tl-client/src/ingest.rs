//! Ingestion of one video: open, choose a route, check, resume, send, finish. Shared by the async
//! and the blocking client, which only differ in how they wait for file reads.

mod finish;
mod resume;

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::{Instant, SystemTime},
};

use tl_model::{IndexId, NewUpload, TaskId, UploadType, UserMetadata};
use tl_protocol::{
    Event as ApiEvent, Observer, Source,
    endpoint::{CreateAsset, CreateTask, CreateUpload, Media},
    flow::{
        AssetPlan, AssetUpload, Reconcile, Stage as FlowStage, WaitPolicy,
        upload::{Begin, UploadJournal, UploadSettings},
    },
};
use tl_validate::{ProbeErrorKind, Report, Route, RulePack};
use url::Url;

pub(crate) use self::finish::Finish;
use crate::{
    Checker, Error, ErrorKind, Event, FileSource, Ingested, Input, NotChecked, RouteChoice, Stage,
    cancel::Cancels,
    checker, checkpoint,
    input::refuse_link,
    route::{self, Payload},
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
    pub(crate) wait: Option<WaitPolicy>,
    pub(crate) observer: Observer,
    pub(crate) finish: Finish,
}

/// What to send.
#[derive(Debug)]
pub(crate) enum UploadPlan {
    Task(CreateTask),
    Asset(Box<AssetPlan>),
}

/// The opened input.
enum Opened {
    File(Arc<FileSource>),
    Source(Arc<dyn Source>),
    Url(Url),
    Asset(tl_model::AssetId),
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

    /// Creates the observer for API events.
    fn observer(&self, task: &Arc<Mutex<Option<TaskId>>>, opened: &Opened) -> Observer {
        let (listener, task) = (self.listener.clone(), Arc::clone(task));
        let file = match opened {
            Opened::File(file) => Some(Arc::clone(file)),
            _ => None,
        };
        Observer::new(move |event| {
            // The platform has the bytes. The rest is waiting, which needs no open file.
            let is_sent = match event {
                ApiEvent::StageStarted { stage, .. } => *stage != FlowStage::Uploading,
                ApiEvent::Created { resource, .. } => *resource == "task",
                _ => false,
            };
            if let Some(file) = file.as_ref().filter(|_| is_sent) {
                file.release();
            }
            if let ApiEvent::Created {
                resource: "task",
                id,
            } = event
            {
                *task.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some(TaskId::from(id.as_str()));
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
        let opened = self.open()?;
        let rules = cell
            .get()
            .map_or(RulePack::current() as &RulePack, Checker::rules);
        let payload = match &opened {
            Opened::File(file) => Some(Payload::Bytes(file.len())),
            Opened::Source(source) => Some(Payload::Bytes(source.len())),
            Opened::Url(_) => Some(Payload::Link),
            Opened::Asset(_) => None,
        };
        let choice = match (payload, self.route) {
            (None, _) => None,
            (Some(payload), None) => Some(route::choose(payload, rules)),
            (Some(payload), Some(requested)) => Some(route::forced(payload, requested)?),
        };
        if let Some(choice) = &choice {
            if choice.route == Route::Tasks && self.index_id.is_none() {
                return Err(Error::new(
                    ErrorKind::Route,
                    "the route `tasks` brings a video into an index and makes no asset: choose `asset`, `asset-url` or `multipart`",
                ));
            }
            self.emit(&Event::Route(choice.clone()));
        }
        let mut so_far = Ingested {
            route: choice.clone(),
            index_id: self.index_id.clone(),
            ..Ingested::default()
        };
        match self.check(&opened, choice.as_ref(), cell)? {
            Ok(report) => {
                so_far.report = Some(report);
                so_far.times.push((Stage::Check, began.elapsed()));
            }
            Err(why) => so_far.not_checked = Some(why),
        }
        if let (Some(choice), Some(payload)) = (&choice, payload) {
            route::fits(choice, payload, rules)?;
        }
        let task = Arc::default();
        let observer = self.observer(&task, &opened);
        let (send, writer) = match (opened, choice) {
            (Opened::Asset(asset_id), _) => {
                so_far.asset_id = Some(asset_id.clone());
                let plan = self.plan(AssetUpload::Existing(asset_id), UploadJournal::none());
                (UploadPlan::Asset(Box::new(plan)), None)
            }
            (opened, Some(choice)) if choice.route == Route::Tasks => {
                // Before the task exists, this flow has only one stage and emits no event for it.
                self.emit(&Event::Api(ApiEvent::StageStarted {
                    stage: FlowStage::Uploading,
                    asset_id: None,
                    indexed_asset_id: None,
                }));
                (UploadPlan::Task(self.task(opened)), None)
            }
            (opened, choice) => {
                let writer = self.checkpoint(base, &opened)?;
                let route = choice.map_or(Route::Asset, |choice| choice.route);
                let fresh = self.fresh(opened, route);
                let (upload, journal, writer) = match writer {
                    None => (fresh, UploadJournal::none(), None),
                    Some(checkpoint::Opened { writer, found }) => {
                        so_far.upload_id = found.as_ref().and_then(|found| {
                            Some(found.record.upload.as_ref()?.upload_id.clone())
                        });
                        let upload = self.resume_upload(found, fresh);
                        (upload, writer.journal(), Some(writer))
                    }
                };
                (
                    UploadPlan::Asset(Box::new(self.plan(upload, journal))),
                    writer,
                )
            }
        };
        Ok(PreparedUpload {
            send,
            wait: self.wait.clone(),
            observer,
            finish: Finish {
                so_far,
                writer,
                task,
            },
        })
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
                Opened::Url(url.clone())
            }
            Input::Asset(asset_id) => Opened::Asset(asset_id.clone()),
            Input::Source(source) if source.is_empty() => {
                return Err(Error::new(
                    ErrorKind::File,
                    format!("`{}` is empty: there is no byte to send", source.name()),
                ));
            }
            Input::Source(source) => Opened::Source(Arc::clone(source)),
            Input::File(path) => Opened::File(Arc::new(FileSource::open(path)?)),
        })
    }

    /// The report of the local check, or why there is none.
    fn check(
        &self,
        opened: &Opened,
        choice: Option<&RouteChoice>,
        cell: &OnceLock<Checker>,
    ) -> Result<Result<Report, NotChecked>, Error> {
        let Some(choice) = choice else {
            return Ok(Err(NotChecked::Asset));
        };
        if matches!(opened, Opened::Url(_)) {
            return Ok(Err(NotChecked::Link));
        }
        if self.skip_check {
            return Ok(Err(NotChecked::Skipped));
        }
        if !cfg!(feature = "validate") && cell.get().is_none() {
            return Ok(Err(self.not_checked(NotChecked::NoChecker)));
        }
        let checker = checker::get_or_standard(cell)?;
        let (name, checked) = match opened {
            Opened::File(file) => {
                let name = file.path().display().to_string();
                let handle = file.try_clone_file().map_err(|error| {
                    Error::new(
                        ErrorKind::File,
                        format!("`{name}` cannot be opened a second time"),
                    )
                    .with_source(error)
                })?;
                let checked = checker.check_file(handle, &name, choice.route);
                (name, checked)
            }
            Opened::Source(source) => {
                let name = source.name().to_owned();
                let checked = checker.check_source(&**source, &name, choice.route);
                (name, checked)
            }
            Opened::Url(_) | Opened::Asset(_) => return Ok(Err(NotChecked::Link)),
        };
        let checked = match checked {
            Ok(checked) => checked,
            // The prober reads only files, or the source is slower than the prober's time limit.
            Err(error) if matches!(opened, Opened::Source(_)) => {
                return match error.probe() {
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
        self.emit(&Event::Checked(Box::new(checked.report.clone())));
        if checked.report.is_refused() {
            return Err(Error::new(
                ErrorKind::RefusedLocally,
                format!(
                    "`{name}` was not sent: the platform would refuse it. {}",
                    checked.report
                ),
            )
            .with_report(checked.report));
        }
        Ok(Ok(checked.report))
    }

    /// Emits an event with the reason why the bytes are sent unchecked.
    fn not_checked(&self, why: NotChecked) -> NotChecked {
        self.emit(&Event::NotChecked(why));
        why
    }

    /// The request for the route `/tasks`.
    fn task(&self, opened: Opened) -> CreateTask {
        let index_id = self.index_id.clone();
        let index_id = index_id.expect("the route `tasks` is refused without an index");
        let mut create = CreateTask::new(index_id, self.media(opened));
        create.user_metadata.clone_from(&self.user_metadata);
        create.enable_video_stream = self.enable_video_stream;
        create
    }

    fn media(&self, opened: Opened) -> Media {
        match opened {
            Opened::Url(url) => Media::Url(url),
            Opened::Source(source) => Media::File(self.observed(source)),
            Opened::File(file) => Media::File(self.observed(file)),
            Opened::Asset(_) => unreachable!("an asset is not sent"),
        }
    }

    fn plan(&self, upload: AssetUpload, journal: UploadJournal) -> AssetPlan {
        AssetPlan {
            upload,
            index_id: self.index_id.clone(),
            enable_video_stream: self.enable_video_stream,
            user_metadata: self.user_metadata.clone(),
            wait: self.wait.clone(),
            reconcile: self.reconcile.clone(),
            journal,
        }
    }

    /// An upload from the first byte.
    fn fresh(&self, opened: Opened, route: Route) -> AssetUpload {
        // Without an index, the metadata belongs to the asset, otherwise to the indexed asset.
        let metadata = self
            .user_metadata
            .clone()
            .filter(|_| self.index_id.is_none());
        if route != Route::Multipart {
            let mut create = CreateAsset::new(self.media(opened));
            create.user_metadata = metadata;
            return AssetUpload::Whole(create);
        }
        let source: Arc<dyn Source> = match opened {
            Opened::File(file) => file,
            Opened::Source(source) => source,
            Opened::Url(_) | Opened::Asset(_) => unreachable!("the route is for bytes"),
        };
        let mut upload = NewUpload::new(source.name(), upload_type(source.name()), source.len());
        upload.user_metadata = metadata;
        AssetUpload::Chunks {
            source,
            begin: Box::new(Begin::New(CreateUpload { upload })),
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
        Some("jpg" | "jpeg" | "png" | "webp" | "gif") => UploadType::Image,
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
}
