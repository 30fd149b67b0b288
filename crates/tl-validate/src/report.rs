//! The result of a check: findings and the verdict derived from them. Findings are created in
//! `check`; the output formats are in `formats`.

pub mod formats;

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::rules::{Route, Severity, Target};

/// Overall result of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The file can be uploaded.
    Pass,
    /// The file can be uploaded, but there are warnings.
    Warn,
    /// The file must not be uploaded.
    Refuse,
}

impl Verdict {
    /// `pass`, `warn` or `refuse`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Refuse => "refuse",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One finding with its explanation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Finding {
    /// Rule id, such as `marengo3.0.duration.min`. Ids of findings about the file itself start with
    /// `file.`.
    pub rule: String,
    /// Severity.
    pub severity: Severity,
    /// The observed value with its unit.
    pub observed: String,
    /// The allowed value with its unit.
    pub allowed: String,
    /// Why the rule exists, as a sentence.
    pub why: String,
    /// What the platform does not document, and what is assumed instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assumption: Option<String>,
    /// URL of the page that documents the rule; empty if there is none.
    pub documentation: String,
    /// Source of the number.
    pub source: String,
    /// First day on which the rule applies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Date>,
    /// The error code that the platform is expected to return.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicted_code: Option<String>,
    /// Routes that accept the file. Set only if this route refuses it and nothing else is wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_routes: Vec<Route>,
    /// A fix that removes the finding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<crate::remedy::fix::Fix>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}; allowed: {}. {}",
            self.severity, self.observed, self.allowed, self.why
        )?;
        if let Some(assumption) = &self.assumption {
            write!(f, " ({assumption})")?;
        }
        write!(f, " [{}", self.rule)?;
        if let Some(code) = &self.predicted_code {
            write!(f, ", expected platform error {code}")?;
        }
        f.write_str("]")
    }
}

/// All findings for one file and one target.
///
/// `Display` writes one line for the verdict and one for each finding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// Overall verdict.
    pub verdict: Verdict,
    /// All findings, errors first.
    pub findings: Vec<Finding>,
    /// Name of the rule pack.
    pub pack: String,
    /// First day on which the pack applies.
    pub pack_date: Date,
    /// The target that the file was checked for, with the default engines filled in.
    pub target: Target,
}

impl Report {
    pub(crate) fn new(
        mut findings: Vec<Finding>,
        pack: &crate::rules::RulePack,
        target: &Target,
    ) -> Self {
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        let verdict = findings
            .iter()
            .map(|f| f.severity)
            .max()
            .map_or(Verdict::Pass, |worst| match worst {
                Severity::Error => Verdict::Refuse,
                Severity::Warning => Verdict::Warn,
                Severity::Advice => Verdict::Pass,
            });
        Self {
            verdict,
            findings,
            pack: pack.name().to_owned(),
            pack_date: pack.date(),
            target: Target {
                engines: pack.engines_for(target).to_vec(),
                ..target.clone()
            },
        }
    }

    /// Whether the file must not be uploaded.
    pub fn is_refused(&self) -> bool {
        self.verdict == Verdict::Refuse
    }

    /// Overall verdict.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// The findings with severity [`Severity::Error`].
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|f| f.severity == Severity::Error)
    }

    /// The error code that the platform would most likely return: that of the first error that has
    /// one.
    pub fn predicted_code(&self) -> Option<&str> {
        self.errors().find_map(|f| f.predicted_code.as_deref())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |severity| {
            self.findings
                .iter()
                .filter(|f| f.severity == severity)
                .count()
        };
        let verdict = match self.verdict {
            Verdict::Pass => "passes",
            Verdict::Warn => "passes with warnings",
            Verdict::Refuse => "refused",
        };
        write!(
            f,
            "{verdict} ({}, rules {} of {})",
            self.target, self.pack, self.pack_date
        )?;
        for (severity, one, many) in [
            (Severity::Error, "error", "errors"),
            (Severity::Warning, "warning", "warnings"),
        ] {
            match count(severity) {
                0 => {}
                1 => write!(f, ", 1 {one}")?,
                n => write!(f, ", {n} {many}")?,
            }
        }
        for finding in &self.findings {
            write!(f, "\n  {finding}")?;
            if let Some(fix) = &finding.fix {
                write!(f, "\n    fix: {fix}")?;
            }
        }
        Ok(())
    }
}
