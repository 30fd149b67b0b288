//! Query parameters: how a field is written and read, and the parameters that lists share (page,
//! order, ranges, metadata).

use std::{fmt::Display, str::FromStr};

use tl_model::{SortBy, SortOption, UserMetadata};

use super::{
    Outgoing, Params, Rejection,
    parameter::{Described, Parameter, ValueKind},
};

/// Implements a method for each optional field that sets it, to a value or to an option.
macro_rules! setters {
    ($Value:ident { $($with:ident($field:ident: $Field:ty);)+ }) => {
        impl $Value {
            $(
                #[doc = concat!("Sets [`", stringify!($field), "`](Self::", stringify!($field), ").")]
                #[must_use]
                pub fn $with(mut self, $field: impl Into<Option<$Field>>) -> Self {
                    self.$field = $field.into();
                    self
                }
            )+
        }
    };
}

/// A field of a request that is one or more query parameters.
pub trait QueryValue: Sized {
    /// Adds the parameters of the field `name`.
    fn write(&self, name: &str, request: Outgoing) -> Outgoing;

    /// Reads the field `name` and marks its parameters as read.
    ///
    /// # Errors
    /// The first parameter whose value is not allowed.
    fn read(name: &str, params: &mut Params<'_>) -> Result<Self, Rejection>;

    /// The parameters of the field `name`.
    fn parameters(name: &str) -> Vec<Parameter>;
}

/// `name=value`, or nothing.
impl<T: FromStr<Err: Display> + ToString + Described> QueryValue for Option<T> {
    fn write(&self, name: &str, request: Outgoing) -> Outgoing {
        request.query_if(name, self.as_ref())
    }

    fn read(name: &str, params: &mut Params<'_>) -> Result<Self, Rejection> {
        params.optional(name)
    }

    fn parameters(name: &str) -> Vec<Parameter> {
        vec![Parameter::query(name, T::kind())]
    }
}

/// `name=a&name=b`; a server also reads `name=a,b` (both forms are documented).
impl<T: FromStr<Err: Display> + ToString + Described> QueryValue for Vec<T> {
    fn write(&self, name: &str, request: Outgoing) -> Outgoing {
        self.iter().fold(request, |request, value| {
            request.query(name, value.to_string())
        })
    }

    fn read(name: &str, params: &mut Params<'_>) -> Result<Self, Rejection> {
        params.list(name)
    }

    fn parameters(name: &str) -> Vec<Parameter> {
        vec![Parameter::query(name, ValueKind::List(Box::new(T::kind())))]
    }
}

/// The page number and the page size of a list request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PageRequest {
    /// The page number, from 1. The platform's default is 1.
    pub page: Option<u32>,
    /// The number of items per page, 1 to 50. The platform's default is 10.
    pub page_limit: Option<u32>,
}

setters!(PageRequest {
    with_page(page: u32);
    with_page_limit(page_limit: u32);
});

impl QueryValue for PageRequest {
    fn write(&self, _: &str, request: Outgoing) -> Outgoing {
        request
            .query_if("page", self.page.as_ref())
            .query_if("page_limit", self.page_limit.as_ref())
    }

    fn read(_: &str, params: &mut Params<'_>) -> Result<Self, Rejection> {
        Ok(Self {
            page: params.optional("page")?,
            page_limit: params.optional("page_limit")?,
        })
    }

    fn parameters(_: &str) -> Vec<Parameter> {
        vec![
            Parameter::query("page", ValueKind::Whole),
            Parameter::query("page_limit", ValueKind::Whole),
        ]
    }
}

/// The order of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sort {
    /// The field to sort by. The platform's default is `created_at`.
    pub by: Option<SortBy>,
    /// The direction. The platform's default is `desc`, the newest first.
    pub option: Option<SortOption>,
}

setters!(Sort {
    with_by(by: SortBy);
    with_option(option: SortOption);
});

impl QueryValue for Sort {
    fn write(&self, _: &str, request: Outgoing) -> Outgoing {
        request
            .query_if("sort_by", self.by.as_ref())
            .query_if("sort_option", self.option.as_ref())
    }

    fn read(_: &str, params: &mut Params<'_>) -> Result<Self, Rejection> {
        Ok(Self {
            by: params.optional("sort_by")?,
            option: params.optional("sort_option")?,
        })
    }

    fn parameters(_: &str) -> Vec<Parameter> {
        vec![
            Parameter::query("sort_by", SortBy::kind()),
            Parameter::query("sort_option", SortOption::kind()),
        ]
    }
}

/// A numeric filter of a list: a number, or a range with inclusive bounds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct NumberFilter {
    /// Equal to this; sent as `name=value`.
    pub eq: Option<f64>,
    /// At least this; sent as `name[gte]=value`.
    pub gte: Option<f64>,
    /// At most this; sent as `name[lte]=value`.
    pub lte: Option<f64>,
}

