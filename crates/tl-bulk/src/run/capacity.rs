//! The free capacity of indexes: asked once per index and run, and counted down, so that nothing is
//! uploaded that could not be indexed. A full index is left alone; other indexes go on.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use tl_ledger::{Item, ItemId};
use tl_model::Index;

use super::Shared;
use super::main_loop::MainLoop;
use crate::event::Event;
use crate::totals::Ending;

/// A full index is asked again after this time: videos may have been deleted.
const ASKED_AGAIN: Duration = Duration::from_secs(600);

/// What is left of an index.
#[derive(Debug, Clone, Copy)]
pub(super) struct Capacity {
    videos: u64,
    video: Duration,
}

/// The free capacity of each index, and the items that have taken theirs: an item that is tried
/// again takes no more.
#[derive(Debug, Default)]
pub(super) struct Capacities {
    indexes: HashMap<String, Capacity>,
    taken: HashSet<ItemId>,
}

impl Shared {
    /// Takes the capacity for an item in its index. `false` if there is none.
    pub(super) async fn has_capacity(&self, item: &Item) -> bool {
        let Some(capacity) = self.settings.capacity else {
            return true;
        };
        if item.index_id.is_empty() {
            return true;
        }
        let mut rooms = self.rooms.lock().await;
        if rooms.taken.contains(&item.id) {
            return true;
        }
        if !rooms.indexes.contains_key(&item.index_id) {
            let known = self.settings.index.clone();
            let index = match known.filter(|index| index.id.as_str() == item.index_id) {
                Some(index) => index,
                None => match self.reads.indexes().get(item.index_id.as_str()).await {
                    Ok(index) => index,
                    // The request that indexes the item reports the error.
                    Err(_) => return true,
                },
            };
            let used = used(&index);
            let room = Capacity {
                videos: capacity.videos.saturating_sub(used.0),
                video: capacity.video.saturating_sub(used.1),
            };
            rooms.indexes.insert(item.index_id.clone(), room);
        }
        let Some(room) = rooms.indexes.get_mut(&item.index_id) else {
            return true;
        };
        let video = item.video.unwrap_or_default();
        if room.videos == 0 || room.video < video {
            return false;
        }
        room.videos -= 1;
        room.video -= video;
        rooms.taken.insert(item.id);
        true
    }
}

/// The indexes that are full, and when that was found.
#[derive(Debug, Default)]
pub(super) struct FullIndexes(BTreeMap<String, Duration>);

impl FullIndexes {
    pub(super) fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }
}

impl MainLoop {
    /// An index has no room for an item. Nothing else of it is checked or uploaded.
    pub(super) fn on_index_full(&mut self, index_id: &str) {
        let now = self.mono();
        if self.full.0.insert(index_id.to_owned(), now).is_none() {
            let index_id = index_id.to_owned();
            self.shared.emit(Event::IndexFull { index_id });
        }
    }

    /// The indexes of which nothing is claimed. Those that were full long ago are asked again.
    pub(super) async fn full_indexes(&mut self) -> Vec<String> {
        let now = self.mono();
        let is_old = |since: &Duration| now.saturating_sub(*since) >= ASKED_AGAIN;
        if self.full.0.values().any(is_old) {
            let mut rooms = self.shared.rooms.lock().await;
            for (index_id, _) in self.full.0.iter().filter(|(_, since)| is_old(since)) {
                rooms.indexes.remove(index_id);
            }
            self.full.0.retain(|_, since| !is_old(since));
        }
        self.full.names()
    }

    /// How a run ends that has nothing left to do, except for indexes that are full.
    pub(super) fn complete(&self) -> Ending {
        match self.full.0.is_empty() {
            true => Ending::Complete,
            false => Ending::IndexFull,
        }
    }
}

/// Number and duration of the videos of an index.
fn used(index: &Index) -> (u64, Duration) {
    let seconds = index.total_duration.unwrap_or_default();
    let video = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number of videos; what is none becomes 0"
    )]
    let videos = index.video_count.unwrap_or_default() as u64;
    (videos, video)
}
