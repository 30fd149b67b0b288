//! What a request for embeddings may contain, as dated data per model. A request that breaks a rule
//! should not be sent: [`EmbedRules::check`] names the rule.

use serde_json::Value;
use tl_model::{EmbeddingInputType, EmbeddingMedia, EmbeddingSource, ModelName, NewEmbedding};

use crate::endpoint::Rejection;

/// The rules of a model.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct EmbedRules {
    /// The model.
    pub model: ModelName,
    /// The date of the source.
    pub date: &'static str,
    /// Where the rules are published.
    pub source: &'static str,
    /// What can be embedded at once.
    pub at_once: &'static [EmbeddingInputType],
    /// What a task can embed.
    pub by_task: &'static [EmbeddingInputType],
    /// The values of `embedding_option` for a video. Audio has the same without `visual`.
    pub options: &'static [&'static str],
    /// The dimensions that can be requested. Empty if it cannot be chosen.
    pub dimensions: &'static [u32],
    /// Whether truncation and uncertainty can be requested.
    pub has_uncertainty: bool,
    /// Maximum number of tokens of a text.
    pub max_tokens: usize,
    /// The values of `embedding_scope`.
    pub scopes: &'static [&'static str],
    /// Whether the segmentation is in the member `temporal`, and its bounds are not published.
    pub has_temporal: bool,
    /// The longest part of audio or of a video that is embedded at once, in seconds.
    pub max_at_once: f64,
    /// The shortest and the longest media of a task, in seconds, if they are published.
    pub by_task_seconds: Option<(f64, f64)>,
    /// The largest content that is sent in a request, in bytes before it is encoded.
    pub max_content: u64,
    /// The types of media in `multi_input`.
    pub multi_types: &'static [EmbeddingInputType],
    /// Maximum number of media in `multi_input`.
    pub max_media: usize,
}

use EmbeddingInputType::{Audio, Document, Image, MultiInput, Text, TextImage, Video};

/// The rules, the newest model first.
pub static RULES: &[EmbedRules] = &[
    EmbedRules {
        model: ModelName::Marengo3_5,
        date: "2026-10-06",
        source: "Python client 1.3.6, embed.v_2",
        at_once: &[MultiInput],
        by_task: &[Audio, Video, Document, Image],
        options: &["visual", "audio"],
        dimensions: &[128, 256, 512],
        has_uncertainty: true,
        max_tokens: 2000,
        scopes: &["clip", "local", "asset"],
        has_temporal: true,
        max_at_once: 30.0,
        by_task_seconds: None,
        max_content: 32_000_000,
        multi_types: &[Image, Video, Audio, Document],
        max_media: 10,
    },
    EmbedRules {
        model: ModelName::Marengo3_0,
        date: "2026-07-30",
        source: "API description of 30 July 2026, POST /embed-v2",
        at_once: &[Text, Image, TextImage, Audio, Video, MultiInput],
        by_task: &[Audio, Video],
        options: &["visual", "audio", "transcription"],
        dimensions: &[],
        has_uncertainty: false,
        max_tokens: 500,
        scopes: &["clip", "asset"],
        has_temporal: false,
        max_at_once: 600.0,
        by_task_seconds: Some((4.0, 14_400.0)),
        max_content: 36_000_000,
        multi_types: &[Image],
        max_media: 10,
    },
];

