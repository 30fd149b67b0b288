//! Addresses of videos: what a URL is, before anything is sent, and what the first answer says. Pure: no look-up, no
//! request, no clock. Fetching is the caller's work; reading what was fetched is [`crate::RangeRead`]'s.
//!
//! ```
//! use tl_validate::web;
//!
//! let link = "https://www.dropbox.com/s/abc/clip.mp4?dl=0".parse()?;
//! let page = web::page(&link).expect("a share page");
//! assert_eq!(page.service, "Dropbox");
//! assert!(page.instead.contains("dl=1"));
//! # Ok::<(), url::ParseError>(())
//! ```

mod answer;
mod pages;
mod presigned;

use url::Url;

pub use answer::{Answer, Head, Problem, ProblemKind, read_head};
pub use pages::{Page, page};
pub use presigned::{Presigned, presigned};

/// The address for messages: without password, query and fragment, which may be a permission by themselves.
pub fn shown(url: &Url) -> String {
    let mut bare = url.clone();
    // Fails for addresses that can have neither.
    let _ = bare.set_username("");
    let _ = bare.set_password(None);
    bare.set_query(None);
    bare.set_fragment(None);
    if url.query().is_some() {
        format!("{bare}?…")
    } else {
        bare.into()
    }
}
