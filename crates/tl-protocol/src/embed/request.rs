//! What is embedded, and how, independent of the form that the model and the endpoint want.

use serde_json::{Value, json};
use tl_model::{
    EmbeddingImage, EmbeddingInputType, EmbeddingMedia, EmbeddingOrigin, EmbeddingSource,
    EmbeddingText, ModelName, NewEmbedding,
};

use super::EmbedRules;
use crate::endpoint::Rejection;
use EmbeddingInputType::{Audio, Document, Image, MultiInput, Text, TextImage, Video};

/// A part of a video or of audio that has an embedding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Segments {
    Fixed(u32),
    Dynamic(u32),
}

/// A request for embeddings that was not sent yet.
///
/// ```
/// use tl_model::{EmbeddingInputType, ModelName};
/// use tl_protocol::embed::EmbedRequest;
///
/// // The same text has another form with each model.
/// let old = EmbedRequest::new(ModelName::Marengo3_0).text("goal").build(false)?;
/// assert_eq!(old.input_type, EmbeddingInputType::Text);
/// let new = EmbedRequest::new(ModelName::Marengo3_5).text("goal").build(false)?;
/// assert_eq!(new.input_type, EmbeddingInputType::MultiInput);
/// # Ok::<(), tl_protocol::endpoint::Rejection>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use = "nothing is sent until it is run"]
pub struct EmbedRequest {
    model: ModelName,
    text: Option<String>,
    media: Vec<(EmbeddingInputType, EmbeddingSource)>,
    window: (Option<f64>, Option<f64>),
    segments: Option<Segments>,
    options: Vec<String>,
    scopes: Vec<String>,
    types: Vec<String>,
    dimension: Option<u32>,
    uncertainty: Option<bool>,
    auto_truncate: Option<bool>,
    name: Option<String>,
}

impl EmbedRequest {
    /// A request without an input.
    pub fn new(model: impl Into<ModelName>) -> Self {
        Self {
            model: model.into(),
            text: None,
            media: Vec::new(),
            window: (None, None),
            segments: None,
            options: Vec::new(),
            scopes: Vec::new(),
            types: Vec::new(),
            dimension: None,
            uncertainty: None,
            auto_truncate: None,
            name: None,
        }
    }

