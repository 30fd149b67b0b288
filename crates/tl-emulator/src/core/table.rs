//! A table of records with change tracking. A store can persist the changes, or revert them if it
//! fails to. Nothing is written here.

use std::collections::BTreeMap;

use serde::{Serialize, de::DeserializeOwned};

/// A record that was written or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// The table.
    pub table: &'static str,
    /// The key of the record.
    pub key: String,
    /// The record as JSON; `None` if it was removed.
    pub value: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Table<T> {
    pub(crate) name: &'static str,
    rows: BTreeMap<String, T>,
    /// The previous versions of the records changed since the last commit; `None` if the record did
    /// not exist.
    previous: BTreeMap<String, Option<T>>,
}

impl<T: Clone + Serialize + DeserializeOwned> Table<T> {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            rows: BTreeMap::new(),
            previous: BTreeMap::new(),
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&T> {
        self.rows.get(key)
    }

    /// Returns a mutable record and marks it as changed.
    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut T> {
        let row = self.rows.get_mut(key)?;
        if !self.previous.contains_key(key) {
            self.previous.insert(key.to_owned(), Some(row.clone()));
        }
        Some(row)
    }

    pub(crate) fn insert(&mut self, key: String, row: T) {
        let before = self.rows.insert(key.clone(), row);
        self.previous.entry(key).or_insert(before);
    }

    pub(crate) fn remove(&mut self, key: &str) -> Option<T> {
        let row = self.rows.remove(key)?;
        if !self.previous.contains_key(key) {
            self.previous.insert(key.to_owned(), Some(row.clone()));
        }
        Some(row)
    }

    pub(crate) fn restore(&mut self, key: String, value: &str) -> Result<(), serde_json::Error> {
        self.rows.insert(key, serde_json::from_str(value)?);
        Ok(())
    }

    pub(crate) fn export(&self) -> serde_json::Value {
        serde_json::to_value(&self.rows).expect("a record is plain data with string keys")
    }

    /// Replaces `old`: all records of both tables count as changed.
    pub(crate) fn replace(&mut self, old: &Self) {
        self.previous.clone_from(&old.previous);
        for (key, row) in &old.rows {
            if !self.previous.contains_key(key) {
                self.previous.insert(key.clone(), Some(row.clone()));
            }
        }
        for key in self.rows.keys() {
            if !self.previous.contains_key(key) {
                self.previous.insert(key.clone(), None);
            }
        }
    }

    /// The records whose keys start with `prefix`, ordered by key.
    pub(crate) fn with_prefix<'a>(
        &'a self,
        prefix: &str,
    ) -> impl Iterator<Item = &'a T> + use<'a, T> {
        let prefix = prefix.to_owned();
        self.rows
            .range(prefix.clone()..)
            .take_while(move |(key, _)| key.starts_with(&prefix))
            .map(|(_, row)| row)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.rows.values()
    }

    /// Appends the changed records in their current version.
    pub(crate) fn changes(&self, changes: &mut Vec<Change>) {
        for key in self.previous.keys() {
            let value = self.rows.get(key).map(|row| {
                serde_json::to_string(row).expect("a record is plain data with string keys")
            });
            changes.push(Change {
                table: self.name,
                key: key.clone(),
                value,
            });
        }
    }

    /// Marks the changes as stored.
    pub(crate) fn commit(&mut self) {
        self.previous.clear();
    }

    /// Reverts the changes since the last commit.
    pub(crate) fn roll_back(&mut self) {
        for (key, row) in std::mem::take(&mut self.previous) {
            match row {
                Some(row) => _ = self.rows.insert(key, row),
                None => _ = self.rows.remove(&key),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(table: &Table<u64>) -> Vec<(String, Option<String>)> {
        let mut changes = Vec::new();
        table.changes(&mut changes);
        let changes = changes.into_iter();
        changes.map(|change| (change.key, change.value)).collect()
    }

    #[test]
    fn uncommitted_changes_are_rolled_back() {
        let mut table = Table::new("numbers");
        table.insert("a".to_owned(), 1);
        table.insert("b".to_owned(), 2);
        table.commit();
        assert_eq!(changes(&table), []);

        *table.get_mut("a").unwrap() = 10;
        *table.get_mut("a").unwrap() = 11;
        table.remove("b");
        table.insert("b".to_owned(), 20);
        table.insert("c".to_owned(), 3);
        table.remove("c");
        table.insert("d".to_owned(), 4);
        let changed = changes(&table);
        let value = |key: &str| {
            &changed
                .iter()
                .find(|(changed, _)| changed == key)
                .unwrap()
                .1
        };
        assert_eq!((changed.len(), value("a").as_deref()), (4, Some("11")));
        assert_eq!(value("c"), &None);
        table.roll_back();
        assert_eq!(changes(&table), []);
        assert_eq!(
            table
                .rows
                .iter()
                .map(|(key, row)| (key.as_str(), *row))
                .collect::<Vec<_>>(),
            [("a", 1), ("b", 2)]
        );
    }

    #[test]
    fn replaced_table_rolls_back() {
        let mut old = Table::new("numbers");
        old.insert("a".to_owned(), 1);
        old.commit();
        old.insert("b".to_owned(), 2);
        let mut new = Table::new("numbers");
        new.restore("c".to_owned(), "3").unwrap();
        new.replace(&old);
        assert_eq!(changes(&new).len(), 3);
        new.roll_back();
        assert_eq!(new.rows, BTreeMap::from([("a".to_owned(), 1)]));
    }
}
