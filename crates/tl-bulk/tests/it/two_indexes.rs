//! Videos with the same bytes are uploaded once, whatever indexes they are in.

use tl_bulk::Ending;
use tl_bulk::source::Entry;
use tl_client::CancelHandle;
use tl_model::NewIndex;
use tl_protocol::endpoint::{DeleteAsset, ListAssets};

use crate::loopback::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn video_in_two_indexes_is_uploaded_once() {
    let world = World::new().await;
    let files = world.files(12);
    let another_index = async |name: &str| {
        let new = NewIndex::new(name, world.index.models.clone());
        world.client.indexes().create(new).await.unwrap().id
    };
    let (first, second) = (world.index.id.clone(), another_index("second").await);
    let entries: Vec<_> = [&first, &second]
        .iter()
        .flat_map(|index| files.iter().map(move |path| (path, index.as_str())))
        .map(|(path, index)| Ok(Entry::file(path).with_index(index)))
        .collect();
    let stop = CancelHandle::new();
    let summary = world.bulk().ingest(entries, &stop).await.unwrap();
    assert_eq!(
        (summary.ending, summary.totals.ready),
        (Ending::Complete, 24)
    );
    assert_eq!(world.count("assets.create"), 12);
    assert_eq!(world.count("indexes.indexed_assets.create"), 24);

    let ingest = async |entry: Entry| {
        let summary = world.bulk().ingest([Ok(entry)], &stop).await.unwrap();
        (summary.totals.ready, summary.totals.uploaded)
    };
    let third = another_index("third").await;
    let entry = Entry::file(&files[1]).with_index(third.as_str());
    assert_eq!(ingest(entry).await, (1, 0), "in a later run");
    let fourth = another_index("fourth").await;
    let entry = Entry::file(&files[1]).with_index(fourth.as_str());
    let titled = entry.clone().with_title("The final");
    assert_eq!(
        ingest(titled).await,
        (1, 1),
        "the title is one of the asset"
    );
    let mut list = ListAssets::default();
    list.page.page_limit = Some(50);
    let assets = world.client.call(list).await.unwrap();
    for asset in assets.data {
        let delete = DeleteAsset::new(asset.id).force(true);
        world.client.call(delete).await.unwrap();
    }
    let fifth = another_index("fifth").await;
    let entry = entry.with_index(fifth.as_str());
    assert_eq!(ingest(entry).await, (1, 1), "the asset is gone");
}
