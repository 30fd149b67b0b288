//! The tabs of the page.

/// A tab, shown by `/_emulator?tab=NAME`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    Overview,
    Videos,
    Indexes,
    Requests,
    Controls,
    /// What contains the searched text. The search form opens it; it has no link.
    Search,
}

impl Tab {
    /// The tabs with a link, in their order. The keys 1 to 5 open them.
    pub(super) const LINKED: [Self; 5] = [
        Self::Overview,
        Self::Videos,
        Self::Indexes,
        Self::Requests,
        Self::Controls,
    ];

    /// The tab with this name; of another name, the first.
    pub(super) fn named(name: &str) -> Self {
        let all = Self::LINKED.into_iter().chain([Self::Search]);
        all.into_iter()
            .find(|tab| tab.name() == name)
            .unwrap_or(Self::Overview)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Videos => "videos",
            Self::Indexes => "indexes",
            Self::Requests => "requests",
            Self::Controls => "controls",
            Self::Search => "search",
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Videos => "Videos",
            Self::Indexes => "Indexes",
            Self::Requests => "Requests",
            Self::Controls => "Controls",
            Self::Search => "Search",
        }
    }
}
