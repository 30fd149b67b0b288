//! The video of an analysis: an asset, a URL, or a file that is uploaded first.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tl_client::{Client, Input};
use tl_model::{AnalyzeVideo, AssetId};
use tl_protocol::endpoint::GetAsset;

use super::segments::MediaSource;
use crate::args::upload::UploadArgs;
use crate::batch::input;
use crate::batch::outcome;
use crate::bulk::assets;
use crate::check::local_check::LocalCheck;
use crate::context::Context;
use crate::failure::Failure;
use crate::text::path_name::path_name;
use crate::ui::output::Output;

/// The video as given on the command line.
#[derive(Debug)]
pub(in crate::commands) enum Video {
    Asset(AssetId),
    Url(String),
    /// A checked file.
    File {
        input: Input,
        path: PathBuf,
        name: String,
        duration: Option<f64>,
        fps: Option<f64>,
    },
}

impl Video {
    /// Reads the argument. A file is checked, unless `check` is `None`; nothing is sent.
    pub(in crate::commands) async fn read(
        argument: &OsString,
        check: Option<&Arc<LocalCheck>>,
        upload: &UploadArgs,
        output: &Output,
    ) -> Result<Self, Failure> {
        let text = argument.to_string_lossy();
        let is_id = text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_id && !Path::new(argument).exists() {
            return Ok(Self::Asset(text.as_ref().into()));
        }
        let name = path_name(Path::new(argument));
        let input = input::prepare(&name, argument, check, upload.send.route, output).await?;
        Ok(match input {
            Input::Url(url) => Self::Url(url.to_string()),
            Input::Asset(id) => Self::Asset(id),
            Input::Probed(file) => Self::File {
                duration: file.facts().duration_seconds,
                fps: file.facts().video_fps,
                input: Input::Probed(file),
                path: argument.into(),
                name,
            },
            input => Self::File {
                input,
                path: argument.into(),
                name,
                duration: None,
                fps: None,
            },
        })
    }

    /// The duration in seconds, if it can be found out without sending anything.
    pub(in crate::commands) fn duration(&self) -> Option<f64> {
        match self {
            Self::File { duration, .. } => *duration,
            _ => None,
        }
    }

    /// The duration of an asset, which the platform knows.
    pub(in crate::commands) async fn asset_duration(
        &self,
        client: &Client,
    ) -> Result<Option<f64>, Failure> {
        let Self::Asset(id) = self else {
            return Ok(self.duration());
        };
        let asset = client.call(GetAsset::new(id.clone())).await?;
        let technical = asset.technical_metadata;
        Ok(technical.and_then(|technical| technical.video_duration_seconds))
    }

    /// The video for cut lists, if it is known without asking the platform.
    pub(super) fn media_source(&self) -> Option<MediaSource> {
        match self {
            Self::Asset(_) => None,
            Self::Url(url) => Some(MediaSource {
                path: url.clone(),
                fps: None,
            }),
            Self::File { name, fps, .. } => Some(MediaSource {
                path: name.clone(),
                fps: *fps,
            }),
        }
    }

    pub(in crate::commands) fn describe(&self) -> String {
        match self {
            Self::Asset(id) => format!("asset {id}"),
            Self::Url(url) => url.clone(),
            Self::File { name, .. } => format!("file {name}"),
        }
    }

    /// Uploads a file that was not uploaded before. Returns what the request refers to.
    pub(in crate::commands) async fn upload(
        self,
        client: &Client,
        upload: &UploadArgs,
        context: &Context,
    ) -> Result<AnalyzeVideo, Failure> {
        let (input, path, name) = match self {
            Self::Asset(id) => return Ok(AnalyzeVideo::Asset(id)),
            Self::Url(url) => return Ok(AnalyzeVideo::Url(url)),
            Self::File {
                input, path, name, ..
            } => (input, path, name),
        };
        let known = upload.known_assets(context).await;
        let file = match &known {
            Some(known) => known.look(&path).await,
            None => None,
        };
        if let Some(id) = assets::existing(client, file.as_ref()).await? {
            context.output.note(&format!(
                "{name} was uploaded before as asset {id}; --no-resume uploads it again"
            ));
            return Ok(AnalyzeVideo::Asset(id));
        }
        // A file that was not checked on purpose.
        let is_checked = matches!(input, Input::Probed(_));
        let mut call = upload.of_upload(client.upload(input));
        if !is_checked {
            call = call.skip_check();
        }
        let uploaded = call.run().await;
        let id = uploaded
            .map_err(|error| outcome::refused(&name, error))?
            .asset_id;
        if let (Some(known), Some(file)) = (known, file) {
            known.record(file, &id).await;
        }
        context
            .output
            .note(&format!("uploaded {name} as asset {id}"));
        Ok(AnalyzeVideo::Asset(id))
    }
}
