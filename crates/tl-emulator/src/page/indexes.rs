//! The indexes table, with the videos of each index.

use std::fmt::Write as _;

use tl_protocol::endpoint::{ListIndexes, ListVideos};

use super::{
    filters::Filters,
    html::{self, Escaped},
    player,
};
use crate::server::Runtime;

pub(super) fn table(runtime: &Runtime, _: &Filters, html: &mut String) {
    let list = ListIndexes {
        page: html::first_page(),
        ..ListIndexes::default()
    };
    let platform = runtime.platform();
    let now = runtime.clock.now();
    let page = match platform.indexes(now, &list) {
        Ok(page) => page,
        Err(refusal) => {
            _ = write!(html, "<p class=notice>{}</p>", Escaped(refusal.message));
            return;
        }
    };
    if page.data.is_empty() {
        return html::empty(html, "No indexes.");
    }
    html::open_table(
        html,
        "Indexes",
        &["Name", "Videos", "Duration", "Models", "Index"],
    );
    for index in &page.data {
        let models = index.models.iter().filter_map(|model| model.name());
        let models: Vec<_> = models.map(|name| name.to_string()).collect();
        _ = write!(
            html,
            "<tr><th scope=row class=name>{}<td>{}<td>{:.1} s<td>{}<td><code>{}</code>",
            Escaped(index.index_name.as_deref().unwrap_or_default()),
            index.video_count.unwrap_or_default(),
            index.total_duration.unwrap_or_default(),
            Escaped(models.join(", ")),
            Escaped(&index.id)
        );
        let videos = platform.videos(now, &ListVideos::new(index.id.clone()));
        for video in videos.map(|page| page.data).unwrap_or_default() {
            let system = video.system_metadata.as_ref();
            let name = system.and_then(|system| system.filename.as_deref());
            let name = name.unwrap_or_default();
            html.push_str("<tr class=inner><td class=name>");
            player::text_link(&platform, video.id.as_str(), name, html);
            _ = write!(
                html,
                "<td><td>{}<td><td><code>{}</code>",
                html::resolution_and_duration(system),
                Escaped(&video.id)
            );
        }
    }
    html::close_table(html);
}
