//! API keys as texts that must not be printed: the server may repeat one in its answer, and a proxy in its error.

use std::borrow::Cow;
use std::sync::{PoisonError, RwLock};

static KEYS: RwLock<Vec<String>> = RwLock::new(Vec::new());

/// What stands in the place of a key.
const MASK: &str = "[API key]";

/// A shorter text is no key, and masking it would tear other words apart.
const SHORTEST: usize = 8;

/// Remembers a key: from now on [`masked`] takes it out of every text.
pub(crate) fn remember(key: &str) {
    let key = key.trim();
    if key.len() >= SHORTEST {
        KEYS.write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(key.to_owned());
    }
}

/// Lets a text show that is no secret, such as the emulator's own key: whatever was remembered and is part of it is forgotten.
pub(crate) fn is_public(text: &str) {
    KEYS.write()
        .unwrap_or_else(PoisonError::into_inner)
        .retain(|key| !text.contains(key.as_str()));
}

/// `text` without any of the keys.
pub(crate) fn masked(text: &str) -> Cow<'_, str> {
    let keys = KEYS.read().unwrap_or_else(PoisonError::into_inner);
    keys.iter()
        .fold(Cow::Borrowed(text), |text, key| match without(&text, key) {
            Some(masked) => Cow::Owned(masked),
            None => text,
        })
}

fn without(text: &str, key: &str) -> Option<String> {
    // As it is, and as JSON spells it, where it has a character that JSON escapes.
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
    fn the_key_is_taken_out_however_it_is_spelled() {
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
