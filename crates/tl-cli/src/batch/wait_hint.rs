//! The commands that continue to wait, for hints and notes.

use tl_model::{AssetId, IndexId, TaskId, VideoId};

use crate::failure::Failure;

/// The command that waits until a task is ready.
pub(crate) fn task_command(id: &TaskId) -> String {
    format!("tl task wait {id}")
}

/// The command that waits until an asset is ready.
pub(crate) fn asset_command(id: &AssetId) -> String {
    format!("tl asset wait {id}")
}

/// The command that waits until a video is indexed.
pub(crate) fn video_command(id: &VideoId, index: &IndexId) -> String {
    format!("tl video wait {id} --index {index}")
}

/// Adds the wait command as a hint if waiting may help.
pub(crate) fn with_wait_hint(failure: Failure, command: &str) -> Failure {
    if failure.exit().is_retryable() {
        failure.hint(wait_hint(command))
    } else {
        failure
    }
}

pub(crate) fn wait_hint(command: &str) -> String {
    format!("run `{command}` to continue waiting")
}
