//! A deterministic substitute for embeddings: texts with common words are near each other, equal
//! media are equal, and everything else is unrelated. Nothing understands a language or an image.

mod parts;
mod vector;

pub(crate) use parts::{Annotations, Part, describe, fixed, parts};
pub(crate) use vector::{Vector, words};
