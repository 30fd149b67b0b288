//! The position in the results of a search: what was returned, and what to request next. Pure.

use std::collections::HashSet;

use tl_model::{SearchPage, SearchPool, Timestamp};

use super::hits::Found;
use crate::endpoint::{GetSearchPage, Search};

/// Maximum number of searches in a row whose pages expire before one new result is found.
const MAX_FRUITLESS: u32 = 3;

/// What to request next.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Next {
    /// The search itself.
    Search,
    /// The page with this token.
    Page(String),
    /// Nothing: the results are complete.
    End,
}

/// A request for results.
#[derive(Debug)]
pub(super) enum Request {
    Search(Box<Search>),
    Page(GetSearchPage),
}

/// Identifies a result, so that none is returned twice.
pub(super) type Key = (String, u64, u64);

/// The position in the results of a search.
#[derive(Debug)]
pub(super) struct Cursor {
    search: Search,
    next: Next,
    /// The results that were returned. Needed after the search was sent again.
    seen: HashSet<Key>,
    limit: Option<usize>,
    restarts: u32,
    /// Restarts since the last new result.
    fruitless: u32,
    pub(super) pool: Option<SearchPool>,
    pub(super) expires_at: Option<Timestamp>,
}

impl Cursor {
    pub(super) fn new(search: Search, limit: Option<usize>) -> Self {
        let next = match limit {
            Some(0) => Next::End,
            _ => Next::Search,
        };
        Self {
            search,
            next,
            seen: HashSet::new(),
            limit,
            restarts: 0,
            fruitless: 0,
            pool: None,
            expires_at: None,
        }
    }

    /// The next request; `None` if the results are complete.
    pub(super) fn request(&self) -> Option<Request> {
        match &self.next {
            Next::Search => Some(Request::Search(Box::new(self.search.clone()))),
            Next::Page(token) => {
                let mut page = GetSearchPage::new(token.as_str());
                page.include_user_metadata = self.search.include_user_metadata;
                Some(Request::Page(page))
            }
            Next::End => None,
        }
    }

    pub(super) fn search(&self) -> &Search {
        &self.search
    }

    /// How many results were returned.
    pub(super) fn returned(&self) -> usize {
        self.seen.len()
    }

    /// How often the search was sent again because a token had expired.
    pub(super) fn restarts(&self) -> u32 {
        self.restarts
    }

    /// Reads a page: returns its results that were not returned before; `None` if one is not of
    /// the requested type.
    pub(super) fn accept<I: Found>(&mut self, page: SearchPage) -> Option<Vec<I>> {
        let is_empty = page.data.is_empty();
        let mut found = Vec::new();
        for item in page.data {
            let item = I::from_item(item)?;
            let is_full = self.limit.is_some_and(|limit| self.seen.len() >= limit);
            if !is_full && self.seen.insert(item.key()) {
                found.push(item);
            }
        }
        if !found.is_empty() {
            self.fruitless = 0;
        }
        let is_full = self.limit.is_some_and(|limit| self.seen.len() >= limit);
        let token = page.page_info.next_page_token;
        self.next = match token.filter(|token| !token.is_empty()) {
            // A page without results is the last, so that a server that always has a next token
            // cannot keep a client busy.
            Some(token) if !is_full && !is_empty => Next::Page(token),
            _ => Next::End,
        };
        self.pool.get_or_insert(page.search_pool);
        self.expires_at = page.page_info.page_expires_at;
        Some(found)
    }

    /// The token has expired: search again and continue after the results that were returned.
    /// Returns `false` if the searches before found nothing new.
    pub(super) fn restart(&mut self) -> bool {
        if self.fruitless >= MAX_FRUITLESS {
            return false;
        }
        self.fruitless += 1;
        self.restarts += 1;
        self.next = Next::Search;
        true
    }

    /// Ends the results after an error.
    pub(super) fn end(&mut self) {
        self.next = Next::End;
    }
}
