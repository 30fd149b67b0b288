//! Results of `tl split`: the parts and their start times.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tl_client::checker::Checked;
use tl_validate::timeline::Timeline;

use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::path_name::path_name;
use crate::text::units::format_bytes;
use crate::ui::escape::plain_line;
use crate::ui::style::GOOD;
use crate::ui::table;

/// Result for one file.
pub(super) enum Outcome {
    /// The file already passes.
    Whole(Box<Checked>),
    Parts {
        map: PathBuf,
        timeline: Timeline,
        reports: Vec<Checked>,
        reencoded: bool,
        left_out: Vec<String>,
    },
}

/// Prints the result for one file and returns its exit code.
pub(super) fn print_outcome(
    context: &Context,
    file: &Path,
    done: &Result<Outcome, Failure>,
) -> Exit {
    let (output, name) = (&context.output, path_name(file));
    let object = |exit: Exit, more: Value| {
        let mut object = json!({"input": name, "ok": exit == Exit::Ok, "exit_code": exit.code()});
        if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
            object.extend(more);
        }
        object
    };
    match done {
        Ok(Outcome::Whole(checked)) => {
            output.json(&object(
                Exit::Ok,
                json!({"map": null, "parts": [], "report": checked.report}),
            ));
            output.line(&format!(
                "{GOOD}ok      {GOOD:#} {}  already passes; not split",
                plain_line(&name)
            ));
            Exit::Ok
        }
        Ok(Outcome::Parts {
            map,
            timeline,
            reports,
            reencoded,
            left_out,
        }) => {
            let verdicts: Vec<_> = reports
                .iter()
                .map(|checked| checked.report.verdict)
                .collect();
            output.json(&object(
                Exit::Ok,
                json!({
                    "map": path_name(map),
                    "timeline": timeline,
                    "verdicts": verdicts,
                    "reencoded": reencoded,
                    "left_out": left_out,
                }),
            ));
            let mut how = match reencoded {
                true => "re-encoded".to_owned(),
                false if left_out.is_empty() => "nothing is lost".to_owned(),
                false => "without re-encoding".to_owned(),
            };
            if !left_out.is_empty() {
                how.push_str(&format!("; dropped: {}", left_out.join(", ")));
            }
            output.line(&format!(
                "{GOOD}split   {GOOD:#} {}  {} parts ({how}), start times in {}",
                plain_line(&name),
                timeline.parts.len(),
                plain_line(&path_name(map))
            ));
            let rows: Vec<[String; 4]> = timeline
                .parts
                .iter()
                .map(|part| {
                    [
                        format!("{:.3} s", part.start_seconds),
                        format!("{:.3} s", part.duration_seconds),
                        part.size_bytes.map(format_bytes).unwrap_or_default(),
                        part.name.clone(),
                    ]
                })
                .collect();
            output.line(&table::render(["START", "DURATION", "SIZE", "PART"], &rows));
            Exit::Ok
        }
        Err(failure) => {
            output.json(&object(failure.exit(), json!({"error": failure.to_json()})));
            output.failure_text(failure);
            failure.exit()
        }
    }
}
