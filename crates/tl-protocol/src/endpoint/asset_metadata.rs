//! `/assets/{asset_id}/user-metadata`: what the user says about an asset, changed, replaced and cleared; and how a request
//! that makes something carries such data.

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use tl_model::{AssetId, MetadataPatch, UserMetadata};

use super::{Endpoint, Outgoing, Params, Received, Rejection, empty_response};
use crate::Repeat;

/// The name of the member and of the form field.
const NAME: &str = "user_metadata";

/// Changes the user metadata of an asset: given keys are set, `null` deletes a key, the others stay. The platform ignores an
/// empty string.
#[derive(Debug, Clone, PartialEq)]
pub struct UpdateAssetMetadata {
    /// The asset.
    pub asset_id: AssetId,
    /// The changes.
    pub user_metadata: MetadataPatch,
}

impl Endpoint for UpdateAssetMetadata {
    type Response = ();

    const OPERATION: &'static str = "update the metadata of the asset";
    // A merge: once or twice is the same.
    const METHOD: Method = Method::PATCH;
    const PATH: &'static str = "/assets/{asset_id}/user-metadata";
    const REPEAT: Repeat = Repeat::Freely;
    const SUCCESS: StatusCode = StatusCode::NO_CONTENT;

    fn encode(&self) -> Outgoing {
        Outgoing::new()
            .param(&self.asset_id)
            .json(&json!({ NAME: self.user_metadata }))
    }

    fn decode(request: &Received) -> Result<Self, Rejection> {
        request.query().finish()?;
        Ok(Self {
            asset_id: request.param(0).into(),
            user_metadata: required_patch(request.json_with(&[NAME])?)?,
        })
    }

    empty_response!();
}

/// Replaces the whole user metadata of an asset: a key that is not given is removed, an empty object clears all.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplaceAssetMetadata {
    /// The asset.
    pub asset_id: AssetId,
    /// What takes the place of what was there.
    pub user_metadata: UserMetadata,
}

impl Endpoint for ReplaceAssetMetadata {
    type Response = ();

    const OPERATION: &'static str = "replace the metadata of the asset";
    const METHOD: Method = Method::PUT;
    const PATH: &'static str = "/assets/{asset_id}/user-metadata";
    const REPEAT: Repeat = Repeat::Freely;
    const SUCCESS: StatusCode = StatusCode::NO_CONTENT;

    fn encode(&self) -> Outgoing {
        Outgoing::new()
            .param(&self.asset_id)
            .json(&json!({ NAME: self.user_metadata }))
    }

    fn decode(request: &Received) -> Result<Self, Rejection> {
        request.query().finish()?;
        Ok(Self {
            asset_id: request.param(0).into(),
            user_metadata: without_nulls(&required_patch(request.json_with(&[NAME])?)?),
        })
    }

    empty_response!();
}

/// Clears the user metadata of an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClearAssetMetadata {
    /// The asset.
    pub asset_id: AssetId,
}

impl Endpoint for ClearAssetMetadata {
    type Response = ();

    const OPERATION: &'static str = "clear the metadata of the asset";
    const METHOD: Method = Method::DELETE;
    const PATH: &'static str = "/assets/{asset_id}/user-metadata";
    const REPEAT: Repeat = Repeat::Freely;
    const SUCCESS: StatusCode = StatusCode::NO_CONTENT;

    fn encode(&self) -> Outgoing {
        Outgoing::new().param(&self.asset_id)
    }

    fn decode(request: &Received) -> Result<Self, Rejection> {
        request.query().finish()?;
        Ok(Self {
            asset_id: request.param(0).into(),
        })
    }

    empty_response!();
}

/// The changes under `user_metadata` of a JSON body.
pub(super) fn required_patch(object: &Map<String, Value>) -> Result<MetadataPatch, Rejection> {
    let value = object.get(NAME).ok_or_else(|| Rejection::missing(NAME))?;
    MetadataPatch::try_from(value.clone())
        .map_err(|error| Rejection::invalid(NAME, error.to_string()))
}

/// The metadata that a JSON body makes something with. The platform leaves a key that is `null` out, as it leaves out an
/// absent `user_metadata`.
pub(super) fn metadata_of(object: &Map<String, Value>) -> Result<Option<UserMetadata>, Rejection> {
    match object.get(NAME) {
        None | Some(Value::Null) => Ok(None),
        Some(_) => Ok(Some(without_nulls(&required_patch(object)?))),
    }
}

/// The metadata that a form makes something with, with the same reading of `null`.
pub(super) fn metadata_in(params: &mut Params<'_>) -> Result<Option<UserMetadata>, Rejection> {
    let patch = params.optional::<MetadataPatch>(NAME)?;
    Ok(patch.as_ref().map(without_nulls))
}

/// A change of nothing leaves what it sets.
fn without_nulls(patch: &MetadataPatch) -> UserMetadata {
    let mut metadata = UserMetadata::new();
    patch.apply_to(&mut metadata);
    metadata
}
