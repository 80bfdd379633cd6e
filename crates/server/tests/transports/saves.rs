//! Answers that wait for the journal.

use crate::harness::*;
use coeur::net::limits::Limits;
use coeur::shard::{Journal, NotSaved, Outcome};
use coeur_exchange::flow::ShardId;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Says what the test tells it to say.
#[derive(Default)]
struct Told {
    appended: AtomicU64,
    durable: AtomicU64,
    failed: AtomicU64,
    closed: AtomicBool,
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

    fn is_open(&self) -> bool {
        !self.closed.load(Ordering::SeqCst)
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
    journal.closed.store(true, Ordering::SeqCst);
    journal.failed.store(2, Ordering::SeqCst);
    inbox.durable();
    let length = socket.recv(&mut buffer).unwrap();
    assert!(buffer[..length].starts_with(b"SIP/2.0 503"));
}

/// What a shard remembers of a REGISTER is said again after the disk has failed and works again: a snapshot holds it then
/// (decision 0010), though the last append of this shard is the one that failed.
#[test]
fn what_is_remembered_waits_for_no_append_that_failed_before_the_journal_was_open_again() {
    let journal = Arc::new(Told::default());
    let server = Server::start(1, Limits::default(), journal.clone());
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server.addresses[0]).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let answer = |uri: &str, number: u32| {
        socket.send(&request("REGISTER", uri, number)).unwrap();
        let mut buffer = [0; 2_048];
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[8..length.min(11)]).into_owned()
    };
    journal.failed.store(1, Ordering::SeqCst);
    journal.closed.store(true, Ordering::SeqCst);
    assert_eq!([answer("sip:save", 1), answer("sip:saved", 2)], ["503", "503"]);
    journal.closed.store(false, Ordering::SeqCst);
    assert_eq!(answer("sip:saved", 3), "200");
}
