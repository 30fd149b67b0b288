//! One page of a list: the shape that all paged lists of the platform share.

object! {
    /// One page of a list.
    pub struct Page<T> {
        /// The items, at most `page_limit` of them (default 10, at most 50). `null` is read as no
        /// items; an object without this member is an error.
        present_list data: Vec<T>,
        /// The position of this page in the list. Every member is `None` if the platform sent no
        /// `page_info`.
        lenient_default page_info: PageInfo,
    }
}

impl<T> Page<T> {
    /// A page with its items and its position.
    pub fn new(data: Vec<T>, page_info: PageInfo) -> Self {
        Self {
            data,
            page_info,
            extra: crate::Extra::new(),
        }
    }
}

object! {
    /// The position of a page in its list.
    pub struct PageInfo {
        /// Maximum number of items per page.
        whole limit_per_page: Option<u64>,
        /// The number of this page, from 1.
        whole page: Option<u64>,
        /// Number of pages of the list.
        whole total_page: Option<u64>,
        /// Number of items of the list.
        whole total_results: Option<u64>,
    }
}
