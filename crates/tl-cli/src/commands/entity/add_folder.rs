//! `tl entity add-folder`: entities from a folder of images.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use tl_client::EntityFolder;
use tl_model::NewEntityCollection;
use tl_protocol::Observer;
use tl_protocol::endpoint::{ListEntityCollections, PageRequest};

use crate::args::named;
use crate::args::wait::WaitArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::path_name::path_name;
use crate::text::units::pluralize;
use crate::ui::escape::plain_line;
use crate::ui::style::{BAD, GOOD};

/// `tl entity add-folder`.
#[derive(Debug, Args)]
pub(crate) struct AddFolder {
    /// Folder with a subfolder of images per entity, e.g. people/Ada/1.jpg
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// Collection that gets the entities
    #[arg(long, short, value_name = "ID|NAME")]
    collection: String,
    /// Create the collection if there is none of this name
    #[arg(long)]
    create: bool,
    /// Wait until the entities are ready
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    wait_args: WaitArgs,
    /// Show what would be added and send nothing
    #[arg(long)]
    dry_run: bool,
}

impl AddFolder {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        self.wait_args.require_wait(self.wait)?;
        let output = &context.output;
        let folder = EntityFolder::read(&self.folder)?;
        for (path, reason) in &folder.left_out {
            output.note(&format!("left out {}: {reason}", path_name(path)));
        }
        let entities = pluralize(folder.entities.len(), "entity", "entities");
        let images = pluralize(folder.images, "image", "images");
        if folder.entities.is_empty() {
            let name = path_name(&self.folder);
            return Err(Failure::usage(format!("`{name}` has no entity to add"))
                .hint("put the images of each entity into a subfolder with its name"));
        }
        if self.dry_run {
            let names: Vec<_> = folder.entities.iter().map(|of| &of.name).collect();
            let images_of: Vec<_> = folder.entities.iter().map(|of| of.images.len()).collect();
            output.json(&json!({"dry_run": true, "entities": names, "images": images_of}));
            for (name, count) in names.iter().zip(&images_of) {
                let images = pluralize(*count, "image", "images");
                output.line(&format!("{}  {images}", plain_line(name)));
            }
            output.note(&format!(
                "would add {entities} with {images}; nothing was sent"
            ));
            return Ok(Exit::Ok);
        }
        let wait = self.wait.then(|| self.wait_args.policy());
        let added = context.call(async |client| {
            let collection = match self.create && !self.exists(client).await? {
                true => {
                    let new = NewEntityCollection::new(self.collection.as_str());
                    let created = client.entity_collections().create(new).await?;
                    output.note(&format!("created entity collection {}", created.id));
                    created.id
                }
                false => named::entity_collection(client, &self.collection).await?,
            };
            let observer = Observer::none();
            let added = client.add_entities(collection, folder.entities, wait, observer);
            Ok(added.await?)
        })?;
        output.json(&json!({
            "created": added.created,
            "skipped": added.skipped,
            "failed": added.failed.iter().map(|failed| json!({
                "name": failed.name, "reason": failed.reason, "asset_ids": failed.asset_ids,
            })).collect::<Vec<_>>(),
        }));
        for entity in &added.created {
            output.line(&if output.is_quiet() {
                entity.id.to_string()
            } else {
                let name = plain_line(entity.name.as_deref().unwrap_or_default());
                format!("{GOOD}created{GOOD:#}  {} {name}", entity.id)
            });
        }
        for name in &added.skipped {
            output.note(&format!("skipped {name}: the collection has it already"));
        }
        if !output.is_quiet() {
            for failed in &added.failed {
                let (name, reason) = (plain_line(&failed.name), plain_line(&failed.reason));
                output.line(&format!("{BAD}failed{BAD:#}   {name}: {reason}"));
            }
        }
        if let Some(error) = added.stopped {
            return Err(Failure::from(tl_client::Error::from(error))
                .hint("run the command again: entities that exist are skipped"));
        }
        match added.failed.is_empty() {
            true => Ok(Exit::Ok),
            false => Ok(Exit::SomeFailed),
        }
    }

    /// Whether there is a collection of this name.
    async fn exists(&self, client: &tl_client::Client) -> Result<bool, Failure> {
        let list = ListEntityCollections::default()
            .page(PageRequest::default().with_page(1).with_page_limit(50))
            .name(self.collection.clone());
        let mut pages = client.pages(list);
        while let Some(page) = pages.next_page().await {
            let mut names = page?.data.into_iter().filter_map(|found| found.name);
            if names.any(|name| name == self.collection) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
