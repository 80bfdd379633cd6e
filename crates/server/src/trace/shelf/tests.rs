use super::*;
use crate::trace::ring::{Direction, Entry};
use crate::trace::search::{Query, search};
use coeur_exchange::flow::{ConnectionId, Flow, ListenerId, ShardId};
use coeur_sip::transport::Transport;
use std::os::unix::fs::PermissionsExt;
use std::time::{SystemTime, UNIX_EPOCH};

const BEGIN_S: u64 = 1_795_000_000;

struct House {
    folder: PathBuf,
    tap: Tap,
    second: u64,
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl House {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("coeur-shelf-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        Self { folder, tap: Tap::new(2, 8 << 20), second: 0 }
    }

    fn shelf(&self, megabytes: u64) -> Shelf {
        let room = Room { bytes: megabytes << 20, age: Duration::from_secs(30 * 86_400), left_free_bytes: 0 };
        Shelf::open(self.folder.clone(), room, self.tap.rings()).unwrap()
    }

    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(BEGIN_S + self.second)
    }

    fn now_us(&self) -> u64 {
        (BEGIN_S + self.second) * 1_000_000
    }

    /// Over a port of its own, a second after the one before.
    fn say(&mut self, direction: Direction, port: u16, message: &str) {
        self.second += 1;
        let flow = Flow {
            transport: Transport::Udp,
            listener: ListenerId(0),
            connection: ConnectionId::NONE,
            remote: ([192, 0, 2, 1], port).into(),
        };
        self.tap.record(ShardId((port % 2) as u8), self.now(), direction, &flow, message.as_bytes());
    }

    fn call(&mut self, name: &str, from: &str, port: u16) {
        self.say(Direction::Received, port, &invite(name, from, ""));
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }
}

fn invite(name: &str, from: &str, more: &str) -> String {
    format!(
        "INVITE sip:bob@d SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: \"A\" <sip:{from}@Example.org>;tag=1\r\n\
         To: <sip:bob@d>\r\nCall-ID: {name}\r\n{more}\r\n"
    )
}

fn names(shelf: &Shelf, what: Option<&str>) -> Vec<String> {
    let query = Query { what: what.map(str::to_owned), last: 100, ..Query::default() };
    search(shelf.find(&query, 100).entries, &query).into_iter().map(|found| found.call_id).collect()
}

