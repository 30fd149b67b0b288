//! Running named steps one after the other: each is announced and timed, and a failing one does not hide the next.

use std::time::Instant;

use crate::failure::Failure;

/// The steps of one run so far.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    passed: Vec<String>,
    /// Each with its reason.
    failed: Vec<(String, Failure)>,
}

impl Steps {
    /// Runs one step, says how it went, and remembers it.
    pub(crate) fn run(&mut self, name: &str, step: impl FnOnce() -> Result<(), Failure>) {
        eprintln!("=== {name}");
        let start = Instant::now();
        let result = step();
        let seconds = start.elapsed().as_secs_f64();
        match result {
            Ok(()) => {
                eprintln!("=== {name}: passed in {seconds:.1} s");
                self.passed.push(format!("{name} {seconds:.1} s"));
            }
            Err(failure) => {
                eprintln!("=== {name}: FAILED in {seconds:.1} s: {failure}");
                self.failed.push((name.to_owned(), failure));
            }
        }
    }

    /// Runs the last step, whose own closing lines are to be the last of the run.
    pub(crate) fn run_last(
        mut self,
        name: &str,
        step: impl FnOnce() -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if !self.passed.is_empty() {
            eprintln!("=== passed so far: {}", self.passed.join(", "));
        }
        if !self.failed.is_empty() {
            eprintln!("=== failed so far: {}", self.failed_names());
        }
        eprintln!("=== {name}");
        if let Err(failure) = step() {
            eprintln!("=== {name}: FAILED: {failure}");
            self.failed.push((name.to_owned(), failure));
        }
        self.finish()
    }

    fn failed_names(&self) -> String {
        let names: Vec<&str> = self.failed.iter().map(|(name, _)| name.as_str()).collect();
        names.join(", ")
    }

    /// What failed and why: the end is what is kept of a long output.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        if self.failed.is_empty() {
            return Ok(());
        }
        let mut text = format!(
            "failed: {} (each alone: `cargo xtask ci STEP`)",
            self.failed_names()
        );
        for (name, failure) in &self.failed {
            text.push_str(&format!("\n  {name}: {failure}"));
        }
        Err(Failure::new(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_step_lets_the_others_run_and_fails_the_whole() {
        let mut ran = Vec::new();
        let mut steps = Steps::default();
        steps.run("one", || Err(Failure::new("broken")));
        steps.run("two", || {
            ran.push("two");
            Ok(())
        });
        let failure = steps
            .run_last("three", || {
                ran.push("three");
                Ok(())
            })
            .unwrap_err();
        assert_eq!(ran, ["two", "three"]);
        assert_eq!(
            failure.to_string(),
            "failed: one (each alone: `cargo xtask ci STEP`)\n  one: broken"
        );
    }

    #[test]
    fn steps_that_all_pass_are_a_success() {
        let mut steps = Steps::default();
        steps.run("one", || Ok(()));
        assert!(steps.run_last("two", || Ok(())).is_ok());
    }
}
