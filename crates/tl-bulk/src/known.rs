//! What a ledger knows about files, without reading their content: for the estimate of a run.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::Path;

use tl_ledger::{AccountId, ContentId, Ledger, Selection, State};

use crate::estimate::Verdict;
use crate::settings::Again;
use crate::{content, uri};

/// The files that earlier runs have ended. It keeps 8 bytes per item, and changes nothing.
#[derive(Debug)]
pub struct Known {
    ledger: Ledger,
    done: HashSet<ContentId>,
    failed: HashSet<ContentId>,
}

impl Known {
    /// Reads the items of an account that are done, failed or refused, in one index or in all.
    ///
    /// # Errors
    /// The database failed.
    pub fn read(
        mut ledger: Ledger,
        account: AccountId,
        index: Option<&str>,
        again: Again,
    ) -> tl_ledger::Result<Self> {
        let (mut done, mut failed) = (HashSet::new(), HashSet::new());
        let mut selection =
            Selection::of(account).states([State::Done, State::Failed, State::Refused]);
        if let Some(index) = index {
            selection = selection.index(index);
        }
        if !again.all {
            ledger.for_each(&selection, |item| {
                let set = match item.state {
                    State::Done => Some(&mut done),
                    State::Failed if !again.failed => Some(&mut failed),
                    State::Refused if !again.refused => Some(&mut failed),
                    _ => None,
                };
                if let Some(set) = set {
                    set.insert(item.content);
                }
                ControlFlow::Continue(())
            })?;
        }
        Ok(Self {
            ledger,
            done,
            failed,
        })
    }

    /// [`Verdict::Done`] or [`Verdict::Failed`] for a file that is unchanged since an earlier run
    /// ended it; `None` for any other.
    ///
    /// # Errors
    /// The database failed.
    pub fn verdict(&mut self, path: &Path) -> tl_ledger::Result<Option<Verdict>> {
        if self.done.is_empty() && self.failed.is_empty() {
            return Ok(None);
        }
        let (Some(uri), Ok(metadata)) = (uri::of_file(path), path.metadata()) else {
            return Ok(None);
        };
        let known = self
            .ledger
            .known(&[(uri.as_str(), content::stat(&metadata))])?;
        Ok(known.first().copied().flatten().and_then(|content| {
            if self.done.contains(&content) {
                Some(Verdict::Done)
            } else {
                self.failed.contains(&content).then_some(Verdict::Failed)
            }
        }))
    }
}
