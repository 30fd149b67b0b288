//! Masks API keys and passwords in all output: a server may repeat the key in its response, or a
//! proxy in its error.

use std::borrow::Cow;
use std::sync::{PoisonError, RwLock};

static KEYS: RwLock<Vec<(String, &str)>> = RwLock::new(Vec::new());

/// Replacement for a key.
const MASK: &str = "[API key]";

/// Replacement for a password.
const PASSWORD_MASK: &str = "[password]";

/// A shorter text is not a key, and masking it would damage other words.
const MIN_KEY_LENGTH: usize = 8;

/// Registers a key: from now on [`mask_keys`] removes it from every text.
pub(crate) fn add_key(key: &str) {
    add(key, MASK);
}

/// Registers the password of a database. A short one is not masked, because it may be part of other
/// words; messages do not contain it anyway.
pub(crate) fn add_password(password: &str) {
    add(password, PASSWORD_MASK);
}

fn add(secret: &str, mask: &'static str) {
    let secret = secret.trim();
    if secret.len() >= MIN_KEY_LENGTH {
        KEYS.write()
            .unwrap_or_else(PoisonError::into_inner)
            .push((secret.to_owned(), mask));
    }
}

/// Allows a text that is not secret, such as the emulator's own key: registered keys within it are
/// removed.
pub(crate) fn allow(text: &str) {
    KEYS.write()
        .unwrap_or_else(PoisonError::into_inner)
        .retain(|(key, _)| !text.contains(key.as_str()));
}

/// Returns `text` with all keys masked.
pub(crate) fn mask_keys(text: &str) -> Cow<'_, str> {
    let keys = KEYS.read().unwrap_or_else(PoisonError::into_inner);
    keys.iter().fold(Cow::Borrowed(text), |text, (key, mask)| {
        match without(&text, key, mask) {
            Some(masked) => Cow::Owned(masked),
            None => text,
        }
    })
}

fn without(text: &str, key: &str, mask: &str) -> Option<String> {
    // Search the raw key and its JSON-escaped form.
    let quoted = serde_json::Value::from(key).to_string();
    [key, quoted.trim_matches('"')]
        .into_iter()
        .find(|spelled| text.contains(spelled))
        .map(|spelled| text.replace(spelled, mask))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_and_json_escaped_keys_are_masked() {
        let check = |text: &str, key: &str, expected: Option<&str>| {
            assert_eq!(without(text, key, MASK).as_deref(), expected, "{text}");
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
