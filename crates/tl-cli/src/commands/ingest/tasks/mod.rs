//! `tl ingest --route tasks`: one request per video uploads and indexes it. This route does not use
//! the ledger: a task creates no asset that could carry a mark or be indexed again, so that a lost
//! response is found only by name and time, and an upload cannot be resumed.

mod report;
mod run;

use std::sync::Arc;

use self::report::Reporter;
use self::run::{Settings, execute};
use super::Ingest;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::progress::Progress;

impl Ingest {
    /// Ingests files and URLs as tasks.
    pub(super) fn run_tasks(self, context: &Context) -> Result<Exit, Failure> {
        let needs_ledger = self.source.is_set()
            || self.again.is_set()
            || self.budget.is_set()
            || self.first.is_set()
            || self.run.outputs.is_set()
            || !self.fields.fields.is_empty()
            || !self.create_index.is_empty();
        let index = self.index.filter(|_| !needs_ledger).ok_or_else(|| {
            Failure::usage("--route tasks keeps no ledger: it takes files and URLs, and no lists, manifests, titles, orders, budgets, retries, reports, fields or --create-index")
                .hint("omit --route: the default routes have all of them")
        })?;
        let metadata = self.metadata.read()?;
        let progress = Progress::new(&context.output, self.inputs.len());
        let mut client = context
            .connection
            .client_with_url_policy(self.run.send.supplied_urls(), progress.observer())?;
        let check = self.run.local_check(context)?;
        if let Some(check) = &check {
            client = client.with_checker(check.checker().clone());
        }
        let settings = Settings {
            output: Arc::clone(&context.output),
            client,
            check: check.map(Arc::new),
            index,
            metadata,
            video_stream: self.run.has_video_stream(),
            wait: self.wait.then(|| self.wait_args.policy()),
            progress,
            reporter: Reporter::new(&context.output),
        };
        execute(settings, self.inputs, self.jobs)
    }
}
