//! One message on its way from the ring of a shard to the disk: what is secret is hidden, whose it is is noted, and it is written.
//! The shard itself makes one copy, which is not counted here.

use coeur::trace::shelf::{Room, Shelf};
use coeur::trace::{Direction, Tap};
use coeur_exchange::flow::{ConnectionId, Flow, ListenerId, ShardId};
use coeur_sip::Transport;
use std::time::{Duration, SystemTime};

/// Of a call over two legs: two have credentials, five a description.
const MESSAGES_OF_CALL: usize = 20;
const RING_BYTES: usize = 32_000_000;

/// Messages of calls, in the folder of temporary files.
pub(super) fn run(count: usize) {
    let folder = std::env::temp_dir().join(format!("coeur-bench-trace-{}", std::process::id()));
    let room = Room { bytes: 1 << 30, age: Duration::from_secs(86_400), left_free_bytes: 0 };
    let mut shelf = match Shelf::open(folder.clone(), room, 1) {
        Ok(shelf) => shelf,
        Err(why) => {
            eprintln!("{}: {why}", folder.display());
            std::process::exit(2);
        }
    };
    let tap = Tap::new(1, RING_BYTES);
    say(&tap, 0..count);
    warm(&mut shelf, &tap);
    say(&tap, count..2 * count);
    serve(&mut shelf, &tap);
    let _ = std::fs::remove_dir_all(folder);
}

/// What callgrind counts.
#[inline(never)]
fn serve(shelf: &mut Shelf, tap: &Tap) {
    // Keeps the compiler from making one function of this and `warm`.
    std::hint::black_box(0);
    shelf.take(tap, 0);
}

/// The same, not counted.
#[inline(never)]
fn warm(shelf: &mut Shelf, tap: &Tap) {
    shelf.take(tap, 0);
}

fn say(tap: &Tap, numbers: std::ops::Range<usize>) {
    let flow = Flow {
        transport: Transport::Udp,
        listener: ListenerId(0),
        connection: ConnectionId::NONE,
        remote: ([192, 0, 2, 1], 5060).into(),
    };
    for number in numbers {
        let message = message(number / MESSAGES_OF_CALL, number % MESSAGES_OF_CALL);
        tap.record(ShardId(0), SystemTime::now(), Direction::Sent, &flow, message.as_bytes());
    }
}

const AUTHORIZATION: &str = "Authorization: Digest username=\"alice\", realm=\"example.org\", nonce=\"abcdefghijklmnopqrstuvwxyz\", \
    uri=\"sip:bob@example.org\", response=\"0123456789abcdef0123456789abcdef\", algorithm=MD5, cnonce=\"0a4f113b\", qop=auth, \
    nc=00000001\r\n";

fn message(call: usize, place: usize) -> String {
    let (first, credentials, body) = match place {
        1 | 16 => ("INVITE sip:bob@example.org SIP/2.0", AUTHORIZATION, ""),
        0 | 3 | 6 | 7 | 8 => ("SIP/2.0 200 OK", "", super::OFFER),
        _ => ("SIP/2.0 180 Ringing", "", ""),
    };
    let user = call % 500;
    format!(
        "{first}\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK74bf9{call};rport\r\nMax-Forwards: 70\r\n\
         From: \"Alice\" <sip:alice{user}@example.org>;tag=9fxced76sl\r\nTo: <sip:bob{user}@example.org>;tag=314159\r\n\
         Call-ID: 3848276298220188511@{call}.example.org\r\nCSeq: 2 INVITE\r\nContact: <sip:alice@192.0.2.1:5060;ob>\r\n\
         User-Agent: Phone/1.2.3\r\nAllow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, MESSAGE, SUBSCRIBE, INFO\r\n\
         Supported: replaces, outbound, path\r\n\
         Session-ID: ab30317f1a784dc48ff824d0d3715d86;remote=47755a9de7794ba387653f2099600ef2\r\n{credentials}\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}
