//! What a ledger knows about files, without reading their content: for the estimate of a run.

use std::collections::HashMap;
use std::path::Path;

use tl_ledger::{AccountId, Item, Ledger, State};

use crate::estimate::{Planned, Verdict};
use crate::settings::Again;
use crate::{content, uri};

/// The files of earlier runs. It changes nothing.
#[derive(Debug)]
pub struct Known {
    ledger: Ledger,
    account: AccountId,
    again: Again,
    /// The ids of the indexes, by what names them.
    ids: HashMap<String, String>,
}

impl Known {
    /// The files of an account, for a run that tries some of them again.
    #[must_use]
    pub fn new(ledger: Ledger, account: AccountId, again: Again) -> Self {
        Self {
            ledger,
            account,
            again,
            ids: HashMap::new(),
        }
    }

    /// Adds to the estimate of a file what earlier runs did with it, if it is unchanged since:
    /// [`Verdict::Done`] or [`Verdict::Failed`] if that was for the same index, and that nothing
    /// has to be uploaded if it was for another one. `index` is an id, or a name that a run has
    /// used; without one, the index does not matter.
    ///
    /// # Errors
    /// The database failed.
    pub fn add_to(
        &mut self,
        planned: Planned,
        path: &Path,
        index: Option<&str>,
    ) -> tl_ledger::Result<Planned> {
        let (Some(uri), Ok(metadata)) = (uri::of_file(path), path.metadata()) else {
            return Ok(planned);
        };
        let stat = content::stat(&metadata);
        let known = self.ledger.known(&[(uri.as_str(), stat)])?;
        let Some(content) = known.into_iter().flatten().next() else {
            return Ok(planned);
        };
        let index = index.map(|index| self.id_of(index)).transpose()?;
        let items = self.ledger.items_of(self.account, content)?;
        let is_same = |item: &&Item| index.as_ref().is_none_or(|id| item.index_id == *id);
        if let Some(verdict) = items
            .iter()
            .filter(is_same)
            .find_map(|item| self.ended(item))
        {
            return Ok(Planned { verdict, ..planned });
        }
        let name = path.file_name().and_then(|name| name.to_str());
        let has_asset = items.iter().any(|item| {
            item.asset_id.is_some() && item.state.is_uploaded() && last(&item.name) == name
        });
        Ok(match has_asset && planned.has_upload && !self.again.all {
            true => planned.with_asset(),
            false => planned,
        })
    }

    /// The id of an index that is named by its name or its id.
    fn id_of(&mut self, index: &str) -> tl_ledger::Result<String> {
        if let Some(id) = self.ids.get(index) {
            return Ok(id.clone());
        }
        let id = self.ledger.index_id(self.account, index)?;
        let id = id.unwrap_or_else(|| index.to_owned());
        self.ids.insert(index.to_owned(), id.clone());
        Ok(id)
    }

    /// What a run that leaves the item as it is says of it.
    fn ended(&self, item: &Item) -> Option<Verdict> {
        match item.state {
            _ if self.again.all => None,
            State::Done => Some(Verdict::Done),
            State::Failed if !self.again.failed => Some(Verdict::Failed),
            State::Refused if !self.again.refused => Some(Verdict::Failed),
            _ => None,
        }
    }
}

/// Items have the same name on the platform if the last components of their names are the same.
fn last(name: &str) -> Option<&str> {
    name.rsplit(['/', '\\']).next()
}
