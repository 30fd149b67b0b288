//! The files of imports: waiting for them, and the result of a run.

use serde::Serialize;
use tl_client::Client;
use tl_model::{ConnectionId, Import, ImportAction, ImportId, ImportItem, ImportStatus};
use tl_protocol::ErrorKind;
use tl_protocol::endpoint::GetImport;
use tl_protocol::flow::WaitPolicy;

use super::view;
use crate::batch::wait_hint::with_wait_hint;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;

/// A file with the reason why it was not imported.
#[derive(Debug, Serialize)]
pub(super) struct ImportedFile {
    #[serde(flatten)]
    pub(super) item: ImportItem,
    /// Why the asset failed; the item itself has the reason of a rejection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) failure: Option<String>,
}

impl From<ImportItem> for ImportedFile {
    fn from(item: ImportItem) -> Self {
        Self {
            item,
            failure: None,
        }
    }
}

impl ImportedFile {
    /// A file whose asset was deleted while it was waited for.
    pub(super) fn deleted(item: ImportItem) -> Self {
        Self {
            item,
            failure: Some("the asset was deleted".to_owned()),
        }
    }

    /// Why the file is not an asset, in words.
    pub(super) fn reason(&self) -> Option<String> {
        let error = self.item.error.as_ref();
        let rejected = error.and_then(|error| error.message.as_ref().or(error.code.as_ref()));
        rejected.cloned().or_else(|| self.failure.clone())
    }

    fn exit(&self) -> Exit {
        let is_rejected = self.item.action == Some(ImportAction::Rejected);
        let is_failed = self.item.status == Some(ImportStatus::Failed);
        let has_reason = self.item.error.is_some() || self.failure.is_some();
        match is_rejected || is_failed || has_reason {
            true => Exit::Refused,
            false => Exit::Ok,
        }
    }
}

/// Waits until no file of an import is processed any more. Returns the import without its files,
/// and the files.
pub(super) async fn wait(
    client: &Client,
    connection: &ConnectionId,
    id: &ImportId,
    policy: &WaitPolicy,
) -> Result<(Import, Vec<ImportedFile>), Failure> {
    let get = GetImport::new(connection.clone(), id.clone());
    let waited = client.wait(get, policy.clone()).await.map_err(|error| {
        with_wait_hint(error.into(), &format!("tl import wait {connection} {id}"))
    })?;
    let mut import = waited.value;
    let mut files = Vec::new();
    for item in std::mem::take(&mut import.items) {
        let failed = Some(ImportStatus::Failed);
        let asset = item.asset_id.clone().filter(|_| item.status == failed);
        let mut file = ImportedFile::from(item);
        if let Some(asset) = asset {
            match client.assets().get(asset).await {
                Ok(asset) => file.failure = asset.failure_reason().map(str::to_owned),
                // Deleted since: there is no reason to show.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        files.push(file);
    }
    Ok((import, files))
}

/// Prints the files: with `--quiet` the ids of the assets that can be used.
///
/// Returns the exit code of the run: that of the only file, otherwise whether all are assets.
pub(super) fn report(context: &Context, files: &[ImportedFile]) -> Exit {
    let output = &context.output;
    if output.is_quiet() {
        for file in files.iter().filter(|file| file.exit() == Exit::Ok) {
            if let Some(asset) = &file.item.asset_id {
                output.line(asset.as_str());
            }
        }
    } else {
        output.line(&view::files(files));
    }
    let exits: Vec<Exit> = files.iter().map(ImportedFile::exit).collect();
    Exit::of_items(&exits)
}
