//! `tl config`: settings from files and the environment.

mod path;
mod show;

subcommands! {
    /// `tl config` and its subcommands.
    pub(crate) enum ConfigCommand {
        /// Show all settings, and where each value comes from
        Show(show::Show),
        /// Print the paths of the configuration files
        Path(path::Path),
    }
}
