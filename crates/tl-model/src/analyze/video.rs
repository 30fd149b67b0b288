//! The video that an analysis is about.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value};

use crate::AssetId;

/// The video that an analysis is about.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum AnalyzeVideo {
    /// An asset of the account, in the status `ready`.
    Asset(AssetId),
    /// A public URL.
    Url(String),
    /// The file in Base64, at most 30 MB.
    Base64(String),
    /// A kind that this version of the crate has no variant for.
    Other(Map<String, Value>),
}

impl AnalyzeVideo {
    /// The kind as sent, and the name of the member with the value.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Asset(_) => "asset_id",
            Self::Url(_) => "url",
            Self::Base64(_) => "base64_string",
            Self::Other(members) => members.get("type").and_then(Value::as_str).unwrap_or(""),
        }
    }
}

impl From<AssetId> for AnalyzeVideo {
    fn from(id: AssetId) -> Self {
        Self::Asset(id)
    }
}

impl Serialize for AnalyzeVideo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value = match self {
            Self::Asset(id) => id.as_str(),
            Self::Url(text) | Self::Base64(text) => text,
            Self::Other(members) => return members.serialize(serializer),
        };
        serializer.collect_map([("type", self.kind()), (self.kind(), value)])
    }
}

impl<'de> Deserialize<'de> for AnalyzeVideo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Map::<String, Value>::deserialize(deserializer)?;
        let kind = members.get("type").and_then(Value::as_str);
        let Some(kind) = kind else {
            return Err(de::Error::missing_field("type"));
        };
        let known = ["asset_id", "url", "base64_string"].contains(&kind);
        if !known || members.len() != 2 {
            return Ok(Self::Other(members));
        }
        let Some(value) = members.get(kind).and_then(Value::as_str) else {
            return Ok(Self::Other(members));
        };
        Ok(match kind {
            "asset_id" => Self::Asset(value.into()),
            "url" => Self::Url(value.to_owned()),
            _ => Self::Base64(value.to_owned()),
        })
    }
}
