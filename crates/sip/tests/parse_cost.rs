//! What a message costs: no allocation once buffers are warm.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::net::SocketAddr;

use coeur_sip::{HeaderName, HeaderTable, Limits, StatusCode, Uri, parse, respond};

/// Counts the allocations of the thread that asks.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system allocator unchanged; counting touches a thread-local cell only.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.with(Cell::get);
    work();
    ALLOCATIONS.with(Cell::get) - before
}

/// An INVITE of 1,350 bytes as a phone behind a proxy sends it.
fn invite() -> Vec<u8> {
    let mut bytes = b"INVITE sip:bob@biloxi.example.com;transport=udp SIP/2.0\r\n\
        Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-524287-1---a1b2c3d4e5f6;rport\r\n\
        Via: SIP/2.0/UDP 10.1.2.3:5060;received=198.51.100.7;branch=z9hG4bK776asdhds;rport=31337\r\n\
        Max-Forwards: 69\r\n\
        Record-Route: <sip:192.0.2.10;lr;ftag=a73kszlfl>\r\n\
        Contact: \"Alice\" <sip:alice@10.1.2.3:5060;transport=udp;ob>;+sip.instance=\"<urn:uuid:0001>\"\r\n\
        To: \"Bob\" <sip:bob@biloxi.example.com>\r\n\
        From: \"Alice Liddell\" <sip:alice@atlanta.example.com>;tag=a73kszlfl\r\n\
        Call-ID: 3848276298220188511@atlanta.example.com\r\n\
        CSeq: 2 INVITE\r\n\
        Allow: INVITE, ACK, CANCEL, BYE, NOTIFY, REFER, MESSAGE, OPTIONS, INFO, SUBSCRIBE, UPDATE, PRACK\r\n\
        Supported: replaces, 100rel, timer, norefersub, gruu, path, outbound\r\n\
        Session-Expires: 1800;refresher=uac\r\n\
        Min-SE: 90\r\n\
        User-Agent: Deskphone 9.1.2\r\n\
        Content-Type: application/sdp\r\n\
        Content-Length: "
        .to_vec();
    let body_length = 1350 - bytes.len() - "NNN\r\n\r\n".len();
    bytes.extend_from_slice(format!("{body_length}\r\n\r\n").as_bytes());
    bytes.resize(1350, b'a');
    bytes
}

/// What a proxy asks of a request before it acts, and its answer.
fn handle(bytes: &[u8], table: &mut HeaderTable, limits: &Limits, source: SocketAddr, out: &mut Vec<u8>) {
    out.clear();
    let message = parse(bytes, table, limits).unwrap();
    let essentials = message.essentials().unwrap();
    assert!(essentials.via.has_magic_cookie());
    assert!(matches!(message.parse_request_uri(), Ok(Uri::Sip(_))));
    assert_eq!(message.vias().map(Result::unwrap).count(), 2);
    assert_eq!(message.max_forwards(), Ok(Some(69)));
    assert!(message.supports("outbound"));
    assert_eq!(message.session_expires().unwrap().unwrap().interval, 1800);
    assert!(message.contact().unwrap().unwrap().params.has("+sip.instance"));
    assert_eq!(message.header_named(b"X-Absent"), None);
    let mut answer = respond(&message, StatusCode::OK, None, Some(b"our-tag"), source, out);
    answer.header(HeaderName::Contact, b"<sip:192.0.2.1>").header(HeaderName::Server, b"Coeur");
    answer.end(b"v=0\r\n");
}

#[test]
fn a_warm_parse_with_typed_access_and_answer_allocates_nothing() {
    let (bytes, limits) = (invite(), Limits::default());
    assert_eq!(bytes.len(), 1350);
    let source: SocketAddr = "198.51.100.9:5062".parse().unwrap();
    let source_v6: SocketAddr = "[2001:db8::9]:5062".parse().unwrap();
    let mut table = HeaderTable::new();
    let mut out = Vec::with_capacity(4096);
    handle(&bytes, &mut table, &limits, source, &mut out);
    let count = allocations(|| {
        for _ in 0..10 {
            handle(&bytes, &mut table, &limits, source, &mut out);
            handle(&bytes, &mut table, &limits, source_v6, &mut out);
        }
    });
    assert_eq!(count, 0);
    assert!(out.starts_with(b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.10:5060;"));
}

#[test]
fn a_refused_message_allocates_nothing() {
    let bytes = invite();
    let cut = &bytes[..700];
    let mut table = HeaderTable::new();
    let count = allocations(|| assert!(parse(cut, &mut table, &Limits::default()).is_err()));
    assert_eq!(count, 0);
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(black_box(Box::new(7)))), 1);
}

/// Prints what each step takes; run with `--release -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement, not a check"]
fn time_of_each_step() {
    let (bytes, limits) = (invite(), Limits::default());
    let source: SocketAddr = "198.51.100.9:5062".parse().unwrap();
    let mut table = HeaderTable::new();
    let mut out = Vec::with_capacity(4096);
    time("parse", || parse(black_box(&bytes), &mut table, &limits).is_ok());
    let message = parse(&bytes, &mut table, &limits).unwrap();
    let message = black_box(&message);
    time("via", || message.via().is_ok());
    time("from", || message.from().is_ok());
    time("essentials", || message.essentials().is_ok());
    time("request URI", || message.parse_request_uri().is_ok());
    time("contact", || message.contact().is_ok());
    time("supports", || message.supports("outbound"));
    time("respond", || {
        out.clear();
        let answer = respond(message, StatusCode::OK, None, Some(b"our-tag"), source, &mut out);
        answer.end(b"").len()
    });
    let mut table = HeaderTable::new();
    time("all of a proxy", || handle(black_box(&bytes), &mut table, &limits, source, &mut out));
}

fn time<T>(what: &str, mut work: impl FnMut() -> T) {
    let rounds: u32 = 300_000;
    let begun = std::time::Instant::now();
    for _ in 0..rounds {
        black_box(work());
    }
    println!("{what}: {:?}", begun.elapsed() / rounds);
}
