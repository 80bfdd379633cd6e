//! What the terminal can do, and safe text for it.

use std::io::IsTerminal;

pub use crate::trace::escape::line as safe;

/// Colours only on a terminal, and not when the user asked for none (no-color.org).
pub fn colours() -> bool {
    std::io::stdout().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Whether line drawing and half blocks can be shown.
pub fn unicode() -> bool {
    ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        .is_none_or(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf") || !std::io::stdout().is_terminal()
        })
}

pub fn bold(text: &str) -> String {
    paint(text, "1")
}

pub fn green(text: &str) -> String {
    paint(text, "32")
}

pub fn yellow(text: &str) -> String {
    paint(text, "33")
}

pub fn red(text: &str) -> String {
    paint(text, "31")
}

fn paint(text: &str, code: &str) -> String {
    if colours() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

/// Prints to standard output. A reader that has gone (`| head`) ends the program quietly, as other tools do; a disk that
/// is full ends it too, and is said.
pub fn print(text: &str) {
    match try_print(text) {
        Ok(()) => {}
        Err(why) if why.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(why) => {
            eprintln!("coeur: standard output: {why}");
            std::process::exit(1);
        }
    }
}

/// For what must not be lost unseen.
pub fn try_print(text: &str) -> std::io::Result<()> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush())
}

/// The first line of standard input: a secret is never an argument, where other users could read it.
pub fn secret_from_stdin() -> Result<String, super::exit::Failure> {
    use super::exit::{Exit, Failure};
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let secret = line.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err(Failure::new(Exit::Usage, "no secret on standard input; give it on one line"));
    }
    Ok(secret.to_owned())
}
