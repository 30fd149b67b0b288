//! Reads sources and adds their items to the ledger. A file that is unchanged since an earlier run
//! is not read.

use std::path::Path;

use jiff::SignedDuration;
use sha2::{Digest, Sha256};
use tl_ledger::{
    AccountId, Added, FileStat, Item, ItemError, ItemId, NewContent, NewItem, Operation, Retry,
    RunId, Selection, State, Update,
};
use tl_validate::Route;
use tokio::sync::mpsc::Sender;

use super::Shared;
use crate::content;
use crate::event::{ItemEvent, ItemFailure};
use crate::source::{Entry, Location};
use crate::uri;

/// An entry, or the name of an input that is none and the reason.
pub type Found = Result<Entry, (String, ItemFailure)>;

/// How far back an item with an idempotency key is looked up.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Entries per transaction.
const GROUP: usize = 256;

/// What became of entries.
#[derive(Debug)]
pub(super) enum Message {
    /// An item, and whether it is new.
    Item(Box<Intaken>),
    Unreadable(String, ItemFailure),
    /// The ledger failed.
    Failed(tl_ledger::Error),
    End,
}

/// An item of this run.
#[derive(Debug)]
pub(super) struct Intaken {
    pub(super) event: ItemEvent,
    pub(super) is_new: bool,
    /// Its state before this run.
    pub(super) state: State,
    /// Another entry of this run has the same bytes.
    pub(super) is_repeated: bool,
    /// The row, if it is skipped and its result is wanted.
    pub(super) row: Option<Box<Item>>,
}

/// A candidate: everything but its bytes.
struct Candidate {
    item: NewItem,
    path: Option<std::path::PathBuf>,
}

/// Adds all entries. Blocks its thread.
pub(super) fn run(
    shared: &Shared,
    account: AccountId,
    run: RunId,
    entries: Box<dyn Iterator<Item = Found> + Send>,
    send: &Sender<Message>,
) {
    let mut intake = Intake {
        shared,
        account,
        run,
        send,
        seen: std::collections::HashSet::new(),
    };
    let mut group = Vec::with_capacity(GROUP);
    for entry in entries {
        if shared.stop.is_canceled() {
            break;
        }
        match entry.and_then(|entry| intake.candidate(entry)) {
            Ok(candidate) => group.push(candidate),
            Err((name, failure)) => {
                if !intake.tell(Message::Unreadable(name, failure)) {
                    return;
                }
            }
        }
        // The first items are small groups, so that uploads start at once.
        let is_full = group.len() >= GROUP || group.len() > intake.seen.len();
        if is_full && let Err(error) = intake.add(std::mem::take(&mut group)) {
            intake.tell(Message::Failed(error));
            return;
        }
    }
    if let Err(error) = intake.add(group) {
        intake.tell(Message::Failed(error));
        return;
    }
    intake.tell(Message::End);
}

struct Intake<'a> {
    shared: &'a Shared,
    account: AccountId,
    run: RunId,
    send: &'a Sender<Message>,
    seen: std::collections::HashSet<ItemId>,
}

