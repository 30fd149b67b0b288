//! `tl embed image`.

use std::ffi::OsString;
use std::path::Path;

use base64::{Engine, engine::general_purpose::STANDARD};
use clap::Args;
use tl_model::{EmbeddingSource, Embeddings};
use tl_protocol::embed::EmbedRequest;
use tl_validate::picture::{PictureRules, check_bytes};

use super::model::{ModelArgs, build};
use super::save::SaveArgs;
use super::text::{add, dry_run, one};
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::path_name::path_name;

/// `tl embed image`.
#[derive(Debug, Args)]
pub(crate) struct Image {
    /// Image files, https URLs or asset ids, each of which becomes a vector
    #[arg(value_name = "FILE|URL|ASSET", required = true)]
    images: Vec<OsString>,
    /// Embed each image together with this text
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// Show what would be embedded, and send nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    save: SaveArgs,
}

impl Image {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        // Every image is checked before the first one is sent.
        for image in &self.images {
            build(&self.request(image)?, false)?;
        }
        self.save.check()?;
        if self.dry_run {
            return Ok(dry_run(
                &context.output,
                self.images.len(),
                "image",
                "images",
            ));
        }
        let embeddings = context.call(async |client| {
            let mut collected = Embeddings::new();
            for image in &self.images {
                let got = match self.request(image) {
                    Ok(request) => one(client, request).await,
                    Err(failure) => Err(failure),
                };
                add(got, &mut collected, &self.save, &context.output)?;
            }
            Ok(collected)
        })?;
        self.save.write(&context.output, &embeddings)?;
        Ok(Exit::Ok)
    }

    fn request(&self, image: &OsString) -> Result<EmbedRequest, Failure> {
        let source = source(image)?;
        let mut request = self.model.request().image(source);
        let name = path_name(Path::new(image));
        if Path::new(image).exists() {
            request = request.named(name);
        }
        if let Some(text) = &self.text {
            request = request.text(text);
        }
        Ok(request)
    }
}

/// A file is sent in the request, after a local check.
fn source(image: &OsString) -> Result<EmbeddingSource, Failure> {
    let path = Path::new(image);
    let text = image.to_string_lossy();
    if !path.exists() {
        if text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(EmbeddingSource::asset(text.as_ref()));
        }
        if text.starts_with("https://") || text.starts_with("http://") {
            return Ok(EmbeddingSource::url(text.as_ref()));
        }
    }
    let name = path_name(path);
    let rules = PictureRules::of_entities();
    let failed = |error: &std::io::Error| {
        Failure::usage(format!("failed to read `{name}`"))
            .with_source(error)
            .hint("pass an image file, an https URL or an asset id")
    };
    let refused = |detail: &dyn std::fmt::Display| {
        Failure::new(
            Exit::RefusedLocally,
            "refused_locally",
            format!("`{name}` cannot be embedded: {detail}"),
        )
        .hint("pass a JPEG or PNG image; nothing was sent")
    };
    let size = std::fs::metadata(path)
        .map_err(|error| failed(&error))?
        .len();
    if size > rules.max_bytes {
        let detail = format!("{size} bytes (allowed: at most {} bytes)", rules.max_bytes);
        return Err(refused(&detail));
    }
    let bytes = std::fs::read(path).map_err(|error| failed(&error))?;
    check_bytes(&bytes, bytes.len() as u64, &rules).map_err(|fault| refused(&fault))?;
    let mut source = EmbeddingSource::default();
    source.base64_string = Some(STANDARD.encode(bytes));
    Ok(source)
}
