//! Faults on the command line: one fault as text, or a JSON file with a fault plan.

use std::path::Path;

use clap::Args;
use tl_emulator::{Fault, FaultPlan, Operation};

use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// Syntax of a fault. The operations are listed by the emulator itself.
const GRAMMAR: &str = "\
A fault is an operation, or `*` for all operations, followed by NAME or NAME=VALUE words:
  FAULT  =  OPERATION|*  [SELECTOR ...]  EFFECT ...

SELECTOR, by default all requests:
  nth=1,3              the first and the third request
  every=3              every third request
  probability=0.1      10 % of the requests, chosen by the seed of the plan
  times=2              at most two requests

EFFECT:
  status=503           return this error instead of processing the request
  code=X  message=X    set the error code and message; body=TEXT sets the whole body
  retry_after=2        add Retry-After in seconds; without a status, return 429
  after_work           return the error after processing the request
  drop                 close the connection before processing the request
  lose_answer          close the connection after processing the request
  cut_after=BYTES      close the connection after BYTES of the response
  delay_ms=500         delay the response
  bytes_per_second=N   limit the rate of the response
  duplicate            process the request twice
  stuck_in=STATUS      keep the created task or asset in this status
  fail_in=STATUS       let it fail at the end of this status
  reason=X             set the failure reason

In a file, texts can contain spaces, and `headers` adds response headers:
  {\"seed\": 7, \"faults\": [{\"operation\": \"tasks.create\", \"nth\": [1], \"status\": 503}]}

OPERATION is one of:
";

fn help() -> String {
    Operation::ALL
        .iter()
        .fold(GRAMMAR.to_owned(), |help, operation| {
            format!("{help}  {operation}\n")
        })
}

/// Parse faults like --fault and print the fault plan as JSON.
#[derive(Debug, Args)]
#[command(after_help = help())]
pub(super) struct FaultsArgs {
    /// Fault, e.g. 'tasks.create nth=1 status=503', or JSON file with a fault plan
    #[arg(required = true, value_name = "FAULT|FILE")]
    faults: Vec<String>,
}

impl FaultsArgs {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let plan = read(&self.faults)?;
        context.output.json(&plan);
        let text = serde_json::to_string_pretty(&plan).map_err(|error| {
            Failure::new(Exit::Usage, "output", "failed to serialize the plan").with_source(&error)
        })?;
        context.output.line(&text);
        Ok(Exit::Ok)
    }
}

/// Combines all faults into one plan. The seed is that of the last file that sets one.
pub(super) fn read(faults: &[String]) -> Result<FaultPlan, Failure> {
    let mut plan = FaultPlan::default();
    for text in faults {
        if is_file(text) {
            let read = read_file(Path::new(text))?;
            plan.seed = read.seed.or(plan.seed);
            plan.faults.extend(read.faults);
        } else {
            let fault = text.parse::<Fault>().map_err(|error| {
                Failure::usage(error.to_string())
                    .hint("see `tl emulator faults --help` for the syntax")
            })?;
            plan.faults.push(fault);
        }
    }
    Ok(plan)
}

/// A fault has at least two words. A file name may contain spaces if the file exists.
fn is_file(text: &str) -> bool {
    !text.trim().contains(char::is_whitespace) || Path::new(text).is_file()
}

fn read_file(path: &Path) -> Result<FaultPlan, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(format!(
            "failed to read the fault plan `{}`",
            path.display()
        ))
        .with_source(&error)
        .hint("pass a JSON file, or a fault as one argument: 'tasks.create nth=1 status=503'")
    })?;
    FaultPlan::from_json(&text).map_err(|error| {
        Failure::usage(format!("`{}`: {error}", path.display()))
            .hint("see `tl emulator faults --help` for the syntax")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_and_files_are_merged() {
        let file = std::env::temp_dir().join(format!("tl-faults-{}.json", std::process::id()));
        std::fs::write(&file, r#"{"seed":7,"faults":[{"status":500}]}"#).unwrap();
        let name = file.to_str().unwrap().to_owned();
        let plan = read(&[
            "tasks.create nth=1 drop".to_owned(),
            name,
            "* every=2 delay_ms=5".to_owned(),
        ]);
        std::fs::remove_file(&file).unwrap();
        let plan = plan.unwrap();
        assert_eq!((plan.seed, plan.faults.len()), (Some(7), 3));
        assert_eq!(plan.faults[1].status, Some(500));
    }

    #[test]
    fn invalid_faults_are_rejected() {
        for (text, expected) in [
            ("nowhere.json", "failed to read"),
            ("tasks.make drop", "tasks.create, tasks.list"),
            ("* color=blue", "unknown field"),
            ("* every=0 drop", "counted from 1"),
        ] {
            let failure = read(&[text.to_owned()]).unwrap_err();
            assert!(
                failure.message().contains(expected),
                "{text}: {}",
                failure.message()
            );
            assert!(failure.hint_text().is_some(), "{text}");
        }
    }
}
