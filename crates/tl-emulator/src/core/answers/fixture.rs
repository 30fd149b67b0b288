//! Fixtures: an answer, and the requests that get it.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{AnswersError, MediaRef};

/// An answer with its conditions. All of them must hold.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fixture {
    /// An operation such as `analyze`, or a prefix of operations such as `analyze.*`. The default
    /// is every operation.
    #[serde(default)]
    pub(super) operation: Option<String>,
    /// Values of request members by name; `a.b` is the member `b` of `a`. A text may contain `*`
    /// for any characters, and is compared without regard to case. `media` is the file name, and
    /// `sha256` the content of the media.
    #[serde(default)]
    pub(super) when: Map<String, Value>,
    pub(super) answer: Value,
}

/// Reads a file of fixtures: `{"fixtures": [{"operation": …, "when": {…}, "answer": …}]}`.
pub(super) fn read(json: &str) -> Result<Vec<Fixture>, AnswersError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        fixtures: Vec<Fixture>,
    }
    serde_json::from_str::<File>(json)
        .map(|file| file.fixtures)
        .map_err(|error| AnswersError::new(format!("the fixtures are invalid: {error}")))
}

impl Fixture {
    pub(super) fn needs_content(&self) -> bool {
        self.when.contains_key("sha256")
    }

    pub(super) fn matches(&self, operation: &str, request: &Value, media: &[MediaRef<'_>]) -> bool {
        let is_of_operation = match self.operation.as_deref() {
            None => true,
            Some(name) => glob(name, operation),
        };
        is_of_operation
            && self.when.iter().all(|(name, wanted)| match name.as_str() {
                "media" => media.iter().any(|media| is(wanted, &media.filename.into())),
                "sha256" => media
                    .iter()
                    .any(|media| media.content.is_some_and(|hash| is(wanted, &hash.into()))),
                path => member(request, path).is_some_and(|seen| is(wanted, seen)),
            })
    }
}

/// The member `a.b` of an object.
fn member<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.')
        .try_fold(value, |value, name| value.get(name))
}

fn is(wanted: &Value, seen: &Value) -> bool {
    match (wanted, seen) {
        (Value::String(pattern), Value::String(text)) => glob(pattern, text),
        // A repeated parameter: one of its values.
        (wanted, Value::Array(values)) if !wanted.is_array() => {
            values.iter().any(|value| is(wanted, value))
        }
        (wanted, seen) => wanted == seen,
    }
}

/// Whether `text` matches `pattern`, in which `*` stands for any characters.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_lowercase(), text.to_lowercase());
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn globs() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("abc", "ABC", true),
            ("abc", "abcd", false),
            ("*bc", "abc", true),
            ("a*c", "abxc", true),
            ("a*c", "ac", true),
            ("ab*bc", "abc", false),
            ("*goal*rain*", "A goal in the RAIN!", true),
            ("*rain*goal*", "a goal in the rain", false),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn all_conditions_must_hold() {
        let fixtures = read(
            r#"{"fixtures": [{"operation": "analyze*", "when": {"prompt": "*goal*", "model_name": "pegasus1.5",
                "video.type": "url", "media": "*.mp4", "tags": "b"}, "answer": {"goals": 2}}]}"#,
        )
        .unwrap();
        let request = json!({"prompt": "How many goals?", "model_name": "pegasus1.5",
            "video": {"type": "url"}, "tags": ["a", "b"]});
        let media = |filename| {
            [MediaRef {
                filename,
                ..MediaRef::default()
            }]
        };
        assert!(fixtures[0].matches("analyze.tasks.create", &request, &media("a.mp4")));
        assert!(!fixtures[0].matches("search.create", &request, &media("a.mp4")));
        assert!(!fixtures[0].matches("analyze", &request, &media("a.mov")));
        for change in [
            json!({"prompt": "why?"}),
            json!({"video": {}}),
            json!({"tags": []}),
        ] {
            let mut other = request.clone();
            for (name, value) in change.as_object().unwrap() {
                other[name] = value.clone();
            }
            assert!(
                !fixtures[0].matches("analyze", &other, &media("a.mp4")),
                "{change}"
            );
        }
    }
}
