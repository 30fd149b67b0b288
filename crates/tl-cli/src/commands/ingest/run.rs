//! `tl ingest` with the ledger: what was done is skipped, and what was interrupted continues.

use tl_bulk::Ending;
use tl_ledger::Ledger;
use tl_model::Index;

use super::Ingest;
use super::entries::Entries;
use super::indexes::Indexes;
use crate::args::index_ref::model;
use crate::args::run::Prepared;
use crate::bulk::report::Reporter;
use crate::bulk::run::{Input, exit_of, run};
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::runtime::{self, interrupt};

impl Ingest {
    /// Ingests with the ledger.
    pub(super) fn run_on_ledger(self, context: &Context) -> Result<Exit, Failure> {
        let models = self.create_index.iter().map(|text| model(text));
        let models = models.collect::<Result<Vec<_>, _>>()?;
        let sources = self.sources()?;
        let mut prepared = self.run.prepare(context, self.jobs, false)?;
        prepared.wait(self.wait, &self.wait_args);
        // Without state, the ledger lives as long as this process.
        let mut temporary = None;
        let ledger = match self.resume.no_checkpoint {
            true => {
                let folder = tempfile::tempdir().map_err(|error| no_folder(&error))?;
                let ledger = Ledger::open(folder.path().join("ledger.sqlite3"))?;
                temporary = Some(folder);
                ledger
            }
            false => {
                let address = self.run.ledger.address()?;
                let ledger = address.open_when_up(&context.output)?;
                prepared.keep_probes_in(&address);
                ledger
            }
        };
        let Prepared {
            client,
            mut settings,
            check,
        } = prepared;
        self.budget.apply(&mut settings.limits);
        self.first.apply(&mut settings.limits);
        settings.again = self.again.again();
        settings.again.unfinished = self.resume.no_resume;
        // Each input has its line, as for one that failed.
        settings.report_unfinished = true;
        let is_checked = check.is_some();
        let found = self.source.entries(&sources, check.as_deref())?;
        let reporter = Reporter::new(&context.output, check.clone(), self.fields.fields);
        let outputs = self.run.outputs.open(&context.output)?;
        runtime::block_on(async {
            let stop = interrupt::stop_on_signal().await;
            let index: Option<Index> = match &self.index {
                None => None,
                Some(index) if models.is_empty() => Some(index.get(&client).await?),
                Some(index) => Some(index.get_or_create(&client, models).await?),
            };
            let mut indexes = Indexes::new(&client, index.as_ref());
            indexes.verify(self.source.manifests()).await?;
            settings.index = index;
            settings.index_names = indexes.names();
            let entries = Entries::new(found, indexes, is_checked, &context.output);
            let input = Input::Entries(Box::new(entries));
            let summary = run(&client, ledger, settings, input, &reporter, &outputs, &stop).await?;
            let written = outputs.finish();
            drop(temporary);
            let totals = &summary.totals;
            if summary.ending == Ending::Complete && totals.items + totals.unreadable == 0 {
                return Err(Failure::no_videos("ingest"));
            }
            reporter.finish(&summary);
            written?;
            if let Some(failure) = self.first.over_budget(summary.ending) {
                return Err(failure);
            }
            Ok(exit_of(summary.ending).unwrap_or_else(|| reporter.exit()))
        })
    }

    /// What the command line names. Manifests are read once before anything is sent.
    pub(super) fn sources(&self) -> Result<tl_bulk::source::Sources, Failure> {
        self.source.sources(&self.inputs, &self.metadata)
    }
}

fn no_folder(error: &std::io::Error) -> Failure {
    Failure::new(
        Exit::Temporary,
        "system",
        "failed to create a temporary directory",
    )
    .with_source(error)
}
