//! The indexes table, with the videos of each index.

use tl_model::Index;
use tl_protocol::{
    Now,
    endpoint::{ListIndexes, ListVideos},
};

use super::view::{self, Found};
use crate::{platform::Platform, server::Runtime};

/// The rows, or a notice in their place.
#[derive(Debug, Default)]
pub(super) struct Indexes {
    pub(super) notice: Option<String>,
    pub(super) rows: Vec<Row>,
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) video_count: f64,
    pub(super) duration: String,
    pub(super) models: String,
    pub(super) id: String,
    pub(super) videos: Vec<Video>,
}

#[derive(Debug)]
pub(super) struct Video {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) is_playable: bool,
    pub(super) measured: String,
}

pub(super) fn table(runtime: &Runtime) -> Indexes {
    let list = ListIndexes::default().page(view::first_page());
    let platform = runtime.platform();
    let now = runtime.clock.now();
    match platform.indexes(now, &list) {
        Ok(page) => Indexes {
            notice: None,
            rows: page
                .data
                .into_iter()
                .map(|index| row(&platform, now, index))
                .collect(),
        },
        Err(refusal) => Indexes {
            notice: Some(refusal.message),
            ..Indexes::default()
        },
    }
}

/// The indexes whose ID or name contains `text`, and those with such videos.
pub(super) fn search(runtime: &Runtime, text: &str) -> Indexes {
    let platform = runtime.platform();
    let now = runtime.clock.now();
    let rows = view::search(|page| {
        let list = ListIndexes::default().page(page);
        let page = platform.indexes(now, &list).ok()?;
        let found = page.data.iter().filter_map(|index| {
            let mut row = row(&platform, now, index.clone());
            let is_found = view::any_contains([&row.name, &row.id], text);
            if !is_found {
                row.videos
                    .retain(|video| view::any_contains([&video.name, &video.id], text));
            }
            (is_found || !row.videos.is_empty()).then_some(row)
        });
        Some(Found::of(&page, found.collect()))
    });
    Indexes { notice: None, rows }
}

fn row(platform: &Platform, now: Now, index: Index) -> Row {
    let models = index.models.iter().filter_map(|model| model.name());
    let models: Vec<_> = models.map(|name| name.to_string()).collect();
    let videos = platform.videos(now, &ListVideos::new(index.id.clone()));
    let videos = videos.map(|page| page.data).unwrap_or_default();
    Row {
        name: index.index_name.unwrap_or_default(),
        video_count: index.video_count.unwrap_or_default(),
        duration: format!("{:.1} s", index.total_duration.unwrap_or_default()),
        models: models.join(", "),
        id: index.id.to_string(),
        videos: videos.iter().map(|found| video(platform, found)).collect(),
    }
}

fn video(platform: &Platform, video: &tl_model::Video) -> Video {
    let system = video.system_metadata.as_ref();
    let name = system.and_then(|system| system.filename.clone());
    Video {
        id: video.id.to_string(),
        name: name.unwrap_or_default(),
        is_playable: view::is_playable(platform, video.id.as_str()),
        measured: view::resolution_and_duration(system),
    }
}
