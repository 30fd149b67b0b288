//! The store without the feature `sqlite`: there is none, and the state is kept in memory.

use std::{convert::Infallible, path::Path};

use super::StartError;
use crate::platform::Change;

/// A store that cannot exist.
#[derive(Debug)]
pub(crate) struct Store(Infallible);

impl Store {
    pub(crate) fn open(folder: &Path, _: bool) -> Result<Self, StartError> {
        Err(StartError(format!(
            "the state cannot be stored in {}: the feature `sqlite` is off",
            folder.display()
        )))
    }

    pub(crate) fn records(&self) -> Result<Vec<(String, String, String)>, StartError> {
        match self.0 {}
    }

    pub(crate) fn write(&mut self, _: &[Change]) -> Result<(), String> {
        match self.0 {}
    }
}
