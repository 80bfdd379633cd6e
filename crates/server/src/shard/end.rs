//! How the thread of a shard ends: because it was stopped, or by itself, of which somebody must hear.

use super::{Handler, Shard};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs a shard to its end, and tells of an end that nobody asked for: its thread, and why. Its sockets are closed by
/// then, so that the other shards get what comes for it.
pub(super) fn live<H: Handler>(mut shard: Shard<H>, name: &str, died: &super::Died) {
    // What the shard shares has locks of its own, and whoever hears of its end ends the process.
    match catch_unwind(AssertUnwindSafe(move || shard.run())) {
        Ok(Ok(())) => {}
        Ok(Err(why)) => died(name, &why.to_string()),
        Err(panic) => died(name, panic_text(&*panic)),
    }
}

/// What a panic said.
pub fn panic_text(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (None, Some(text)) => text,
        (None, None) => "panic",
    }
}
