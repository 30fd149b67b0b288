//! Text of unknown origin made fit for one line of a terminal or a log: bounded, and free of control characters.

/// Whether a character may move the cursor, hide, or turn the reading direction around.
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// One line of at most `max_chars` characters: runs of white space and unsafe characters become one space, a cut is
/// marked with `…`.
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

/// What stands between `<tag …>` and `</tag>`, the first time; without the end, what stands before the next tag.
/// Tag names are matched without regard to case.
pub(crate) fn element<'a>(markup: &'a str, tag: &str) -> Option<&'a str> {
    // ASCII lower case keeps every byte position, so positions found in one text hold in the other.
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

/// Markup without its tags, scripts and styles, and with the five common character references read.
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

/// The five character references that every server knows, and the numeric apostrophe.
pub(crate) fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&apos;", "'")
        .replace("&nbsp;", " ")
        .replace("&amp;", "&")
}
