//! `/assets/{asset_id}/user-metadata`: merge, replace and clear the user metadata of an asset.

use tl_protocol::endpoint::{ClearAssetMetadata, ReplaceAssetMetadata, UpdateAssetMetadata};

use crate::{
    api::{handle::handle, metadata},
    core::{Env, Refusal, State},
};

handle!(UpdateAssetMetadata, |state, env, request| update(
    state, env, &request
));
handle!(ReplaceAssetMetadata, |state, env, request| replace(
    state, env, request
));
handle!(ClearAssetMetadata, |state, _env, request| clear(
    state, &request
));

/// Merges: `null` deletes a key, an empty string is ignored, and other keys keep their values.
pub(crate) fn update(
    state: &mut State,
    env: &Env<'_>,
    update: &UpdateAssetMetadata,
) -> Result<(), Refusal> {
    let id = state.asset(update.asset_id.as_str())?.id.clone();
    metadata::check_patch(&update.user_metadata, &env.settings.quirks)?;
    if let Some(asset) = state.assets.get_mut(&id) {
        metadata::merge(&mut asset.user_metadata, &update.user_metadata);
    }
    Ok(())
}

/// Replaces all metadata. Empty values are dropped, as at creation.
pub(crate) fn replace(
    state: &mut State,
    env: &Env<'_>,
    replace: ReplaceAssetMetadata,
) -> Result<(), Refusal> {
    let id = state.asset(replace.asset_id.as_str())?.id.clone();
    let metadata = metadata::initial(replace.user_metadata, &env.settings.quirks)?;
    if let Some(asset) = state.assets.get_mut(&id) {
        asset.user_metadata = metadata;
    }
    Ok(())
}

pub(crate) fn clear(state: &mut State, clear: &ClearAssetMetadata) -> Result<(), Refusal> {
    let id = state.asset(clear.asset_id.as_str())?.id.clone();
    if let Some(asset) = state.assets.get_mut(&id) {
        asset.user_metadata = Default::default();
    }
    Ok(())
}
