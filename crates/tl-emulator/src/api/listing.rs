//! Sorting, pagination and date filters, shared by all lists.

use jiff::{SignedDuration, Timestamp};
use tl_model::{Page, PageInfo, SortBy, SortOption};
use tl_protocol::endpoint::{PageRequest, Sort};

use crate::core::{
    Refusal,
    quirks::{self, Quirks},
};

/// The platform's default page size.
const DEFAULT_LIMIT: u32 = 10;
/// The platform's maximum page size.
const MAX_LIMIT: u32 = 50;

/// The sort key of an item. The number, in order of creation, breaks ties.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SortKey {
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
    pub(crate) number: u64,
}

/// Sorts `items` and returns the requested page. `view` is only called for the items of that page.
pub(crate) fn page<R, T>(
    mut items: Vec<(SortKey, R)>,
    sort: &Sort,
    page: PageRequest,
    quirks: &Quirks,
    mut view: impl FnMut(R) -> T,
) -> Result<Page<T>, Refusal> {
    let number = page.page.unwrap_or(1);
    if number == 0 {
        return Err(Refusal::invalid("page", "`0` is less than 1"));
    }
    let mut limit = page.page_limit.unwrap_or(DEFAULT_LIMIT);
    if limit == 0 {
        return Err(Refusal::invalid(
            "page_limit",
            "`0` is not between 1 and 50",
        ));
    }
    if limit > MAX_LIMIT {
        if quirks.get(&quirks::BEYOND_PAGE_LIMIT) == "refuse" {
            return Err(Refusal::invalid(
                "page_limit",
                &format!("`{limit}` is not between 1 and {MAX_LIMIT}"),
            ));
        }
        limit = MAX_LIMIT;
    }
    let by_update = match sort.by.as_ref().unwrap_or(&SortBy::CreatedAt) {
        SortBy::CreatedAt => false,
        SortBy::UpdatedAt => true,
        other => {
            return Err(not_one_of(
                "sort_by",
                other.as_str(),
                "created_at, updated_at",
            ));
        }
    };
    let newest_first = match sort.option.as_ref().unwrap_or(&SortOption::Desc) {
        SortOption::Asc => false,
        SortOption::Desc => true,
        other => return Err(not_one_of("sort_option", other.as_str(), "asc, desc")),
    };
    items.sort_by_key(|(sort_key, _)| {
        (
            if by_update {
                sort_key.updated
            } else {
                sort_key.created
            },
            sort_key.number,
        )
    });
    if newest_first {
        items.reverse();
    }
    let total = items.len() as u64;
    let (limit, number) = (u64::from(limit), u64::from(number));
    let skipped = usize::try_from((number - 1) * limit).unwrap_or(usize::MAX);
    let taken = usize::try_from(limit).unwrap_or(usize::MAX);
    let data = items
        .into_iter()
        .skip(skipped)
        .take(taken)
        .map(|(_, item)| view(item))
        .collect();
    let mut info = PageInfo::default();
    info.limit_per_page = Some(limit);
    info.page = Some(number);
    info.total_page = Some(total.div_ceil(limit));
    info.total_results = Some(total);
    Ok(Page::new(data, info))
}

/// Like [`page`], for items that can also be sorted by name.
pub(crate) fn page_by_name<R, T>(
    mut items: Vec<(SortKey, &str, R)>,
    mut sort: Sort,
    page: PageRequest,
    quirks: &Quirks,
    view: impl FnMut(R) -> T,
) -> Result<Page<T>, Refusal> {
    if sort.by == Some(SortBy::Name) {
        sort.by = None;
        items.sort_by(|(left, left_name, _), (right, right_name, _)| {
            (left_name, left.number).cmp(&(right_name, right.number))
        });
        for (position, (key, _, _)) in items.iter_mut().enumerate() {
            (key.created, key.number) = (Timestamp::UNIX_EPOCH, position as u64);
        }
    }
    let items = items.into_iter().map(|(key, _, item)| (key, item));
    self::page(items.collect(), &sort, page, quirks, view)
}

/// Whether a list shows a change of this time: not yet, if lists lag behind.
pub(crate) fn is_shown(changed: Timestamp, now: Timestamp, quirks: &Quirks) -> bool {
    let lag = match quirks.get(&quirks::LIST_LAG) {
        "30s" => SignedDuration::from_secs(30),
        _ => return true,
    };
    changed <= now - lag
}

/// Parses the value of a date filter.
pub(crate) fn date_filter(
    parameter: &str,
    filter: Option<&tl_model::Timestamp>,
) -> Result<Option<Timestamp>, Refusal> {
    let Some(text) = filter else { return Ok(None) };
    let given: String = text.as_str().chars().take(60).collect();
    text.instant().map(Some).ok_or_else(|| {
        Refusal::invalid(
            parameter,
            &format!("`{given}` is not a date and time of RFC 3339, such as 2024-08-16T16:53:59Z"),
        )
    })
}

pub(crate) fn not_one_of(parameter: &str, given: &str, allowed: &str) -> Refusal {
    let given: String = given.chars().take(60).collect();
    Refusal::invalid(parameter, &format!("`{given}` is not one of {allowed}"))
}

/// Whether a file name matches its filter.
pub(crate) fn filename_passes(filter: Option<&str>, filename: &str, quirks: &Quirks) -> bool {
    let Some(wanted) = filter else { return true };
    match quirks.get(&quirks::FILENAME_FILTER) {
        "partial" => filename.to_lowercase().contains(&wanted.to_lowercase()),
        _ => filename == wanted,
    }
}
