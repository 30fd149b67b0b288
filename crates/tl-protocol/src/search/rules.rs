//! What a search may contain, as dated data per model. A search that breaks a rule is not sent.

use tl_model::{ModelName, SearchFilter, SearchOption};

use crate::endpoint::{Rejection, Search};

use super::MAX_PAGE;

/// The rules of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SearchRules {
    /// The model.
    pub model: ModelName,
    /// The date of the source.
    pub date: &'static str,
    /// Where the rules are published.
    pub source: &'static str,
    /// The options that a search may have. Empty if the model cannot be searched.
    pub options: &'static [SearchOption],
    /// Maximum number of images.
    pub max_images: usize,
    /// Maximum number of tokens of the text. A token is at least one character, and a word at least
    /// one token, so that only a text with more words is refused.
    pub max_tokens: usize,
}

use SearchOption::{Audio, Transcription, Visual};

/// The rules, the newest model first.
pub static RULES: &[SearchRules] = &[
    SearchRules {
        model: ModelName::Marengo3_5,
        date: "2026-10-06",
        source: "Python client 1.3.6: Marengo 3.5 creates embeddings, indexes use Marengo 3.0",
        options: &[],
        max_images: 0,
        max_tokens: 0,
    },
    SearchRules {
        model: ModelName::Marengo3_0,
        date: "2026-07-30",
        source: "API description of 30 July 2026, POST /search",
        options: &[Visual, Audio, Transcription],
        max_images: 10,
        max_tokens: 500,
    },
    SearchRules {
        model: ModelName::Marengo2_7,
        date: "2026-02-17",
        source: "API description of February 2026, POST /search; the model was retired on 2026-03-30",
        options: &[Visual, Audio],
        max_images: 1,
        max_tokens: 77,
    },
];

impl SearchRules {
    /// The rules of the model that new indexes use.
    #[must_use]
    pub fn current() -> &'static Self {
        Self::of(&ModelName::Marengo3_0).expect("the table has the current model")
    }

    /// The rules of a model, if they are known.
    #[must_use]
    pub fn of(model: &ModelName) -> Option<&'static Self> {
        RULES.iter().find(|rules| rules.model == *model)
    }

    /// Checks a search.
    ///
    /// # Errors
    /// The first parameter that breaks a rule.
    pub fn check(&self, search: &Search) -> Result<(), Rejection> {
        if self.options.is_empty() {
            let detail = format!("`{}` cannot be searched", self.model);
            return Err(Rejection::invalid("index_id", detail));
        }
        self.check_query(search)?;
        self.check_options(search)?;
        if let Some(size) = search.page_limit
            && !(1..=MAX_PAGE).contains(&size)
        {
            let detail = format!("{size}: a whole number from 1 to {MAX_PAGE} is expected");
            return Err(Rejection::invalid("page_limit", detail));
        }
        if let Some(group_by) = search.group_by.as_ref().filter(|word| !word.is_known()) {
            let detail = format!("`{group_by}`: one of `clip`, `video` is expected");
            return Err(Rejection::invalid("group_by", detail));
        }
        if let Some(operator) = search.operator.as_ref().filter(|word| !word.is_known()) {
            let detail = format!("`{operator}`: one of `or`, `and` is expected");
            return Err(Rejection::invalid("operator", detail));
        }
        search.filter.as_ref().map_or(Ok(()), check_filter)
    }

    fn check_query(&self, search: &Search) -> Result<(), Rejection> {
        let text = search.query_text.as_deref().unwrap_or_default();
        if text.trim().is_empty() && search.images.is_empty() {
            return Err(Rejection::missing("query_text"));
        }
        let words = text.split_whitespace().count();
        if words > self.max_tokens {
            let detail = format!(
                "it has {words} words, and {} takes {} tokens at most",
                self.model, self.max_tokens
            );
            return Err(Rejection::invalid("query_text", detail));
        }
        let images = search.images.len();
        if images > self.max_images {
            let detail = format!(
                "{images} images were given, and {} takes {} at most",
                self.model, self.max_images
            );
            return Err(Rejection::invalid("query_media_url", detail));
        }
        Ok(())
    }

    fn check_options(&self, search: &Search) -> Result<(), Rejection> {
        let options = &search.search_options;
        if options.is_empty() {
            return Err(Rejection::missing("search_options"));
        }
        if let Some(other) = options.iter().find(|option| !self.options.contains(option)) {
            let allowed: Vec<_> = self
                .options
                .iter()
                .map(|word| format!("`{word}`"))
                .collect();
            let detail = format!(
                "`{other}`: {} takes one or more of {}",
                self.model,
                allowed.join(", ")
            );
            return Err(Rejection::invalid("search_options", detail));
        }
        let words = &search.transcription_options;
        if let Some(other) = words.iter().find(|option| !option.is_known()) {
            let detail = format!("`{other}`: one of `lexical`, `semantic` is expected");
            return Err(Rejection::invalid("transcription_options", detail));
        }
        if !words.is_empty() && !options.contains(&Transcription) {
            return Err(Rejection::invalid(
                "transcription_options",
                "it needs the search option `transcription`",
            ));
        }
        // A search for spoken words compares text.
        if search.query_text.is_none() && options.iter().all(|option| *option == Transcription) {
            return Err(Rejection::invalid(
                "search_options",
                "`transcription` alone needs a text, and the query has images only",
            ));
        }
        Ok(())
    }
}

/// The fields of a filter that hold numbers.
const NUMBERS: [&str; 4] = ["duration", "width", "height", "size"];

/// Checks the form of a filter: a text, a number, a boolean, or a range; an array for `id` only.
fn check_filter(filter: &SearchFilter) -> Result<(), Rejection> {
    use serde_json::Value;
    let refuse = |field: &str, detail: &str| {
        let field: String = field.chars().take(60).collect();
        Err(Rejection::invalid("filter", format!("`{field}`: {detail}")))
    };
    for (field, condition) in filter.conditions() {
        match condition {
            Value::Array(ids) if field == "id" => {
                if ids.is_empty() || !ids.iter().all(Value::is_string) {
                    return refuse(field, "an array of video ids is expected");
                }
            }
            Value::Array(_) => return refuse(field, "only `id` takes an array"),
            Value::Object(range) => {
                let is_bound = |(operator, bound): (&String, &Value)| {
                    matches!(operator.as_str(), "gte" | "lte") && bound.is_number()
                };
                if range.is_empty() || !range.iter().all(is_bound) {
                    return refuse(field, "a range has `gte` and `lte` with numbers");
                }
            }
            Value::Null => return refuse(field, "null is not a value"),
            Value::String(_) | Value::Bool(_) if NUMBERS.contains(&field.as_str()) => {
                return refuse(field, "a number or a range is expected");
            }
            Value::Number(_) | Value::Bool(_) if matches!(field.as_str(), "id" | "filename") => {
                return refuse(field, "a text is expected");
            }
            Value::String(_) | Value::Number(_) | Value::Bool(_) => {}
        }
    }
    Ok(())
}
