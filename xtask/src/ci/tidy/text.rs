//! Every text file: no notes to oneself, no path of somebody's machine.

/// Notes that stand for work not done. Spelt apart so that this file does not contain them.
const NOTES: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X:"),
];

/// Where people keep their files. Spelt apart for the same reason.
const HOMES: &[&str] = &[
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/Us", "ers/"),
    concat!("C:\\Us", "ers\\"),
    concat!("/wo", "rk/"),
];

/// Owners that stand for anybody, in examples and in test data.
const ANYBODY: &[&str] = &["me", "someone", "user", "you"];

pub(super) fn check(path: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let mut add = |what: String| findings.push(format!("{path}:{}: {what}", number + 1));
        if let Some(note) = NOTES.iter().find(|note| has_word(line, note)) {
            add(format!("`{note}`: do it, or open an issue"));
        }
        if let Some(home) = HOMES.iter().find(|home| names_home(line, home)) {
            add(format!("`{home}`: a path of one machine"));
        }
    }
    findings
}

/// The word alone: not as a part of a longer one.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let part_of_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !part_of_word(before) && !part_of_word(after)
    })
}

/// An absolute path below somebody's folder, and not `example.com/home/`.
fn names_home(line: &str, home: &str) -> bool {
    line.match_indices(home).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let rest = &line[at + home.len()..];
        let part_of_name = |c: char| c.is_alphanumeric() || "-_.".contains(c);
        let owner = rest.split(|c| !part_of_name(c)).next().unwrap_or_default();
        !before.is_some_and(|c| part_of_name(c) || "/}".contains(c))
            && !owner.is_empty()
            && !ANYBODY.contains(&owner)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_to_oneself_are_reported() {
        let note = NOTES[0];
        let found = check("x.md", &format!("fine\n{note}: later\n"));
        assert_eq!(
            found,
            [format!("x.md:2: `{note}`: do it, or open an issue")]
        );
        assert!(check("x.md", &format!("{note}S and my{note} are other words")).is_empty());
    }

    #[test]
    fn paths_of_one_machine_are_reported() {
        for home in HOMES {
            let found = check("x.rs", &format!("open(\"{home}ann/video.mp4\")"));
            assert_eq!(found.len(), 1, "{home}: {found:?}");
        }
        let home = HOMES[0];
        for fine in [
            format!("https://example.com{home}ann"),
            format!("${{base}}{home}ann"),
            format!("for example {home}you/video.mp4"),
            format!("the folder {home} itself"),
        ] {
            assert!(check("x.md", &fine).is_empty(), "{fine}");
        }
    }
}
