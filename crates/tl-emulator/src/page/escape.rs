//! How the templates escape text.

use std::fmt::{self, Write};

use askama::filters::Escaper;

/// Escapes text for HTML, in elements and in quoted attributes. `askama.toml` makes it the escaper
/// of every template.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Html;

impl Escaper for Html {
    fn write_escaped_str<W: Write>(&self, mut dest: W, text: &str) -> fmt::Result {
        for character in text.chars() {
            match character {
                '<' => dest.write_str("&lt;")?,
                '>' => dest.write_str("&gt;")?,
                '&' => dest.write_str("&amp;")?,
                '"' => dest.write_str("&quot;")?,
                '\'' => dest.write_str("&#39;")?,
                // These reverse the display order of the surrounding text.
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => dest.write_char('\u{fffd}')?,
                other => dest.write_char(other)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the test reads the templates")]
mod tests {
    use std::{fs, path::Path};

    use askama::Template;

    #[derive(Template)]
    #[template(source = "<a title='{{ text }}'>{{ text }}</a>", ext = "html")]
    struct Link<'a> {
        text: &'a str,
    }

    #[test]
    fn templates_escape_markup() {
        let link = Link {
            text: "<a href=\"x\">'&\u{202e}gpj",
        };
        let text = "&lt;a href=&quot;x&quot;&gt;&#39;&amp;\u{fffd}gpj";
        assert_eq!(
            link.render().unwrap(),
            format!("<a title='{text}'>{text}</a>")
        );
    }

    /// Where a template could put text in unescaped: a filter that turns escaping off, or a value
    /// without quotation marks in a tag, which ends at a space. Numbers and our own names need none.
    fn unescaped(template: &str) -> Option<String> {
        let opt_outs = ["|safe", "|escape", "| safe", "| escape", "autoescape"];
        if let Some(found) = opt_outs.iter().find(|text| template.contains(**text)) {
            return Some((*found).to_owned());
        }
        let (mut in_tag, mut quote) = (false, None);
        let mut rest = template;
        while let Some(character) = rest.chars().next() {
            let end = match rest.get(..2).unwrap_or_default() {
                "{%" => "%}",
                "{#" => "#}",
                "{{" => "}}",
                _ => "",
            };
            if !end.is_empty() {
                let (value, after) = rest[2..].split_once(end)?;
                let value = value.trim_matches([' ', '-', '+']);
                let field = value.rsplit('.').next().unwrap_or(value);
                let harmless = [
                    "field",
                    "index",
                    "total",
                    "received",
                    "total_size",
                    "stored_bytes",
                ];
                if end == "}}" && in_tag && quote.is_none() && !harmless.contains(&field) {
                    return Some(value.to_owned());
                }
                rest = after;
                continue;
            }
            match (character, quote) {
                ('<', None) => in_tag = true,
                ('>', None) => in_tag = false,
                ('"' | '\'', None) if in_tag => quote = Some(character),
                (other, Some(open)) if other == open => quote = None,
                _ => {}
            }
            rest = &rest[character.len_utf8()..];
        }
        None
    }

    #[test]
    fn no_template_turns_escaping_off() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/page/templates");
        let files = fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().path());
        let mut count = 0;
        for path in files.filter(|path| path.extension().is_some_and(|kind| kind == "html")) {
            let template = fs::read_to_string(&path).unwrap();
            assert_eq!(unescaped(&template), None, "{}", path.display());
            count += 1;
        }
        assert!(count > 10, "{count} templates");
        for wrong in [
            "{{ name|safe }}",
            "{{ name | safe }}",
            "<a title='it' id={{ id }}>",
            "<a href=/x?{% if a %}{{ id }}{% endif %}>",
        ] {
            assert!(unescaped(wrong).is_some(), "{wrong}");
        }
    }
}
