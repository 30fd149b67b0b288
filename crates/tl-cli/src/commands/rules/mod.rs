//! `tl rules`: dated rule packs.

mod diff;
mod list;
mod show;

subcommands! {
    /// `tl rules` and its subcommands.
    pub(crate) enum RulesCommand {
        /// List the built-in rule packs, oldest first
        List(list::List),
        /// Print a rule pack as TOML; edit a copy and pass it to --rules
        Show(show::Show),
        /// Compare two rule packs
        Diff(diff::Diff),
    }
}
