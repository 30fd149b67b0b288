//! A sequence of named, timed steps; a failing step does not stop the next.

use std::time::Instant;

use anyhow::bail;

use crate::failure::Failure;
use crate::shell::format_duration;

/// The steps that have run so far.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    passed: Vec<String>,
    failed: Vec<(String, Failure)>,
}

impl Steps {
    /// Runs a step, prints its result and records it.
    pub(crate) fn run(&mut self, name: &str, step: impl FnOnce() -> Result<(), Failure>) {
        eprintln!("=== {name}");
        let start = Instant::now();
        let result = step();
        let time = format_duration(start.elapsed());
        match result {
            Ok(()) => {
                eprintln!("=== {name}: passed in {time}");
                self.passed.push(format!("{name} {time}"));
            }
            Err(failure) => {
                eprintln!("=== {name}: FAILED in {time}: {failure:#}");
                self.failed.push((name.to_owned(), failure));
            }
        }
    }

    /// Prints the results so far, then runs the last step, whose own closing lines end the output.
    pub(crate) fn run_last(
        mut self,
        name: &str,
        step: impl FnOnce() -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        eprintln!("=== passed so far: {}", self.passed.join(", "));
        if !self.failed.is_empty() {
            eprintln!("=== failed so far: {}", self.failed_names());
        }
        eprintln!("=== {name}");
        if let Err(failure) = step() {
            eprintln!("=== {name}: FAILED: {failure:#}");
            self.failed.push((name.to_owned(), failure));
        }
        self.finish()
    }

    fn failed_names(&self) -> String {
        let names: Vec<&str> = self.failed.iter().map(|(name, _)| name.as_str()).collect();
        names.join(", ")
    }

    /// Every failed step with its reason: of a long output, the end is what is kept.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        if self.failed.is_empty() {
            return Ok(());
        }
        let mut text = format!("failed: {}", self.failed_names());
        for (name, failure) in &self.failed {
            text.push_str(&format!("\n  {name}: {failure:#}"));
        }
        bail!("{text}\n  hint: run one alone with `cargo xtask ci STEP`");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_step_does_not_stop_the_next() {
        let mut ran = Vec::new();
        let mut steps = Steps::default();
        steps.run("one", || bail!("broken"));
        steps.run("two", || {
            ran.push("two");
            Ok(())
        });
        let last = || {
            ran.push("three");
            Ok(())
        };
        let failure = steps.run_last("three", last).unwrap_err().to_string();
        assert_eq!(ran, ["two", "three"]);
        assert!(
            failure.starts_with("failed: one\n  one: broken\n"),
            "{failure}"
        );
    }

    #[test]
    fn steps_that_pass_are_a_success() {
        let mut steps = Steps::default();
        steps.run("one", || Ok(()));
        assert!(steps.run_last("two", || Ok(())).is_ok());
    }
}