impl EmbedRules {
    /// The rules of a model, if they are known.
    #[must_use]
    pub fn of(model: &ModelName) -> Option<&'static Self> {
        RULES.iter().find(|rules| rules.model == *model)
    }

    /// Checks a request, of a task or not.
    ///
    /// # Errors
    /// The first parameter that breaks a rule.
    pub fn check(new: &NewEmbedding, is_task: bool) -> Result<(), Rejection> {
        let Some(rules) = Self::of(&new.model_name) else {
            let known: Vec<_> = RULES
                .iter()
                .map(|rules| format!("`{}`", rules.model))
                .collect();
            let detail = format!(
                "`{}`: one of {} is expected",
                new.model_name,
                known.join(", ")
            );
            return Err(Rejection::invalid("model_name", detail));
        };
        rules.check_type(new, is_task)?;
        rules.check_options(new)?;
        if let Some(text) = new.text.as_ref().map(|text| text.input_text.as_str()) {
            rules.check_text("text.input_text", text)?;
        }
        for image in [&new.image, &new.text_image].into_iter().flatten() {
            rules.check_source("image.media_source", &image.media_source)?;
        }
        if new.input_type == TextImage {
            let text = new
                .text_image
                .as_ref()
                .and_then(|image| image.input_text.as_deref());
            let text = text.ok_or_else(|| Rejection::missing("text_image.input_text"))?;
            rules.check_text("text_image.input_text", text)?;
        }
        for (name, media) in [("audio", &new.audio), ("video", &new.video)] {
            if let Some(media) = media {
                rules.check_media(name, media, is_task)?;
            }
        }
        if let Some(input) = &new.multi_input {
            rules.check_multi_input(input, new.embedding_uncertainty == Some(true))?;
        }
        rules.check_uncertainty(new)
    }

    /// Checks a request against the duration of its media in seconds.
    ///
    /// # Errors
    /// If the media is too short or too long, or ends before the part that is embedded.
    pub fn check_duration(
        new: &NewEmbedding,
        is_task: bool,
        duration: f64,
    ) -> Result<(), Rejection> {
        let media = [("audio", &new.audio), ("video", &new.video)];
        let given = media
            .into_iter()
            .find_map(|(name, media)| Some((name, media.as_ref()?)));
        let (Some(rules), Some((name, media))) = (Self::of(&new.model_name), given) else {
            return Ok(());
        };
        let start = media.start_sec.unwrap_or(0.0);
        if start >= duration {
            let detail = format!("the media ends at {duration:.1} s");
            return Err(Rejection::invalid(&format!("{name}.start_sec"), detail));
        }
        let window = media.end_sec.map_or(duration, |end| end.min(duration)) - start;
        if !is_task && window > rules.max_at_once {
            return Err(rules.too_long(name, window));
        }
        if let Some((shortest, longest)) = rules.by_task_seconds
            && is_task
            && !(shortest..=longest).contains(&duration)
        {
            let detail = format!(
                "the media has {duration:.1} s, and {} embeds {shortest} s to {longest} s by a task",
                rules.model
            );
            return Err(Rejection::invalid(&format!("{name}.media_source"), detail));
        }
        Ok(())
    }

    fn too_long(&self, name: &str, window: f64) -> Rejection {
        let detail = format!(
            "{window:.1} s: {} embeds up to {} s at once; a task embeds more",
            self.model, self.max_at_once
        );
        Rejection::invalid(&format!("{name}.end_sec"), detail)
    }

    fn check_type(&self, new: &NewEmbedding, is_task: bool) -> Result<(), Rejection> {
        let allowed = if is_task { self.by_task } else { self.at_once };
        if !allowed.contains(&new.input_type) {
            let allowed: Vec<_> = allowed.iter().map(|kind| format!("`{kind}`")).collect();
            let how = if is_task { "by a task" } else { "at once" };
            let detail = format!(
                "`{}`: {} embeds {how} one of {}",
                new.input_type,
                self.model,
                allowed.join(", ")
            );
            return Err(Rejection::invalid("input_type", detail));
        }
        let given = [
            ("text", new.text.is_some()),
            ("image", new.image.is_some()),
            ("text_image", new.text_image.is_some()),
            ("audio", new.audio.is_some()),
            ("video", new.video.is_some()),
            ("document", new.document.is_some()),
            ("multi_input", new.multi_input.is_some()),
        ];
        for (name, is_given) in given {
            if name == new.input_type.as_str() && !is_given {
                return Err(Rejection::missing(name));
            }
            if name != new.input_type.as_str() && is_given {
                let detail = format!("the input type is `{}`", new.input_type);
                return Err(Rejection::invalid(name, detail));
            }
        }
        Ok(())
    }

    fn check_options(&self, new: &NewEmbedding) -> Result<(), Rejection> {
        if let Some(dimension) = new.embedding_dimension
            && !self.dimensions.contains(&dimension)
        {
            let detail = match self.dimensions {
                [] => format!("{} has one dimension", self.model),
                some => format!("{dimension}: one of {some:?} is expected"),
            };
            return Err(Rejection::invalid("embedding_dimension", detail));
        }
        let newer = [
            ("auto_truncate", new.auto_truncate.is_some()),
            ("embedding_uncertainty", new.embedding_uncertainty.is_some()),
        ];
        for (name, is_given) in newer {
            if is_given && !self.has_uncertainty {
                let detail = format!("{} does not support it", self.model);
                return Err(Rejection::invalid(name, detail));
            }
        }
        Ok(())
    }

    fn check_text(&self, name: &str, text: &str) -> Result<(), Rejection> {
        if text.trim().is_empty() {
            return Err(Rejection::invalid(name, "the text is empty"));
        }
        // A word is at least one token.
        let words = text.split_whitespace().count();
        if words > self.max_tokens {
            let detail = format!(
                "it has {words} words, and {} takes {} tokens at most",
                self.model, self.max_tokens
            );
            return Err(Rejection::invalid(name, detail));
        }
        Ok(())
    }

    fn check_source(&self, name: &str, source: &EmbeddingSource) -> Result<(), Rejection> {
        if !source.is_valid() {
            let detail = "exactly one of `url`, `asset_id`, `base64_string` is expected";
            return Err(Rejection::invalid(name, detail));
        }
        let encoded = source.base64_string.as_ref().map_or(0, String::len) as u64;
        // Four characters are three bytes.
        let bytes = encoded / 4 * 3;
        if bytes > self.max_content {
            let detail = format!(
                "it has {bytes} bytes, and {} takes {} at most in a request",
                self.model, self.max_content
            );
            return Err(Rejection::invalid(name, detail));
        }
        Ok(())
    }

    /// The strategies and bounds of the API description of July 2026. The newer model has another
    /// form, whose bounds are not published.
    fn check_segmentation(&self, name: &str, segmentation: &Value) -> Result<(), Rejection> {
        let parameter = format!("{name}.segmentation");
        let refuse = |detail: String| Err(Rejection::invalid(&parameter, detail));
        match (self.has_temporal, segmentation.get("temporal")) {
            (true, Some(_)) => return Ok(()),
            (true, None) => return refuse(format!("{} expects it in `temporal`", self.model)),
            (false, Some(_)) => return refuse(format!("{} has no `temporal`", self.model)),
            (false, None) => {}
        }
        let (seconds, range) = match segmentation["strategy"].as_str() {
            Some("fixed") => (&segmentation["fixed"]["duration_sec"], 2.0..=10.0),
            Some("dynamic") if name == "video" => {
                (&segmentation["dynamic"]["min_duration_sec"], 2.0..=5.0)
            }
            Some("dynamic") => return refuse("`dynamic` is for videos only".to_owned()),
            _ => return refuse("one of `fixed`, `dynamic` is expected".to_owned()),
        };
        match seconds.as_f64() {
            None if seconds.is_null() => Ok(()),
            Some(seconds) if range.contains(&seconds) => Ok(()),
            _ => refuse(format!(
                "{seconds} s: {} to {} is expected",
                range.start(),
                range.end()
            )),
        }
    }

    fn check_multi_input(&self, input: &Value, is_uncertain: bool) -> Result<(), Rejection> {
        let text = input["input_text"].as_str();
        if let Some(text) = text {
            self.check_text("multi_input.input_text", text)?;
        }
        let none = Vec::new();
        let media = input["media_sources"].as_array().unwrap_or(&none);
        let parameter = "multi_input.media_sources";
        if text.is_none() && media.is_empty() {
            return Err(Rejection::missing("multi_input.input_text"));
        }
        if media.len() > self.max_media {
            let detail = format!(
                "{} media were given, and {} takes {} at most",
                media.len(),
                self.model,
                self.max_media
            );
            return Err(Rejection::invalid(parameter, detail));
        }
        if is_uncertain && text.is_some() && !media.is_empty() {
            let detail = "it is not available for a text with media";
            return Err(Rejection::invalid("embedding_uncertainty", detail));
        }
        let mut kinds = Vec::new();
        for media in media {
            let kind = media["media_type"].as_str().unwrap_or_default();
            if !self.multi_types.iter().any(|known| known.as_str() == kind) {
                let kind: String = kind.chars().take(60).collect();
                let known: Vec<_> = self
                    .multi_types
                    .iter()
                    .map(|kind| format!("`{kind}`"))
                    .collect();
                let detail = format!("`{kind}`: {} takes one of {}", self.model, known.join(", "));
                return Err(Rejection::invalid(parameter, detail));
            }
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
            let source: EmbeddingSource = serde_json::from_value(media.clone())
                .map_err(|error| Rejection::invalid(parameter, error.to_string()))?;
            self.check_source(parameter, &source)?;
        }
        if text.is_none() && kinds.len() > 1 {
            let detail = "media of several types need a text";
            return Err(Rejection::invalid("multi_input.input_text", detail));
        }
        Ok(())
    }

    /// What has no uncertainty (Python client 1.3.6).
    fn check_uncertainty(&self, new: &NewEmbedding) -> Result<(), Rejection> {
        if new.embedding_uncertainty != Some(true) {
            return Ok(());
        }
        let media = [&new.audio, &new.video].into_iter().flatten();
        let has_asset = media
            .flat_map(|media| &media.embedding_scope)
            .any(|scope| scope == "asset");
        let detail = match (&new.document, has_asset) {
            (Some(_), _) => "it is not available for documents",
            (None, true) => "it is not available for the scope `asset`",
            (None, false) => return Ok(()),
        };
        Err(Rejection::invalid("embedding_uncertainty", detail))
    }

    fn check_media(
        &self,
        name: &str,
        media: &EmbeddingMedia,
        is_task: bool,
    ) -> Result<(), Rejection> {
        self.check_source(&format!("{name}.media_source"), &media.media_source)?;
        let (start, end) = (media.start_sec.unwrap_or(0.0), media.end_sec);
        let is_finite = start.is_finite() && end.is_none_or(f64::is_finite);
        if !is_finite || start < 0.0 || end.is_some_and(|end| end <= start) {
            let detail = "the end must come after the start, which is 0 or more";
            return Err(Rejection::invalid(&format!("{name}.start_sec"), detail));
        }
        let window = end.map(|end| end - start);
        if let Some(window) = window.filter(|window| !is_task && *window > self.max_at_once) {
            return Err(self.too_long(name, window));
        }
        if let Some(segmentation) = &media.segmentation {
            self.check_segmentation(name, segmentation)?;
        }
        let options = self.options.iter().copied();
        let options: Vec<_> = options
            .filter(|option| name == "video" || *option != "visual")
            .collect();
        check_words(
            &format!("{name}.embedding_option"),
            &media.embedding_option,
            &options,
        )?;
        check_words(
            &format!("{name}.embedding_scope"),
            &media.embedding_scope,
            self.scopes,
        )?;
        let types = ["separate_embedding", "fused_embedding"];
        check_words(
            &format!("{name}.embedding_type"),
            &media.embedding_type,
            &types,
        )?;
        let given = match media.embedding_option.len() {
            0 => options.len(),
            given => given,
        };
        if given < 2 && !media.embedding_type.is_empty() {
            let detail = "it needs at least two embedding options";
            return Err(Rejection::invalid(
                &format!("{name}.embedding_type"),
                detail,
            ));
        }
        Ok(())
    }
}

