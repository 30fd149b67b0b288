//! `tl ledger ls`.

use std::ops::ControlFlow;

use clap::Args;
use jiff::Timestamp;
use tl_ledger::Item;

use super::selection::SelectionArgs;
use super::view::{note, remote_id};
use crate::args::ledger::LedgerArgs;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::units::{format_bytes, format_duration};
use crate::ui::listing::Listing;

/// `tl ledger ls`.
#[derive(Debug, Args)]
pub(crate) struct Ls {
    #[command(flatten)]
    selection: SelectionArgs,
    /// Limit the number of items [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    #[command(flatten)]
    ledger: LedgerArgs,
}

impl Ls {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let mut ledger = self.ledger.address()?.open_read_only()?;
        let selection = self.selection.resolve(&mut ledger, Timestamp::now())?;
        let limit = self.limit.map_or(usize::MAX, |limit| limit as usize);
        let mut items = Vec::new();
        let mut more = false;
        ledger.for_each(&selection, |item| {
            more = items.len() == limit;
            if more {
                return ControlFlow::Break(());
            }
            items.push(item);
            ControlFlow::Continue(())
        })?;
        let listing = Listing {
            items,
            total: None,
            more,
        };
        listing.show(
            &context.output,
            "items",
            [
                "ITEM", "STATE", "SIZE", "DURATION", "INDEX", "ID", "NAME", "NOTE",
            ],
            |item: &Item| {
                [
                    item.id.to_string(),
                    item.state.to_string(),
                    format_bytes(item.bytes),
                    item.video.map(format_duration).unwrap_or_default(),
                    item.index_id.clone(),
                    remote_id(item),
                    item.name.clone(),
                    note(item),
                ]
            },
        );
        Ok(Exit::Ok)
    }
}
