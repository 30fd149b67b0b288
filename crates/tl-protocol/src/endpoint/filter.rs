//! The parameters that the lists of the API share: page, order, ranges.

use tl_model::{SortBy, SortOption};

use super::{Outgoing, Params, Rejection};

/// Which page of a list, and how long a page is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// The number of the page, from 1. The platform's default is 1.
    pub page: Option<u32>,
    /// The items on a page, 1 to 50. The platform's default is 10.
    pub page_limit: Option<u32>,
}

impl PageRequest {
    pub(super) fn encode(self, request: Outgoing) -> Outgoing {
        request
            .query_if("page", self.page.as_ref())
            .query_if("page_limit", self.page_limit.as_ref())
    }

    pub(super) fn decode(params: &mut Params<'_>) -> Result<Self, Rejection> {
        Ok(Self {
            page: params.optional("page")?,
            page_limit: params.optional("page_limit")?,
        })
    }
}

/// The order of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sort {
    /// The field to sort by. The platform's default is `created_at`.
    pub by: Option<SortBy>,
    /// The direction. The platform's default is `desc`, the newest first.
    pub option: Option<SortOption>,
}

impl Sort {
    pub(super) fn encode(&self, request: Outgoing) -> Outgoing {
        request
            .query_if("sort_by", self.by.as_ref())
            .query_if("sort_option", self.option.as_ref())
    }

    pub(super) fn decode(params: &mut Params<'_>) -> Result<Self, Rejection> {
        Ok(Self {
            by: params.word("sort_by")?,
            option: params.word("sort_option")?,
        })
    }
}

/// A number that a list is filtered by: itself, or a range with inclusive ends.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct NumberFilter {
    /// Equal to this; sent as `name=value`.
    pub eq: Option<f64>,
    /// At least this; sent as `name[gte]=value`.
    pub gte: Option<f64>,
    /// At most this; sent as `name[lte]=value`.
    pub lte: Option<f64>,
}

impl NumberFilter {
    /// Equal to `value`.
    #[must_use]
    pub fn exactly(value: f64) -> Self {
        Self {
            eq: Some(value),
            ..Self::default()
        }
    }

    /// From `low` to `high`, both included.
    #[must_use]
    pub fn between(low: f64, high: f64) -> Self {
        Self {
            eq: None,
            gte: Some(low),
            lte: Some(high),
        }
    }

    /// Whether `value` passes; everything passes a filter without a bound.
    #[must_use]
    pub fn accepts(&self, value: f64) -> bool {
        self.eq
            .is_none_or(|eq| (value - eq).abs() <= f64::EPSILON * eq.abs().max(1.0))
            && self.gte.is_none_or(|low| value >= low)
            && self.lte.is_none_or(|high| value <= high)
    }

    /// Whether there is no bound.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.eq.is_none() && self.gte.is_none() && self.lte.is_none()
    }

    pub(super) fn encode(&self, name: &str, request: Outgoing) -> Outgoing {
        request
            .query_if(name, self.eq.as_ref())
            .query_if(&format!("{name}[gte]"), self.gte.as_ref())
            .query_if(&format!("{name}[lte]"), self.lte.as_ref())
    }

    pub(super) fn decode(name: &str, params: &mut Params<'_>) -> Result<Self, Rejection> {
        Ok(Self {
            eq: params.number(name)?,
            gte: params.number(&format!("{name}[gte]"))?,
            lte: params.number(&format!("{name}[lte]"))?,
        })
    }
}
