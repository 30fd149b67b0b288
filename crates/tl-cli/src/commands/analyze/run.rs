//! One analysis: check, upload, ask, print.

use std::sync::Arc;

use serde_json::json;
use tl_client::analysis::Answer;
use tl_client::{Analyze, Client};
use tl_model::AnalyzeRequest;
use tl_protocol::endpoint::GetAnalyzeTask;
use tl_protocol::flow::WaitPolicy;
use tl_protocol::pegasus::{self, Usage};

use super::Question;
use super::answer;
use super::cost::Cost;
use super::segments::{MediaSource, SegmentOutput};
use super::video::Video;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::runtime;
use crate::ui::escape::plain;
use crate::ui::output::Output;
use crate::ui::progress::Progress;

pub(super) fn run(
    context: &Context,
    mut request: AnalyzeRequest,
    command: &Question,
) -> Result<Exit, Failure> {
    let output = Arc::clone(&context.output);
    let is_task = command.task || request.is_segmentation();
    let usage = if is_task {
        Usage::Task
    } else {
        Usage::Response
    };
    // The request is checked with any video, before a file is uploaded.
    let argument = command.video.clone().unwrap_or_default();
    check(&with_any_video(&request), None, usage)?;
    let local = Arc::new(command.rules.local_check(&command.cache, &output)?);
    if command.dry_run {
        let video = runtime::run(
            Video::read(&argument, Some(&local), &command.upload, &output),
            runtime::interrupted,
        )?;
        let duration = video.duration();
        check(&with_any_video(&request), duration, usage)?;
        let cost = Cost::of(&request, duration);
        dry_run(&output, &video, cost, is_task);
        cost.check(command.budget)?;
        return Ok(Exit::Ok);
    }
    let progress = Progress::new(&output, 0);
    let client = context
        .connection
        .client_with_url_policy(command.upload.supplied_urls(), progress.observer())?
        .with_checker(local.checker().clone());
    let work = async {
        let video = Video::read(&argument, Some(&local), &command.upload, &output).await?;
        let duration = match command.budget {
            Some(_) => video.asset_duration(&client).await?,
            None => video.duration(),
        };
        check(&with_any_video(&request), duration, usage)?;
        Cost::of(&request, duration).check(command.budget)?;
        let finish = Finish {
            client: &client,
            policy: command.wait.policy(),
            output: &output,
            segments: &command.output,
            source: video.media_source(),
        };
        let video = video.upload(&client, &command.upload, context).await?;
        request.video = Some(video.clone());
        match is_task {
            true => finish.create(client.analyze(video), request).await,
            false => respond(client.analyze(video), request, command.stream, &output).await,
        }
    };
    let result = runtime::run(work, runtime::interrupted);
    progress.finish();
    result.map(|()| Exit::Ok)
}

fn with_any_video(request: &AnalyzeRequest) -> AnalyzeRequest {
    let mut request = request.clone();
    request.video = Some(tl_model::AnalyzeVideo::Asset("0".repeat(24).into()));
    request
}

/// Checks the request against the bounds of its model, and its schema against the platform's
/// subset.
pub(super) fn check(
    request: &AnalyzeRequest,
    duration: Option<f64>,
    usage: Usage,
) -> Result<(), Failure> {
    let checked = pegasus::check(request, usage).and_then(|()| match duration {
        Some(seconds) => pegasus::check_window(request, seconds, usage),
        None => Ok(()),
    });
    checked.map_err(|fault| {
        let hint = match (fault.path.as_str(), usage) {
            ("end_time", Usage::Response) => {
                "pass --start and --end, or --task for up to two hours"
            }
            _ => "correct the option; nothing was sent",
        };
        Failure::new(
            Exit::RefusedLocally,
            "refused_locally",
            format!("the analysis is not allowed: {fault}"),
        )
        .hint(hint)
    })
}

fn dry_run(output: &Output, video: &Video, cost: Cost, is_task: bool) {
    let how = if is_task {
        "as a task"
    } else {
        "in one request"
    };
    output.json(&json!({
        "dry_run": true,
        "video": video.describe(),
        "seconds": cost.window,
        "definitions": cost.definitions,
        "charged_seconds": cost.seconds(),
        "task": is_task,
    }));
    output.line(&format!(
        "would analyze {} {how}: {cost}",
        plain(&video.describe())
    ));
    output.line("nothing was sent");
}

/// Asks and prints the answer: while it arrives, or whole.
pub(super) async fn respond(
    call: Analyze,
    request: AnalyzeRequest,
    is_streamed: bool,
    output: &Output,
) -> Result<(), Failure> {
    let is_streamed = (is_streamed || output.is_terminal()) && !output.is_json();
    let mut stream = call.with_request(|own| *own = request).stream()?;
    while let Some(text) = stream.next().await {
        match text {
            Ok(text) if is_streamed => output.fragment(&text),
            Ok(_) => {}
            Err(error) => {
                if is_streamed {
                    output.fragment("\n");
                }
                return Err(answer::failed(error));
            }
        }
    }
    let whole = stream.answer().map_err(|error| {
        if is_streamed {
            output.fragment("\n");
        }
        answer::failed(error)
    })?;
    answer::print(output, &whole, &json!({}), is_streamed);
    Ok(())
}

/// A task whose answer is printed.
pub(super) struct Finish<'a> {
    pub(super) client: &'a Client,
    pub(super) policy: WaitPolicy,
    pub(super) output: &'a Output,
    pub(super) segments: &'a SegmentOutput,
    /// The video, if it is known without asking the platform.
    pub(super) source: Option<MediaSource>,
}

impl Finish<'_> {
    /// Creates a task, waits for it and prints its answer.
    pub(super) async fn create(
        self,
        call: Analyze,
        request: AnalyzeRequest,
    ) -> Result<(), Failure> {
        let created = call
            .with_request(|own| *own = request)
            .create_task()
            .await?;
        let id = created.task_id;
        self.output.note(&format!(
            "created task {id}; `tl analyze --continue {id}` continues if this ends early"
        ));
        self.finish(id.as_str()).await
    }

    async fn finish(self, id: &str) -> Result<(), Failure> {
        let (client, output) = (self.client, self.output);
        let waited = client.wait(GetAnalyzeTask::new(id), self.policy).await;
        let waited = waited.map_err(|error| {
            let failure = Failure::from(error);
            match failure.exit().is_retryable() {
                true => failure.hint(format!("run `tl analyze --continue {id}` to continue")),
                false => failure,
            }
        })?;
        let mut task = waited.value;
        let result = task.result.take().unwrap_or_default();
        let notice = task.error.take().and_then(|error| error.message);
        if let Some(notice) = &notice {
            output.note(&format!("the platform says: {notice}"));
        }
        let whole = Answer::of_result(result, notice).map_err(answer::failed)?;
        if !self.segments.is_set() {
            answer::print(output, &whole, &json!({ "task_id": id }), false);
            return Ok(());
        }
        let source = match self.source {
            Some(source) => source,
            None => MediaSource::of_task(client, &task).await?,
        };
        output.text(&self.segments.render(&whole, &source)?);
        answer::print_usage(output, &whole);
        Ok(())
    }
}

/// Waits for a task of an earlier run and prints its answer.
pub(super) fn resume(
    context: &Context,
    id: &str,
    policy: &WaitPolicy,
    segments: &SegmentOutput,
) -> Result<Exit, Failure> {
    let output = Arc::clone(&context.output);
    context.call(async |client| {
        let finish = Finish {
            client,
            policy: policy.clone(),
            output: &output,
            segments,
            source: None,
        };
        finish.finish(id).await
    })?;
    Ok(Exit::Ok)
}
