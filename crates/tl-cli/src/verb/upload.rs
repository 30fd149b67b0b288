//! `tl upload`: videos to the platform, where they become assets. What was interrupted goes on; what is kept of it can be listed
//! and abandoned (`kept.rs`).

mod kept;

use std::ffi::OsString;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use clap::{Args, Subcommand};
use serde_json::json;
use tl_client::{Client, Ingested, Input, Stage, UploadedAsset};
use tl_model::UserMetadata;
use tl_protocol::flow::WaitPolicy;

use self::kept::{Abandon, List};
use super::ingest::telling::{joined, members, no_input, not_tried, refused};
use crate::args::Context;
use crate::checking::RulesArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::metadata::MetadataArgs;
use crate::output::{GOOD, Output, plain_line};
use crate::path_name::path_name;
use crate::progress::Progress;
use crate::report::size;
use crate::sending::{Followed, SendArgs, cut_off, same_command};
use crate::waiting::{self, WaitArgs};
use crate::{runtime, span};

/// Upload videos, which become assets; go on with interrupted uploads, list them, abandon them.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Upload {
    #[command(subcommand)]
    verb: Option<UploadVerb>,
    #[command(flatten)]
    files: Files,
}

/// What else can be done about uploads.
#[derive(Debug, Subcommand)]
enum UploadVerb {
    /// List interrupted uploads: those kept on this machine, joined with the open sessions of the account
    List(List),
    /// Drop what is kept of interrupted uploads; the platform ends a session by itself after 24 hours
    Abandon(Abandon),
}

/// What is uploaded, and how.
#[derive(Debug, Args)]
struct Files {
    /// Video files, or direct https links to raw video files, which the platform fetches itself. A file whose name is that of a
    /// command is written `./list`
    #[arg(required = true, value_name = "FILE|URL")]
    inputs: Vec<OsString>,
    /// Wait until the assets are ready, not only until the platform has them
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    sending: SendArgs,
    #[command(flatten)]
    waiting: WaitArgs,
    #[command(flatten)]
    metadata: MetadataArgs,
    #[command(flatten)]
    rules: RulesArgs,
    /// Send files without looking at them: the platform may refuse what was uploaded in vain
    #[arg(long, conflicts_with_all = ["engines", "options", "rules"], help_heading = "Local check")]
    no_check: bool,
}

/// What all inputs of a run share.
struct Run {
    output: Arc<Output>,
    client: Client,
    sending: SendArgs,
    metadata: Option<UserMetadata>,
    wait: Option<WaitPolicy>,
    is_checked: bool,
    progress: Arc<Progress>,
}

impl Upload {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self.verb {
            Some(UploadVerb::List(list)) => list.run(context),
            Some(UploadVerb::Abandon(abandon)) => abandon.run(context),
            None => self.files.run(context),
        }
    }
}

impl Files {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        if !self.wait && (self.waiting.deadline.is_some() || self.waiting.interval.is_some()) {
            return Err(Failure::usage(
                "--deadline and --interval say how to wait, and nothing is waited for",
            )
            .next("add --wait, or leave them out"));
        }
        let progress = Progress::new(&context.output, self.inputs.len());
        let mut client = context
            .connection
            .client_following(self.sending.supplied_urls(), progress.observer())?;
        if !self.no_check {
            client = client.with_checker(self.rules.checking()?.checker());
        }
        let run = Run {
            output: Arc::clone(&context.output),
            client,
            sending: self.sending,
            metadata: self.metadata.read()?,
            wait: self.wait.then(|| self.waiting.policy()),
            is_checked: !self.no_check,
            progress: Arc::clone(&progress),
        };
        let items: Vec<(String, Followed)> = self
            .inputs
            .iter()
            .map(|input| (path_name(Path::new(input)), Followed::new()))
            .collect();
        let exits = Mutex::new(Vec::new());
        let done = || exits.lock().unwrap_or_else(PoisonError::into_inner);
        let all = async {
            for (input, (name, followed)) in self.inputs.iter().zip(&items) {
                let stop = done()
                    .iter()
                    .copied()
                    .find(|exit: &Exit| exit.ends_the_run());
                let exit = match stop {
                    Some(exit) => run.failed(name, &not_tried(exit), None, None),
                    None => run.one(input, name, followed).await,
                };
                done().push(exit);
            }
            Ok(())
        };
        let interrupted = || Failure::new(Exit::Interrupted, "interrupted", "interrupted");
        let result = runtime::run(all, interrupted);
        progress.finish();
        let exits = done().clone();
        match result {
            Err(failure) if failure.exit() == Exit::Interrupted => {
                for (name, followed) in items.iter().skip(exits.len()) {
                    let (failure, reached) =
                        cut_off(name, &followed.standing(), run.sending.keeps());
                    run.failed(name, &failure, Some(&reached), None);
                }
                return Ok(Exit::Interrupted);
            }
            result => result?,
        }
        let stop = exits.iter().copied().find(|exit| exit.ends_the_run());
        Ok(stop.unwrap_or_else(|| Exit::of_items(&exits)))
    }
}

