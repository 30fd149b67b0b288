//! A table of records that remembers which of them changed, so that a store can follow it. Nothing is written here.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, de::DeserializeOwned};

/// A record that was written or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The table.
    pub table: &'static str,
    /// The key of the record.
    pub key: String,
    /// The record as JSON; `None` where it was removed.
    pub value: Option<String>,
}

#[derive(Debug)]
pub(super) struct Table<T> {
    pub(super) name: &'static str,
    rows: BTreeMap<String, T>,
    changed: BTreeSet<String>,
}

impl<T: Serialize + DeserializeOwned> Table<T> {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            rows: BTreeMap::new(),
            changed: BTreeSet::new(),
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&T> {
        self.rows.get(key)
    }

    /// The record to be changed; it counts as changed from here on.
    pub(super) fn change(&mut self, key: &str) -> Option<&mut T> {
        let row = self.rows.get_mut(key)?;
        self.changed.insert(key.to_owned());
        Some(row)
    }

    pub(super) fn insert(&mut self, key: String, row: T) {
        self.changed.insert(key.clone());
        self.rows.insert(key, row);
    }

    pub(super) fn remove(&mut self, key: &str) -> Option<T> {
        let row = self.rows.remove(key)?;
        self.changed.insert(key.to_owned());
        Some(row)
    }

    pub(super) fn restore(&mut self, key: String, value: &str) -> Result<(), serde_json::Error> {
        self.rows.insert(key, serde_json::from_str(value)?);
        Ok(())
    }

    pub(super) fn export(&self) -> serde_json::Value {
        serde_json::to_value(&self.rows).expect("a record is plain data with string keys")
    }

    /// Counts everything that is here, or was in `before`, as changed.
    pub(super) fn replace(&mut self, before: &Self) {
        let keys: Vec<String> = before
            .rows
            .keys()
            .chain(&before.changed)
            .chain(self.rows.keys())
            .cloned()
            .collect();
        self.changed.extend(keys);
    }

    /// The records whose keys begin with `prefix`, in the order of their keys.
    pub(super) fn beginning_with<'a>(
        &'a self,
        prefix: &str,
    ) -> impl Iterator<Item = &'a T> + use<'a, T> {
        let prefix = prefix.to_owned();
        self.rows
            .range(prefix.clone()..)
            .take_while(move |(key, _)| key.starts_with(&prefix))
            .map(|(_, row)| row)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.rows.values()
    }

    pub(super) fn take_changes(&mut self, changes: &mut Vec<Change>) {
        for key in std::mem::take(&mut self.changed) {
            let value = self.rows.get(&key).map(|row| {
                serde_json::to_string(row).expect("a record is plain data with string keys")
            });
            changes.push(Change {
                table: self.name,
                key,
                value,
            });
        }
    }
}
