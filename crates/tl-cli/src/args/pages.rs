//! Pagination and order of list commands.

use clap::Args;
use tl_client::Client;
use tl_model::{SortBy, SortOption};
use tl_protocol::endpoint::{PageRequest, Sort};
use tl_protocol::flow::Paged;

use crate::failure::Failure;
use crate::ui::listing::Listing;

/// Pagination of a list with a fixed order.
#[derive(Debug, Args)]
#[command(next_help_heading = "Pages and order")]
pub(crate) struct PartArgs {
    /// Limit the number of items [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Fetch only this page
    #[arg(long, value_name = "N", conflicts_with = "limit", value_parser = clap::value_parser!(u32).range(1..))]
    page: Option<u32>,
    /// Set the number of items per page, at most 50
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=50))]
    page_limit: u32,
    /// Fetch all pages (default)
    #[arg(long, hide = true, conflicts_with_all = ["page", "limit"])]
    all: bool,
}

/// Pagination and order of a list.
#[derive(Debug, Args)]
#[command(next_help_heading = "Pages and order")]
pub(crate) struct PageArgs {
    #[command(flatten)]
    part: PartArgs,
    /// Sort by this time
    #[arg(long, value_name = "FIELD", value_parser = ["created_at", "updated_at"])]
    sort_by: Option<String>,
    /// Sort newest first (desc, the default) or oldest first (asc)
    #[arg(long, value_name = "ORDER", value_parser = ["asc", "desc"])]
    sort_option: Option<String>,
}

impl PageArgs {
    /// The first page to fetch.
    pub(crate) fn page(&self) -> PageRequest {
        self.part.page()
    }

    /// Whether only one page was requested.
    pub(crate) fn is_one_page(&self) -> bool {
        self.part.page.is_some()
    }

    /// The maximum number of items.
    pub(crate) fn limit(&self) -> Option<usize> {
        self.part.limit()
    }

    /// The sort key, and whether the newest item comes first.
    pub(crate) fn order(&self) -> (&str, bool) {
        (
            self.sort_by.as_deref().unwrap_or("created_at"),
            self.sort_option.as_deref() != Some("asc"),
        )
    }

    /// The requested order.
    pub(crate) fn sort(&self) -> Sort {
        Sort::default()
            .with_by(self.sort_by.as_deref().map(SortBy::from))
            .with_option(self.sort_option.as_deref().map(SortOption::from))
    }

    /// Fetches all items, the first `--limit` items, or one page.
    pub(crate) async fn fetch<E: Paged>(
        &self,
        client: &Client,
        first: E,
    ) -> Result<Listing<E::Item>, Failure> {
        self.part.fetch(client, first).await
    }
}

impl PartArgs {
    /// The first page to fetch.
    pub(crate) fn page(&self) -> PageRequest {
        PageRequest::default()
            .with_page(self.page.unwrap_or(1))
            // Do not fetch more than requested.
            .with_page_limit(self.page_limit.min(self.limit.unwrap_or(u32::MAX)))
    }

    /// The maximum number of items.
    fn limit(&self) -> Option<usize> {
        self.limit.map(|limit| limit as usize)
    }

    /// Fetches all items, the first `--limit` items, or one page.
    pub(crate) async fn fetch<E: Paged>(
        &self,
        client: &Client,
        first: E,
    ) -> Result<Listing<E::Item>, Failure> {
        if let Some(number) = self.page {
            let page = client.call(first).await?;
            let more = page
                .page_info
                .total_page
                .is_some_and(|pages| u64::from(number) < pages);
            return Ok(Listing {
                total: page.page_info.total_results,
                more,
                items: page.data,
            });
        }
        let limit = self.limit().unwrap_or(usize::MAX);
        let mut pages = client.pages(first);
        let mut items = Vec::new();
        let mut total = None;
        while items.len() < limit
            && let Some(page) = pages.next_page().await
        {
            let page = page?;
            total = page.page_info.total_results;
            items.extend(page.data);
        }
        let mut more = items.len() > limit;
        items.truncate(limit);
        more |= items.len() == limit && total.is_some_and(|total| total > items.len() as u64);
        Ok(Listing { items, total, more })
    }
}
