//! Answers that wait for the journal.

use crate::harness::*;
use coeur::net::limits::Limits;
use coeur::shard::{Journal, NotSaved, Outcome};
use coeur_exchange::flow::ShardId;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
/// Says what the test tells it to say.
#[derive(Default)]
struct Told {
    appended: AtomicU64,
    durable: AtomicU64,
    failed: AtomicU64,
}

impl Journal for Told {
    fn append(&self, _shard: ShardId, _record: &[u8]) -> Result<u64, NotSaved> {
        Ok(self.appended.fetch_add(1, Ordering::SeqCst) + 1)
    }

    fn outcome(&self, append: u64) -> Outcome {
        match append {
            _ if append <= self.durable.load(Ordering::SeqCst) => Outcome::Durable,
            _ if append <= self.failed.load(Ordering::SeqCst) => Outcome::Failed,
            _ => Outcome::Pending,
        }
    }
}

#[test]
fn an_answer_waits_for_its_save_and_is_replaced_when_that_fails() {
    let journal = Arc::new(Told::default());
    let server = Server::start(1, Limits::default(), journal.clone());
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server.addresses[0]).unwrap();
    socket.send(&request("REGISTER", "sip:save", 1)).unwrap();
    socket.send(&request("REGISTER", "sip:save", 2)).unwrap();
    server.wait_for("held", 2);
    socket.set_nonblocking(true).unwrap();
    let mut buffer = [0; 2_048];
    assert!(socket.recv(&mut buffer).is_err(), "nothing leaves before the journal has it");
    socket.set_nonblocking(false).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let inbox = server.shards.as_ref().unwrap().inboxes[0].clone();
    journal.durable.store(1, Ordering::SeqCst);
    inbox.durable();
    let length = socket.recv(&mut buffer).unwrap();
    assert!(buffer[..length].starts_with(b"SIP/2.0 200"));
    journal.failed.store(2, Ordering::SeqCst);
    inbox.durable();
    let length = socket.recv(&mut buffer).unwrap();
    assert!(buffer[..length].starts_with(b"SIP/2.0 503"));
}
