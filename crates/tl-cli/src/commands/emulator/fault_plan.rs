//! Fault plans on the command line: one fault as text, or a JSON file.

use std::path::Path;

use tl_emulator::{Fault, FaultPlan};

use crate::failure::Failure;

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
