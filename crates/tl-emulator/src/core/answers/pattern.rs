//! A text that matches a regular expression.

use regex_syntax::{
    ParserBuilder,
    hir::{Class, Hir, HirKind, Look},
};
use tl_protocol::rng::Rng;

/// The longest generated text, in bytes.
const MAX_LEN: usize = 4096;

/// Generates a text that matches `pattern`, which may be unanchored as in JSON Schema.
///
/// # Errors
/// If the pattern is invalid, or uses something for which no text is generated.
pub(super) fn generate(pattern: &str, rng: &mut Rng) -> Result<String, String> {
    let hir = ParserBuilder::new()
        .nest_limit(64)
        .build()
        .parse(pattern)
        .map_err(|_| format!("`{pattern}` is not a supported regular expression"))?;
    let mut text = Text {
        bytes: Vec::new(),
        is_ended: false,
        rng,
    };
    text.push(&hir)?;
    String::from_utf8(text.bytes).map_err(|_| format!("`{pattern}` matches no text"))
}

struct Text<'r> {
    bytes: Vec<u8>,
    /// `$` was passed: nothing may follow.
    is_ended: bool,
    rng: &'r mut Rng,
}

impl Text<'_> {
    fn push(&mut self, hir: &Hir) -> Result<(), String> {
        match hir.kind() {
            HirKind::Empty => Ok(()),
            HirKind::Literal(literal) => self.push_bytes(&literal.0),
            HirKind::Class(class) => self.push_class(class),
            HirKind::Look(Look::Start) if self.bytes.is_empty() => Ok(()),
            HirKind::Look(Look::End) => {
                self.is_ended = true;
                Ok(())
            }
            HirKind::Look(_) => Err("a pattern with this assertion is not supported".to_owned()),
            HirKind::Capture(capture) => self.push(&capture.sub),
            HirKind::Concat(parts) => parts.iter().try_for_each(|part| self.push(part)),
            HirKind::Alternation(choices) => {
                let choice = self.below(choices.len() as u64);
                self.push(&choices[usize::try_from(choice).unwrap_or(0)])
            }
            HirKind::Repetition(repeated) => {
                let most = repeated.max.unwrap_or(repeated.min.saturating_add(5));
                let span = u64::from(most - repeated.min).min(5);
                let count = u64::from(repeated.min) + self.below(span + 1);
                for _ in 0..count {
                    let before = self.bytes.len();
                    self.push(&repeated.sub)?;
                    if self.bytes.len() == before {
                        break;
                    }
                }
                Ok(())
            }
        }
    }

    fn push_bytes(&mut self, bytes: &[u8]) -> Result<(), String> {
        if self.is_ended && !bytes.is_empty() {
            return Err("a pattern with text after `$` is not supported".to_owned());
        }
        if self.bytes.len() + bytes.len() > MAX_LEN {
            return Err(format!(
                "the pattern matches only texts of more than {MAX_LEN} bytes"
            ));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Letters and digits are preferred to other characters of a class.
    fn push_class(&mut self, class: &Class) -> Result<(), String> {
        let Class::Unicode(class) = class else {
            return Err("a pattern of bytes is not supported".to_owned());
        };
        let is_in = |c: &char| {
            class
                .ranges()
                .iter()
                .any(|r| (r.start()..=r.end()).contains(c))
        };
        let readable: Vec<char> = ('a'..='z')
            .chain('A'..='Z')
            .chain('0'..='9')
            .filter(is_in)
            .collect();
        let character = match (readable.len() as u64, class.ranges().first()) {
            (0, None) => return Err("a pattern with an empty class matches nothing".to_owned()),
            (0, Some(range)) => range.start(),
            (count, _) => readable[usize::try_from(self.below(count)).unwrap_or(0)],
        };
        self.push_bytes(character.encode_utf8(&mut [0; 4]).as_bytes())
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.rng.bits() % limit.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_text_matches() {
        for pattern in [
            "^[A-Z]{2}-\\d{4}$",
            "foo|bar|baz",
            "^(a|b)+c?$",
            "\\w+@\\w+\\.com",
            "^$",
            "[^a-z]",
            "x{3,}",
            "^#[0-9a-fA-F]{6}$",
            "(?i)goal",
            "[äöü]+",
        ] {
            let matcher = regex::Regex::new(pattern).unwrap();
            for seed in 0..40 {
                let text = generate(pattern, &mut Rng::new(seed)).unwrap();
                assert!(matcher.is_match(&text), "{pattern} {text:?}");
            }
        }
    }

    #[test]
    fn unsupported_patterns_are_refused() {
        for pattern in ["(", "a\\bb", "a$b", "(?=x)", "x{100000}", "a^b"] {
            assert!(generate(pattern, &mut Rng::new(1)).is_err(), "{pattern}");
        }
    }
}
