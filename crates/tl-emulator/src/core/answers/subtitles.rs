//! Transcripts in SRT and WebVTT.

use super::{AnswersError, Utterance};

/// Reads the cues of SRT or WebVTT. Settings, notes, styles and tags are skipped; `<v Name>` and a
/// leading `Name:` in capitals are not interpreted, except `<v Name>` as the speaker.
pub(super) fn parse(text: &str) -> Result<Vec<Utterance>, AnswersError> {
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let mut cues = Vec::new();
    for block in text.split("\n\n") {
        let mut lines = block.lines().skip_while(|line| !line.contains("-->"));
        let Some(times) = lines.next() else { continue };
        let (start, rest) = times.split_once("-->").unwrap_or_default();
        let end = rest.split_whitespace().next().unwrap_or_default();
        let (Some(start), Some(end)) = (seconds(start.trim()), seconds(end)) else {
            return Err(AnswersError::new(format!(
                "the subtitles are invalid: `{}` is not a time range (expected `00:00:01,000 --> 00:00:02,500`)",
                times.trim()
            )));
        };
        if start > end {
            return Err(AnswersError::new(format!(
                "the subtitles are invalid: `{}` ends before it starts",
                times.trim()
            )));
        }
        let lines: Vec<_> = lines.map(str::trim).collect();
        let (text, speaker) = without_tags(&lines.join(" "));
        if !text.is_empty() {
            cues.push(Utterance {
                start,
                end,
                text,
                speaker,
            });
        }
    }
    match cues.is_empty() && !text.trim_start().starts_with("WEBVTT") && !text.trim().is_empty() {
        true => Err(AnswersError::new(
            "the subtitles are invalid: no cue was found (expected SRT or WebVTT)",
        )),
        false => Ok(cues),
    }
}

/// `01:02:03,456`, `01:02:03.456` or `02:03.456` in seconds.
fn seconds(text: &str) -> Option<f64> {
    let text = text.replace(',', ".");
    let mut total = 0.0;
    let parts: Vec<_> = text.split(':').collect();
    if !(2..=3).contains(&parts.len()) {
        return None;
    }
    for part in parts {
        let number: f64 = part.parse().ok()?;
        if !(number >= 0.0 && number.is_finite()) {
            return None;
        }
        total = total * 60.0 + number;
    }
    Some(total)
}

/// Removes `<…>`, and returns the name in `<v Name>`.
fn without_tags(text: &str) -> (String, Option<String>) {
    let (mut plain, mut speaker) = (String::new(), None);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        plain.push_str(before);
        let Some((tag, after)) = after.split_once('>') else {
            plain.push('<');
            rest = after;
            break;
        };
        if let Some(name) = tag.strip_prefix("v ") {
            speaker = Some(name.trim().to_owned());
        }
        rest = after;
    }
    plain.push_str(rest);
    (plain.trim().to_owned(), speaker)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_are_read() {
        let srt = "1\r\n00:00:01,000 --> 00:00:02,500\r\nHello\r\nthere\r\n\r\n2\r\n01:00:00,000 --> 01:00:01,000\r\n<i>Bye</i>\r\n";
        let cues = parse(srt).unwrap();
        assert_eq!(
            (cues[0].start, cues[0].end, cues[0].text.as_str()),
            (1.0, 2.5, "Hello there")
        );
        assert_eq!((cues[1].start, cues[1].text.as_str()), (3600.0, "Bye"));
        let vtt = "WEBVTT\n\nNOTE nothing\n\nintro\n00:01.000 --> 00:02.000 align:start\n<v Ada>Good evening.\n";
        let cues = parse(vtt).unwrap();
        assert_eq!(cues.len(), 1);
        assert_eq!(cues[0].speaker.as_deref(), Some("Ada"));
        assert_eq!(cues[0].text, "Good evening.");
        assert!(parse("WEBVTT\n").unwrap().is_empty());
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "a film about rain",
            "1\n00:01 -> 00:02\nx",
            "1\nx --> y\nz",
            "1\n00:05.000 --> 00:01.000\nx",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
