//! `tl analyze --image`: asks about images instead of a video.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use tl_client::analysis::image_file;
use tl_model::{AnalyzeImage, AnalyzeRequest};
use tl_protocol::pegasus::Usage;

use super::Question;
use super::run::{Finish, check, respond};
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::units::pluralize;

pub(super) fn run(
    context: &Context,
    mut request: AnalyzeRequest,
    command: &Question,
) -> Result<Exit, Failure> {
    let output = Arc::clone(&context.output);
    for (number, argument) in command.images.iter().enumerate() {
        request.image.push(read(argument, number + 1)?);
    }
    let usage = if command.task {
        Usage::Task
    } else {
        Usage::Response
    };
    check(&request, None, usage)?;
    if command.dry_run {
        let names: Vec<_> = request.image.iter().map(|image| &image.name).collect();
        output.json(&json!({"dry_run": true, "images": names, "task": command.task}));
        output.line(&format!(
            "would analyze {}",
            pluralize(names.len(), "image", "images")
        ));
        output.line("nothing was sent");
        return Ok(Exit::Ok);
    }
    context.call(async |client| {
        let call = client.analyze_images([]);
        if !command.task {
            return respond(call, request, command.stream, &output).await;
        }
        let finish = Finish {
            client,
            policy: command.wait.policy(),
            output: &output,
            segments: &command.output,
            source: None,
        };
        finish.create(call, request).await
    })?;
    Ok(Exit::Ok)
}

/// Reads `[NAME=]FILE|URL|ASSET`. Images without a name are `image1`, `image2` and so on.
fn read(argument: &str, number: usize) -> Result<AnalyzeImage, Failure> {
    let (name, value) = match argument.split_once('=') {
        // URLs and paths may contain an equals sign.
        Some((name, value)) if is_name(name) => (name.to_owned(), value),
        _ => (format!("image{number}"), argument),
    };
    let is_file = Path::new(value).exists();
    let mut image = AnalyzeImage::new(name.as_str());
    if !is_file && value.len() == 24 && value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        image.asset_id = Some(value.into());
    } else if !is_file && value.contains("://") {
        image.url = Some(value.to_owned());
    } else {
        image = image_file(name, value).map_err(|error| {
            Failure::from(error)
                .hint("pass an image file, an https URL or an asset id; nothing was sent")
        })?;
    }
    Ok(image)
}

fn is_name(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !text.is_empty() && text.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_precedes_an_equals_sign() {
        let id = "6298d673f1090f1100476d4c";
        let asset = read(&format!("ball={id}"), 1).unwrap();
        assert_eq!(
            (asset.name.as_str(), asset.asset_id),
            ("ball", Some(id.into()))
        );
        let url = "https://a.example/b.png?c=d";
        let image = read(url, 2).unwrap();
        assert_eq!(
            (image.name.as_str(), image.url.as_deref()),
            ("image2", Some(url))
        );
        assert!(read("a=missing.png", 1).is_err());
    }
}
