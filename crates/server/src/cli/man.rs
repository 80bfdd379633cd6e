//! `coeur man DIR`: a page for each command, as `man coeur-account-add` shows it.

use super::exit::Failure;
use super::grammar::{Cli, Man};
use super::terminal::print;
use super::words::Word;
use clap::CommandFactory;

pub fn run(arguments: &Man) -> Result<(), Failure> {
    let folder = &arguments.folder;
    let failed = |why: std::io::Error| Failure::failed(format!("{}: {why}", folder.display()));
    std::fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), folder).map_err(failed)?;
    print(&format!("{}\n", Word::ManWritten.with(&[&folder.display().to_string()])));
    Ok(())
}
