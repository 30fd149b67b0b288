//! One analysis: check, upload, ask, print.

use std::sync::Arc;

use serde_json::json;
use tl_client::Client;
use tl_client::analysis::Answer;
use tl_model::{AnalyzeRequest, AnalyzeTask};
use tl_protocol::endpoint::GetAnalyzeTask;
use tl_protocol::flow::WaitPolicy;
use tl_protocol::pegasus::{self, Usage};

use super::Analyze;
use super::answer;
use super::cost::Cost;
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
    command: &Analyze,
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
        request.video = Some(video.upload(&client, &command.upload, &output).await?);
        match is_task {
            true => task(&client, request, &command.wait.policy(), &output).await,
            false => respond(&client, request, command.stream, &output).await,
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
async fn respond(
    client: &Client,
    request: AnalyzeRequest,
    is_streamed: bool,
    output: &Output,
) -> Result<(), Failure> {
    let Some(video) = request.video.clone() else {
        return Err(Failure::usage("a video is needed"));
    };
    let is_streamed = (is_streamed || output.is_terminal()) && !output.is_json();
    let call = client.analyze(video).with_request(|own| *own = request);
    let mut stream = call.stream()?;
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

/// Runs a task and prints its answer.
async fn task(
    client: &Client,
    request: AnalyzeRequest,
    policy: &WaitPolicy,
    output: &Output,
) -> Result<(), Failure> {
    let Some(video) = request.video.clone() else {
        return Err(Failure::usage("a video is needed"));
    };
    let call = client.analyze(video).with_request(|own| *own = request);
    let created = call.create_task().await?;
    let id = created.task_id;
    output.note(&format!(
        "created task {id}; `tl analyze --continue {id}` continues if this ends early"
    ));
    finish(client, id.as_str(), policy, output).await
}

async fn finish(
    client: &Client,
    id: &str,
    policy: &WaitPolicy,
    output: &Output,
) -> Result<(), Failure> {
    let waited = client.wait(GetAnalyzeTask::new(id), policy.clone()).await;
    let waited = waited.map_err(|error| {
        let failure = Failure::from(error);
        match failure.exit().is_retryable() {
            true => failure.hint(format!("run `tl analyze --continue {id}` to continue")),
            false => failure,
        }
    })?;
    let AnalyzeTask { result, error, .. } = waited.value;
    let notice = error.and_then(|error| error.message);
    if let Some(notice) = &notice {
        output.note(&format!("the platform says: {notice}"));
    }
    let whole = Answer::of_result(result.unwrap_or_default(), notice).map_err(answer::failed)?;
    answer::print(output, &whole, &json!({ "task_id": id }), false);
    Ok(())
}

/// Waits for a task of an earlier run and prints its answer.
pub(super) fn resume(context: &Context, id: &str, policy: &WaitPolicy) -> Result<Exit, Failure> {
    let output = Arc::clone(&context.output);
    context.call(async |client| finish(client, id, policy, &output).await)?;
    Ok(Exit::Ok)
}
