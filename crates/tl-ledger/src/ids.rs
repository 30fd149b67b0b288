//! Numbers of rows, one type per table.

use std::fmt;
use std::str::FromStr;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => { $(
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize,
            serde::Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(i64);

        impl $name {
            /// Wraps a number, e.g. from an argument.
            #[must_use]
            pub const fn new(number: i64) -> Self {
                Self(number)
            }

            /// The number.
            #[must_use]
            pub const fn get(self) -> i64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = std::num::ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl From<$name> for crate::db::Value {
            fn from(id: $name) -> Self {
                Self::Int(id.0)
            }
        }
    )* };
}

ids! {
    /// An account: a base URL and an API key.
    AccountId;
    /// The bytes of a video.
    ContentId;
    /// A video to ingest into an index.
    ItemId;
    /// A request that creates something.
    AttemptId;
    /// One run of a program.
    RunId;
}
