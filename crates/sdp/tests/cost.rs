//! What a description costs: allocations, and work that grows with its size and not with its square.

use coeur_sdp::{
    ATTRIBUTES_MAX, BYTES_MAX, FORMATS_MAX, LINES_MAX, SdpErrorKind, SessionDescription, Summary, parse,
};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Counts the allocations of the thread that asks, and their bytes.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    static BYTES: Cell<usize> = const { Cell::new(0) };
}

fn count(bytes: usize) {
    ALLOCATIONS.with(|count| count.set(count.get() + 1));
    BYTES.with(|count| count.set(count.get() + bytes));
}

// SAFETY: every call goes to the system allocator unchanged; counting touches thread-local cells only.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// (allocations, bytes) of `work`.
fn cost(work: impl FnOnce()) -> (usize, usize) {
    let before = (ALLOCATIONS.with(Cell::get), BYTES.with(Cell::get));
    work();
    (ALLOCATIONS.with(Cell::get) - before.0, BYTES.with(Cell::get) - before.1)
}

#[test]
fn ten_thousand_attributes_are_refused_at_the_first_too_many() {
    let text = [&b"v=0\r\nm=audio 1 RTP/AVP 0\r\n"[..], &b"a=x\r\n".repeat(10_000)].concat();
    assert!(text.len() < BYTES_MAX);
    let (allocations, bytes) = cost(|| {
        let error = parse(&text).expect_err("too many");
        assert_eq!((error.kind, error.line), (SdpErrorKind::TooLarge, ATTRIBUTES_MAX + 3));
    });
    // Two vectors that double until the limit.
    assert!(
        allocations <= 24 && bytes <= 4 * 24 * ATTRIBUTES_MAX,
        "{allocations} allocations of {bytes} bytes"
    );
}

#[test]
fn a_text_beyond_the_limit_is_refused_unread() {
    let text = vec![b'\n'; 100 * BYTES_MAX];
    assert_eq!(cost(|| assert!(parse(&text).is_err())), (0, 0));
}

/// As many payload types as may be, each looked up among as many attributes as may be: the attributes are looked at once.
/// Were they looked at for each, 256 times 1,024 comparisons would be made; here each payload type is given once.
#[test]
fn codecs_are_found_without_an_allocation_and_each_once() {
    let formats: String = (0..FORMATS_MAX).map(|format| format!(" {}", format % 128)).collect();
    let maps: String = (0..ATTRIBUTES_MAX).map(|n| format!("a=rtpmap:{} x{n}/8000\r\n", n % 128)).collect();
    let text = format!("v=0\r\nm=audio 1 RTP/AVP{formats}\r\n{maps}");
    let description = parse(text.as_bytes()).expect("a description");
    let counted = cost(|| assert_eq!(description.media[0].codecs().count(), 128));
    assert_eq!(counted, (0, 0));
}

/// Twice the attributes cost at most twice, whichever attribute it is.
#[test]
fn a_summary_costs_what_its_attributes_are_and_not_their_square() {
    for attribute in [
        "candidate:1 1 UDP 2130706431 192.0.2.1 4000 typ host",
        "crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz",
        "fingerprint:sha-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB",
        "rtpmap:0 PCMU/8000",
        "mid:0",
        "group:BUNDLE 0",
    ] {
        let with = |times: usize| {
            let head = "v=0\r\nc=IN IP4 192.0.2.1\r\na=group:BUNDLE 0\r\nm=audio 1 RTP/SAVP 0\r\na=mid:0\r\n\
                a=ice-ufrag:8hhY\r\na=ice-pwd:asd88fgpdd777uzjYhagZg\r\n";
            let text = format!("{head}{}", format!("a={attribute}\r\n").repeat(times));
            let description = parse(text.as_bytes()).expect("a description");
            cost(|| drop(Summary::of(&description).expect("a summary")))
        };
        let (half, whole) = (with(300), with(600));
        assert!(
            whole.0 <= 2 * half.0 + 8 && whole.1 <= 2 * half.1 + 4_096,
            "{attribute}: {half:?} {whole:?}"
        );
    }
}

#[test]
fn many_streams_cost_what_they_are_and_not_their_square() {
    let with = |streams: usize| {
        let mids: String = (0..streams).map(|n| format!(" {n}")).collect();
        let media: String = (0..streams).map(|n| format!("m=audio 1 RTP/AVP 0\r\na=mid:{n}\r\n")).collect();
        let text = format!("v=0\r\nc=IN IP4 192.0.2.1\r\na=group:BUNDLE{mids}\r\n{media}");
        let description = parse(text.as_bytes()).expect("a description");
        cost(|| drop(Summary::of(&description).expect("a summary")))
    };
    let (half, whole) = (with(32), with(64));
    assert!(whole.0 <= 2 * half.0 + 8 && whole.1 <= 2 * half.1 + 4_096, "{half:?} {whole:?}");
}

#[test]
fn the_owned_form_is_one_allocation_for_each_line() {
    let text = [&b"v=0\r\n"[..], &b"z=x\r\n".repeat(LINES_MAX - 1)].concat();
    let description = parse(&text).expect("a description");
    let (allocations, _) = cost(|| drop(SessionDescription::from(&description)));
    assert!(allocations <= LINES_MAX + 1, "{allocations}");
}

#[test]
fn the_counter_counts() {
    assert_eq!(cost(|| drop(std::hint::black_box(Box::new([0u8; 7])))), (1, 7));
}
