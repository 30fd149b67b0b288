//! Report formats: JSON, JSONL, CSV, JUnit XML, SARIF 2.1.0, HTML, and text for a terminal. The
//! functions return strings and print nothing.
//!
//! ```
//! use tl_validate::formats::{self, Entry};
//! use tl_validate::{check_size, Route, RulePack, Target};
//!
//! let report = check_size(3 << 30, &Target::new(Route::Tasks), RulePack::current());
//! let entry = Entry::new("long.mp4", &report);
//! let line = formats::jsonl(&entry);
//! assert!(line.contains(r#""verdict":"refuse""#));
//! ```

mod complete;
mod csv;
mod document;
mod entry;
mod html;
mod human;
mod junit;
mod piece;
mod sarif;

pub use complete::{csv, html, junit, sarif};
pub use document::{Document, DocumentKind};
pub use entry::{ENTRY_SCHEMA, Entry, json, jsonl};
pub use human::{HumanOptions, human};
pub use piece::Piece;

pub use crate::text::{is_display_control, printable};
