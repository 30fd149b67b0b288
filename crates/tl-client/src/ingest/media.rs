//! The opened input of an upload or ingestion.

use std::{path::PathBuf, sync::Arc};

use tl_model::AssetId;
use tl_protocol::Source;
use url::Url;

use crate::{
    FileSource,
    route::{Payload, Routed},
    source::FileStatus,
};

/// The opened input.
pub(super) enum Opened {
    Media(Payload<MediaBytes, Url>),
    /// An existing asset: nothing is sent.
    Asset(AssetId),
}

/// The media on its route.
pub(super) type RoutedMedia = Routed<MediaBytes, Url>;

/// Bytes that are sent from this machine.
#[derive(Clone)]
pub(super) enum MediaBytes {
    File(Arc<FileSource>),
    Source(Arc<dyn Source>),
}

impl MediaBytes {
    pub(super) fn as_source(&self) -> &dyn Source {
        match self {
            Self::File(file) => &**file,
            Self::Source(source) => &**source,
        }
    }

    pub(super) fn into_source(self) -> Arc<dyn Source> {
        match self {
            Self::File(file) => file,
            Self::Source(source) => source,
        }
    }

    /// The file, if it is one.
    pub(super) fn file(&self) -> Option<&Arc<FileSource>> {
        match self {
            Self::File(file) => Some(file),
            Self::Source(_) => None,
        }
    }

    /// The name in the report of the check.
    pub(super) fn shown_name(&self) -> String {
        match self {
            Self::File(file) => file.path().display().to_string(),
            Self::Source(source) => source.name().to_owned(),
        }
    }

    /// The absolute path of the file, or the name of the source; and the inode metadata.
    pub(super) fn origin(&self) -> (PathBuf, FileStatus) {
        match self {
            Self::File(file) => {
                let path = std::path::absolute(file.path()).unwrap_or_else(|_| file.path().into());
                (path.canonicalize().unwrap_or(path), file.status())
            }
            Self::Source(source) => (PathBuf::from(source.name()), FileStatus::default()),
        }
    }
}
