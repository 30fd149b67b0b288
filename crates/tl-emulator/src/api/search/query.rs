//! What a query asks for, as vectors: its text with the entities in it, and its images.

use tl_protocol::endpoint::{Media, Search};

use crate::{
    api::request::Upload,
    core::{
        Refusal, State,
        meaning::{Vector, words},
        records::EntityRecord,
    },
};

/// A query.
#[derive(Debug)]
pub(super) struct Query {
    /// The sum of the text and the images.
    pub(super) vector: Vector,
    /// The words of the text, for comparisons by equal words.
    pub(super) words: Vec<String>,
}

impl Query {
    /// Reads the query of a search.
    pub(super) fn read(
        state: &State,
        search: &Search,
        uploads: &[Upload],
    ) -> Result<Self, Refusal> {
        let text = with_names(state, search.query_text.as_deref().unwrap_or_default())?;
        let mut vector = Vector::default();
        vector.add_unit(&Vector::of_text(&text));
        for image in &search.images {
            if let Media::Url(url) = image {
                let name = image.filename().unwrap_or_default();
                vector.add_unit(&of_image(name, url.as_str()));
            }
        }
        for upload in uploads {
            check_image(upload)?;
            let content = format!("{} {}", upload.filename, upload.bytes);
            vector.add_unit(&of_image(&upload.filename, &content));
        }
        let words = words(&text);
        Ok(Self { vector, words })
    }
}

/// The vector of an image: the words of its name, because nothing looks at it.
fn of_image(filename: &str, content: &str) -> Vector {
    let name = filename.rsplit_once('.').map_or(filename, |(name, _)| name);
    Vector::of_text(&name.replace('_', " ")).with_content(content)
}

/// Documented for queries: JPEG or PNG of at least 128 x 128 pixels. Which code the platform uses
/// is not documented.
fn check_image(upload: &Upload) -> Result<(), Refusal> {
    let refuse = |detail: &str| Err(Refusal::invalid("query_media_file", detail));
    let file = match &upload.static_file {
        Some(Ok(file)) => file,
        Some(Err(reason)) => return refuse(reason),
        None => return refuse("the file is not an image (allowed: JPEG, PNG)"),
    };
    if !matches!(file.kind(), "image/jpeg" | "image/png") {
        return refuse(&format!("the file is {} (allowed: JPEG, PNG)", file.kind()));
    }
    let (width, height) = (file.technical.image_width, file.technical.image_height);
    if let (Some(width), Some(height)) = (width, height)
        && width.min(height) < 128
    {
        return refuse(&format!(
            "the image has {width} x {height} pixels (allowed: at least 128 x 128)"
        ));
    }
    Ok(())
}

/// Replaces each `<@id>` by what is known about the entity.
fn with_names(state: &State, text: &str) -> Result<String, Refusal> {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("<@") {
        let Some((id, after)) = after.split_once('>') else {
            break;
        };
        result.push_str(before);
        let entity = state.entities.get(id).ok_or_else(|| {
            let id: String = id.chars().take(60).collect();
            Refusal::invalid("query_text", &format!("there is no entity `{id}`"))
        })?;
        result.push_str(&describe(entity));
        rest = after;
    }
    result.push_str(rest);
    Ok(result)
}

fn describe(entity: &EntityRecord) -> String {
    let description = entity.description.as_deref().unwrap_or_default();
    format!(" {} {description} ", entity.name)
}
