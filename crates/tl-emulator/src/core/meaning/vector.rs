//! Vectors of texts and of media: features, hashed to signs and added up.

use tl_protocol::rng::Rng;

/// The dimension of a full vector. Smaller ones are its beginning, scaled to length 1.
pub(crate) const FULL: usize = 512;

/// The weight of a character trigram. Words have 1. Unrelated words share trigrams, so that a
/// higher weight makes unrelated texts similar.
const TRIGRAM: f32 = 0.25;
/// The weight of a word that says little.
const STOP_WORD: f32 = 0.1;
/// Words that say little.
const STOP_WORDS: [&str; 24] = [
    "a", "an", "and", "are", "as", "at", "by", "for", "from", "he", "his", "in", "is", "it", "of",
    "on", "or", "she", "that", "the", "their", "to", "was", "with",
];
/// The weight of a hash of the content, compared with a text of one word.
const CONTENT: f32 = 0.2;

/// A sum of features. [`unit`](Self::unit) is the embedding.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Vector(Box<[f32; FULL]>);

impl Default for Vector {
    fn default() -> Self {
        Self(Box::new([0.0; FULL]))
    }
}

impl Vector {
    /// The vector of a text: its words and the trigrams of its words, regardless of case and order.
    pub(crate) fn of_text(text: &str) -> Self {
        let mut vector = Self::default();
        for word in words(text) {
            if STOP_WORDS.contains(&word.as_str()) {
                vector.add_feature(&word, STOP_WORD);
                continue;
            }
            vector.add_feature(&word, 1.0);
            let framed: Vec<char> = format!("^{word}$").chars().collect();
            for trigram in framed.windows(3) {
                let trigram: String = trigram.iter().collect();
                vector.add_feature(&trigram, TRIGRAM);
            }
        }
        vector
    }

    /// The same vector with a small part that is the same for equal contents only, so that parts of
    /// media are never equal to each other by accident.
    pub(crate) fn with_content(mut self, content: &str) -> Self {
        self.add_feature(content, CONTENT);
        self
    }

    /// Adds another vector, scaled to length 1.
    pub(crate) fn add_unit(&mut self, other: &Self) {
        let length = other.length();
        if length > 0.0 {
            for (sum, value) in self.0.iter_mut().zip(other.0.iter()) {
                *sum += value / length;
            }
        }
    }

    /// The beginning of the vector, scaled to length 1. All zeros if the vector has no features.
    pub(crate) fn unit(&self, dimension: usize) -> Vec<f32> {
        let values = &self.0[..dimension.min(FULL)];
        let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
        let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
        values.iter().map(|value| value * scale).collect()
    }

    /// The cosine of the angle to another vector; 0 if one of them has no features.
    pub(crate) fn cosine(&self, other: &Self) -> f32 {
        let lengths = self.length() * other.length();
        if lengths == 0.0 {
            return 0.0;
        }
        let pairs = self.0.iter().zip(other.0.iter());
        pairs.map(|(one, two)| one * two).sum::<f32>() / lengths
    }

    fn length(&self) -> f32 {
        self.0.iter().map(|value| value * value).sum::<f32>().sqrt()
    }

    /// Adds `weight` with a sign per dimension that follows from the feature.
    fn add_feature(&mut self, feature: &str, weight: f32) {
        let mut signs = Rng::new(hash(feature));
        for block in self.0.chunks_mut(64) {
            let bits = signs.bits();
            for (position, value) in block.iter_mut().enumerate() {
                let is_positive = bits >> position & 1 == 1;
                *value += if is_positive { weight } else { -weight };
            }
        }
    }
}

/// The words of a text in lower case.
pub(crate) fn words(text: &str) -> Vec<String> {
    let words = text.split(|character: char| !character.is_alphanumeric());
    words
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// FNV-1a, which is the same on every system.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn similarity(one: &str, two: &str) -> f32 {
        Vector::of_text(one).cosine(&Vector::of_text(two))
    }

    #[test]
    fn texts_with_common_words_are_near() {
        assert!(similarity("Goal in the rain", "goal, in the RAIN!") > 0.999);
        assert!(similarity("man walking a dog", "a man walks his dog") > 0.6);
        assert!(similarity("a goal", "A goal in the rain") > 0.5);
        let unrelated = [
            ("a goal in the rain", "interview with the mayor"),
            ("cat", "quarterly results of the company"),
            ("red car", "people dancing at night"),
        ];
        for (one, two) in unrelated {
            assert!(similarity(one, two).abs() < 0.15, "{one} / {two}");
        }
    }

    #[test]
    fn smaller_dimensions_are_the_beginning_of_larger_ones() {
        let vector = Vector::of_text("a goal in the rain");
        let full = vector.unit(512);
        for dimension in [512, 256, 128] {
            let unit = vector.unit(dimension);
            assert_eq!(unit.len(), dimension);
            let length: f32 = unit.iter().map(|value| value * value).sum();
            assert!((length - 1.0).abs() < 1e-4);
            let ratio = unit[0] / full[0];
            for (value, whole) in unit.iter().zip(&full) {
                assert!((value - whole * ratio).abs() < 1e-5);
            }
        }
        assert!(
            Vector::default()
                .unit(128)
                .iter()
                .all(|value| *value == 0.0)
        );
    }

    #[test]
    fn content_separates_equal_texts() {
        let of = |content: &str| Vector::of_text("clip").with_content(content);
        assert_eq!(of("ab#0"), of("ab#0"));
        let near = of("ab#0").cosine(&of("ab#1"));
        assert!((0.9..0.9999).contains(&near), "{near}");
    }
}