impl Intake<'_> {
    fn tell(&self, message: Message) -> bool {
        self.send.blocking_send(message).is_ok()
    }

    fn candidate(&self, entry: Entry) -> Result<Candidate, (String, ItemFailure)> {
        let settings = &self.shared.settings;
        let (name, uri, stat, path) = match &entry.location {
            Location::Url(url) => {
                let stat = FileStat::of_size(0);
                // The query of a presigned URL is a secret.
                let name = url.split(['?', '#']).next().unwrap_or_default();
                (name.to_owned(), url.clone(), stat, None)
            }
            Location::File(path) => {
                let name = path.display().to_string();
                let failed =
                    |kind: &str, text: String| Err((name.clone(), ItemFailure::new(kind, text)));
                let metadata = match path.metadata() {
                    Ok(metadata) => metadata,
                    Err(error) => {
                        return failed("file", format!("`{name}` cannot be read: {error}"));
                    }
                };
                if !metadata.is_file() {
                    let what = if metadata.is_dir() {
                        "a directory"
                    } else {
                        "not a regular file"
                    };
                    return failed("file", format!("`{name}` is {what}"));
                }
                // The local check says more about it.
                if metadata.len() == 0 && settings.check.is_none() {
                    return failed("file", format!("`{name}` is empty"));
                }
                let Some(uri) = uri::of_file(path) else {
                    return failed("file", format!("`{name}` has no absolute path"));
                };
                let stat = content::stat(&metadata);
                (name, uri, stat, Some(path.clone()))
            }
        };
        let route = match &entry.route {
            Some(word) => word.parse().ok(),
            None => settings.route,
        };
        if let Some(route) = route
            && let Some(why) = unusable(route, path.is_some())
        {
            let line = entry.line.map(|line| format!("line {line}: "));
            let text = format!(
                "{}`{name}` cannot use the route `{}`: {why}",
                line.unwrap_or_default(),
                route.as_str()
            );
            return Err((name, ItemFailure::new("route", text)));
        }
        let default = settings.index.as_ref().map(|index| index.id.to_string());
        let index = entry.index.clone().or(default).unwrap_or_default();
        let content = NewContent::Read(content::of_link(&uri));
        let mut item =
            NewItem::new(uri, stat, content, index).with_name(entry.title.unwrap_or(name));
        let checked = settings.check.is_some() && path.is_some();
        item = item.with_state(if checked { State::Found } else { State::Ready });
        if let Some(route) = entry.route {
            item = item.with_route(route);
        }
        let mut metadata = settings.metadata.clone().unwrap_or_default();
        match tl_model::UserMetadata::try_from(entry.metadata) {
            Ok(own) => metadata.extend(own),
            Err(error) => {
                let text = format!("the metadata of `{}` cannot be sent: {error}", item.name);
                return Err((item.name, ItemFailure::new("metadata", text)));
            }
        }
        if !metadata.is_empty() {
            let value = serde_json::to_value(&metadata).map_err(|error| {
                let text = format!("the metadata of `{}` cannot be stored: {error}", item.name);
                (item.name.clone(), ItemFailure::new("metadata", text))
            })?;
            item = item.with_metadata(value);
        }
        Ok(Candidate { item, path })
    }

    fn add(&mut self, group: Vec<Candidate>) -> tl_ledger::Result<()> {
        if group.is_empty() {
            return Ok(());
        }
        let files: Vec<(String, FileStat)> = group
            .iter()
            .map(|candidate| (candidate.item.uri.clone(), candidate.item.stat))
            .collect();
        let known = self.shared.store.call_blocking(|ledger, _| {
            let files: Vec<(&str, FileStat)> = files
                .iter()
                .map(|(uri, stat)| (uri.as_str(), *stat))
                .collect();
            ledger.known(&files)
        })?;
        let mut items = Vec::with_capacity(group.len());
        for (candidate, known) in group.into_iter().zip(known) {
            let Candidate { mut item, path } = candidate;
            item.content = match (known, &path) {
                (Some(content), _) => NewContent::Known(content),
                (None, None) => item.content,
                (None, Some(path)) => match read(path) {
                    Ok(content) => content,
                    Err(error) => {
                        let text = format!("`{}` cannot be read: {error}", item.name);
                        self.tell(Message::Unreadable(
                            item.name,
                            ItemFailure::new("file", text),
                        ));
                        continue;
                    }
                },
            };
            items.push(item);
        }
        let (account, run) = (self.account, self.run);
        let again = self.shared.settings.again;
        let wants_rows = self.shared.settings.report_skipped;
        let key = self.shared.settings.idempotency_key.as_deref();
        let rules = &self.shared.settings.rules;
        let waits = self.shared.settings.limits.wait;
        let seen = &self.seen;
        let (added, rows, unchecked) = self.shared.store.call_blocking(|ledger, now| {
            let added = ledger.add(now, run, account, &items)?;
            let mut new = std::collections::HashSet::new();
            let is_repeated = |added: &Added| seen.contains(&added.item) || !new.insert(added.item);
            let repeated: Vec<bool> = added.iter().map(is_repeated).collect();
            let select = |wanted: &dyn Fn(&Added) -> bool| {
                let wanted = added.iter().filter(|added| !added.is_new && wanted(added));
                wanted.map(|added| added.item).collect::<Vec<ItemId>>()
            };
            let mut retry = |items: Vec<ItemId>, how| match items.is_empty() {
                true => Ok(0),
                false => ledger.retry(now, &Selection::of(account).items(items), how),
            };
            if again.all {
                retry(
                    select(&|added| added.state != State::Refused),
                    Retry::Restart,
                )?;
            } else {
                if again.unfinished {
                    retry(select(&|added| !added.state.is_final()), Retry::Restart)?;
                }
                if again.failed {
                    retry(select(&|added| added.state == State::Failed), Retry::Resume)?;
                }
            }
            let mut unchecked = Vec::new();
            for added in added.iter().filter(|added| added.state == State::Refused) {
                // Other rules may accept what was refused.
                let before = ledger.item(added.item)?.rules_pack;
                if again.refused || again.all || before.as_deref() != Some(rules.as_str()) {
                    unchecked.push(added.item);
                }
            }
            if !unchecked.is_empty() {
                let refused = Selection::of(account).items(unchecked.clone());
                ledger.retry(now, &refused, Retry::Resume)?;
            }
            if let Some(key) = key {
                // As if an earlier process had been about to send it: it is looked up first.
                let since = now.checked_sub(LOOK_BACK).unwrap_or(now);
                for (item, added) in items.iter().zip(&added).filter(|(_, added)| added.is_new) {
                    let lease = ledger.item(added.item)?.lease();
                    let nonce = nonce_of(key, item);
                    let update = Update::to(State::Sending).nonce(nonce);
                    ledger.intent(since, lease, run, Operation::CreateAsset, &update)?;
                }
            }
            let mut rows = Vec::with_capacity(added.len());
            for (at, added) in added.iter().enumerate() {
                let is_accepted = added.state == State::Indexing && !waits;
                let has_ended = added.state.is_final() || is_accepted;
                let is_kept = !again.all && !unchecked.contains(&added.item);
                let is_ended = !added.is_new && has_ended && is_kept || repeated[at];
                rows.push(match wants_rows && is_ended {
                    true => Some(Box::new(ledger.item(added.item)?)),
                    false => None,
                });
            }
            Ok((added, rows, unchecked))
        })?;
        for ((item, added), row) in items.into_iter().zip(added).zip(rows) {
            let mut event = ItemEvent::new(added.item, item.name);
            event.bytes = Some(item.stat.size);
            event.index_id = Some(item.index_id).filter(|id| !id.is_empty());
            let state = match added.state {
                state if added.is_new => state,
                State::Refused if unchecked.contains(&added.item) => State::Found,
                _ if again.all => State::Ready,
                State::Failed if again.failed => State::Ready,
                state if again.unfinished && !state.is_final() => State::Ready,
                state => state,
            };
            let intaken = Intaken {
                event,
                is_new: added.is_new,
                state,
                is_repeated: !self.seen.insert(added.item),
                row,
            };
            if !self.tell(Message::Item(Box::new(intaken))) {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Why an item cannot take a route, if it cannot.
fn unusable(route: Route, is_file: bool) -> Option<&'static str> {
    match (route, is_file) {
        (Route::Asset | Route::Multipart, true) | (Route::AssetUrl, false) => None,
        (Route::Asset | Route::Multipart, false) => Some("the platform downloads links"),
        (Route::AssetUrl, true) => Some("it is a file, and not a link"),
        (Route::Tasks, _) => Some("a lost response of this route cannot be looked up"),
        _ => Some("bulk ingestion does not know it"),
    }
}

/// The mark of an item with an idempotency key.
pub(super) fn nonce_of(key: &str, item: &NewItem) -> String {
    let mut hasher = Sha256::new();
    hasher.update(item.index_id.as_bytes());
    hasher.update([0]);
    match (&item.content, key.is_empty()) {
        (NewContent::Read(fingerprint), true) => {
            hasher.update(fingerprint.size.to_le_bytes());
            hasher.update(fingerprint.sampled);
        }
        _ => hasher.update(key.as_bytes()),
    }
    let hash = hasher.finalize();
    hash.iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The content of a file that is not known.
fn read(path: &Path) -> std::io::Result<NewContent> {
    content::fingerprint(path).map(NewContent::Read)
}

/// The error of an item whose file cannot be read.
pub(super) fn unreadable(name: &str, error: &std::io::Error) -> ItemError {
    ItemError::new("file", format!("`{name}` cannot be read: {error}"))
}
