//! Where the items of a run come from: files, directories, glob patterns, links, lists of paths
//! and manifests.
//!
//! Everything is streamed: entries are read as they are taken, so that memory does not grow with
//! their number. The exceptions are [`Order`], which sorts, and the check for duplicate rows of a
//! manifest, which keeps 16 bytes per row.
//!
//! ```
//! use tl_bulk::source::{Manifest, Sources, Template, Templates, WalkOptions};
//!
//! # let folder = tempfile::tempdir()?;
//! # std::fs::create_dir(folder.path().join("clips"))?;
//! # std::fs::write(folder.path().join("clips/one.mp4"), "")?;
//! # let clips = folder.path().join("clips");
//! # let csv = folder.path().join("list.csv");
//! # std::fs::write(&csv, "uri,title,metadata.camera\nhttps://example.com/two.mp4,Two,left\n")?;
//! let templates = Templates::new()
//!     .with_title(Template::parse("{stem}")?)
//!     .with_metadata("show", Template::parse("{dir}")?);
//! let sources = Sources::new([clips])
//!     .with_manifest(Manifest::new(csv))
//!     .with_walk(WalkOptions::new().with_min_size(0))
//!     .with_templates(templates);
//!
//! let entries: Vec<_> = sources.entries()?.collect::<Result<_, _>>()?;
//! assert_eq!(entries[0].title.as_deref(), Some("one"));
//! assert_eq!(entries[0].metadata["show"], "clips");
//! assert_eq!(entries[1].title.as_deref(), Some("Two"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod entry;
mod error;
mod lines;
mod list;
mod manifest;
mod order;
mod pattern;
mod sources;
mod template;
mod walk;

pub use entry::{Entry, Location};
pub use error::{SourceError, SourceErrorKind};
pub use list::List;
pub use manifest::{Manifest, ManifestFormat, Rows};
pub use order::{Order, OrderBy};
pub use sources::{Entries, Sources};
pub use template::{Template, Templates};
pub use walk::{Paths, Walk, WalkOptions};
