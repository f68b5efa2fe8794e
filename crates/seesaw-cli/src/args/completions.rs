//! `seesaw completions`

use clap::Args;
use clap_complete::Shell;

/// Print a shell completion script
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  seesaw completions bash > ~/.local/share/bash-completion/completions/seesaw
  seesaw completions zsh > ~/.zfunc/_seesaw
  seesaw completions fish > ~/.config/fish/completions/seesaw.fish")]
pub struct CompletionsArgs {
    /// The shell
    pub shell: Shell,
}
