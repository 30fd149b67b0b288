//! Received files: validation against the rules, and renditions.

pub(crate) mod renditions;
pub(crate) mod validation;
