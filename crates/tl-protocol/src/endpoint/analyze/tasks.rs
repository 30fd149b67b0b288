//! `/analyze/tasks`: analyses in the background.

use tl_model::{
    AnalyzeMode, AnalyzeRequest, AnalyzeStatus, AnalyzeTask, AnalyzeTaskId, AssetId,
    CreatedAnalyzeTask, Page, VideoId,
};

use super::{
    body::{self, TASK_MEMBERS},
    endpoint, resource,
};
use crate::{
    Resource,
    endpoint::{Codec, Outgoing, PageRequest, Parameter, Received, Rejection},
    flow::{Progress, Watched},
};

resource! {
    /// Operations on analysis tasks.
    AnalyzeTasks, analyze_tasks
}

endpoint! {
    /// Starts an analysis in the background. A repeated request with the same key creates no second
    /// task.
    CreateAnalyzeTask: PartialEq custom JSON {
        /// What to analyze, and how.
        request: AnalyzeRequest,
        /// The `Idempotency-Key`. Default: a new one for each call, the same for all its attempts.
        /// Set it to repeat a request of another process.
        idempotency_key: Option<String>,
    }
    name: "analyze_async.tasks.create";
    does: "create an analysis task";
    POST "/analyze/tasks" => ACCEPTED CreatedAnalyzeTask;
    repeat: WithKey;
    client: AnalyzeTasks::create;
}

impl CreateAnalyzeTask {
    /// The request to create an analysis task.
    #[must_use]
    pub fn new(request: AnalyzeRequest) -> Self {
        Self {
            request,
            idempotency_key: None,
        }
    }
}

impl Codec for CreateAnalyzeTask {
    fn encode(&self) -> Outgoing {
        Outgoing::new()
            .json(&self.request)
            .idempotency_key(self.idempotency_key.as_deref())
    }

    fn decode(request: &Received) -> Result<Self, Rejection> {
        let object = request.json_with(TASK_MEMBERS)?.clone();
        body::read(object).map(Self::new)
    }

    fn parameters() -> Vec<Parameter> {
        body::parameters(TASK_MEMBERS)
    }
}

endpoint! {
    /// Lists the analysis tasks of the account, newest first. The items are shortened: see
    /// [`GetAnalyzeTask`].
    ListAnalyzeTasks: PartialEq, Eq, Default {
        query {
            /// The page to return.
            page: PageRequest,
            /// Return only tasks of this status.
            status: Option<AnalyzeStatus>,
            /// Return only tasks of this URL.
            video_url: Option<String>,
            /// Return only tasks of this asset.
            asset_id: Option<AssetId>,
            /// Return only tasks of this indexed video (Pegasus 1.2).
            video_id: Option<VideoId>,
            /// Return only tasks of this mode.
            analysis_mode: Option<AnalyzeMode>,
        }
    }
    name: "analyze_async.tasks.list";
    does: "list analysis tasks";
    GET "/analyze/tasks" => OK Page<AnalyzeTask>;
    repeat: Freely;
    client: AnalyzeTasks::list;
    paged: AnalyzeTask;
}

endpoint! {
    /// Retrieves an analysis task, with its answer once it is ready.
    GetAnalyzeTask: PartialEq, Eq {
        path {
            /// The task.
            task_id: AnalyzeTaskId,
        }
    }
    name: "analyze_async.tasks.retrieve";
    does: "retrieve the analysis task";
    GET "/analyze/tasks/{task_id}" => OK AnalyzeTask;
    repeat: Freely;
    client: AnalyzeTasks::get;
}

endpoint! {
    /// Deletes an analysis task. One that is processed cannot be deleted; cancel it first.
    DeleteAnalyzeTask: PartialEq, Eq {
        path {
            /// The task.
            task_id: AnalyzeTaskId,
        }
    }
    name: "analyze_async.tasks.delete";
    does: "delete the analysis task";
    DELETE "/analyze/tasks/{task_id}" => NO_CONTENT;
    repeat: Freely;
    client: AnalyzeTasks::delete;
    gone: ();
}

endpoint! {
    /// Cancels an analysis task that has not ended. Canceling it again has the same result. A task
    /// of a batch is canceled with its batch.
    CancelAnalyzeTask: PartialEq, Eq {
        path {
            /// The task.
            task_id: AnalyzeTaskId,
        }
    }
    name: "analyze_async.tasks.cancel";
    does: "cancel the analysis task";
    POST "/analyze/tasks/{task_id}/cancel" => OK CreatedAnalyzeTask;
    repeat: Freely;
    client: AnalyzeTasks::cancel;
}

impl Watched for GetAnalyzeTask {
    const WAITING: &'static str = "wait until the analysis is ready";

    fn status(task: &AnalyzeTask) -> String {
        let status = task.status.as_ref();
        status.map_or_else(|| "unknown".to_owned(), ToString::to_string)
    }

    fn progress(task: &AnalyzeTask) -> Progress {
        let reason = || task.error.as_ref().and_then(|error| error.message.clone());
        match task.status {
            Some(AnalyzeStatus::Ready) => Progress::Ready,
            Some(AnalyzeStatus::Failed) => Progress::Failed(reason()),
            Some(AnalyzeStatus::Canceled) => {
                Progress::Failed(reason().or_else(|| Some("the task was canceled".to_owned())))
            }
            _ => Progress::Working,
        }
    }

    fn resource(&self) -> Resource {
        self.task_id.clone().into()
    }
}
