//! What all lists share: pages, order, points in time, and how a list is shown.

use clap::Args;
use serde::Serialize;
use tl_client::Client;
use tl_model::{SortBy, SortOption, Timestamp};
use tl_protocol::endpoint::{PageRequest, Sort};
use tl_protocol::flow::Paged;

use crate::failure::Failure;
use crate::output::{Output, plain_line};
use crate::table;

/// Which part of a list that has one order only.
#[derive(Debug, Args)]
#[command(next_help_heading = "Pages and order")]
pub(crate) struct PartArgs {
    /// Which page [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    page: Option<u32>,
    /// How many items a page has, at most 50
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=50))]
    page_limit: u32,
    /// All pages
    #[arg(long, conflicts_with = "page")]
    all: bool,
}

/// Which part of a list, and in which order.
#[derive(Debug, Args)]
#[command(next_help_heading = "Pages and order")]
pub(crate) struct PageArgs {
    #[command(flatten)]
    part: PartArgs,
    /// By which time
    #[arg(long, value_name = "FIELD", value_parser = ["created_at", "updated_at"])]
    sort_by: Option<String>,
    /// Newest first (desc, the platform's default) or oldest first (asc)
    #[arg(long, value_name = "ORDER", value_parser = ["asc", "desc"])]
    sort_option: Option<String>,
}

/// Items of a list, and whether there are more.
pub(crate) struct Listed<I> {
    pub(crate) items: Vec<I>,
    total: Option<u64>,
    more: bool,
}

impl PageArgs {
    /// The page to begin with.
    pub(crate) fn page(&self) -> PageRequest {
        self.part.page()
    }

    /// The order.
    pub(crate) fn sort(&self) -> Sort {
        Sort {
            by: self.sort_by.as_deref().map(SortBy::from),
            option: self.sort_option.as_deref().map(SortOption::from),
        }
    }

    /// Fetches one page, or all of them.
    pub(crate) async fn fetch<E: Paged>(
        &self,
        client: &Client,
        first: E,
    ) -> Result<Listed<E::Item>, Failure> {
        self.part.fetch(client, first).await
    }
}

impl PartArgs {
    /// The page to begin with.
    pub(crate) fn page(&self) -> PageRequest {
        PageRequest {
            page: self.page.or(self.all.then_some(1)),
            page_limit: Some(self.page_limit),
        }
    }

    /// Fetches one page, or all of them.
    pub(crate) async fn fetch<E: Paged>(
        &self,
        client: &Client,
        first: E,
    ) -> Result<Listed<E::Item>, Failure> {
        if !self.all {
            let page = client.call(first).await?;
            let more = page
                .page_info
                .total_page
                .is_some_and(|pages| u64::from(self.page.unwrap_or(1)) < pages);
            return Ok(Listed {
                total: page.page_info.total_results,
                more,
                items: page.data,
            });
        }
        let mut pages = client.pages(first);
        let mut items = Vec::new();
        while let Some(page) = pages.next_page().await {
            items.extend(page?.data);
        }
        Ok(Listed {
            items,
            total: None,
            more: false,
        })
    }
}

impl<I: Serialize> Listed<I> {
    /// Shows the list: an array with `--json`, ids with `--quiet`, else a table.
    pub(crate) fn show<const N: usize>(
        &self,
        output: &Output,
        things: &str,
        headings: [&str; N],
        row: impl Fn(&I) -> [String; N],
    ) {
        output.json(&self.items);
        if self.items.is_empty() {
            output.note(&format!("no {things}"));
        } else {
            let rows: Vec<[String; N]> = self.items.iter().map(row).collect();
            if output.is_quiet() {
                for row in &rows {
                    output.line(&plain_line(row.first().map_or("", String::as_str)));
                }
            } else {
                output.line(&table::render(headings, &rows));
            }
        }
        if self.more {
            let total = self
                .total
                .map_or_else(String::new, |total| format!(" of {total}"));
            output.note(&format!(
                "{}{total} {things} are shown; --page N shows another page, --all all of them",
                self.items.len()
            ));
        }
    }
}

/// Reads a point in time: RFC 3339, or a day, which begins at midnight UTC.
pub(crate) fn time(text: &str) -> Result<Timestamp, String> {
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Ok(instant.into());
    }
    text.parse::<jiff::civil::Date>()
        .ok()
        .and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC).ok())
        .map(|midnight| midnight.timestamp().into())
        .ok_or_else(|| {
            "a time such as 2026-11-21T10:00:00Z or a day such as 2026-11-21 is expected".to_owned()
        })
}

/// Seconds as people read them.
pub(crate) fn seconds(seconds: Option<f64>) -> String {
    seconds.map_or_else(String::new, |seconds| format!("{seconds:.1} s"))
}

/// Something that can be shown, or nothing.
pub(crate) fn cell(value: Option<&impl ToString>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_days_are_understood() {
        for (text, expected) in [
            ("2026-11-21T10:00:00Z", Some("2026-11-21T10:00:00Z")),
            ("2026-11-21T10:00:00+02:00", Some("2026-11-21T08:00:00Z")),
            ("2026-11-21", Some("2026-11-21T00:00:00Z")),
            ("yesterday", None),
            ("2026-13-01", None),
        ] {
            let read = time(text).ok();
            assert_eq!(read.as_ref().map(Timestamp::as_str), expected, "{text}");
        }
    }
}
