//! `tl ask`: questions about a knowledge store, one or in conversation.

mod answer;

use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use tl_client::Client;
use tl_model::{ChatSessionId, ItemCollectionId, KnowledgeStoreId, StoreItemId};

use self::answer::Answer;
use crate::args::named;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::runtime;
use crate::text::path_name::path_name;
use crate::ui::progress::Progress;

/// The longest question in characters (API description of July 2026).
const MAX_QUESTION: usize = 10_000;

/// `tl ask`.
#[derive(Debug, Args)]
pub(crate) struct Ask {
    /// Knowledge store id or name
    #[arg(value_name = "STORE")]
    store: String,
    /// Question; without one, read questions from standard input
    #[arg(value_name = "QUESTION")]
    question: Option<String>,
    /// Continue this conversation
    #[arg(long, value_name = "SESSION")]
    session: Option<ChatSessionId>,
    /// Prefer this item of the store. Repeatable
    #[arg(long = "item", value_name = "ITEM")]
    items: Vec<StoreItemId>,
    /// Prefer the items of this collection. Repeatable
    #[arg(long = "collection", value_name = "ID|NAME")]
    collections: Vec<String>,
    /// Give guidance for the answer
    #[arg(long, value_name = "TEXT")]
    instructions: Option<String>,
    /// Answer with JSON that conforms to this JSON Schema
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
    /// Also show the steps that led to the answer
    #[arg(long)]
    steps: bool,
    /// Show what would be asked and send no question
    #[arg(long)]
    dry_run: bool,
}

/// What every question of a run refers to.
struct Scope {
    store: KnowledgeStoreId,
    collections: Vec<ItemCollectionId>,
    schema: Option<Value>,
}

impl Ask {
    pub(crate) fn run(mut self, context: &Context) -> Result<Exit, Failure> {
        let schema = self.schema.as_deref().map(read_schema).transpose()?;
        self.items.iter().try_for_each(named::check_item)?;
        let is_chat = self.question.is_none() && io::stdin().is_terminal();
        if self.question.is_none() && !is_chat {
            self.question = Some(read_question()?);
        }
        let progress = Progress::new(&context.output, 0);
        let client = context.connection.client(progress.observer())?;
        let work = async {
            let store = named::store(&client, &self.store).await?;
            let mut collections = Vec::new();
            for collection in &self.collections {
                collections.push(named::item_collection(&client, &store, collection).await?);
            }
            let scope = Scope {
                store,
                collections,
                schema,
            };
            if self.dry_run {
                return self.show_only(context, &client, &scope).await;
            }
            if let Some(question) = self.question.take() {
                self.ask(context, &progress, &client, &scope, &question)
                    .await?;
                return Ok(());
            }
            while let Some(question) = next_question()? {
                self.ask(context, &progress, &client, &scope, &question)
                    .await?;
            }
            Ok(())
        };
        let result = runtime::run(work, || {
            Failure::interrupted("interrupted: the answer is lost").hint("ask again")
        });
        progress.finish();
        result?;
        Ok(Exit::Ok)
    }

    /// Asks one question, and continues its conversation with the next one.
    async fn ask(
        &mut self,
        context: &Context,
        progress: &Progress,
        client: &Client,
        scope: &Scope,
        question: &str,
    ) -> Result<(), Failure> {
        let mut ask = client.ask(scope.store.clone()).say(question);
        if let Some(session) = &self.session {
            ask = ask.session(session.clone());
        } else {
            // The session keeps its selections.
            for item in &self.items {
                ask = ask.about_item(item.clone());
            }
            for collection in &scope.collections {
                ask = ask.about_collection(collection.clone());
            }
        }
        if let Some(text) = &self.instructions {
            ask = ask.instructions(text);
        }
        if let Some(schema) = &scope.schema {
            ask = ask.schema("answer", schema.clone());
        }
        if self.steps {
            ask = ask.with_steps();
        }
        let mut events = ask.stream();
        let mut answer = Answer::new(context, progress, self.session.take());
        progress.show("working");
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => answer.event(event),
                Err(error) => return Err(answer.failed(error.into())),
            }
        }
        self.session = answer.finish()?;
        Ok(())
    }

    /// Shows what would be asked. Only the store is looked up.
    async fn show_only(
        &self,
        context: &Context,
        client: &Client,
        scope: &Scope,
    ) -> Result<(), Failure> {
        let store = client.knowledge_stores().get(scope.store.clone()).await?;
        let question = self.question.as_deref().unwrap_or_default();
        let length = question.chars().count();
        if length > MAX_QUESTION {
            return Err(Failure::usage(format!(
                "the question has {length} characters: at most {MAX_QUESTION} are allowed"
            ))
            .hint("shorten the question"));
        }
        let items = store.item_count.unwrap_or_default();
        context.output.json(&json!({
            "dry_run": true,
            "store": store.id,
            "items": items,
            "characters": length,
            "items_preferred": self.items,
            "collections_preferred": scope.collections,
        }));
        context.output.line(&format!(
            "would ask {length} characters about knowledge store {} with {items} items; nothing was asked",
            store.id
        ));
        Ok(())
    }
}

fn read_schema(path: &std::path::Path) -> Result<Value, Failure> {
    let name = path_name(path);
    let hint = "pass a readable file with a JSON Schema";
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(format!("failed to read the schema `{name}`"))
            .with_source(&error)
            .hint(hint)
    })?;
    serde_json::from_str(&text).map_err(|error| {
        Failure::usage(format!("the schema `{name}` is not JSON"))
            .with_source(&error)
            .hint(hint)
    })
}

/// The question on standard input.
fn read_question() -> Result<String, Failure> {
    let mut text = String::new();
    // One byte more than any question has tells that it is too long.
    let limit = (MAX_QUESTION * 4 + 1) as u64;
    let read = io::stdin().lock().take(limit).read_to_string(&mut text);
    read.map_err(|error| {
        Failure::usage("failed to read the question from standard input")
            .with_source(&error)
            .hint("pass the question as an argument")
    })?;
    let text = text.trim();
    if text.is_empty() {
        return Err(Failure::usage("there is no question")
            .hint("pass the question as an argument or on standard input"));
    }
    Ok(text.to_owned())
}

/// Prompts for the next question; `None` at the end of the input.
fn next_question() -> Result<Option<String>, Failure> {
    loop {
        let mut line = String::new();
        let asked = write!(io::stderr(), "> ")
            .and_then(|()| io::stderr().flush())
            .and_then(|()| io::stdin().lock().read_line(&mut line));
        match asked {
            Ok(0) => return Ok(None),
            Ok(_) if line.trim().is_empty() => {}
            Ok(_) => return Ok(Some(line.trim().to_owned())),
            Err(error) => {
                return Err(
                    Failure::usage("failed to read the question from the terminal")
                        .with_source(&error)
                        .hint("pass the question as an argument"),
                );
            }
        }
    }
}
