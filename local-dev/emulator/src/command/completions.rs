//! `gatepost completions`.

use clap::Args;
use clap::CommandFactory;
use clap_complete::Shell;

use super::print;
use crate::cli::CommandLine;

pub(super) const EXAMPLES: &str = "\
Examples:
  source <(gatepost completions bash)                    in this shell
  gatepost completions zsh > ~/.zfunc/_gatepost          with fpath+=~/.zfunc in .zshrc
  gatepost completions fish > ~/.config/fish/completions/gatepost.fish";

/// What `gatepost completions` is told.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArguments {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub(super) fn run(arguments: &CompletionsArguments) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut CommandLine::command(),
        "gatepost",
        &mut script,
    );
    print(&String::from_utf8_lossy(&script))
}
