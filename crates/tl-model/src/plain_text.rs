//! Makes untrusted text safe for one line of a terminal or a log: limited in length, without
//! control characters.

/// Whether a character can move the cursor, is invisible, or changes the text direction.
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// One line of at most `max_chars` characters. Runs of white space and unsafe characters become one
/// space; truncation is marked with `…`.
pub(crate) fn one_line(text: &str, max_chars: usize) -> String {
    let mut line = String::new();
    let mut length = 0;
    let mut gap = false;
    for character in text.chars() {
        if character.is_whitespace() || is_unsafe(character) {
            gap = length > 0;
            continue;
        }
        if length + usize::from(gap) + 1 >= max_chars {
            line.push('…');
            return line;
        }
        if gap {
            line.push(' ');
            length += 1;
            gap = false;
        }
        line.push(character);
        length += 1;
    }
    line
}

/// The text between the first `<tag …>` and `</tag>`, or up to the next tag if the end tag is
/// missing. Tag names are case-insensitive.
pub(crate) fn element<'a>(markup: &'a str, tag: &str) -> Option<&'a str> {
    // ASCII lower-casing keeps byte positions, so positions are valid in both strings.
    let lower = markup.to_ascii_lowercase();
    let tag = tag.to_ascii_lowercase();
    let open = format!("<{tag}");
    let mut from = 0;
    loop {
        let at = from + lower[from..].find(&open)? + open.len();
        if lower[at..].starts_with(['>', ' ', '\t', '\r', '\n']) {
            let start = at + lower[at..].find('>')? + 1;
            let rest = &lower[start..];
            let end = rest.find(&format!("</{tag}")).or_else(|| rest.find('<'));
            return Some(&markup[start..start + end.unwrap_or(rest.len())]);
        }
        from = at;
    }
}

/// Removes tags, scripts and styles from markup, and decodes the five common character references.
pub(crate) fn without_tags(markup: &str) -> String {
    let lower = markup.to_ascii_lowercase();
    let mut text = String::new();
    let mut at = 0;
    while let Some(open) = lower[at..].find('<').map(|offset| at + offset) {
        text.push_str(&markup[at..open]);
        text.push(' ');
        let rest = &lower[open..];
        let hidden = ["script", "style", "title"]
            .into_iter()
            .find(|tag| rest[1..].starts_with(tag));
        let end = match hidden {
            Some(tag) => rest.find(&format!("</{tag}")).map_or(rest.len(), |close| {
                close
                    + rest[close..]
                        .find('>')
                        .map_or(rest.len() - close, |end| end + 1)
            }),
            None => rest.find('>').map_or(rest.len(), |end| end + 1),
        };
        at = open + end;
    }
    text.push_str(&markup[at..]);
    unescape(&text)
}

/// Decodes the five common character references and the numeric apostrophe.
pub(crate) fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&apos;", "'")
        .replace("&nbsp;", " ")
        .replace("&amp;", "&")
}
