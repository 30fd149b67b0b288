//! Cancellation of one or several tasks or batches, with one result for each.

use serde::Serialize;
use serde_json::json;
use tl_client::Client;

use crate::batch::repeated::{RepeatedFailures, not_tried};
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::escape::plain_line;

/// Cancels each resource with `cancel`, which returns its new state for `--json` and its status.
/// Continues after a failure, unless the remaining ones would fail in the same way.
///
/// # Errors
/// If there is only one resource, the reason why it was not canceled. With several, each has its own
/// result.
pub(super) fn cancel_all<T: Serialize>(
    context: &Context,
    noun: &str,
    ids: &[String],
    cancel: &impl AsyncFn(&Client, &str) -> Result<(T, Option<String>), Failure>,
) -> Result<Exit, Failure> {
    let output = &context.output;
    let done = |id: &str, state: &T, status: Option<&str>| {
        output.json(state);
        output.line(&if output.is_quiet() {
            plain_line(id)
        } else {
            let status = plain_line(status.unwrap_or("canceled"));
            format!("{noun} {} is {status}", plain_line(id))
        });
    };
    let exits = context.call(async |client| {
        if let [only] = ids {
            let (state, status) = cancel(client, only).await?;
            done(only, &state, status.as_deref());
            return Ok(vec![Exit::Ok]);
        }
        let shared = RepeatedFailures::default();
        let mut exits: Vec<Exit> = Vec::new();
        for id in ids {
            let stop = exits.iter().copied().find(|exit| exit.stops_run());
            let result = match stop {
                Some(exit) => Err(not_tried(exit)),
                None => cancel(client, id).await,
            };
            exits.push(match result {
                Ok((state, status)) => {
                    done(id, &state, status.as_deref());
                    Exit::Ok
                }
                Err(failure) => {
                    let message = format!("{noun} {id}: {}", failure.message());
                    let failure = failure.with_message(message);
                    output.json(&json!({"id": id, "error": failure.to_json()}));
                    shared.report(output, &failure);
                    failure.exit()
                }
            });
        }
        shared.finish(output);
        Ok(exits)
    })?;
    Ok(Exit::of_items(&exits))
}
