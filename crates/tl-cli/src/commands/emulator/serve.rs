//! `tl emulator`: runs an emulator until a signal.

use serde_json::json;

use super::options::Options;
use super::signals::Signals;
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::secret;

pub(super) async fn run(context: &Context, options: Options) -> Result<Exit, Failure> {
    let mut signals = Signals::listen()?;
    let emulator = options.start(context).await?;
    let (base_url, api_key) = (emulator.base_url(), emulator.api_key());
    // The environment may contain the same key. It is meant to be read and is valid only for this
    // emulator.
    secret::allow(&api_key);
    context.output.json(&json!({"base_url": base_url.as_str(), "api_key": api_key, "pages": emulator.control_url().as_str()}));
    // A shell reads the last line as a comment.
    context.output.line(&format!(
        "export TWELVELABS_BASE_URL={base_url}\nexport TWELVE_LABS_API_KEY={api_key}\n# page: {}",
        emulator.control_url()
    ));
    if let Some(lack) = emulator.lacks_ffmpeg() {
        context
            .output
            .note(&format!("streams and thumbnails are disabled: {lack}"));
    }
    context.output.note("press Ctrl-C to stop the emulator");
    signals.next().await;
    emulator.shutdown().await;
    Ok(Exit::Ok)
}
