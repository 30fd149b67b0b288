//! Faults from the command line: each is one fault as text, or a file with a plan in JSON.

use std::path::Path;

use clap::Args;
use tl_emulator::{Fault, FaultPlan};

use crate::args::Context;
use crate::exit::Exit;
use crate::failure::Failure;

/// Read faults as --fault does, and print them as the plan in JSON.
#[derive(Debug, Args)]
#[command(after_help = "\
A fault begins with the operation it happens to, or `*`. Then it says to which requests:
  nth=1,3  every=3  probability=0.1  times=2
and what happens:
  status=503  retry_after=2  code=X  message=X  body=TEXT  the answer, in the place of the work
  after_work                                              ... or after it
  drop  lose_answer  cut_after=BYTES                      the line breaks before the work, after
                                                          it, or in the middle of the answer
  delay_ms=500  bytes_per_second=100                      the answer is late, or slow
  duplicate                                               the request is taken in twice
  stuck_in=STATUS  fail_in=STATUS  reason=X               what becomes of the task or asset
In a file, texts can have spaces:
  {\"seed\": 7, \"faults\": [{\"operation\": \"tasks.create\", \"nth\": [1], \"status\": 503}]}")]
pub(super) struct FaultsArgs {
    /// A fault such as 'tasks.create nth=1 status=503', or a JSON file with a plan
    #[arg(required = true, value_name = "FAULT|FILE")]
    faults: Vec<String>,
}

impl FaultsArgs {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let plan = read(&self.faults)?;
        context.output.json(&plan);
        let text = serde_json::to_string_pretty(&plan).map_err(|error| {
            Failure::new(Exit::Usage, "output", "the plan has no JSON form").because(&error)
        })?;
        context.output.line(&text);
        Ok(Exit::Ok)
    }
}

/// One plan of all of them. The seed is that of the last file that has one.
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
                    .next("`tl emulator faults --help` shows what a fault can say")
            })?;
            plan.faults.push(fault);
        }
    }
    Ok(plan)
}

/// A fault has at least two words; a file may have spaces in its name, but then it is there.
fn is_file(text: &str) -> bool {
    !text.trim().contains(char::is_whitespace) || Path::new(text).is_file()
}

fn read_file(path: &Path) -> Result<FaultPlan, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(format!(
            "the fault plan `{}` cannot be read",
            path.display()
        ))
        .because(&error)
        .next("name a JSON file, or write a fault as one argument: 'tasks.create nth=1 status=503'")
    })?;
    FaultPlan::from_json(&text).map_err(|error| {
        Failure::usage(format!("`{}`: {error}", path.display()))
            .next("`tl emulator faults --help` shows what a fault can say")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_and_files_of_them_make_one_plan() {
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
    fn what_is_neither_is_refused_with_both_forms() {
        for (text, told) in [
            ("nowhere.json", "cannot be read"),
            ("tasks.make drop", "tasks.create, tasks.list"),
            ("* colour=blue", "unknown field"),
            ("* every=0 drop", "counted from 1"),
        ] {
            let failure = read(&[text.to_owned()]).unwrap_err();
            assert!(
                failure.message().contains(told),
                "{text}: {}",
                failure.message()
            );
            assert!(failure.next_step().is_some(), "{text}");
        }
    }
}
