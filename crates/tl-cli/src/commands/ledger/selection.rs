//! Options that select items of the ledger.

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use tl_ledger::{ItemId, Ledger, Selection, State};

use crate::args::time;
use crate::failure::Failure;

/// Options that select items. All of them must match.
#[derive(Debug, Args)]
#[command(next_help_heading = "Selection")]
pub(super) struct SelectionArgs {
    /// Select items by number
    #[arg(value_name = "ITEM")]
    items: Vec<ItemId>,
    /// Select items in these states, e.g. failed,refused
    #[arg(long, value_name = "STATES", value_delimiter = ',', value_parser = state)]
    state: Vec<State>,
    /// Select the items of this index
    #[arg(long, value_name = "ID")]
    index: Option<String>,
    /// Select by name; * and ? match any characters
    #[arg(long, value_name = "PATTERN")]
    name: Option<String>,
    /// Select items added longer ago than this, e.g. 7d, or before this time
    #[arg(long, value_name = "AGE|TIME", value_parser = age)]
    older_than: Option<Age>,
    /// Select items added within this time, e.g. 2h, or since this time
    #[arg(long, value_name = "AGE|TIME", value_parser = age)]
    newer_than: Option<Age>,
    /// Select items that are held, e.g. until a quota is reset
    #[arg(long)]
    held: bool,
    /// Select items with a request whose outcome is unknown
    #[arg(long)]
    in_doubt: bool,
}

/// A point in time, or a distance from now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Age {
    Before(Duration),
    At(Timestamp),
}

impl Age {
    pub(super) fn time(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Before(age) => now.checked_sub(age).unwrap_or(Timestamp::MIN),
            Self::At(time) => time,
        }
    }
}

/// Parses an age such as `7d` or `2h30m`, or a time.
pub(super) fn age(text: &str) -> Result<Age, String> {
    let expected = || "expected an age such as 7d or 2h, or a time such as 2026-11-21".to_owned();
    let trimmed = text.trim();
    if let Some(days) = trimmed.strip_suffix('d') {
        let days: u32 = days.trim().parse().map_err(|_| expected())?;
        return Ok(Age::Before(Duration::from_secs(u64::from(days) * 86_400)));
    }
    if let Ok(span) = trimmed.parse::<jiff::SignedDuration>()
        && let Ok(span) = Duration::try_from(span)
    {
        return Ok(Age::Before(span));
    }
    let time = time::parse(trimmed).map_err(|_| expected())?;
    let time = time.as_str().parse().map_err(|_| expected())?;
    Ok(Age::At(time))
}

fn state(text: &str) -> Result<State, String> {
    let known = State::ALL.into_iter().find(|state| state.name() == text);
    known.ok_or_else(|| {
        let names = State::ALL.map(State::name).join(", ");
        format!("expected one of {names}")
    })
}

impl SelectionArgs {
    /// Whether every item is selected.
    pub(super) fn is_everything(&self) -> bool {
        self.items.is_empty()
            && self.state.is_empty()
            && self.index.is_none()
            && self.name.is_none()
            && self.older_than.is_none()
            && self.newer_than.is_none()
            && !self.held
            && !self.in_doubt
    }

    /// The selection.
    ///
    /// # Errors
    /// Too many numbers of items, or a number that does not exist.
    pub(super) fn resolve(
        &self,
        ledger: &mut Ledger,
        now: Timestamp,
    ) -> Result<Selection, Failure> {
        if self.items.len() > Selection::MAX_ITEMS {
            let most = Selection::MAX_ITEMS;
            return Err(Failure::usage(format!("more than {most} items are named"))
                .hint("select items by --state, --index, --name or age"));
        }
        for item in &self.items {
            ledger.item(*item)?;
        }
        // The clock of the server decides with PostgreSQL.
        let now = ledger.time(now)?;
        let mut selection = Selection::all()
            .items(self.items.clone())
            .states(self.state.clone());
        if let Some(index) = &self.index {
            selection = selection.index(index);
        }
        if let Some(name) = &self.name {
            selection = selection.name(name);
        }
        if let Some(age) = self.older_than {
            selection = selection.created_before(age.time(now));
        }
        if let Some(age) = self.newer_than {
            selection = selection.created_from(age.time(now));
        }
        if self.held {
            selection = selection.held();
        }
        if self.in_doubt {
            selection = selection.in_doubt();
        }
        Ok(selection)
    }

    /// As [`resolve`](Self::resolve), for a command that changes items: something must be selected.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve), and if nothing was selected.
    pub(super) fn require(
        &self,
        ledger: &mut Ledger,
        now: Timestamp,
        is_all: bool,
    ) -> Result<Selection, Failure> {
        if self.is_everything() && !is_all {
            return Err(Failure::usage("no items are selected")
                .hint("name items, select by --state, --index, --name or age, or pass --all"));
        }
        self.resolve(ledger, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_ages_and_times() {
        let hours = |hours: u64| Some(Age::Before(Duration::from_secs(hours * 3600)));
        for (text, expected) in [
            ("7d", hours(168)),
            ("2h", hours(2)),
            ("1h 30m", Some(Age::Before(Duration::from_secs(5400)))),
            (
                "2026-11-21",
                Some(Age::At("2026-11-21T00:00:00Z".parse().unwrap())),
            ),
            (
                "2026-11-21T10:00:00+02:00",
                Some(Age::At("2026-11-21T08:00:00Z".parse().unwrap())),
            ),
            ("-2h", None),
            ("4294967296d", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(age(text).ok(), expected, "{text}");
        }
        let now: Timestamp = "2026-11-21T00:00:00Z".parse().unwrap();
        let far = Age::Before(Duration::from_secs(u64::from(u32::MAX) * 86_400));
        assert_eq!(far.time(now), Timestamp::MIN);
    }
}
