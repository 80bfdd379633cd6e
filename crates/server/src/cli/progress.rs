//! A bar for long work, on a terminal only.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

pub struct Progress {
    total: usize,
    shown: Option<Instant>,
    started: Instant,
    on: bool,
}

const EVERY: Duration = Duration::from_millis(100);
const WIDTH: usize = 30;

impl Progress {
    /// Written to standard error, so that standard output stays a result.
    pub fn new(total: usize) -> Self {
        Self { total, shown: None, started: Instant::now(), on: std::io::stderr().is_terminal() }
    }

    pub fn at(&mut self, done: usize) {
        let now = Instant::now();
        if !self.on || self.shown.is_some_and(|shown| now - shown < EVERY && done < self.total) {
            return;
        }
        self.shown = Some(now);
        let rate = done as f64 / (now - self.started).as_secs_f64().max(0.001);
        let _ = write!(std::io::stderr(), "\r{} {done}/{} {rate:.0}/s ", bar(done, self.total), self.total);
    }

    pub fn end(&mut self) {
        if self.on && self.shown.is_some() {
            let _ = writeln!(std::io::stderr());
        }
    }
}

fn bar(done: usize, total: usize) -> String {
    let full = (done * WIDTH).checked_div(total).unwrap_or(WIDTH).min(WIDTH);
    format!("[{}{}]", "#".repeat(full), ".".repeat(WIDTH - full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills() {
        assert_eq!(bar(0, 10), format!("[{}]", ".".repeat(30)));
        assert_eq!(bar(5, 10), format!("[{}{}]", "#".repeat(15), ".".repeat(15)));
        assert_eq!(bar(0, 0), format!("[{}]", "#".repeat(30)));
    }
}
