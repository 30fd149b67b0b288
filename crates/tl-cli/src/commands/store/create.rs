//! `tl store create`.

use std::path::PathBuf;

use clap::Args;
use tl_model::{EnrichmentConfig, EnrichmentType, IngestionConfig, NewKnowledgeStore};

use crate::args::metadata::MetadataArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::path_name::path_name;
use crate::ui::escape::plain_line;

/// `tl store create`.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Name of the knowledge store
    #[arg(value_name = "NAME")]
    name: String,
    /// Describe the knowledge store
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Describe what the platform extracts; it cannot be changed later
    #[arg(long, value_name = "TEXT", conflicts_with = "schema")]
    extract: Option<String>,
    /// Extract what this JSON Schema describes; it cannot be changed later
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
    #[command(flatten)]
    metadata: MetadataArgs,
}

impl Create {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let mut store = NewKnowledgeStore::new(self.name.as_str());
        store.ingestion_config = self.config()?.map(IngestionConfig::new);
        store.description = self.description;
        store.metadata = self.metadata.read()?;
        let created =
            context.call(async |client| Ok(client.knowledge_stores().create(store).await?))?;
        context.output.json(&created);
        context.output.line(&if context.output.is_quiet() {
            created.id.to_string()
        } else {
            format!(
                "created knowledge store {} ({})",
                created.id,
                plain_line(&self.name)
            )
        });
        Ok(Exit::Ok)
    }

    fn config(&self) -> Result<Option<EnrichmentConfig>, Failure> {
        if let Some(path) = &self.schema {
            let name = path_name(path);
            let text = std::fs::read_to_string(path).map_err(|error| {
                Failure::usage(format!("failed to read the schema `{name}`"))
                    .with_source(&error)
                    .hint("pass a readable file with a JSON Schema")
            })?;
            let schema = serde_json::from_str(&text).map_err(|error| {
                Failure::usage(format!("the schema `{name}` is not JSON"))
                    .with_source(&error)
                    .hint("pass a file with a JSON Schema")
            })?;
            let mut config = EnrichmentConfig::new(EnrichmentType::JsonSchema);
            config.json_schema = Some(schema);
            return Ok(Some(config));
        }
        Ok(self.extract.clone().map(|description| {
            let mut config = EnrichmentConfig::new(EnrichmentType::Description);
            config.description = Some(description);
            config
        }))
    }
}
