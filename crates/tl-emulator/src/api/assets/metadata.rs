//! `/assets/{asset_id}/user-metadata`: merge, replace and clear the user metadata of an asset.

use tl_protocol::endpoint::{ClearAssetMetadata, ReplaceAssetMetadata, UpdateAssetMetadata};

use crate::platform::{Platform, Refusal, assets, handle::handle, videos};

handle!(UpdateAssetMetadata, |call, request| update(
    call.platform,
    &request
));
handle!(ReplaceAssetMetadata, |call, request| replace(
    call.platform,
    request
));
handle!(ClearAssetMetadata, |call, request| clear(
    call.platform,
    &request
));

/// Merges: `null` deletes a key, an empty string is ignored, and other keys keep their values.
pub(crate) fn update(platform: &mut Platform, update: &UpdateAssetMetadata) -> Result<(), Refusal> {
    let id = assets::find(platform, update.asset_id.as_str())?.id.clone();
    videos::check_patch(&update.user_metadata, &platform.settings.quirks)?;
    if let Some(asset) = platform.state.assets.get_mut(&id) {
        videos::merge(&mut asset.user_metadata, &update.user_metadata);
    }
    Ok(())
}

/// Replaces all metadata. Empty values are dropped, as at creation.
pub(crate) fn replace(
    platform: &mut Platform,
    replace: ReplaceAssetMetadata,
) -> Result<(), Refusal> {
    let id = assets::find(platform, replace.asset_id.as_str())?
        .id
        .clone();
    let metadata = videos::initial_metadata(replace.user_metadata, &platform.settings.quirks)?;
    if let Some(asset) = platform.state.assets.get_mut(&id) {
        asset.user_metadata = metadata;
    }
    Ok(())
}

pub(crate) fn clear(platform: &mut Platform, clear: &ClearAssetMetadata) -> Result<(), Refusal> {
    let id = assets::find(platform, clear.asset_id.as_str())?.id.clone();
    if let Some(asset) = platform.state.assets.get_mut(&id) {
        asset.user_metadata = Default::default();
    }
    Ok(())
}