fn check_words(name: &str, given: &[String], allowed: &[&str]) -> Result<(), Rejection> {
    match given.iter().find(|word| !allowed.contains(&word.as_str())) {
        None => Ok(()),
        Some(other) => {
            let other: String = other.chars().take(60).collect();
            let allowed: Vec<_> = allowed.iter().map(|word| format!("`{word}`")).collect();
            let detail = format!("`{other}`: one of {} is expected", allowed.join(", "));
            Err(Rejection::invalid(name, detail))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn combinations_of_model_and_input() {
        let check = |new: &NewEmbedding, is_task: bool, expected: Option<&str>| {
            let refused = EmbedRules::check(new, is_task)
                .err()
                .map(|error| error.to_string());
            match (refused, expected) {
                (None, None) => {}
                (Some(text), Some(part)) => assert!(text.contains(part), "{text}"),
                (refused, expected) => panic!("{refused:?}, expected {expected:?}"),
            }
        };
        let (old, new) = (ModelName::Marengo3_0, ModelName::Marengo3_5);
        let source = || EmbeddingSource::asset("6298d673f1090f1100476d4c");
        let text = NewEmbedding::of_text(old.clone(), "goal");
        check(&text, false, None);
        check(
            &text,
            true,
            Some("`text`: marengo3.0 embeds by a task one of `audio`, `video`"),
        );
        check(
            &NewEmbedding::of_text(new.clone(), "goal"),
            false,
            Some("one of `multi_input`"),
        );
        check(
            &NewEmbedding::of_text("marengo9", "goal"),
            false,
            Some("`marengo9`: one of"),
        );
        check(
            &NewEmbedding::of_text(old.clone(), ""),
            false,
            Some("the text is empty"),
        );
        check(
            &NewEmbedding::of_text(old.clone(), "a ".repeat(501)),
            false,
            Some("501 words"),
        );

        let mut sized = text.clone();
        sized.embedding_dimension = Some(256);
        check(&sized, false, Some("marengo3.0 has one dimension"));
        let mut both = text.clone();
        both.image = Some(tl_model::EmbeddingImage::new(source()));
        check(
            &both,
            false,
            Some("`image` is invalid: the input type is `text`"),
        );

        let media = || EmbeddingMedia::new(source());
        let video = |media| NewEmbedding::of_video(ModelName::Marengo3_0, media);
        check(&video(media().fixed(6)), true, None);
        let mut spoken = media();
        spoken.embedding_option = vec!["transcription".to_owned()];
        check(&video(spoken.clone()), true, None);
        check(
            &NewEmbedding::of_video(new.clone(), spoken.clone()),
            true,
            Some("one of `visual`, `audio`"),
        );
        spoken.embedding_type = vec!["fused_embedding".to_owned()];
        check(&video(spoken), true, Some("at least two embedding options"));
        let mut window = media();
        (window.start_sec, window.end_sec) = (Some(9.0), Some(9.0));
        check(&video(window), false, Some("`video.start_sec` is invalid"));
        check(
            &video(EmbeddingMedia::new(EmbeddingSource::default())),
            false,
            Some("exactly one of"),
        );
        let mut seen = media();
        seen.embedding_option = vec!["visual".to_owned()];
        check(
            &NewEmbedding::of_audio(old, seen),
            false,
            Some("one of `audio`, `transcription`"),
        );
        let timed = |is_task: bool, duration: f64| {
            let new = video(media());
            let refused = EmbedRules::check_duration(&new, is_task, duration).err();
            refused.map(|error| error.to_string()).unwrap_or_default()
        };
        assert_eq!(
            (timed(true, 13.0), timed(false, 600.0)),
            (String::new(), String::new())
        );
        assert!(timed(false, 601.0).contains("up to 600 s at once"));
        assert!(timed(true, 3.0).contains("embeds 4 s to 14400 s by a task"));
        assert!(timed(true, 15_000.0).contains("embeds 4 s to 14400 s by a task"));

        let mut missing = NewEmbedding::new("image", new);
        missing.model_name = ModelName::Marengo3_0;
        check(&missing, false, Some("`image` is required"));
    }
}
