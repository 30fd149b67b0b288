//! What the page shows, taken from its query: a tab, and the filters of its tables. Each form
//! preserves the filters of the others.

use axum::response::Redirect;
use serde::Deserialize;
use url::form_urlencoded;

use super::tabs::Tab;

/// The filters.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Filters {
    /// The name of a tab.
    pub(super) tab: String,
    /// The text to search for, on the tab of the search.
    pub(super) q: String,
    /// Task filters.
    pub(super) status: String,
    pub(super) filename: String,
    /// Asset filters.
    pub(super) asset: String,
    pub(super) kind: String,
    /// Journal filters.
    pub(super) text: String,
    pub(super) operation: String,
    pub(super) answer: String,
    /// The error message of a submitted form; not a filter.
    pub(super) error: String,
}

impl Filters {
    fn filters(&self) -> [(&'static str, &str); 9] {
        [
            ("tab", &self.tab),
            ("q", &self.q),
            ("status", &self.status),
            ("filename", &self.filename),
            ("asset", &self.asset),
            ("kind", &self.kind),
            ("text", &self.text),
            ("operation", &self.operation),
            ("answer", &self.answer),
        ]
    }

    /// The tab to show.
    pub(super) fn tab(&self) -> Tab {
        Tab::named(&self.tab)
    }

    /// The filters as a query string.
    pub(super) fn query(&self) -> String {
        let set = self.filters();
        let set = set.iter().filter(|(_, value)| !value.is_empty());
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(set)
            .finish()
    }

    /// The filters that are set, without those of a form with the fields `own`. The form preserves
    /// them.
    pub(super) fn except(&self, own: &[&str]) -> Vec<(&'static str, &str)> {
        let set = self.filters().into_iter();
        set.filter(|(name, value)| !own.contains(name) && !value.is_empty())
            .collect()
    }
}

/// Redirects to a section of the controls, with the filters in `back` and an error message.
pub(super) fn redirect_to(part: &str, back: &str, error: Option<&str>) -> Redirect {
    // Parse and serialize again, so that the result cannot be anything but a query.
    let back = form_urlencoded::parse(back.as_bytes());
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("tab", Tab::Controls.name())
        .extend_pairs(back.filter(|(name, _)| !matches!(&**name, "error" | "tab")))
        .extend_pairs(error.map(|error| ("error", error)))
        .finish();
    // The error is shown at the top of the page.
    let part = if error.is_some() { "main" } else { part };
    Redirect::to(&format!("/_emulator?{query}#{part}"))
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;

    use super::*;

    #[test]
    fn forms_redirect_only_to_the_page() {
        for (back, error, expected) in [
            ("", None, "/_emulator?tab=controls#clock"),
            (
                "tab=videos&status=ready",
                None,
                "/_emulator?tab=controls&status=ready#clock",
            ),
            (
                "status=a b&error=old",
                Some("<no>"),
                "/_emulator?tab=controls&status=a+b&error=%3Cno%3E#main",
            ),
            (
                "//evil.example/\r\nx: y",
                None,
                "/_emulator?tab=controls&%2F%2Fevil.example%2F%0D%0Ax%3A+y=#clock",
            ),
        ] {
            let response = redirect_to("clock", back, error).into_response();
            assert_eq!(response.headers()["location"], expected, "{back:?}");
        }
    }
}
