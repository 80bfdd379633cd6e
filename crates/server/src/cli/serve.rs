//! `coeur serve`.

use super::exit::Failure;
use super::grammar::Serve;

pub fn run(_arguments: Serve) -> Result<(), Failure> {
    Err(Failure::failed("not yet"))
}
