//! One page of a list, as every paged list of the platform is shaped.

object! {
    /// One page of a list.
    pub struct Page<T> {
        /// The items, at most `page_limit` of them (default 10, at most 50). `null` is read as no items; an object
        /// without the member is not a page, and an error.
        present_list data: Vec<T>,
        /// Where this page stands in the list. Every member is `None` where the platform sent no `page_info`.
        lenient_default page_info: PageInfo,
    }
}

impl<T> Page<T> {
    /// A page with its items and its place.
    pub fn new(data: Vec<T>, page_info: PageInfo) -> Self {
        Self {
            data,
            page_info,
            extra: crate::Extra::new(),
        }
    }
}

object! {
    /// Where a page stands in its list.
    pub struct PageInfo {
        /// How many items a page holds at most.
        whole limit_per_page: Option<u64>,
        /// The number of this page; the first one is 1.
        whole page: Option<u64>,
        /// How many pages the list has.
        whole total_page: Option<u64>,
        /// How many items the list has.
        whole total_results: Option<u64>,
    }
}
