//! Ids on the command line; `-` reads them from standard input.

use std::collections::BTreeSet;
use std::io::{self, BufRead};

use crate::failure::Failure;

/// Returns the ids in order, without duplicates. `-` reads one id per line from standard input, as
/// printed by `tl … list --quiet`. Empty lines are skipped.
///
/// # Errors
/// If standard input cannot be read.
pub(crate) fn read(words: &[String]) -> Result<Vec<String>, Failure> {
    read_from(words, io::stdin().lock())
}

fn read_from(words: &[String], mut input: impl BufRead) -> Result<Vec<String>, Failure> {
    let mut seen = BTreeSet::new();
    let mut ids = Vec::new();
    let mut add = |id: &str| {
        let id = id.trim();
        if !id.is_empty() && seen.insert(id.to_owned()) {
            ids.push(id.to_owned());
        }
    };
    for word in words {
        if word != "-" {
            add(word);
            continue;
        }
        let mut line = String::new();
        loop {
            line.clear();
            match input.read_line(&mut line) {
                Ok(0) => break,
                Ok(_) => add(&line),
                Err(error) => {
                    return Err(Failure::usage("failed to read ids from standard input")
                        .with_source(&error)
                        .hint("write one id per line"));
                }
            }
        }
    }
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dash_reads_standard_input_once() {
        let words = ["a", "-", "b", "-"].map(str::to_owned);
        let ids = read_from(&words, &b"c\n\n a \r\nd"[..]).ok();
        assert_eq!(ids, Some(["a", "c", "d", "b"].map(str::to_owned).to_vec()));
        assert!(read_from(&words, &b"\xff\n"[..]).is_err());
    }
}
