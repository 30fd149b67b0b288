//! Waiting for resources: `tl task wait`, `tl asset wait`, `tl video wait`.

use std::sync::Arc;

use serde::Serialize;
use serde_json::json;
use tl_protocol::flow::{WaitPolicy, Waited, Watched};
use tokio::task::JoinSet;

use crate::batch::repeated::RepeatedFailures;
use crate::batch::wait_hint::{wait_hint, with_wait_hint};
use crate::context::Context;
use crate::failure::exit::Exit;
use crate::failure::{self, Failure};
use crate::runtime;
use crate::text::units;
use crate::ui::escape::plain_line;
use crate::ui::output::Output;
use crate::ui::progress::Progress;
use crate::ui::style::GOOD;

/// A resource to wait for.
pub(crate) struct WaitTarget<E: Watched> {
    pub(crate) endpoint: E,
    /// Noun of the resource, also its JSON key: `task`.
    pub(crate) noun: &'static str,
    /// The command that waits for it: `tl task wait ID`.
    pub(crate) command: String,
    /// Output with `--quiet`.
    pub(crate) quiet: fn(&E::Response) -> String,
    /// Details for people.
    pub(crate) details: fn(&E::Response) -> String,
}

impl<E> WaitTarget<E>
where
    E: Watched<Response: Serialize + Send> + 'static,
{
    fn id(&self) -> String {
        self.endpoint.resource().id().to_owned()
    }

    fn ready(&self, output: &Output, waited: &Waited<E::Response>, is_only: bool) {
        output.json(&json!({
            self.noun: waited.value,
            "history": failure::history(&waited.history),
            "seconds": waited.took.as_secs_f64(),
        }));
        if output.is_quiet() {
            output.line(&plain_line(&(self.quiet)(&waited.value)));
        } else if is_only {
            output.line(&format!(
                "{GOOD}ready{GOOD:#} after {}",
                units::format_duration(waited.took)
            ));
            output.line(&(self.details)(&waited.value));
        } else {
            output.line(&format!(
                "{GOOD}ready{GOOD:#}  {} {} after {}",
                self.noun,
                self.id(),
                units::format_duration(waited.took)
            ));
        }
    }

    /// Reports the failure of one of several resources.
    fn failed(&self, output: &Output, shared: &RepeatedFailures, failure: Failure) -> Exit {
        let (noun, id) = (self.noun, self.id());
        let message = format!("{noun} {id}: {}", failure.message());
        let failure = failure.with_message(message);
        output.json(&json!({"id": id, "error": failure.to_json()}));
        shared.report(output, &failure);
        failure.exit()
    }

    fn interrupted(&self) -> Failure {
        let (noun, id) = (self.noun, self.id());
        Failure::interrupted(format!(
            "interrupted; the platform continues with {noun} {id}"
        ))
        .hint(wait_hint(&self.command))
    }
}

/// Waits concurrently until all resources are ready, and reports each as soon as it is.
///
/// # Errors
/// If there is only one resource, the reason why it is not ready. With several, each has its own
/// result.
pub(crate) fn wait_for_all<E>(
    all: &[WaitTarget<E>],
    context: &Context,
    policy: &WaitPolicy,
) -> Result<Exit, Failure>
where
    E: Watched<Response: Serialize + Send> + 'static,
{
    let output = &context.output;
    let is_only = all.len() == 1;
    let progress = Progress::new(output, all.len());
    let client = Arc::new(context.connection.client(progress.observer())?);
    let mut exits: Vec<Option<Exit>> = vec![None; all.len()];
    let shared = RepeatedFailures::default();
    let waits = async {
        let mut in_flight = JoinSet::new();
        for (at, target) in all.iter().enumerate() {
            let (client, endpoint, policy) =
                (Arc::clone(&client), target.endpoint.clone(), policy.clone());
            in_flight.spawn(async move { (at, client.wait(endpoint, policy).await) });
        }
        while let Some(ended) = in_flight.join_next().await {
            let (at, waited) = match ended {
                Ok(ended) => ended,
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Err(_) => continue,
            };
            exits[at] = Some(match waited {
                Ok(waited) => {
                    all[at].ready(output, &waited, is_only);
                    Exit::Ok
                }
                Err(error) => {
                    let failure = with_wait_hint(error.into(), &all[at].command);
                    if is_only {
                        return Err(failure);
                    }
                    all[at].failed(output, &shared, failure)
                }
            });
        }
        Ok(())
    };
    let result = runtime::run(waits, || match all {
        [only] => only.interrupted(),
        _ => Failure::interrupted("interrupted; the platform continues indexing")
            .hint("run the command again to continue waiting"),
    });
    progress.finish();
    shared.finish(output);
    result?;
    let exits: Vec<Exit> = exits
        .into_iter()
        .map(|exit| exit.unwrap_or(Exit::SomeFailed))
        .collect();
    Ok(Exit::of_items(&exits))
}
