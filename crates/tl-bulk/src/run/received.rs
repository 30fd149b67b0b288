//! Takes the messages of the intake: new items, items that are skipped, and inputs that are none.

use tl_client::Ingested;
use tl_ledger::State;

use super::intake::Message;
use super::main_loop::MainLoop;
use crate::error::Result;
use crate::event::{Event, ItemFailure};

impl MainLoop {
    /// Takes what the intake found.
    pub(super) fn on_message(&mut self, message: Message) -> Result<()> {
        match message {
            Message::Item(intaken) => {
                let index = intaken.event.index_id.as_deref().unwrap_or_default();
                if !self.indexes.contains(index) {
                    self.indexes.insert(index.to_owned());
                }
                if intaken.is_repeated {
                    self.totals.items += 1;
                    self.totals.skipped += 1;
                    if let Some(mut row) = intaken.row {
                        let is_unfinished = self.unfinished.contains(&row.id);
                        row.name.clone_from(&intaken.event.name);
                        let id = row.id;
                        self.result(*row, Ingested::default(), |mut result| {
                            result.is_duplicate = true;
                            result
                        });
                        if is_unfinished {
                            self.unfinished.insert(id);
                        }
                    }
                    self.shared.emit(Event::ItemSkipped {
                        item: intaken.event,
                        reason: "duplicate".to_owned(),
                    });
                    return Ok(());
                }
                self.totals.items += 1;
                self.totals.bytes += intaken.event.bytes.unwrap_or_default();
                let is_accepted =
                    intaken.state == State::Indexing && !self.shared.settings.limits.wait;
                match intaken.state {
                    State::Done => self.totals.skipped += 1,
                    _ if is_accepted => self.totals.skipped += 1,
                    State::Refused | State::Failed => self.totals.skipped_failed += 1,
                    state => {
                        if self.shared.settings.report_unfinished {
                            self.unfinished.insert(intaken.event.item);
                        }
                        if intaken.is_new && self.shared.settings.idempotency_key.is_some() {
                            // It is looked up before it is sent.
                            self.on_due(State::Sending);
                        }
                        if intaken.is_new {
                            self.shared.emit(Event::ItemFound(intaken.event));
                        }
                        self.on_due(state);
                        return Ok(());
                    }
                }
                if let Some(row) = intaken.row {
                    let (state, error) = (intaken.state, row.error.as_ref().map(ItemFailure::from));
                    self.result(*row, Ingested::default(), |mut result| {
                        result.is_ready = state == State::Done;
                        result.error = error;
                        result.skipped = Some(state);
                        result
                    });
                }
                self.shared.emit(Event::ItemSkipped {
                    item: intaken.event,
                    reason: intaken.state.name().to_owned(),
                });
            }
            Message::Unreadable(name, error) => {
                self.totals.unreadable += 1;
                self.scheduler.on_failed();
                self.shared.emit(Event::ItemUnreadable { name, error });
            }
            Message::Failed(error) => return Err(error.into()),
            Message::End => {
                self.scheduler.sources_read();
                self.totals.is_complete = true;
                self.shared.emit(Event::SourcesRead {
                    items: self.totals.items,
                    bytes: self.totals.bytes,
                });
            }
        }
        Ok(())
    }
}
