//! Threads that must not end before the server does. One that panics takes its part of the work with it: a shard its
//! phones, the journal every registration. Nothing can be mended from inside, and everything that was promised is on
//! disk, so the server says so at once, is no longer ready, stops and ends with an error, for its supervisor to start it
//! again.

use crate::shard::panic_text;
use parking_lot::Mutex;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tokio::sync::Notify;

#[derive(Default)]
pub struct Deaths {
    /// The first, in words. Others may follow from it.
    first: Mutex<Option<String>>,
    said: Notify,
}

impl Deaths {
    pub fn report(&self, thread: &str, why: &str) {
        tracing::error!(
            thread,
            why,
            "a thread of the server has ended: the server stops and must be started again"
        );
        self.first.lock().get_or_insert_with(|| format!("{thread} has ended: {why}"));
        self.said.notify_one();
    }

    pub fn first(&self) -> Option<String> {
        self.first.lock().clone()
    }

    /// Until somebody has died: one waits.
    pub async fn wait(&self) -> String {
        loop {
            if let Some(first) = self.first() {
                return first;
            }
            self.said.notified().await;
        }
    }

    /// Starts a thread whose panic is reported.
    pub fn spawn(
        self: &Arc<Self>,
        name: &'static str,
        body: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<()> {
        let deaths = self.clone();
        let guarded = move || {
            // What the body shares has locks of its own, and the process ends.
            if let Err(panic) = catch_unwind(AssertUnwindSafe(body)) {
                deaths.report(name, panic_text(&*panic));
            }
        };
        std::thread::Builder::new().name(name.to_owned()).spawn(guarded).map(drop)
    }

    /// Starts a task whose panic is reported.
    pub fn spawn_task(
        self: &Arc<Self>,
        runtime: &tokio::runtime::Handle,
        name: &'static str,
        body: impl Future<Output = ()> + Send + 'static,
    ) {
        let (deaths, task) = (self.clone(), runtime.spawn(body));
        runtime.spawn(async move {
            if let Err(why) = task.await
                && why.is_panic()
            {
                deaths.report(name, panic_text(&*why.into_panic()));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime")
    }

    #[test]
    fn a_thread_and_a_task_that_panic_are_reported_and_one_that_ends_is_not() {
        let runtime = runtime();
        let quiet = Arc::new(Deaths::default());
        let (done, ended) = std::sync::mpsc::channel();
        let told = done.clone();
        quiet.spawn("at rest", move || told.send(()).expect("somebody listens")).expect("a thread");
        quiet.spawn_task(
            runtime.handle(),
            "at rest",
            async move { done.send(()).expect("somebody listens") },
        );
        assert_eq!((ended.recv(), ended.recv()), (Ok(()), Ok(())));
        assert_eq!(quiet.first(), None);
        let deaths = Arc::new(Deaths::default());
        deaths.spawn("coeur-upkeep", || panic!("at line {}", 7)).expect("a thread");
        assert_eq!(runtime.block_on(deaths.wait()), "coeur-upkeep has ended: at line 7");
        let deaths = Arc::new(Deaths::default());
        deaths.spawn_task(runtime.handle(), "the door", async { panic!("no hinge") });
        assert_eq!(runtime.block_on(deaths.wait()), "the door has ended: no hinge");
    }
}
