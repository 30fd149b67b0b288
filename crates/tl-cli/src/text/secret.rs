//! Masks API keys in all output: a server may repeat the key in its response, or a proxy in its
//! error.

use std::borrow::Cow;
use std::sync::{PoisonError, RwLock};

static KEYS: RwLock<Vec<String>> = RwLock::new(Vec::new());

/// Replacement for a key.
const MASK: &str = "[API key]";

/// A shorter text is not a key, and masking it would damage other words.
const MIN_KEY_LENGTH: usize = 8;

/// Registers a key: from now on [`mask_keys`] removes it from every text.
pub(crate) fn add_key(key: &str) {
    let key = key.trim();
    if key.len() >= MIN_KEY_LENGTH {
        KEYS.write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(key.to_owned());
    }
}

/// Allows a text that is not secret, such as the emulator's own key: registered keys within it are
/// removed.
pub(crate) fn allow(text: &str) {
    KEYS.write()
        .unwrap_or_else(PoisonError::into_inner)
        .retain(|key| !text.contains(key.as_str()));
}

/// Returns `text` with all keys masked.
pub(crate) fn mask_keys(text: &str) -> Cow<'_, str> {
    let keys = KEYS.read().unwrap_or_else(PoisonError::into_inner);
    keys.iter()
        .fold(Cow::Borrowed(text), |text, key| match without(&text, key) {
            Some(masked) => Cow::Owned(masked),
            None => text,
        })
}

fn without(text: &str, key: &str) -> Option<String> {
    // Search the raw key and its JSON-escaped form.
    let quoted = serde_json::Value::from(key).to_string();
    [key, quoted.trim_matches('"')]
        .into_iter()
        .find(|spelled| text.contains(spelled))
        .map(|spelled| text.replace(spelled, MASK))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_and_json_escaped_keys_are_masked() {
        let check = |text: &str, key: &str, expected: Option<&str>| {
            assert_eq!(without(text, key).as_deref(), expected, "{text}");
        };
        check(
            "key tlk_0123456789 is bad",
            "tlk_0123456789",
            Some("key [API key] is bad"),
        );
        check(
            r#"{"m":"tlk_\"12345"}"#,
            r#"tlk_"12345"#,
            Some(r#"{"m":"[API key]"}"#),
        );
        check("nothing here", "tlk_0123456789", None);
    }
}
