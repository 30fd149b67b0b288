//! `tl config show`.

use clap::Args;
use serde_json::{Value, json};
use url::Url;

use crate::config::setting::{SETTINGS, Setting};
use crate::context::Context;
use crate::failure::Failure;
use crate::failure::exit::Exit;
use crate::text::units::format_duration;
use crate::ui::table;

/// `tl config show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Show only settings that have a value
    #[arg(long)]
    set: bool,
}

/// A line of the result.
struct Row {
    name: &'static str,
    value: Option<String>,
    kind: &'static str,
    origin: String,
    file: Option<String>,
}

impl Show {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let connection = &context.connection;
        let settings = connection.settings();
        let mut rows = vec![match connection.key_source()? {
            Some(source) => Row {
                name: "api_key",
                // The key itself is never shown.
                value: Some("(set)".to_owned()),
                kind: "key",
                origin: source.to_string(),
                file: None,
            },
            None => default("api_key"),
        }];
        for setting in SETTINGS {
            let found = settings.get(setting);
            let given = given(context, setting);
            rows.push(match (given, found) {
                (Some(given), found)
                    if found.as_ref().is_none_or(|(v, _)| v.to_string() != given) =>
                {
                    Row {
                        name: setting.name,
                        value: Some(shown(&given)),
                        kind: "option",
                        origin: format!("option --{}", setting.option()),
                        file: None,
                    }
                }
                (_, Some((value, origin))) => Row {
                    name: setting.name,
                    value: Some(shown(&value.to_string())),
                    kind: origin.kind(),
                    file: origin.file().map(|file| file.display().to_string()),
                    origin: origin.to_string(),
                },
                (_, None) => default(setting.name),
            });
        }
        if self.set {
            rows.retain(|row| row.value.is_some());
        }
        let json: Vec<Value> = rows
            .iter()
            .map(|row| {
                json!({
                    "setting": row.name,
                    "value": row.value,
                    "origin": row.kind,
                    "from": row.origin,
                    "file": row.file,
                })
            })
            .collect();
        context
            .output
            .json(&json!({"profile": settings.profile(), "settings": json}));
        let lines: Vec<[String; 3]> = rows
            .into_iter()
            .map(|row| {
                [
                    row.name.to_owned(),
                    row.value.unwrap_or_default(),
                    row.origin,
                ]
            })
            .collect();
        context
            .output
            .line(&table::render(["SETTING", "VALUE", "FROM"], &lines));
        if let Some(profile) = settings.profile() {
            context
                .output
                .note(&format!("profile {profile} is selected"));
        }
        Ok(Exit::Ok)
    }
}

fn default(name: &'static str) -> Row {
    Row {
        name,
        value: None,
        kind: "default",
        origin: "default".to_owned(),
        file: None,
    }
}

/// The value of an option that every command has.
fn given(context: &Context, setting: &Setting) -> Option<String> {
    let connection = &context.connection;
    match setting.name {
        "base_url" => connection.base_url.clone(),
        "api_key_file" => Some(connection.api_key_file.as_ref()?.display().to_string()),
        "ca_file" => Some(connection.ca_file.as_ref()?.display().to_string()),
        // A text such as `90` and `1m 30s` can be the same duration.
        "timeout" if connection.settings().get(setting).is_none() => {
            connection.timeout.map(format_duration)
        }
        "attempts" => connection.attempts.map(|attempts| attempts.to_string()),
        _ => None,
    }
}

/// A value without the password of a URL.
fn shown(text: &str) -> String {
    match Url::parse(text) {
        Ok(mut url) if url.password().is_some() => match url.set_password(Some("[password]")) {
            Ok(()) => url.to_string().replace("%5Bpassword%5D", "[password]"),
            Err(()) => "[URL with a password]".to_owned(),
        },
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_do_not_show() {
        assert_eq!(
            shown("postgres://me:secret@db/x"),
            "postgres://me:[password]@db/x"
        );
        assert_eq!(shown("postgres://db/x"), "postgres://db/x");
        assert_eq!(shown("sport"), "sport");
    }
}