setters!(NumberFilter {
    with_eq(eq: f64);
    with_gte(gte: f64);
    with_lte(lte: f64);
});

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

    /// Whether `value` matches. A filter without bounds matches every value.
    #[must_use]
    pub fn accepts(&self, value: f64) -> bool {
        self.eq
            .is_none_or(|eq| (value - eq).abs() <= f64::EPSILON * eq.abs().max(1.0))
            && self.gte.is_none_or(|low| value >= low)
            && self.lte.is_none_or(|high| value <= high)
    }

    /// Whether the filter has no bounds.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.eq.is_none() && self.gte.is_none() && self.lte.is_none()
    }
}

impl QueryValue for NumberFilter {
    fn write(&self, name: &str, request: Outgoing) -> Outgoing {
        request
            .query_if(name, self.eq.as_ref())
            .query_if(&format!("{name}[gte]"), self.gte.as_ref())
            .query_if(&format!("{name}[lte]"), self.lte.as_ref())
    }

    fn read(name: &str, params: &mut Params<'_>) -> Result<Self, Rejection> {
        Ok(Self {
            eq: params.number(name)?,
            gte: params.number(&format!("{name}[gte]"))?,
            lte: params.number(&format!("{name}[lte]"))?,
        })
    }

    fn parameters(name: &str) -> Vec<Parameter> {
        ["", "[gte]", "[lte]"]
            .map(|bound| Parameter::query(format!("{name}{bound}"), ValueKind::Number))
            .into()
    }
}

/// A [`NumberFilter`] for a list that does not accept `name=value`: equality is sent as a range
/// from and to the same number ("for exact match, set both to the same value", API description). A
/// server still reads `name=value`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct RangeFilter(pub NumberFilter);

impl From<NumberFilter> for RangeFilter {
    fn from(filter: NumberFilter) -> Self {
        Self(filter)
    }
}

impl QueryValue for RangeFilter {
    fn write(&self, name: &str, request: Outgoing) -> Outgoing {
        let filter = self.0;
        let range = match filter.eq {
            None => filter,
            Some(eq) => NumberFilter {
                eq: None,
                gte: Some(filter.gte.map_or(eq, |low| low.max(eq))),
                lte: Some(filter.lte.map_or(eq, |high| high.min(eq))),
            },
        };
        range.write(name, request)
    }

    fn read(name: &str, params: &mut Params<'_>) -> Result<Self, Rejection> {
        NumberFilter::read(name, params).map(Self)
    }

    fn parameters(name: &str) -> Vec<Parameter> {
        NumberFilter::parameters(name)
    }
}

/// Return only items whose user metadata has these values, sent as `user_metadata[key]=value`.
///
/// A server also reads `user_metadata={"key":"value"}` and `key=value` (documents and clients use
/// all three), so this must be the last field of a request: it reads every parameter that no
/// earlier field has read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MetadataFilter(pub Vec<(String, String)>);

impl QueryValue for MetadataFilter {
    fn write(&self, name: &str, request: Outgoing) -> Outgoing {
        self.0.iter().fold(request, |request, (key, value)| {
            request.query(format!("{name}[{key}]"), value)
        })
    }

    fn read(name: &str, params: &mut Params<'_>) -> Result<Self, Rejection> {
        let mut filters = Vec::new();
        for (key, value) in params.take_rest() {
            if key == name {
                let object: UserMetadata =
                    value.parse().map_err(|error: tl_model::MetadataError| {
                        Rejection::invalid(name, error.to_string())
                    })?;
                filters.extend(
                    object
                        .iter()
                        .map(|(key, value)| (key.clone(), value.to_string())),
                );
                continue;
            }
            let key = key
                .strip_prefix(name)
                .and_then(|rest| rest.strip_prefix('[')?.strip_suffix(']'))
                .unwrap_or(key);
            if key.is_empty() {
                return Err(Rejection::invalid(
                    name,
                    format!("a filter without a key: write {name}[key]=value"),
                ));
            }
            filters.push((key.to_owned(), value.to_owned()));
        }
        Ok(Self(filters))
    }

    fn parameters(name: &str) -> Vec<Parameter> {
        vec![Parameter::query(name, ValueKind::Object)]
    }
}

/// Return only items whose user metadata has these values, sent at the top level of the query as
/// the platform's own clients do: a key must not be the name of another parameter. Must be the last
/// field of a request, see [`MetadataFilter`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopLevelFilter(pub Vec<(String, String)>);

impl QueryValue for TopLevelFilter {
    fn write(&self, _: &str, request: Outgoing) -> Outgoing {
        self.0.iter().fold(request, |request, (key, value)| {
            request.query(key.as_str(), value)
        })
    }

    fn read(_: &str, params: &mut Params<'_>) -> Result<Self, Rejection> {
        let rest = params.take_rest().into_iter();
        Ok(Self(
            rest.map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
        ))
    }

    /// None: any name can be the key of a filter.
    fn parameters(_: &str) -> Vec<Parameter> {
        Vec::new()
    }
}

/// Collects `(key, value)` pairs into a filter by user metadata.
macro_rules! collect_pairs {
    ($($Filter:ident),+) => {
        $(
            impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for $Filter {
                fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
                    let pairs = pairs.into_iter();
                    Self(pairs.map(|(key, value)| (key.into(), value.into())).collect())
                }
            }
        )+
    };
}

collect_pairs!(MetadataFilter, TopLevelFilter);
