//! Clients are cloned, requests are spawned, builders are awaited, and lists are streams.

use std::thread;

use tl_client::{
    Client, Error, ErrorKind, blocking,
    model::AssetId,
    protocol::endpoint::{ListAssetIndexedAssets, ListAssets},
};

use crate::{World, checker, good, poll_often, runtime};

fn assert_spawnable<T: Send + 'static>(_: &T) {}

fn assert_shared<T: Sync>(_: &T) {}

#[test]
fn requests_outlive_the_client_that_made_them() {
    let world = World::new(good);
    let (index_id, asset_id) = runtime().block_on(async {
        let client = Client::new(&world.config)
            .expect("a client")
            .with_checker(checker(good));
        let index = tokio::spawn(client.indexes().get(world.index_id.as_str()));
        let upload = client
            .upload(world.file.path())
            .without_checkpoint()
            .wait(poll_often());
        let upload = tokio::spawn(upload.into_future());
        let ingest = client.ingest(world.file.path());
        assert_spawnable(&ingest);
        assert_spawnable(&ingest.run());
        let pages = client.pages(ListAssets::default());
        assert_spawnable(&pages);
        assert_shared(&pages);
        drop(client);
        let index = index.await.expect("no panic").expect("the index");
        let uploaded = upload.await.expect("no panic").expect("an asset");
        (index.id, uploaded.asset_id)
    });
    assert_eq!(index_id.as_str(), world.index_id);

    // Awaiting the builder is the same as `run`.
    let video = runtime().block_on(async {
        let client = Client::new(&world.config).expect("a client");
        let call = client.index(asset_id).into_index(world.index_id.as_str());
        call.wait(poll_often()).await
    });
    assert!(video.expect("it is indexed").video_id.is_some());
}

#[test]
fn clones_of_a_blocking_client_work_in_threads() {
    let world = World::new(good);
    let client = blocking::Client::new(&world.config)
        .expect("a client")
        .with_checker(checker(good));
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let (client, path) = (client.clone(), world.file.path().to_owned());
            thread::spawn(move || {
                let upload = client.upload(path).without_checkpoint();
                upload.wait(poll_often()).run().map(|done| done.asset_id)
            })
        })
        .collect();
    drop(client);
    let mut assets: Vec<AssetId> = threads
        .into_iter()
        .map(|thread| thread.join().expect("no panic").expect("an asset"))
        .collect();
    assets.sort();
    assets.dedup();
    assert_eq!(assets.len(), 3);
}

#[test]
fn every_method_has_the_same_error_type() {
    let world = World::new(good);
    let check = |error: Error| {
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(error.status(), Some(404));
        assert!(error.code().is_some() && error.api().is_some());
        assert!(error.stage().is_none() && error.report().is_none());
    };
    let missing = "6298d673f1090f1100476d4c";
    let client = blocking::Client::new(&world.config).expect("a client");
    let request = || -> Result<(), Error> {
        client.assets().get(missing)?;
        Ok(())
    };
    check(request().expect_err("the asset does not exist"));
    let list = ListAssetIndexedAssets::new(missing);
    check(
        client
            .pages(list)
            .next()
            .expect("one item")
            .expect_err("the asset does not exist"),
    );
    runtime().block_on(async {
        let client = Client::new(&world.config).expect("a client");
        let waited = client.assets().wait(missing, poll_often()).await;
        check(waited.expect_err("the asset does not exist"));
    });
}

#[cfg(feature = "stream")]
mod stream {
    use futures_util::{FutureExt, StreamExt};
    use tl_client::protocol::{
        BytesSource,
        endpoint::{CreateAsset, Media, PageRequest},
    };

    use super::*;

    fn page(page_limit: u32) -> ListAssets {
        ListAssets::default().page(PageRequest::default().with_page_limit(page_limit))
    }

    #[test]
    fn lists_are_streams_of_all_items() {
        let world = World::new(good);
        runtime().block_on(async {
            let client = Client::new(&world.config).expect("a client");
            for name in ["a.mp4", "b.mp4", "c.mp4"] {
                let media = Media::File(std::sync::Arc::new(BytesSource::new(name, &b"x"[..])));
                let created = client.assets().create(CreateAsset::new(media)).await;
                created.expect("an asset");
            }
            let mut pages = client.pages(page(2));
            assert_spawnable(&pages);
            // A future that is dropped loses nothing: its request goes on.
            assert!(pages.next().now_or_never().is_none());
            let mut names = Vec::new();
            while let Some(asset) = pages.next().await {
                names.push(asset.expect("a page").filename.expect("a name"));
            }
            names.sort();
            assert_eq!(names, ["a.mp4", "b.mp4", "c.mp4"]);
        });
        assert_eq!(world.requests("assets.list").len(), 2);
    }

    #[test]
    fn an_error_ends_the_stream() {
        let world = World::new(good);
        let seen: Vec<_> = runtime().block_on(async {
            let client = Client::new(&world.config).expect("a client");
            client.pages(page(0)).collect().await
        });
        let [Err(error)] = &seen[..] else {
            panic!("one error: {seen:?}");
        };
        assert_eq!(error.kind(), ErrorKind::Refused);
    }
}
