//! Adding items: which files are the same.

use tl_ledger::{
    ErrorKind, FileStat, Fingerprint, Hashed, NewContent, NewItem, State, Update, Upload,
};

use crate::place::Place;
use crate::suite;
use crate::world::{World, file};

suite![
    item_is_added_once,
    unchanged_file_is_known,
    equal_samples_do_not_merge_paths,
    equal_hashes_merge_paths,
    hash_after_upload_finds_duplicates,
    invalid_items_are_refused,
    one_of_several_items_uploads,
    upload_of_a_dead_process_is_not_waited_for,
];

fn item_is_added_once(place: &Place) {
    let mut world = World::new(place);
    let first = world.add(&[file(1), file(2), file(1)]);
    assert_eq!(
        first.iter().map(|added| added.is_new).collect::<Vec<_>>(),
        [true, true, false]
    );
    assert_eq!(first[0].item, first[2].item);
    let lease = world.lease();
    world
        .ledger
        .finish(world.now, lease, Update::new())
        .unwrap();
    let again = world.add(&[file(1)]);
    assert_eq!((again[0].is_new, again[0].state), (false, State::Done));
    // Another index, or other options, is another item of the same content.
    let mut other = file(1);
    other.index_id = "index-2".into();
    let others = world.add(&[other, file(1).with_options("b")]);
    assert!(
        others
            .iter()
            .all(|added| added.is_new && added.content == first[0].content)
    );
    world.verify();
}

fn unchanged_file_is_known(place: &Place) {
    let mut world = World::new(place);
    let files: Vec<NewItem> = (0..150).map(file).collect();
    let added = world.add(&files);
    let mut stats: Vec<(&str, FileStat)> =
        files.iter().map(|file| (&*file.uri, file.stat)).collect();
    stats.push(("file:///videos/new.mp4", FileStat::of_size(3)));
    // Rewritten in place.
    stats[7].1 = stats[7].1.with_times(8, 8);
    let known = world.ledger.known(&stats).unwrap();
    assert_eq!(known.len(), 151);
    for (n, content) in known.iter().enumerate() {
        let expected = (n != 7 && n != 150).then(|| added[n].content);
        assert_eq!(*content, expected, "{n}");
    }
    let again = file(3).with_content(NewContent::Known(added[3].content));
    assert!(!world.add(&[again])[0].is_new);
    // The size alone does not say that a file is unchanged.
    let size = FileStat::of_size(9);
    let bare = NewItem::new("http://example.com/a", size, file(9).content, "index-1");
    world.add(&[bare]);
    assert_eq!(
        world
            .ledger
            .known(&[("http://example.com/a", size)])
            .unwrap(),
        [None]
    );
}

fn equal_samples_do_not_merge_paths(place: &Place) {
    let mut world = World::new(place);
    let copy = file(1).with_uri("file:///copy.mp4");
    let added = world.add(&[file(1), copy]);
    assert!(added.iter().all(|added| added.is_new));
    assert_ne!(added[0].content, added[1].content);
    // The same path with other bytes is another item.
    let content = NewContent::Read(Fingerprint::new(2, [9; 32]));
    let changed = file(1).with_content(content);
    assert!(world.add(&[changed])[0].is_new);
    world.verify();
}

fn equal_hashes_merge_paths(place: &Place) {
    let mut world = World::new(place);
    let hashed = |uri: &str, full: u8| {
        let content = Fingerprint::new(2, [1; 32]).with_full([full; 32]);
        file(1)
            .with_uri(uri)
            .with_content(NewContent::Read(content))
    };
    let added = world.add(&[
        hashed("a", 5),
        hashed("b", 5),
        hashed("a", 6),
        hashed("b", 5),
    ]);
    let new: Vec<bool> = added.iter().map(|added| added.is_new).collect();
    assert_eq!(new, [true, false, true, false]);
    assert_eq!(added[0].content, added[1].content);
    assert_eq!(world.ledger.sources(added[0].item).unwrap(), ["a", "b"]);
    // A hash that is known later belongs to the content of the same path.
    let unhashed = hashed("c", 0).with_content(NewContent::Read(Fingerprint::new(3, [2; 32])));
    let first = world.add(&[unhashed])[0];
    let content = NewContent::Read(Fingerprint::new(3, [2; 32]).with_full([7; 32]));
    let second = world.add(&[hashed("c", 0).with_content(content)])[0];
    assert_eq!((first.item, second.is_new), (second.item, false));
    world.verify();
}

