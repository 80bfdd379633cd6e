//! What a relayed packet costs: no allocation, protected or not, passed on or dropped.

use coeur_media::packet::{Packet, SLOT_BYTES};
use coeur_media::relay::{Agreed, Expected, KeyChange, Ports, Relay, StreamKey, TransportKey, Verdict};
use coeur_media::srtp::{Inbound, MasterKey, Outbound, Suite};
use coeur_sip::time::Monotonic;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::net::SocketAddr;

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

#[test]
fn a_relayed_packet_allocates_nothing() {
    for suites in [
        [None, None],
        [None, Some(Suite::AesCm128HmacSha1_80)],
        [Some(Suite::AeadAes256Gcm), Some(Suite::AesCm256HmacSha1_80)],
    ] {
        let mut call = Call::new(suites);
        // The first packets may: their SSRC is entered.
        call.talk(0..10);
        assert_eq!(allocations(|| call.talk(10..1_010)), 0, "{suites:?}");
    }
}

#[test]
fn a_dropped_packet_allocates_nothing() {
    let mut call = Call::new([None, Some(Suite::AesCm128HmacSha1_80)]);
    // Sent in the clear, where only what is protected counts.
    call.protect = [None, None];
    let stranger = "203.0.113.9:9".parse().unwrap();
    // Who keeps the relay takes what it tells, once in a turn.
    let mut strayed = Vec::with_capacity(4);
    let count = allocations(|| {
        for sequence in 0..1_000 {
            for side in 0..2 {
                let (verdict, _) = call.receive(side, stranger, sequence);
                assert!(matches!(verdict, Verdict::Dropped(_)));
            }
            call.relay.take_strayed(&mut strayed);
            strayed.clear();
        }
    });
    assert_eq!(count, 0);
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(black_box(Box::new(7)))), 1);
}

struct Call {
    relay: Relay,
    ports: [TransportKey; 2],
    phones: [SocketAddr; 2],
    /// What the phones protect with.
    protect: [Option<Outbound>; 2],
}

impl Call {
    fn new(suites: [Option<Suite>; 2]) -> Self {
        let mut relay = Relay::default();
        let phones: [SocketAddr; 2] =
            ["192.0.2.1:4000", "198.51.100.2:5000"].map(|text| text.parse().unwrap());
        let mut legs = [(StreamKey(0), TransportKey(0)); 2];
        for (leg, phone, suite) in [(0, phones[0], suites[0]), (1, phones[1], suites[1])] {
            let (stream, port, _) = relay.open(Ports::Two, false);
            legs[leg] = (stream, port.unwrap());
            let rtp =
                Expected { signalled: phone, signalled_from: phone.ip(), reachable: true, learnable: false };
            let (receive, send) = match suite {
                None => (KeyChange::Plain, KeyChange::Plain),
                Some(suite) => (
                    KeyChange::New(Box::new(Inbound::new(&key(suite)))),
                    KeyChange::New(Box::new(Outbound::new(&key(suite)))),
                ),
            };
            let agreed = Agreed {
                rtp,
                rtcp: rtp,
                rtcp_mux: false,
                ice: false,
                we_send: true,
                we_receive: true,
                receive,
                send,
                clock_hz: 8_000,
                events: None,
                mid: None,
            };
            relay.agree(stream, Some(agreed), Monotonic::default());
        }
        relay.link(legs[0].0, Some(legs[1].0), Some(&[(0, 0)]));
        relay.link(legs[1].0, Some(legs[0].0), Some(&[(0, 0)]));
        let protect = suites.map(|suite| suite.map(|suite| Outbound::new(&key(suite))));
        Self { relay, ports: legs.map(|leg| leg.1), phones, protect }
    }

    fn talk(&mut self, sequences: std::ops::Range<u16>) {
        for sequence in sequences {
            for side in 0..2 {
                let (verdict, bytes) = self.receive(side, self.phones[side], sequence);
                assert!(matches!(verdict, Verdict::Forward { .. }), "{verdict:?}");
                assert!(bytes >= 172);
            }
        }
    }

    /// The verdict, and the bytes that leave.
    fn receive(&mut self, side: usize, from: SocketAddr, sequence: u16) -> (Verdict, usize) {
        let mut slot = [0; SLOT_BYTES];
        let mut bytes = [0xd5; 172];
        bytes[..2].copy_from_slice(&[0x80, 0]);
        bytes[2..4].copy_from_slice(&sequence.to_be_bytes());
        let mut packet = Packet::copied(&mut slot, &bytes).unwrap();
        if let Some(outbound) = &mut self.protect[side] {
            outbound.protect_rtp(&mut packet).unwrap();
        }
        let now = Monotonic::from_millis(u64::from(sequence) * 20);
        (self.relay.receive(now, self.ports[side], from, &mut packet), packet.len())
    }
}

fn key(suite: Suite) -> MasterKey {
    MasterKey::new(suite, &[7; 46][..suite.key_bytes() + suite.salt_bytes()]).unwrap()
}
