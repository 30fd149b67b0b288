//! The parts of a video or audio file, with what is known about each.

use super::Vector;

/// What is known about a media file. Times are in seconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Annotations {
    /// Descriptions of ranges, in chronological order: start, end, labels, text.
    pub(crate) scenes: Vec<(f64, f64, String, String)>,
    /// Speech in chronological order: start, end, text.
    pub(crate) speech: Vec<(f64, f64, String)>,
    /// What identifies the content: equal files have equal vectors.
    pub(crate) content: String,
    /// Words that describe the whole file, if there are no scenes.
    pub(crate) title: String,
    /// Whether a test supplied what is known.
    pub(crate) has_sidecar: bool,
}

/// A part of a media file. Times are in seconds.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) start: f64,
    pub(crate) end: f64,
    labels: String,
    text: String,
    pub(crate) speech: String,
    /// Identifies the content of the part.
    pub(crate) content: String,
}

/// The length of a part without a scene, in seconds: the platform's default for fixed segments.
const LENGTH: f64 = 6.0;
/// A rest that is shorter belongs to the part before it.
const SHORTEST: f64 = 0.001;

/// Cuts a media file into its scenes and, where there are none, into parts of equal length.
pub(crate) fn parts(annotations: &Annotations, duration: f64) -> Vec<Part> {
    let mut ranges = Vec::new();
    let mut covered = 0.0_f64;
    for (start, end, ..) in &annotations.scenes {
        let (start, end) = (start.min(duration), end.min(duration));
        if end - start < SHORTEST {
            continue;
        }
        fixed(covered, start, LENGTH, &mut ranges);
        ranges.push((start, end));
        covered = covered.max(end);
    }
    fixed(covered, duration, LENGTH, &mut ranges);
    describe(annotations, &ranges)
}

/// Appends ranges of this length from `start` to `end`; the last one may be shorter.
pub(crate) fn fixed(start: f64, end: f64, length: f64, ranges: &mut Vec<(f64, f64)>) {
    let mut number = 0.0;
    loop {
        let from = start + number * length;
        if end - from < SHORTEST {
            return;
        }
        ranges.push((from, (from + length).min(end)));
        number += 1.0;
    }
}

/// The parts of a media file in these ranges.
pub(crate) fn describe(annotations: &Annotations, ranges: &[(f64, f64)]) -> Vec<Part> {
    let part = |(index, (start, end)): (usize, &(f64, f64))| {
        let overlaps = |from: f64, to: f64| from < *end && to > *start;
        let scenes = annotations.scenes.iter();
        let scenes = scenes.filter(|(from, to, ..)| overlaps(*from, *to));
        let (mut labels, mut text) = (Vec::new(), Vec::new());
        for (.., scene_labels, scene_text) in scenes {
            labels.push(scene_labels.as_str());
            text.push(scene_text.as_str());
        }
        if annotations.scenes.is_empty() {
            text.push(&annotations.title);
        }
        let speech = annotations.speech.iter();
        let speech = speech.filter(|(from, to, _)| overlaps(*from, *to));
        let speech: Vec<_> = speech.map(|(.., text)| text.trim()).collect();
        Part {
            start: *start,
            end: *end,
            labels: labels.join(" "),
            text: text.join(" "),
            speech: speech.join(" "),
            content: format!("{}#{index}", annotations.content),
        }
    };
    ranges.iter().enumerate().map(part).collect()
}

impl Part {
    /// What is seen: the labels and the description.
    pub(crate) fn visual(&self) -> Vector {
        Vector::of_text(&format!("{} {}", self.labels, self.text))
    }

    /// What is heard apart from speech: the labels, because a sidecar does not separate sounds from
    /// images.
    pub(crate) fn audio(&self) -> Vector {
        Vector::of_text(&self.labels)
    }

    /// What is said; `None` if nothing is.
    pub(crate) fn transcription(&self) -> Option<Vector> {
        (!self.speech.is_empty()).then(|| Vector::of_text(&self.speech))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(parts: &[Part]) -> Vec<(f64, f64)> {
        parts.iter().map(|part| (part.start, part.end)).collect()
    }

    #[test]
    fn scenes_are_parts_and_gaps_are_cut() {
        let scene = |start, end| (start, end, "goal".to_owned(), String::new());
        let annotations = Annotations {
            scenes: vec![
                scene(4.0, 9.5),
                scene(8.0, 12.0),
                scene(15.0, 99.0),
                scene(50.0, 60.0),
            ],
            speech: vec![(5.0, 6.0, " What a goal! ".to_owned())],
            ..Annotations::default()
        };
        let cut = parts(&annotations, 30.0);
        assert_eq!(
            ranges(&cut),
            [
                (0.0, 4.0),
                (4.0, 9.5),
                (8.0, 12.0),
                (12.0, 15.0),
                (15.0, 30.0)
            ]
        );
        assert_eq!(cut[1].speech, "What a goal!");
        assert!(
            cut[0].transcription().is_none(),
            "silence has no transcription"
        );
        let query = Vector::of_text("goal");
        assert!(query.cosine(&cut[1].visual()) > 0.8);
        assert!(query.cosine(&cut[0].visual()).abs() < 0.15);
    }

    #[test]
    fn files_without_scenes_have_fixed_parts_named_after_the_file() {
        let annotations = Annotations {
            title: "beach volleyball".to_owned(),
            ..Annotations::default()
        };
        let cut = parts(&annotations, 13.0);
        assert_eq!(ranges(&cut), [(0.0, 6.0), (6.0, 12.0), (12.0, 13.0)]);
        assert!(Vector::of_text("volleyball").cosine(&cut[2].visual()) > 0.5);
        assert!(parts(&annotations, 0.0).is_empty());
        assert_eq!(ranges(&parts(&annotations, 12.0)).len(), 2);
    }
}
