//! Prints answers, and saves what was received of incomplete ones.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use tl_client::Error;
use tl_client::analysis::{Answer, PartialAnswer};

use crate::failure::Failure;
use crate::ui::output::Output;

/// Prints a whole answer. `was_streamed` means that its text is on standard output already.
pub(super) fn print(output: &Output, answer: &Answer, details: &Value, was_streamed: bool) {
    if output.is_json() {
        let data: Value = serde_json::from_str(answer.text())
            .ok()
            .filter(|value: &Value| value.is_object() || value.is_array())
            .unwrap_or_else(|| answer.text().into());
        let mut result = json!({
            "data": data,
            "generation_id": answer.generation_id(),
            "usage": answer.usage(),
        });
        if let (Some(result), Some(details)) = (result.as_object_mut(), details.as_object()) {
            result.extend(details.clone());
        }
        return output.json(&result);
    }
    match was_streamed {
        // Ends the line.
        true => output.fragment("\n"),
        false => output.text(answer.text()),
    }
    print_usage(output, answer);
}

/// Notes the tokens that an answer used.
pub(super) fn print_usage(output: &Output, answer: &Answer) {
    if let Some(usage) = answer.usage() {
        let count = |tokens: Option<u64>| tokens.map_or("?".to_owned(), |count| count.to_string());
        output.note(&format!(
            "usage: {} input tokens, {} output tokens",
            count(usage.input_tokens),
            count(usage.output_tokens)
        ));
    }
}

/// The failure of an analysis. What was received of the answer is saved.
pub(super) fn failed(error: Error) -> Failure {
    let partial = error
        .partial()
        .filter(|partial| !partial.text.is_empty())
        .cloned();
    let failure = Failure::from(error);
    match partial {
        None => failure,
        Some(partial) => match save(&partial) {
            Ok(path) => {
                let hint = format!("what was received is in {}", path.display());
                let failure = failure.with_details(vec![hint]);
                failure.hint("analyze again with a larger --max-tokens, or a shorter window; each attempt is charged")
            }
            Err(error) => failure
                .with_source(&error)
                .hint("what was received could not be saved: run with --stream to see it"),
        },
    }
}

/// Saves the text in the current directory, or in the temporary one. Nothing is overwritten.
fn save(partial: &PartialAnswer) -> std::io::Result<PathBuf> {
    let id = partial.generation_id.as_deref().unwrap_or("answer");
    let id: String = id
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .take(64)
        .collect();
    let mut last = None;
    for folder in [PathBuf::from("."), std::env::temp_dir()] {
        for number in 0..100 {
            let name = match number {
                0 => format!("tl-partial-{id}.txt"),
                number => format!("tl-partial-{id}-{number}.txt"),
            };
            let path = folder.join(name);
            match fs::File::create_new(&path) {
                Ok(mut file) => {
                    std::io::Write::write_all(&mut file, partial.text.as_bytes())?;
                    return Ok(path);
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    last = Some(error);
                    break;
                }
            }
        }
    }
    Err(last.unwrap_or_else(|| std::io::Error::other("too many files of this name")))
}
