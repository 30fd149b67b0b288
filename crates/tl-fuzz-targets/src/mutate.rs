//! Changed copies of seeds, for runs without a fuzzer.

use tl_protocol::rng::Rng;

/// The largest input.
const MAX_SIZE: usize = 64 * 1024;

/// Texts with a meaning in some format.
const WORDS: &[&str] = &[
    "\0",
    "\n",
    "\r\n",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "null",
    "true",
    "-1",
    "0",
    "1e999",
    "18446744073709551616",
    "9223372036854775808",
    "NaN",
    "{}",
    "[]",
    "\u{feff}",
    "\u{202e}",
    "é",
    "%00",
    "%",
    "..",
    "/",
    "data: ",
    "retry-after: 1\n",
    "-->",
    "\"_id\":",
    "\"data\":[",
    "\"page_info\":",
];

/// Makes changed copies of seeds. The same seed number makes the same copies.
#[derive(Debug)]
pub struct Mutator {
    seeds: Vec<Vec<u8>>,
    rng: Rng,
}

impl Mutator {
    /// For these seeds. Without seeds, it starts with nothing.
    #[must_use]
    pub fn new(seeds: Vec<Vec<u8>>, number: u64) -> Self {
        let rng = Rng::new(number);
        Self { seeds, rng }
    }

    /// The next input: a seed with one to eight changes.
    pub fn next_input(&mut self) -> Vec<u8> {
        let mut input = self.any_seed();
        for _ in 0..=self.below(8) {
            self.change(&mut input);
        }
        input.truncate(MAX_SIZE);
        input
    }

    fn any_seed(&mut self) -> Vec<u8> {
        match self.seeds.len() {
            0 => Vec::new(),
            count => {
                let which = self.below(count);
                self.seeds[which].clone()
            }
        }
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        let end = (at + 1 + self.below(16)).min(input.len());
        let end = end.max(at);
        match self.below(9) {
            0 => {
                let bit = self.below(8);
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << bit;
                }
            }
            1 => {
                let new = self.byte();
                if let Some(byte) = input.get_mut(at) {
                    *byte = new;
                }
            }
            2 => drop(input.drain(at..end)),
            3 => {
                let copy = input[at..end].to_vec();
                let place = self.below(input.len() + 1);
                drop(input.splice(place..place, copy));
            }
            4 | 5 => {
                let word = WORDS[self.below(WORDS.len())];
                drop(input.splice(at..at, word.bytes()));
            }
            6 => {
                let word = WORDS[self.below(WORDS.len())];
                drop(input.splice(at..end, word.bytes()));
            }
            7 => input.truncate(at),
            _ => {
                // The end of another seed.
                let other = self.any_seed();
                let from = self.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
        }
    }

    fn byte(&mut self) -> u8 {
        self.rng.bits().to_le_bytes()[0]
    }

    fn below(&mut self, count: usize) -> usize {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        usize::try_from(self.rng.bits() % count).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_differ_and_repeat_with_their_number() {
        let inputs = |number| {
            let mut mutator = Mutator::new(vec![b"seed".to_vec()], number);
            (0..100).map(|_| mutator.next_input()).collect::<Vec<_>>()
        };
        assert_eq!(inputs(1), inputs(1));
        assert_ne!(inputs(1), inputs(2));
        let changed = inputs(1).iter().filter(|input| *input != b"seed").count();
        assert!(changed > 90, "{changed}");
    }
}
