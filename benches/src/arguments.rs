//! Arguments of the form `NAME=VALUE`, in any order.

use std::{collections::BTreeMap, str::FromStr};

use crate::Failure;

/// The values by name.
#[derive(Debug)]
pub(crate) struct Arguments(BTreeMap<String, String>);

impl Arguments {
    pub(crate) fn read(words: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let pair = |word: String| {
            word.split_once('=')
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .ok_or_else(|| Failure::from(format!("`{word}` is not NAME=VALUE")))
        };
        Ok(Self(words.map(pair).collect::<Result<_, _>>()?))
    }

    pub(crate) fn text(&self, name: &str) -> Result<&str, Failure> {
        self.optional(name)
            .ok_or_else(|| format!("`{name}=` is missing").into())
    }

    pub(crate) fn optional(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(crate) fn number<N: FromStr>(&self, name: &str) -> Result<N, Failure> {
        let text = self.text(name)?;
        text.parse()
            .map_err(|_| format!("`{name}={text}`: not a number").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_name() {
        let words = ["concurrency=8", "url=http://h/?a=b"].map(String::from);
        let arguments = Arguments::read(words.into_iter()).unwrap();
        assert_eq!(arguments.number::<usize>("concurrency").unwrap(), 8);
        assert_eq!(arguments.text("url").unwrap(), "http://h/?a=b");
        let error = |name| arguments.number::<u32>(name).unwrap_err().to_string();
        assert_eq!(error("count"), "`count=` is missing");
        assert_eq!(error("url"), "`url=http://h/?a=b`: not a number");
        assert!(Arguments::read(["concurrency".to_owned()].into_iter()).is_err());
    }
}
