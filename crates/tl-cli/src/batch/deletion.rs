//! Deletion of one or several resources, with confirmation and one result per resource.

use serde_json::json;
use tl_client::Client;

use crate::batch::repeated::{RepeatedFailures, not_tried};
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::units::pluralize;
use crate::ui::confirm::Confirm;

/// Resources to delete.
pub(crate) struct Deletion<'a> {
    /// Singular and plural noun: `task`, `tasks`.
    pub(crate) nouns: (&'a str, &'a str),
    /// Appended to the resources in the prompt: ` of index 6a…`.
    pub(crate) suffix: String,
    pub(crate) ids: Vec<String>,
}

impl Deletion<'_> {
    /// Prompts if needed and deletes each resource with `delete`. Does nothing if the answer is no.
    ///
    /// # Errors
    /// If there is only one resource, the reason why it was not deleted. With several, each has its
    /// own result.
    pub(crate) fn run(
        &self,
        context: &Context,
        confirm: &Confirm,
        delete: &impl AsyncFn(&Client, &str) -> Result<(), Failure>,
    ) -> Result<Exit, Failure> {
        let output = &context.output;
        if self.ids.is_empty() {
            output.note(&format!("no {} to delete", self.nouns.1));
            return Ok(Exit::Ok);
        }
        let what = match &self.ids[..] {
            [only] => format!("{} {only}{}", self.nouns.0, self.suffix),
            ids => format!(
                "{}{}",
                pluralize(ids.len(), self.nouns.0, self.nouns.1),
                self.suffix
            ),
        };
        if confirm.needs_prompt(&what)? && !Confirm::ask(&what) {
            return Ok(not_deleted(context, &what));
        }
        let exits = context.call(async |client| {
            if let [only] = &self.ids[..] {
                delete(client, only).await?;
                self.done(context, only);
                return Ok(vec![Exit::Ok]);
            }
            let shared = RepeatedFailures::default();
            let mut exits: Vec<Exit> = Vec::new();
            for id in &self.ids {
                let stop = exits.iter().copied().find(|exit| exit.stops_run());
                let result = match stop {
                    Some(exit) => Err(not_tried(exit)),
                    None => delete(client, id).await,
                };
                exits.push(match result {
                    Ok(()) => {
                        self.done(context, id);
                        Exit::Ok
                    }
                    Err(failure) => {
                        let message = format!("{} {id}: {}", self.nouns.0, failure.message());
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

    fn done(&self, context: &Context, id: &str) {
        context.output.json(&json!({"deleted": id}));
        context.output.line(&if context.output.is_quiet() {
            id.to_owned()
        } else {
            format!("deleted {} {id}", self.nouns.0)
        });
    }
}

/// Reports that nothing was deleted because the answer was no.
pub(crate) fn not_deleted(context: &Context, what: &str) -> Exit {
    context.output.json(&json!({"deleted": null}));
    context.output.note(&format!("{what}: not deleted"));
    Exit::Ok
}
