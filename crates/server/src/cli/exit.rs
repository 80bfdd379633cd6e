//! How a command ends. The numbers are part of the interface; scripts rely on them.

use std::process::ExitCode;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Done = 0,
    /// What was asked for did not work.
    Failed = 1,
    /// The command line or a settings file is wrong.
    Usage = 2,
    /// What was named does not exist.
    NotFound = 3,
    /// No server answers, or the data directory cannot be opened.
    Unreachable = 4,
    /// What was to be made exists already.
    Exists = 5,
    /// What is there now does not allow it; later it may.
    NotNow = 6,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// Why a command failed, and what to do: one or more whole sentences. An empty text has been said already.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    pub exit: Exit,
    pub text: String,
}

impl Failure {
    pub fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self { exit, text: text.into() }
    }

    pub fn failed(text: impl Into<String>) -> Self {
        Self::new(Exit::Failed, text)
    }

    /// The report was printed already.
    pub fn said(exit: Exit) -> Self {
        Self::new(exit, "")
    }
}

impl From<std::io::Error> for Failure {
    fn from(why: std::io::Error) -> Self {
        Failure::failed(why.to_string())
    }
}
