//! Results of `tl fix`: what was written, and how a copy differs from its source.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tl_client::checker::Checked;
use tl_validate::split::PacketReader;
use tl_validate::{Fix, Severity};

use super::comparison::Side;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::path_name::path_name;
use crate::text::units::{self, format_bytes};
use crate::ui::escape::{plain, plain_line};
use crate::ui::style::{BOLD, GOOD};
use crate::ui::table;

/// Result for one file.
pub(super) enum Outcome {
    /// The file already passes.
    Good(Checked),
    /// Planned with `--dry-run`.
    Planned(Checked, Fix, PathBuf),
    /// A copy that passes was written.
    Fixed(Box<Fixed>),
}

pub(super) struct Fixed {
    pub(super) before: Side,
    pub(super) after: Side,
    pub(super) left_out: Vec<String>,
    pub(super) fix: Fix,
    pub(super) output: PathBuf,
    pub(super) seconds: f64,
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
    let side = |checked: &Checked| json!({"facts": checked.facts, "report": checked.report});
    let measured = |measured: &Side| {
        let mut side = side(&measured.checked);
        side["sound_seconds"] = json!(sound_seconds(&measured.listed));
        side
    };
    match done {
        Ok(Outcome::Good(checked)) => {
            output.json(&object(
                Exit::Ok,
                json!({"output": null, "before": side(checked)}),
            ));
            output.line(&format!(
                "{GOOD}ok      {GOOD:#} {}  already passes; no copy written",
                plain_line(&name)
            ));
            Exit::Ok
        }
        Ok(Outcome::Planned(before, fix, target)) => {
            let command = fix.command(&name, &path_name(target));
            output.json(&object(Exit::Ok, json!({"output": path_name(target), "fix": fix, "command": command, "before": side(before), "dry_run": true})));
            output.line(&format!(
                "{BOLD}plan    {BOLD:#} {}  {}\n           {}",
                plain_line(&name),
                plain(&describe(fix)),
                plain_line(&shell_words::join(command))
            ));
            Exit::Ok
        }
        Ok(Outcome::Fixed(fixed)) => {
            let command = fixed.fix.command(&name, &path_name(&fixed.output));
            output.json(&object(
                Exit::Ok,
                json!({
                    "output": path_name(&fixed.output),
                    "fix": fixed.fix,
                    "command": command,
                    "before": measured(&fixed.before),
                    "after": measured(&fixed.after),
                    "left_out": fixed.left_out,
                    "seconds": fixed.seconds,
                }),
            ));
            output.line(&format!(
                "{GOOD}fixed   {GOOD:#} {} -> {}  {}, in {}\n{}",
                plain_line(&name),
                plain_line(&path_name(&fixed.output)),
                plain(&describe(&fixed.fix)),
                units::format_duration(Duration::from_secs_f64(fixed.seconds)),
                changes(fixed)
            ));
            Exit::Ok
        }
        Err(failure) => {
            output.json(&object(failure.exit(), json!({"error": failure.to_json()})));
            output.failure_text(failure);
            failure.exit()
        }
    }
}

fn describe(fix: &Fix) -> String {
    let mut loss = match fix.lossless {
        true if fix.losses.is_empty() => "nothing is lost".to_owned(),
        true => "without re-encoding".to_owned(),
        false if fix.cut_at_seconds.is_some() => "truncated".to_owned(),
        false => "re-encoded".to_owned(),
    };
    if !fix.losses.is_empty() {
        loss.push_str(&format!("; lost: {}", fix.losses.join(", ")));
    }
    format!("{} ({loss})", fix.summary)
}

/// Duration of each audio stream in seconds.
pub(super) fn sound_seconds(listed: &PacketReader) -> Vec<f64> {
    let sounds = listed.streams().iter().filter(|(stream, _)| **stream > 0);
    sounds.map(|(_, sound)| sound.seconds()).collect()
}

/// Table of the differences between source and copy.
fn changes(fixed: &Fixed) -> String {
    let (before, after) = (row_values(&fixed.before), row_values(&fixed.after));
    let mut rows: Vec<[String; 3]> = LABELS
        .iter()
        .zip(before.into_iter().zip(after))
        .filter(|(label, (before, after))| before != after || ALWAYS.contains(*label))
        .map(|(label, (before, after))| [format!("  {label}"), before, after])
        .collect();
    for track in &fixed.left_out {
        rows.push(["  dropped".to_owned(), track.clone(), "none".to_owned()]);
    }
    table::render(["  ", "BEFORE", "AFTER"], &rows)
}

const LABELS: [&str; 10] = [
    "resolution",
    "video",
    "bit depth",
    "dynamic range",
    "audio",
    "audio duration",
    "duration",
    "container",
    "size",
    "errors",
];

/// Rows that are shown even if unchanged.
const ALWAYS: [&str; 3] = ["bit depth", "audio duration", "errors"];

fn row_values(side: &Side) -> [String; 10] {
    let checked = &side.checked;
    let errors = checked
        .report
        .findings
        .iter()
        .filter(|f| f.severity == Severity::Error)
        .count();
    let none = || "none".to_owned();
    let Some(facts) = &checked.facts else {
        let mut row = std::array::from_fn(|_| none());
        row[9] = errors.to_string();
        return row;
    };
    let sounds = sound_seconds(&side.listed);
    [
        facts
            .video()
            .map_or_else(none, |video| format!("{}x{}", video.width, video.height)),
        facts.video().map_or_else(none, |video| video.codec.clone()),
        facts
            .video()
            .and_then(|video| video.bit_depth)
            .map_or_else(|| "unknown".to_owned(), |bits| format!("{bits} bits")),
        match facts.video() {
            Some(video) if video.is_hdr => "HDR".to_owned(),
            _ => "SDR".to_owned(),
        },
        facts
            .known_audio()
            .next()
            .map_or_else(none, |audio| audio.codec.clone()),
        match sounds.is_empty() {
            true => none(),
            false => {
                let each = sounds.iter().map(|seconds| format!("{seconds:.2} s"));
                each.collect::<Vec<_>>().join(", ")
            }
        },
        facts
            .duration_seconds()
            .map_or_else(none, |seconds| format!("{seconds:.2} s")),
        facts.file_mime_type.clone().unwrap_or_else(none),
        format_bytes(facts.file_size_bytes),
        errors.to_string(),
    ]
}
