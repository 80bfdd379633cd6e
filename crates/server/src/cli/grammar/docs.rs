//! The words of `coeur docs`.

use super::people::Tongue;
use clap::Args;

#[derive(Args, Debug)]
#[command(after_help = "\
The same pages, for a browser, are at `/docs` of the listener `web`.

Examples:
  coeur docs                      which pages there are
  coeur docs network              one of them, as Markdown
  coeur docs admin/settings --language fr | less")]
pub struct Docs {
    /// Its name, or the last part of it; all names when absent
    pub page: Option<String>,
    /// In which it is written; that of this command when absent
    #[arg(long, value_enum)]
    pub language: Option<Tongue>,
}