#[test]
fn what_was_said_is_found_by_name_account_number_and_address_also_by_the_next_process() {
    let mut house = House::new("found");
    house.call("first@h", "alice", 5060);
    house.call("second@h", "+33123", 5061);
    let mut shelf = house.shelf(64);
    shelf.take(&house.tap, house.now_us());
    house.call("third@h", "alice", 5060);
    shelf.take(&house.tap, house.now_us());
    assert_eq!(shelf.done().messages, 3);
    let check = |shelf: &Shelf| {
        assert_eq!(names(shelf, Some("alice")), ["first@h", "third@h"]);
        assert_eq!(names(shelf, Some("ALICE@example.org")), ["first@h", "third@h"]);
        assert_eq!(names(shelf, Some("+33123")), ["second@h"]);
        assert_eq!(names(shelf, Some("192.0.2.1:5061")), ["second@h"]);
        assert_eq!(names(shelf, Some("192.0.2.1")).len(), 3);
        assert_eq!(names(shelf, Some("thir")), ["third@h"]);
        assert_eq!(names(shelf, None), ["first@h", "second@h", "third@h"]);
        assert_eq!(names(shelf, Some("mallory")), Vec::<String>::new());
    };
    check(&shelf);
    // As after kill -9: nobody has closed anything.
    drop(shelf);
    let mut shelf = house.shelf(64);
    check(&shelf);
    // The rings of the next process begin anew; its numbers go on.
    let fresh = House { folder: PathBuf::new(), tap: Tap::new(2, 8 << 20), second: 9 };
    let mut fresh = std::mem::ManuallyDrop::new(fresh);
    fresh.call("fourth@h", "alice", 5060);
    shelf.take(&fresh.tap, fresh.now_us());
    assert_eq!(names(&shelf, Some("alice")), ["first@h", "third@h", "fourth@h"]);
    for file in house.files() {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
}

#[test]
fn a_torn_or_damaged_record_takes_nothing_else_with_it() {
    let mut house = House::new("torn");
    let mut shelf = house.shelf(64);
    for call in 0..4 {
        house.call(&format!("call-{call}"), "alice", 5060);
    }
    shelf.take(&house.tap, house.now_us());
    drop(shelf);
    let file = house.files()[0].clone();
    let whole = std::fs::read(&file).unwrap();
    for cut in [1, 7, 60, 200] {
        std::fs::write(&file, &whole[..whole.len() - cut]).unwrap();
        let shelf = house.shelf(64);
        assert_eq!(names(&shelf, Some("alice")), ["call-0", "call-1", "call-2"], "cut by {cut}");
        drop(shelf);
        let _ = std::fs::remove_file(file.with_extension("idx"));
    }
    std::fs::write(&file, &whole).unwrap();
    assert_eq!(names(&house.shelf(64), Some("alice")).len(), 4);
    // Closed now, and then damaged in the middle.
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2 - 20;
    damaged[middle] ^= 1;
    std::fs::write(&file, &damaged).unwrap();
    assert_eq!(names(&house.shelf(64), Some("alice")), ["call-0", "call-2", "call-3"]);
}

#[test]
fn the_oldest_go_when_there_is_no_more_room_and_when_they_are_too_old() {
    let mut house = House::new("room");
    let mut shelf = house.shelf(2);
    for call in 0..20_000 {
        house.call(&format!("call-{call:05}"), "alice", 5060);
        if call % 500 == 0 {
            shelf.take(&house.tap, house.now_us());
        }
    }
    shelf.take(&house.tap, house.now_us());
    assert!(shelf.done().bytes > 3 << 20, "{:?}", shelf.done());
    let on_disk: u64 = house.files().iter().map(|file| file.metadata().unwrap().len()).sum();
    assert!(on_disk <= (2 << 20) + (512 << 10) && on_disk > 1 << 20, "{on_disk}");
    assert_eq!((names(&shelf, Some("call-00000")).len(), names(&shelf, Some("call-19999")).len()), (0, 1));
    assert_eq!(shelf.done().lost, 0);
    shelf.take(&house.tap, house.now_us() + 31 * 86_400 * 1_000_000);
    assert_eq!((shelf.bytes(), house.files().len()), (0, 0));
}

/// Of a hundred segments a search reads what it needs.
#[test]
fn a_search_reads_indexes_and_what_it_finds_and_little_else() {
    let mut house = House::new("driven");
    let mut shelf = house.shelf(16);
    let filler = format!("Subject: {}\r\n", "x".repeat(900));
    for call in 0..10_000 {
        let from = if call % 5_000 == 17 { "rare".to_owned() } else { format!("user{}", call % 400) };
        house.say(Direction::Received, 5060, &invite(&format!("{call}-call"), &from, &filler));
        if call % 500 == 0 {
            shelf.take(&house.tap, house.now_us());
        }
    }
    shelf.take(&house.tap, house.now_us());
    assert!(house.files().len() > 60, "{}", house.files().len());
    let all = shelf.bytes();
    let look = |what: &str| {
        let query = Query { what: Some(what.to_owned()), last: 10, ..Query::default() };
        shelf.find(&query, 10)
    };
    let rare = look("rare");
    assert_eq!((rare.entries.len(), rare.is_all), (2, true));
    // Most of it are halvings of sixty indexes, which a longer segment does not make longer.
    assert!(rare.bytes_read < all / 50, "{} of {all} bytes", rare.bytes_read);
    let nobody = look("nobody");
    assert!(
        nobody.entries.is_empty() && nobody.bytes_read < all / 50,
        "{} of {all} bytes",
        nobody.bytes_read
    );
    // Ten of many: not all segments are asked.
    let many = look("user7");
    assert_eq!((many.entries.len(), many.is_all), (10, false));
    assert!(many.bytes_read < all / 50, "{} of {all} bytes", many.bytes_read);
}

/// RFC 7989; legs that are in different segments, and one that says what we have not said.
#[test]
fn the_legs_of_a_call_are_found_together_wherever_they_are() {
    let mut house = House::new("legs");
    let (a, b) = ("ab30317f1a784dc48ff824d0d3715d86", "47755a9de7794ba387653f2099600ef2");
    house.say(Direction::Received, 5060, &invite("leg-of-alice", "alice", ""));
    house.say(
        Direction::Sent,
        5060,
        &invite("leg-of-alice", "alice", &format!("Session-ID: {b};remote={a}\r\n")),
    );
    let mut shelf = house.shelf(64);
    shelf.take(&house.tap, house.now_us());
    shelf.close().unwrap();
    house.say(
        Direction::Sent,
        5070,
        &invite("leg-of-bob", "carol", &format!("Session-ID: {a};remote={b}\r\n")),
    );
    house.say(
        Direction::Received,
        5080,
        &invite("of-mallory", "mallory", &format!("Session-ID: {a};remote={b}\r\n")),
    );
    shelf.take(&house.tap, house.now_us());
    let query = Query { what: Some("leg-of-bob".to_owned()), last: 1, ..Query::default() };
    let found = search(shelf.find(&query, 1).entries, &query);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].names, [b"leg-of-alice".to_vec(), b"leg-of-bob".to_vec()]);
    assert_eq!(found[0].entries.len(), 3);
}

