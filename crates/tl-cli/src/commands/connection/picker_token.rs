//! `tl connection picker-token`.

use clap::Args;
use serde_json::json;
use tl_model::ConnectionId;

use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::ui::table;

/// Stands for a secret that is not printed.
const HIDDEN: &str = "(hidden, --reveal prints it)";

/// `tl connection picker-token`.
#[derive(Debug, Args)]
pub(crate) struct PickerTokenCommand {
    /// Connection id
    #[arg(value_name = "CONNECTION")]
    id: ConnectionId,
    /// Print the access token and the developer key
    #[arg(long)]
    reveal: bool,
}

impl PickerTokenCommand {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let token =
            context.call(async |client| Ok(client.connections().picker_token(self.id).await?))?;
        let show = |secret: &tl_model::ProviderSecret| {
            let shown = if self.reveal { secret.reveal() } else { HIDDEN };
            shown.to_owned()
        };
        let access_token = show(&token.access_token);
        let developer_key = token.developer_key.as_ref().map(show);
        context.output.json(&json!({
            "access_token": access_token,
            "developer_key": developer_key,
            "expires_in": token.expires_in,
            "scope": token.scope,
            "app_id": token.app_id,
        }));
        let expires = token.expires_in.map(|seconds| format!("in {seconds} s"));
        context.output.line(&table::pairs(&[
            ("access token", Some(access_token)),
            ("developer key", developer_key),
            ("app", token.app_id.clone()),
            ("scope", token.scope.clone()),
            ("expires", expires),
        ]));
        Ok(Exit::Ok)
    }
}
