//! The operations of the API as names, generated from the registry of endpoints.

use std::fmt;

use tl_protocol::{Endpoint, endpoint::*, for_each_endpoint};

/// An operation of the API, identified by its dotted name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Operation(&'static str);

impl Operation {
    /// `PUT` of a chunk to a presigned URL. It is not an operation of the API, but faults can be
    /// injected into it.
    pub const STORAGE_PUT: Self = Self("storage.put");

    /// The operation that `E` declares.
    #[must_use]
    pub const fn of<E: Endpoint>() -> Self {
        Self(E::NAME)
    }

    /// The name in the journal and in fault plans, such as `tasks.create`. It is also the name in
    /// the platform's clients.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

macro_rules! operations {
    ($($Endpoint:ident),+) => {
        impl Operation {
            /// All operations.
            pub const ALL: &'static [Self] = &[$(Self::of::<$Endpoint>(),)+ Self::STORAGE_PUT];
        }
    };
}

for_each_endpoint!(operations);
