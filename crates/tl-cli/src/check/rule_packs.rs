//! Selection of rule packs: built-in ones by name or date, others from a file.

use std::path::Path;

use jiff::civil::Date;
use tl_validate::RulePack;

use crate::failure::Failure;

/// Finds a rule pack by name, date or file.
pub(crate) fn load_pack(text: &str) -> Result<RulePack, Failure> {
    match built_in_pack(text) {
        Ok(pack) => Ok(pack),
        Err(unknown) if text.parse::<Date>().is_ok() => Err(unknown),
        Err(_) if Path::new(text).exists() => pack_from_file(text, RulePack::current()),
        Err(unknown) => Err(unknown.hint(format!(
            "pass the name of a pack, a date such as 2026-02-17, or a file; there is no file `{text}`"
        ))),
    }
}

/// Finds a built-in rule pack by name or date.
pub(crate) fn built_in_pack(text: &str) -> Result<RulePack, Failure> {
    let found = match text.parse::<Date>() {
        Ok(date) => RulePack::on(date),
        Err(_) => RulePack::named(text),
    };
    found.cloned().map_err(|error| {
        Failure::usage(error.to_string()).hint("`tl rules list` shows the packs and their dates")
    })
}

/// Reads a rule pack from a file: a complete pack, or changes to `base`.
pub(crate) fn pack_from_file(file: &str, base: &RulePack) -> Result<RulePack, Failure> {
    let rules = std::fs::read_to_string(file).map_err(|error| {
        Failure::usage(format!("failed to read the rules file `{file}`"))
            .with_source(&error)
            .hint("pass a readable TOML file")
    })?;
    RulePack::from_toml(&rules)
        .or_else(|_| base.extended_with(&rules))
        .map_err(|error| {
            Failure::usage(format!("`{file}`: {error}"))
                .hint("`tl rules show` prints a pack in the expected format")
        })
}
