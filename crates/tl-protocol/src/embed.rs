//! What a request for embeddings may contain, as dated data per model. A request that breaks a rule
//! should not be sent: [`EmbedRules::check`] names the rule.

use tl_model::{EmbeddingInputType, EmbeddingMedia, EmbeddingSource, ModelName, NewEmbedding};

use crate::endpoint::Rejection;

/// The rules of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
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
            check_source("image.media_source", &image.media_source)?;
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
                rules.check_media(name, media)?;
            }
        }
        Ok(())
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
        if text.is_empty() {
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

    fn check_media(&self, name: &str, media: &EmbeddingMedia) -> Result<(), Rejection> {
        check_source(&format!("{name}.media_source"), &media.media_source)?;
        let (start, end) = (media.start_sec.unwrap_or(0.0), media.end_sec);
        if start < 0.0 || end.is_some_and(|end| end <= start) {
            let detail = "the end must come after the start, which is 0 or more";
            return Err(Rejection::invalid(&format!("{name}.start_sec"), detail));
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
            &["clip", "asset"],
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

fn check_source(name: &str, source: &EmbeddingSource) -> Result<(), Rejection> {
    match source.is_valid() {
        true => Ok(()),
        false => Err(Rejection::invalid(
            name,
            "exactly one of `url`, `asset_id`, `base64_string` is expected",
        )),
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
        let mut missing = NewEmbedding::new("image", new);
        missing.model_name = ModelName::Marengo3_0;
        check(&missing, false, Some("`image` is required"));
    }
}
