//! `tl config path`.

use clap::Args;
use serde_json::json;

use crate::config::{project_file, user_file};
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::path_name::path_name;
use crate::ui::table;

/// `tl config path`.
#[derive(Debug, Args)]
pub(crate) struct Path;

impl Path {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let here = std::env::current_dir().unwrap_or_default();
        let project = project_file(&here)?.map(|path| path_name(&path));
        let user = user_file();
        let exists = user.as_ref().is_some_and(|path| path.is_file());
        let user = user.map(|path| path_name(&path));
        context
            .output
            .json(&json!({"user": user, "user_exists": exists, "project": project}));
        let text = table::pairs(&[
            (
                "user",
                user.map(|path| match exists {
                    true => path,
                    false => format!("{path} (does not exist)"),
                }),
            ),
            (
                "project",
                Some(project.unwrap_or_else(|| {
                    "none: no tl.toml or .tl.toml in this directory or above".to_owned()
                })),
            ),
        ]);
        context.output.line(&text);
        Ok(Exit::Ok)
    }
}
