//! The classes `Report`, `Finding` and `Fix`.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use tl_validate::MediaFacts;
use tl_validate::formats::{Entry, jsonl};

use crate::json::to_python;

/// The result of a check. See the type stub for the documentation of these classes.
#[pyclass(frozen, module = "tl_validate")]
pub(crate) struct Report {
    name: String,
    report: tl_validate::Report,
    facts: Option<MediaFacts>,
    error: Option<String>,
}

impl Report {
    pub(crate) fn new(
        name: String,
        report: tl_validate::Report,
        facts: Option<MediaFacts>,
        error: Option<String>,
    ) -> Self {
        Self {
            name,
            report,
            facts,
            error,
        }
    }

    fn entry(&self) -> Entry<'_> {
        let entry = Entry::new(&self.name, &self.report);
        match &self.facts {
            Some(facts) => entry.with_facts(facts),
            None => entry,
        }
    }
}

/// A value that serde can write, as a Python object.
fn object<'py>(py: Python<'py>, value: &impl serde::Serialize) -> PyResult<Bound<'py, PyAny>> {
    let value = serde_json::to_value(value).map_err(|e| PyValueError::new_err(e.to_string()))?;
    to_python(py, &value)
}

#[pymethods]
impl Report {
    #[getter]
    fn file(&self) -> &str {
        &self.name
    }

    #[getter]
    fn verdict(&self) -> &'static str {
        self.report.verdict().as_str()
    }

    #[getter]
    fn refused(&self) -> bool {
        self.report.is_refused()
    }

    #[getter]
    fn findings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.report.findings.iter().cloned().map(Finding))
    }

    #[getter]
    fn errors<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let errors: Vec<Finding> = self.report.errors().cloned().map(Finding).collect();
        PyTuple::new(py, errors)
    }

    #[getter]
    fn predicted_code(&self) -> Option<&str> {
        self.report.predicted_code()
    }

    #[getter]
    fn rules(&self) -> &str {
        &self.report.pack
    }

    #[getter]
    fn rules_date(&self) -> String {
        self.report.pack_date.to_string()
    }

    #[getter]
    fn route(&self) -> &'static str {
        self.report.target.route.as_str()
    }

    #[getter]
    fn engines(&self) -> Vec<String> {
        let engines = self.report.target.engines.iter();
        engines.map(ToString::to_string).collect()
    }

    #[getter]
    fn facts<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.facts.as_ref().map(|facts| object(py, facts)).transpose()
    }

    #[getter]
    fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    fn to_json(&self) -> String {
        jsonl(&self.entry())
    }

    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let value = serde_json::from_str(&self.to_json())
            .map_err(|e| PyValueError::new_err(e.to_string()))?;
        to_python(py, &value)
    }

    /// For pickle, so that reports can be results of other processes.
    #[staticmethod]
    #[pyo3(name = "_restore")]
    fn restore(json: &str, error: Option<String>) -> PyResult<Self> {
        let invalid = |e: serde_json::Error| PyValueError::new_err(e.to_string());
        let mut value: serde_json::Value = serde_json::from_str(json).map_err(invalid)?;
        let name = value["file"].as_str().unwrap_or_default().to_owned();
        let facts = serde_json::from_value(value["facts"].take()).map_err(invalid)?;
        let report = serde_json::from_value(value).map_err(invalid)?;
        Ok(Self::new(name, report, facts, error))
    }

    fn __reduce__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyAny>, (String, Option<String>))> {
        let restore = py.get_type::<Self>().getattr("_restore")?;
        Ok((restore, (self.to_json(), self.error.clone())))
    }

    fn __str__(&self) -> String {
        format!("{}: {}", self.name, self.report)
    }

    fn __repr__(&self) -> String {
        let count = self.report.findings.len();
        let verdict = self.report.verdict();
        format!(
            "<tl_validate.Report of {:?}: {verdict}, {count} findings>",
            self.name
        )
    }
}

#[pyclass(frozen, module = "tl_validate")]
pub(crate) struct Finding(tl_validate::Finding);

#[pymethods]
impl Finding {
    #[getter]
    fn rule(&self) -> &str {
        &self.0.rule
    }

    #[getter]
    fn severity(&self) -> &'static str {
        match self.0.severity {
            tl_validate::Severity::Error => "error",
            tl_validate::Severity::Warning => "warning",
            tl_validate::Severity::Advice => "advice",
        }
    }

    #[getter]
    fn observed(&self) -> &str {
        &self.0.observed
    }

    #[getter]
    fn allowed(&self) -> &str {
        &self.0.allowed
    }

    #[getter]
    fn why(&self) -> &str {
        &self.0.why
    }

    #[getter]
    fn assumption(&self) -> Option<&str> {
        self.0.assumption.as_deref()
    }

    #[getter]
    fn documentation(&self) -> &str {
        &self.0.documentation
    }

    #[getter]
    fn source(&self) -> &str {
        &self.0.source
    }

    #[getter]
    fn since(&self) -> Option<String> {
        self.0.since.map(|date| date.to_string())
    }

    #[getter]
    fn predicted_code(&self) -> Option<&str> {
        self.0.predicted_code.as_deref()
    }

    #[getter]
    fn other_routes(&self) -> Vec<&'static str> {
        self.0.other_routes.iter().map(|r| r.as_str()).collect()
    }

    #[getter]
    fn fix(&self) -> Option<Fix> {
        self.0.fix.clone().map(Fix)
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("<tl_validate.Finding {}: {}>", self.0.rule, self.severity())
    }
}

#[pyclass(frozen, module = "tl_validate")]
pub(crate) struct Fix(tl_validate::Fix);

#[pymethods]
impl Fix {
    #[getter]
    fn kind<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        object(py, &self.0.kind)
    }

    #[getter]
    fn summary(&self) -> &str {
        &self.0.summary
    }

    #[getter]
    fn lossless(&self) -> bool {
        self.0.lossless
    }

    #[getter]
    fn losses(&self) -> Vec<String> {
        self.0.losses.clone()
    }

    #[getter]
    fn estimated_bytes(&self) -> Option<u64> {
        self.0.estimated_bytes
    }

    #[getter]
    fn estimated_seconds(&self) -> Option<f64> {
        self.0.estimated_seconds
    }

    fn command(&self, input: &str, output: &str) -> Vec<String> {
        self.0.command(input, output)
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("<tl_validate.Fix: {}>", self.0.summary)
    }
}