impl Run {
    /// Uploads one input, tells how it ended, and gives its code.
    async fn one(&self, input: &OsString, name: &str, followed: &Followed) -> Exit {
        match self.send(input, name, followed).await {
            Ok(uploaded) => {
                self.uploaded(name, &uploaded);
                Exit::Ok
            }
            Err(Trouble::Input(failure)) => self.failed(name, &failure, None, None),
            Err(Trouble::Client(error)) => {
                let reached = error.reached().cloned();
                let stage = error.stage();
                let failure = self.with_next(refused(name, error.into()), reached.as_ref());
                self.failed(name, &failure, reached.as_ref(), stage)
            }
        }
    }

    async fn send(
        &self,
        input: &OsString,
        name: &str,
        followed: &Followed,
    ) -> Result<UploadedAsset, Trouble> {
        let input = match input.to_str() {
            Some(text) => {
                Input::parse(text).map_err(|error| Trouble::Input(no_input(name, error)))?
            }
            None => Input::File(input.into()),
        };
        let (listener, followed) = (self.progress.listener(name), followed.clone());
        let call = self.client.upload(input).observe(move |event| {
            listener(event);
            followed.hear(event);
        });
        let mut call = self.sending.of_upload(call);
        call = match &self.wait {
            Some(policy) => call.wait(policy.clone()),
            None => call.without_waiting(),
        };
        if let Some(metadata) = &self.metadata {
            call = call.metadata(metadata.clone());
        }
        if !self.is_checked {
            call = call.unchecked();
        }
        call.run().await.map_err(Trouble::Client)
    }

    /// Says by which command an upload goes on, where it can.
    fn with_next(&self, failure: Failure, reached: Option<&Ingested>) -> Failure {
        let is_there =
            |reached: &Ingested| reached.upload_id.is_some() || reached.asset_id.is_some();
        let is_temporary = matches!(
            failure.exit(),
            Exit::Temporary | Exit::Limit | Exit::DeadlinePassed
        );
        if is_temporary && self.sending.keeps() && reached.is_some_and(is_there) {
            return failure.next(format!("`{}` goes on where it ended", same_command()));
        }
        failure
    }

    fn uploaded(&self, name: &str, uploaded: &UploadedAsset) {
        let video = &uploaded.details;
        let head = json!({
            "input": name,
            "ok": true,
            "exit_code": 0,
            "status": video.status(),
            "report": video.report,
        });
        self.output.json(&joined(head, members(video)));
        let id = plain_line(uploaded.asset_id.as_str());
        if self.output.is_quiet() {
            return self.output.line(&id);
        }
        let chunks = match &video.upload {
            Some(upload) if upload.resumed > 0 => format!(
                ", {} in {} chunks, {} of them before",
                size(upload.bytes),
                upload.chunks,
                upload.resumed
            ),
            Some(upload) => format!(", {} in {} chunks", size(upload.bytes), upload.chunks),
            None => String::new(),
        };
        let word = if self.wait.is_some() {
            "ready"
        } else {
            "created"
        };
        self.output.line(&format!(
            "{GOOD}{word}{GOOD:#}  {}  asset {id}  (uploaded in {}{chunks})",
            plain_line(name),
            span::show(video.time(Stage::Upload).unwrap_or_default())
        ));
        if self.wait.is_none() {
            self.output.note(&format!(
                "next: `{}` waits until it can be indexed",
                waiting::asset_command(&uploaded.asset_id)
            ));
        }
    }

    fn failed(
        &self,
        name: &str,
        failure: &Failure,
        reached: Option<&Ingested>,
        stage: Option<Stage>,
    ) -> Exit {
        let head = json!({
            "input": name,
            "ok": false,
            "exit_code": failure.exit().code(),
            "stage": stage.map(Stage::as_str),
            "error": failure.to_json(),
        });
        let reached = members(reached.unwrap_or(&Ingested::default()));
        self.output.json(&joined(head, reached));
        self.output.failure_text(failure);
        failure.exit()
    }
}

/// Why an input was not uploaded.
enum Trouble {
    Input(Failure),
    Client(tl_client::Error),
}