    /// Embeds a text, alone or together with media.
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }

    fn with(mut self, kind: EmbeddingInputType, source: EmbeddingSource) -> Self {
        self.media.push((kind, source));
        self
    }

    /// Embeds an image. Several inputs become one embedding.
    pub fn image(self, source: EmbeddingSource) -> Self {
        self.with(Image, source)
    }

    /// Embeds audio.
    pub fn audio(self, source: EmbeddingSource) -> Self {
        self.with(Audio, source)
    }

    /// Embeds a video.
    pub fn video(self, source: EmbeddingSource) -> Self {
        self.with(Video, source)
    }

    /// Embeds a document. Marengo 3.5 only.
    pub fn document(self, source: EmbeddingSource) -> Self {
        self.with(Document, source)
    }

    /// Embeds this part of audio or of a video, in seconds.
    pub fn window(mut self, start: impl Into<Option<f64>>, end: impl Into<Option<f64>>) -> Self {
        self.window = (start.into(), end.into());
        self
    }

    /// Cuts into segments of this many seconds: 2 to 10. The platform's default is 6.
    pub fn fixed(mut self, seconds: u32) -> Self {
        self.segments = Some(Segments::Fixed(seconds));
        self
    }

    /// Cuts a video at changes of the scene, into segments of at least this many seconds: 2 to 5.
    /// The platform's default is 4.
    pub fn dynamic(mut self, min_seconds: u32) -> Self {
        self.segments = Some(Segments::Dynamic(min_seconds));
        self
    }

    /// What embeddings are made from: `visual`, `audio`, `transcription`. The platform's default is
    /// all of them.
    pub fn options(mut self, options: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.options = options.into_iter().map(Into::into).collect();
        self
    }

    /// What embeddings cover: `clip` (a segment), `asset` (all of it). The platform's default is
    /// both.
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Joins the options of a segment to one embedding, instead of one for each.
    pub fn fused(mut self) -> Self {
        self.types = vec!["fused_embedding".to_owned()];
        self
    }

    /// Requests this many numbers per embedding: 128, 256 or 512. Marengo 3.5 only.
    pub fn dimension(mut self, dimension: impl Into<Option<u32>>) -> Self {
        self.dimension = dimension.into();
        self
    }

    /// Requests the uncertainty of each number. Marengo 3.5 only.
    pub fn with_uncertainty(mut self) -> Self {
        self.uncertainty = Some(true);
        self
    }

    /// Cuts a text that is too long instead of refusing it. Marengo 3.5 only.
    pub fn truncated(mut self) -> Self {
        self.auto_truncate = Some(true);
        self
    }

    /// Sets the name of the input in [`EmbeddingOrigin::input`], for media whose content is sent.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &ModelName {
        &self.model
    }

    /// Where the embeddings will come from.
    #[must_use]
    pub fn origin(&self) -> EmbeddingOrigin {
        let mut origin = EmbeddingOrigin::of_model(self.model.clone());
        if let [(_, source)] = &self.media[..] {
            origin.asset.clone_from(&source.asset_id);
            origin.input.clone_from(&source.url);
        }
        origin.input = self
            .name
            .clone()
            .or(origin.input)
            .or_else(|| self.text.clone());
        origin
    }

    /// The body of the request, checked against the rules of its model: see [`EmbedRules::check`].
    ///
    /// # Errors
    /// The first parameter that breaks a rule.
    pub fn build(&self, is_task: bool) -> Result<NewEmbedding, Rejection> {
        let natural = match (&self.text, &self.media[..]) {
            (None, []) => return Err(Rejection::missing("input_type")),
            (Some(_), []) => Text,
            (None, [(kind, _)]) => kind.clone(),
            (Some(_), [(Image, _)]) => TextImage,
            _ => MultiInput,
        };
        let allowed = EmbedRules::of(&self.model).map_or(&[][..], |rules| match is_task {
            true => rules.by_task,
            false => rules.at_once,
        });
        let kind = match !allowed.contains(&natural) && allowed.contains(&MultiInput) {
            true => MultiInput,
            false => natural,
        };
        let mut new = NewEmbedding::new(kind.clone(), self.model.clone());
        new.embedding_dimension = self.dimension;
        new.embedding_uncertainty = self.uncertainty;
        new.auto_truncate = self.auto_truncate;
        let has_segments = self.window != (None, None)
            || self.segments.is_some()
            || ![&self.options, &self.scopes, &self.types]
                .iter()
                .all(|list| list.is_empty());
        if has_segments && !matches!(kind, Audio | Video) {
            let detail = format!("`{kind}` of {} has no segments and options", self.model);
            return Err(Rejection::invalid("segmentation", detail));
        }
        let source = || {
            self.media
                .first()
                .map(|(_, source)| source.clone())
                .unwrap_or_default()
        };
        match kind {
            Text => new.text = self.text.clone().map(EmbeddingText::new),
            Image => new.image = Some(EmbeddingImage::new(source())),
            TextImage => {
                let mut image = EmbeddingImage::new(source());
                image.input_text.clone_from(&self.text);
                new.text_image = Some(image);
            }
            Audio => new.audio = Some(self.media(source())),
            Video => new.video = Some(self.media(source())),
            Document => new.document = Some(json!({ "media_source": source() })),
            _ => new.multi_input = Some(self.multi_input()),
        }
        EmbedRules::check(&new, is_task)?;
        Ok(new)
    }

    fn media(&self, source: EmbeddingSource) -> EmbeddingMedia {
        let mut media = EmbeddingMedia::new(source);
        (media.start_sec, media.end_sec) = self.window;
        media = match self.segments {
            None => media,
            Some(Segments::Fixed(seconds)) => media.fixed(seconds),
            Some(Segments::Dynamic(seconds)) => media.dynamic(seconds),
        };
        // The newer model has another form of the same.
        if EmbedRules::of(&self.model).is_some_and(|rules| rules.has_temporal) {
            media.segmentation = media.segmentation.map(|form| json!({ "temporal": form }));
        }
        media.embedding_option.clone_from(&self.options);
        media.embedding_scope.clone_from(&self.scopes);
        media.embedding_type.clone_from(&self.types);
        media
    }

    fn multi_input(&self) -> Value {
        let mut input = json!({});
        if let Some(text) = &self.text {
            input["input_text"] = json!(text);
        }
        if !self.media.is_empty() {
            let sources = self.media.iter().map(|(kind, source)| {
                let mut source = json!(source);
                source["media_type"] = json!(kind);
                source
            });
            input["media_sources"] = sources.collect();
        }
        input
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asset() -> EmbeddingSource {
        EmbeddingSource::asset("6298d673f1090f1100476d4c")
    }

    #[test]
    fn the_form_follows_from_the_model_and_the_inputs() {
        let form = |request: EmbedRequest, is_task: bool| -> String {
            match request.build(is_task) {
                Ok(new) => serde_json::to_string(&new).unwrap(),
                Err(error) => error.to_string(),
            }
        };
        let old = || EmbedRequest::new(ModelName::Marengo3_0);
        let new = || EmbedRequest::new(ModelName::Marengo3_5);
        let forms = [
            form(old().text("goal"), false),
            form(new().text("goal"), false),
            form(old().text("goal").image(asset()), false),
            form(
                old()
                    .image(asset())
                    .image(EmbeddingSource::url("https://example.com/a.png")),
                false,
            ),
            form(
                old()
                    .video(asset())
                    .window(1.0, 9.0)
                    .dynamic(4)
                    .options(["visual", "audio"])
                    .fused(),
                true,
            ),
            form(
                new()
                    .video(asset())
                    .fixed(6)
                    .scopes(["clip"])
                    .dimension(256),
                true,
            ),
            form(new().document(asset()), true),
            form(new().audio(asset()).text("rain"), false),
            // Refused.
            form(old(), false),
            form(old().text("goal"), true),
            form(old().document(asset()), true),
            form(new().video(asset()).fixed(6), false),
            form(old().text("goal").dimension(256), false),
        ];
        insta::assert_snapshot!(forms.join("\n"));
    }

    #[test]
    fn origin_names_the_asset_the_url_or_the_text() {
        let request = || EmbedRequest::new("marengo3.0");
        let origin = request().video(asset()).origin();
        assert_eq!(origin.asset.unwrap().as_str(), "6298d673f1090f1100476d4c");
        assert_eq!(origin.input, None);
        let image = EmbeddingSource::url("https://example.com/a.png");
        let origin = request().image(image).text("goal").origin();
        assert_eq!(origin.input.as_deref(), Some("https://example.com/a.png"));
        let origin = request().text("goal").named("query").origin();
        assert_eq!(origin.input.as_deref(), Some("query"));
    }
}
