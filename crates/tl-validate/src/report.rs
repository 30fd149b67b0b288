//! The answer of a check: findings and the verdict that follows from them. How findings come about lives in `check`;
//! how a report is written for machines lives in `formats`.

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{Route, Target};

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// A recommendation.
    Advice,
    /// The platform may refuse the file, or treat it in another way than expected.
    Warning,
    /// The platform will refuse the file.
    Error,
}

impl Severity {
    /// `error`, `warning` or `advice`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Advice => "advice",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a report comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing speaks against sending the file.
    Pass,
    /// The file may be sent, but something deserves a look.
    Warn,
    /// The file must not be sent.
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

/// One thing that was found, with its explanation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Finding {
    /// Id of the rule, such as `marengo3.0.duration.min`; findings about the file itself begin with `file.`.
    pub rule: String,
    /// How much it matters.
    pub severity: Severity,
    /// What was seen, with its unit.
    pub observed: String,
    /// What is allowed, with its unit.
    pub allowed: String,
    /// Why the rule exists, as a sentence.
    pub why: String,
    /// What the platform does not document, and what is assumed in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assumption: Option<String>,
    /// The page that documents the rule; empty when there is none.
    pub documentation: String,
    /// Where the number was read.
    pub source: String,
    /// The day from which the rule holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Date>,
    /// The error code that the platform is expected to answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicted_code: Option<String>,
    /// Routes that accept the file, where this one does not and nothing else is wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_routes: Vec<Route>,
    /// How to make the finding go away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<crate::Fix>,
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
            write!(f, ", the platform would answer {code}")?;
        }
        f.write_str("]")
    }
}

/// Everything that was found about one file and one target.
///
/// `Display` writes one line for the verdict and one for each finding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// What the findings come to.
    pub verdict: Verdict,
    /// All findings, errors first.
    pub findings: Vec<Finding>,
    /// Name of the rule pack.
    pub pack: String,
    /// First day on which the pack holds.
    pub pack_date: Date,
    /// What the file was checked for, with the engines filled in.
    pub target: Target,
}

impl Report {
    pub(crate) fn new(mut findings: Vec<Finding>, pack: &crate::RulePack, target: &Target) -> Self {
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

    /// Whether the file must not be sent.
    pub fn is_refused(&self) -> bool {
        self.verdict == Verdict::Refuse
    }

    /// What the findings come to.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// The findings that forbid sending.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|f| f.severity == Severity::Error)
    }

    /// The error code that the platform would most likely answer: that of the first error that has one.
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