/// The clock of a shard counts milliseconds, and legs are read one after the other.
#[test]
fn messages_of_one_time_are_found_in_the_order_in_which_they_were_said() {
    let mut house = House::new("order");
    let session = "Session-ID: ab30317f1a784dc48ff824d0d3715d86;remote=47755a9de7794ba387653f2099600ef2\r\n";
    let mut shelf = house.shelf(64);
    for turn in 0..6 {
        let leg = if turn % 2 == 0 { "z-leg-of-alice" } else { "a-leg-of-bob" };
        house.second = 0;
        house.say(Direction::Sent, 5060, &invite(leg, &format!("turn{turn}"), session));
    }
    shelf.take(&house.tap, house.now_us());
    let query = Query { what: Some("z-leg-of-alice".to_owned()), last: 1, ..Query::default() };
    let found = search(shelf.find(&query, 1).entries, &query);
    let turns: Vec<bool> = (0..6)
        .map(|turn| {
            let text = String::from_utf8_lossy(&found[0].entries[turn].bytes).into_owned();
            text.contains(&format!("turn{turn}@"))
        })
        .collect();
    assert_eq!((&*found[0].call_id, turns), ("z-leg-of-alice", vec![true; 6]));
}

#[test]
fn a_disk_that_takes_nothing_is_told_once_and_catches_up_with_what_the_ring_still_has() {
    let mut house = House::new("full");
    let mut shelf = house.shelf(64);
    // In place of the folder stands a file: nothing can be made in it.
    std::fs::remove_dir_all(&house.folder).unwrap();
    std::fs::write(&house.folder, b"").unwrap();
    house.call("early", "alice", 5060);
    for _ in 0..3 {
        shelf.take(&house.tap, house.now_us());
    }
    assert_eq!((shelf.done().failures, shelf.done().messages), (3, 0));
    assert!(shelf.has_failed);
    assert_eq!(house.tap.entries_behind(shelf.cursors()).len(), 1);
    std::fs::remove_file(&house.folder).unwrap();
    std::fs::create_dir(&house.folder).unwrap();
    shelf.take(&house.tap, house.now_us());
    assert_eq!(
        (names(&shelf, Some("alice")), shelf.has_failed, shelf.done().lost),
        (vec!["early".to_owned()], false, 0)
    );
}

#[test]
fn a_message_that_cannot_be_written_is_in_the_index_once_when_it_is_however_often_it_was_tried() {
    let mut house = House::new("again");
    let mut shelf = house.shelf(64);
    house.call("first", "alice", 5060);
    shelf.take(&house.tap, house.now_us());
    let path = house.files()[0].clone();
    let places = |shelf: &Shelf| -> usize {
        let index = &shelf.open.as_ref().unwrap().index;
        index.parts(None).iter().map(|part| index.offsets(&part.name).len()).sum()
    };
    // It takes nothing, as a disk that is full.
    shelf.open.as_mut().unwrap().file = File::options().write(true).open("/dev/full").unwrap();
    house.call("first", "alice", 5060);
    house.call("second", "alice", 5060);
    for _ in 0..9 {
        shelf.take(&house.tap, house.now_us());
        assert_eq!(places(&shelf), 1);
    }
    assert_eq!(shelf.done().failures, 9);
    shelf.open.as_mut().unwrap().file = File::options().append(true).open(path).unwrap();
    shelf.take(&house.tap, house.now_us());
    assert_eq!(
        (places(&shelf), names(&shelf, Some("alice"))),
        (3, vec!["first".to_owned(), "second".to_owned()])
    );
}

#[test]
fn before_a_disk_is_full_old_messages_go_and_then_none_are_written() {
    let mut house = House::new("reserve");
    let mut shelf = house.shelf(64);
    house.call("old", "alice", 5060);
    shelf.take(&house.tap, house.now_us());
    shelf.close().unwrap();
    // More than any disk has.
    shelf.room.left_free_bytes = u64::MAX;
    house.call("new", "alice", 5060);
    shelf.take(&house.tap, house.now_us());
    assert_eq!((names(&shelf, Some("alice")), house.files().len(), shelf.done().failures), (vec![], 0, 1));
    shelf.room.left_free_bytes = 0;
    shelf.take(&house.tap, house.now_us());
    assert_eq!(names(&shelf, Some("alice")), ["new"]);
}

#[test]
fn no_secret_is_in_any_file() {
    let mut house = House::new("secret");
    let mut shelf = house.shelf(64);
    let more = "Authorization: Digest username=\"alice\", response=\"s3cr3t\"\r\n";
    house.say(Direction::Received, 5060, &invite("one", "alice:s3cr3t", more));
    house.say(Direction::Received, 5060, "MESSAGE sip:b@d SIP/2.0\r\nCall-ID: two\r\n\r\ns3cr3t");
    shelf.take(&house.tap, house.now_us());
    shelf.close().unwrap();
    let files = house.files();
    assert_eq!(files.len(), 2);
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(6).any(|window| window == b"s3cr3t"), "{file:?}");
    }
    let entries: Vec<Entry> = shelf.find(&Query { last: 9, ..Query::default() }, 9).entries;
    assert!(entries[1].bytes.ends_with(b"\r\n\r\n(6 bytes of text hidden)"));
}
