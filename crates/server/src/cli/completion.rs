//! `coeur completion bash`.

use super::exit::Failure;
use super::grammar::{Cli, Completion};
use clap::CommandFactory;

pub fn run(arguments: Completion) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "coeur", &mut script);
    super::terminal::print(&String::from_utf8_lossy(&script));
    Ok(())
}
