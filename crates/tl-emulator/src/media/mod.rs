//! Received files: validation, images and documents, renditions.

pub(crate) mod renditions;
pub(crate) mod static_file;
pub(crate) mod validation;
