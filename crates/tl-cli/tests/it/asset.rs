//! `tl asset`: list, show, wait, delete.

use crate::clips;
use crate::platform::Platform;
use crate::tl::snapshot;

#[test]
fn asset_lifecycle() {
    let platform = Platform::start();
    let folder = clips::folder(&["good.mp4"]);
    snapshot!("assets_none", platform.tl(&["asset", "list"]).code(0));
    let upload = platform
        .tl(&["upload", "good.mp4", "--quiet"])
        .in_folder(folder.path())
        .code(0);
    let id = upload.first_line();
    let wait = platform
        .tl(&["asset", "wait", id, "--interval", "50ms"])
        .code(0);
    snapshot!("asset_wait", wait);
    snapshot!("asset_get", platform.tl(&["asset", "get", id]).code(0));
    snapshot!(
        "assets",
        platform.tl(&["asset", "list", "--type", "video"]).code(0)
    );
    assert_eq!(
        platform.tl(&["asset", "list", "--json"]).code(0).json()[0]["_id"],
        id
    );
    snapshot!(
        "asset_delete_unconfirmed",
        platform.tl(&["asset", "delete", id]).code(2)
    );
    snapshot!(
        "asset_delete",
        platform.tl(&["asset", "delete", id, "--yes"]).code(0)
    );
    snapshot!("asset_gone", platform.tl(&["asset", "get", id]).code(7));
}

#[test]
fn deleting_an_indexed_asset_requires_force() {
    let platform = Platform::start();
    let folder = clips::folder(&["good.mp4"]);
    let line = platform
        .tl(&["ingest", "good.mp4", "--index", &platform.index, "--json"])
        .in_folder(folder.path())
        .code(0)
        .json();
    let id = line["asset_id"].as_str().unwrap();
    snapshot!(
        "asset_in_use",
        platform.tl(&["asset", "delete", id, "--yes"]).code(7)
    );
    platform
        .tl(&["asset", "delete", id, "--yes", "--force"])
        .code(0);
}
