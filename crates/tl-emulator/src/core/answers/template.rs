//! Templates in supplied answers: `{{filename}}`, `{{duration}}`, `{{prompt}}`, `{{transcript}}` and
//! `{{transcript[0:30]}}`, a range of seconds.

use super::{MediaRef, Sidecar};

/// The values of a template.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Template<'a> {
    pub(crate) prompt: &'a str,
    pub(crate) media: MediaRef<'a>,
    pub(crate) sidecar: Option<&'a Sidecar>,
}

impl Template<'_> {
    /// Replaces the placeholders in `text`. Unknown ones stay.
    pub(crate) fn fill(&self, text: &str) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            filled.push_str(before);
            let Some((name, after)) = after.split_once("}}") else {
                filled.push_str("{{");
                rest = after;
                break;
            };
            match self.value(name.trim()) {
                Some(value) => filled.push_str(&value),
                None => {
                    filled.push_str("{{");
                    filled.push_str(name);
                    filled.push_str("}}");
                }
            }
            rest = after;
        }
        filled.push_str(rest);
        filled
    }

    fn value(&self, name: &str) -> Option<String> {
        let transcript = |start, end| {
            self.sidecar
                .map_or(String::new(), |sidecar| sidecar.text_in(start, end))
        };
        match name {
            "filename" => Some(self.media.filename.to_owned()),
            "duration" => Some(format!("{}", self.media.duration)),
            "prompt" => Some(self.prompt.to_owned()),
            "transcript" => Some(transcript(0.0, f64::INFINITY)),
            other => {
                let range = other.strip_prefix("transcript[")?.strip_suffix(']')?;
                let (start, end) = range.split_once(':')?;
                Some(transcript(
                    start.trim().parse().ok()?,
                    end.trim().parse().ok()?,
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled() {
        let json = r#"{"transcript": [{"start": 0, "end": 2, "text": "Hello."}, {"start": 40, "end": 41, "text": "Bye."}]}"#;
        let (sidecar, _) = Sidecar::from_json(json).unwrap();
        let template = Template {
            prompt: "why?",
            media: MediaRef {
                filename: "a.mp4",
                content: None,
                duration: 41.5,
            },
            sidecar: Some(&sidecar),
        };
        let filled = template.fill(
            "{{prompt}} {{ filename }} {{duration}} {{transcript[0:30]}} {{transcript}} {{x}} {{transcript[1]}} {{",
        );
        assert_eq!(
            filled,
            "why? a.mp4 41.5 Hello. Hello. Bye. {{x}} {{transcript[1]}} {{"
        );
    }
}
