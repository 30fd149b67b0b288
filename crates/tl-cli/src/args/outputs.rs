//! What a bulk run writes besides its results: reports, events, metrics.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use crate::bulk::report::FIELDS;
use crate::failure::Failure;
use crate::ui::metrics_server::parse_address;
use crate::ui::output::Output;
use crate::ui::run_outputs::{Outputs, parse_report_path};

/// Options for what a bulk run writes besides its results.
#[derive(Debug, Args)]
#[command(next_help_heading = "Reports")]
pub(crate) struct OutputsArgs {
    /// Write a report at the end: .html, .json or .csv. Repeatable
    #[arg(long, value_name = "FILE", value_parser = parse_report_path)]
    report: Vec<PathBuf>,
    /// Write the events of the run to this file as JSON Lines
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// Serve Prometheus metrics, e.g. at 127.0.0.1:9464; loopback only
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    metrics: Option<SocketAddr>,
}

impl OutputsArgs {
    /// Whether any is set.
    pub(crate) fn is_set(&self) -> bool {
        !self.report.is_empty() || self.events.is_some() || self.metrics.is_some()
    }

    /// Opens the files.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(crate) fn open(&self, output: &Arc<Output>) -> Result<Arc<Outputs>, Failure> {
        let outputs = Outputs::open(output, &self.report, self.events.as_deref())?;
        Ok(Arc::new(outputs.with_metrics_at(self.metrics)))
    }
}

/// What the JSON of a result contains.
#[derive(Debug, Args)]
#[command(next_help_heading = "Reports")]
pub(crate) struct FieldsArgs {
    /// Print only these members of each JSON result, e.g. input,video_id,error
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        requires = "json",
        value_parser = parse_field
    )]
    pub(crate) fields: Vec<&'static str>,
}

fn parse_field(name: &str) -> Result<&'static str, String> {
    let known = FIELDS.into_iter().find(|known| *known == name);
    known.ok_or_else(|| format!("expected some of {}", FIELDS.join(", ")))
}
