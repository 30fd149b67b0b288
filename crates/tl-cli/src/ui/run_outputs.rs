//! What a bulk run writes besides its results: the display, a report, events and metrics.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tl_bulk::event::{Event, Record};
use tl_bulk::metrics::Metrics;
use tl_bulk::report::{CsvReport, Report};
use tl_protocol::FinishedExchange;

use crate::failure::Failure;
use crate::text::secret;
use crate::ui::escape::json_line;
use crate::ui::live::Live;
use crate::ui::metrics_server::MetricsServer;
use crate::ui::output::Output;

/// The format of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReportFormat {
    Html,
    Json,
    Csv,
}

impl ReportFormat {
    /// The format of a file by its extension.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "html" | "htm" => Some(Self::Html),
            "json" => Some(Self::Json),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }
}

/// Parses the path of a report.
pub(crate) fn parse_report_path(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match ReportFormat::of(&path) {
        Some(_) => Ok(path),
        None => Err("expected a file with the extension .html, .json or .csv".to_owned()),
    }
}

/// Everything that a run writes besides its results. It takes every record of the run.
pub(crate) struct Outputs {
    live: Live,
    output: Arc<Output>,
    metrics: Arc<Mutex<Metrics>>,
    metrics_at: Option<SocketAddr>,
    files: Mutex<Files>,
}

#[derive(Default)]
struct Files {
    report: Report,
    /// Reports that are written at the end.
    at_end: Vec<(PathBuf, ReportFormat)>,
    csv: Vec<(PathBuf, CsvReport<BufWriter<File>>)>,
    events: Option<(PathBuf, Box<dyn Write + Send>)>,
    /// The first error of a file. The run goes on without it.
    broken: Option<(PathBuf, io::Error)>,
}

impl Outputs {
    /// Opens the files, so that a path that cannot be written fails before the run.
    ///
    /// # Errors
    /// A file cannot be created.
    pub(crate) fn open(
        output: &Arc<Output>,
        reports: &[PathBuf],
        events: Option<&Path>,
    ) -> Result<Self, Failure> {
        let mut files = Files {
            report: Report::new(),
            ..Files::default()
        };
        for path in reports {
            match ReportFormat::of(path) {
                Some(ReportFormat::Csv) => {
                    let file = BufWriter::new(create(path)?);
                    let csv = CsvReport::new(file).map_err(|error| unwritable(path, &error))?;
                    files.csv.push((path.clone(), csv));
                }
                Some(format) => {
                    // The content is written at the end; the file shows that it is possible.
                    create(path)?;
                    files.at_end.push((path.clone(), format));
                }
                None => {
                    return Err(Failure::usage(format!(
                        "the format of the report `{}` is unknown",
                        path.display()
                    ))
                    .hint("use the extension .html, .json or .csv"));
                }
            }
        }
        if let Some(path) = events {
            let writer: Box<dyn Write + Send> = Box::new(BufWriter::new(create(path)?));
            files.events = Some((path.to_owned(), writer));
        }
        Ok(Self {
            live: Live::start(output),
            output: Arc::clone(output),
            metrics: Arc::default(),
            metrics_at: None,
            files: Mutex::new(files),
        })
    }

    /// Sets where metrics are served.
    pub(crate) fn with_metrics_at(mut self, address: Option<SocketAddr>) -> Self {
        self.metrics_at = address;
        self
    }

    /// Starts the server of metrics, if there is an address for it.
    ///
    /// # Errors
    /// The port is in use.
    pub(crate) async fn serve_metrics(&self) -> Result<Option<MetricsServer>, Failure> {
        let Some(address) = self.metrics_at else {
            return Ok(None);
        };
        let server = MetricsServer::start(address, Arc::clone(&self.metrics)).await?;
        let url = format!("metrics: http://{}/metrics", server.address());
        self.output.note(&url);
        Ok(Some(server))
    }

    /// Counts a request.
    pub(crate) fn exchange(&self, exchange: &FinishedExchange) {
        let status = exchange.result.as_ref().ok().map(|status| status.as_u16());
        let operation = exchange.operation.replace(' ', "_");
        let mut metrics = self.metrics.lock().unwrap_or_else(PoisonError::into_inner);
        metrics.add_request(&operation, status);
    }

    /// Takes what happened.
    pub(crate) fn record(&self, record: &Record) {
        self.live.record(record);
        {
            let mut metrics = self.metrics.lock().unwrap_or_else(PoisonError::into_inner);
            metrics.record(record);
            if let Event::Limit { dimension, .. } = &record.event {
                metrics.set_used_up(*dimension);
            }
        }
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.record(record);
    }

    /// Removes the display and completes the files. It is called at every end of a run.
    ///
    /// # Errors
    /// A file could not be written. The run itself is complete.
    pub(crate) fn finish(&self) -> Result<(), Failure> {
        self.live.finish();
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.finish();
        for (path, _) in &files.at_end {
            self.output.note(&format!("report: {}", path.display()));
        }
        match files.broken.take() {
            None => Ok(()),
            Some((path, error)) => Err(unwritable(&path, &error)),
        }
    }
}

impl Files {
    fn record(&mut self, record: &Record) {
        self.report.record(record);
        let mut broken = None;
        for (path, csv) in &mut self.csv {
            if let Err(error) = csv.record(record) {
                broken = Some((path.clone(), error));
            }
        }
        if let Some((path, writer)) = &mut self.events {
            // A reader follows the file, so that each second's events are there.
            let is_beat = matches!(record.event, Event::Progress(_) | Event::RunEnded(_));
            let written = json_line(record)
                .map_err(io::Error::from)
                .and_then(|line| writeln!(writer, "{}", secret::mask_keys(&line)))
                .and_then(|()| if is_beat { writer.flush() } else { Ok(()) });
            if let Err(error) = written {
                broken = Some((path.clone(), error));
            }
        }
        self.set_broken(broken);
    }

    fn finish(&mut self) {
        let mut broken = None;
        for (path, format) in &self.at_end {
            let text = match format {
                ReportFormat::Html => self.report.to_html(),
                ReportFormat::Json => format!("{:#}\n", self.report.to_json()),
                // Written row by row.
                ReportFormat::Csv => continue,
            };
            if let Err(error) = replace(path, &secret::mask_keys(&text)) {
                broken = Some((path.clone(), error));
            }
        }
        for (path, csv) in &mut self.csv {
            if let Err(error) = csv.flush() {
                broken = Some((path.clone(), error));
            }
        }
        if let Some((path, writer)) = &mut self.events
            && let Err(error) = writer.flush()
        {
            broken = Some((path.clone(), error));
        }
        self.set_broken(broken);
    }

    fn set_broken(&mut self, broken: Option<(PathBuf, io::Error)>) {
        if self.broken.is_none() {
            self.broken = broken;
        }
    }
}

fn create(path: &Path) -> Result<File, Failure> {
    File::create(path).map_err(|error| unwritable(path, &error))
}

/// Writes a file atomically.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".tl-report-")
        .tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.persist(path)?;
    Ok(())
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!("failed to write `{}`", path.display()))
        .with_source(error)
        .hint("pass a path that can be written; results of items are in the ledger")
}

impl std::fmt::Debug for Outputs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outputs").finish_non_exhaustive()
    }
}