fn hash_after_upload_finds_duplicates(place: &Place) {
    let mut world = World::new(place);
    let copy = |uri: &str| file(1).with_uri(uri);
    let added = world.add(&[copy("a"), copy("b"), copy("c").with_options("other")]);
    let claim = world.claim(3);
    let leases: Vec<_> = claim.items.iter().map(|claimed| claimed.lease).collect();
    let full = [3; 32];
    assert_eq!(world.ledger.set_hash(leases[0], full).unwrap(), Hashed::New);
    assert_eq!(world.ledger.set_hash(leases[0], full).unwrap(), Hashed::New);
    let duplicate = Hashed::DuplicateOf(added[0].item);
    assert_eq!(world.ledger.set_hash(leases[1], full).unwrap(), duplicate);
    let merged = Hashed::Merged(added[0].content);
    assert_eq!(world.ledger.set_hash(leases[2], full).unwrap(), merged);
    let item = world.ledger.item(added[2].item).unwrap();
    assert_eq!(item.content, added[0].content);
    // The merged path is not read again.
    let known = world.ledger.known(&[("c", file(1).stat)]).unwrap();
    assert_eq!(known, [Some(added[0].content)]);
    world.verify();
}

fn invalid_items_are_refused(place: &Place) {
    let mut world = World::new(place);
    let check = |world: &mut World<'_>, item: NewItem, expected: ErrorKind| {
        let items = [file(50), item];
        let result = world
            .ledger
            .add(world.now, world.run, world.account, &items);
        assert_eq!(result.unwrap_err().kind(), expected);
        assert_eq!(world.items(), [], "nothing of the call is stored");
    };
    check(
        &mut world,
        file(1).with_state(State::Done),
        ErrorKind::Invalid,
    );
    let unknown = NewContent::Known(tl_ledger::ContentId::new(999));
    check(
        &mut world,
        file(1).with_content(unknown),
        ErrorKind::NotFound,
    );
    let huge = NewContent::Read(Fingerprint::new(u64::MAX, [0; 32]));
    check(&mut world, file(1).with_content(huge), ErrorKind::Invalid);
}

fn one_of_several_items_uploads(place: &Place) {
    let mut world = World::new(place);
    let into = |index: &str, name: &str| {
        let mut item = file(1).with_name(name);
        item.index_id = index.into();
        item
    };
    let added = world.add(&[
        into("index-1", "1.mp4"),
        into("index-2", "videos/1.mp4"),
        into("index-3", "The final"),
    ]);
    let claim = world.claim(3);
    let leases: Vec<_> = added
        .iter()
        .map(|added| {
            let mut claimed = claim.items.iter();
            claimed
                .find(|claimed| claimed.item.id == added.item)
                .unwrap()
                .lease
        })
        .collect();
    let decide = |world: &mut World<'_>, n: usize| {
        let now = world.now;
        world.ledger.share_upload(now, leases[n], "1.mp4").unwrap()
    };
    assert_eq!(decide(&mut world, 1), Upload::Own);
    assert_eq!(decide(&mut world, 1), Upload::Own, "its decision stays");
    assert_eq!(decide(&mut world, 0), Upload::Wait);
    assert_eq!(decide(&mut world, 2), Upload::Own, "it has another title");
    let update = Update::to(State::Sending);
    world.ledger.update(world.now, leases[1], &update).unwrap();
    assert_eq!(decide(&mut world, 0), Upload::Wait);
    let update = Update::to(State::Processing).asset_id("a-1");
    world.ledger.update(world.now, leases[1], &update).unwrap();
    assert_eq!(decide(&mut world, 0), Upload::Asset("a-1".into()));
    world.verify();
}

fn upload_of_a_dead_process_is_not_waited_for(place: &Place) {
    let mut world = World::new(place);
    let mut other = file(1);
    other.index_id = "index-2".into();
    world.add(&[file(1), other]);
    let dead = world.lease();
    let decided = world.ledger.share_upload(world.now, dead, "1.mp4");
    assert_eq!(decided.unwrap(), Upload::Own);
    let update = Update::to(State::Sending);
    world.ledger.update(world.now, dead, &update).unwrap();
    let living = world.lease();
    let decided = world.ledger.share_upload(world.now, living, "1.mp4");
    assert_eq!(decided.unwrap(), Upload::Wait);
    world.pass(3600);
    world
        .ledger
        .renew(world.now, living, std::time::Duration::from_secs(30))
        .unwrap();
    let decided = world.ledger.share_upload(world.now, living, "1.mp4");
    assert_eq!(decided.unwrap(), Upload::Own);
}
