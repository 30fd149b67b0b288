//! Video URLs: what a URL refers to, before any request, and what the first response means. Pure:
//! no DNS lookup, no request, no clock. The caller sends the requests and implements
//! [`crate::RangeRead`].
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

/// The URL for messages, without user info, query and fragment: these may contain credentials, as
/// in presigned URLs.
pub fn shown(url: &Url) -> String {
    let mut bare = url.clone();
    // Fails for URLs that can have neither user name nor password.
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
