//! What a packet costs: no allocation once its SSRC is known.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use coeur_media::packet::{Packet, SLOT_BYTES};
use coeur_media::srtp::{Inbound, MasterKey, Outbound, Suite};

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

fn rtp(sequence: u16) -> [u8; 172] {
    let mut bytes = [0x55; 172];
    bytes[..12].copy_from_slice(&[0x80, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]);
    bytes[2..4].copy_from_slice(&sequence.to_be_bytes());
    bytes
}

#[test]
fn a_packet_is_protected_and_unprotected_without_an_allocation() {
    for suite in Suite::ALL {
        let key: Vec<u8> = (0..suite.key_bytes() + suite.salt_bytes()).map(|at| at as u8).collect();
        let key = MasterKey::new(suite, &key).unwrap();
        let (mut sender, mut receiver) = (Outbound::new(&key), Inbound::new(&key));
        assert!(allocations(|| drop(Inbound::new(&key))) > 0, "the counter counts");
        let mut slot = [0; SLOT_BYTES];
        let mut round = |sequence| {
            let mut packet = Packet::copied(&mut slot, &rtp(sequence)).unwrap();
            sender.protect_rtp(&mut packet).unwrap();
            receiver.unprotect_rtp(&mut packet).unwrap();
            assert_eq!(*packet, rtp(sequence));
            let mut report = Packet::copied(&mut slot, &[0x80, 201, 0, 1, 0, 0, 0, 7]).unwrap();
            sender.protect_rtcp(&mut report).unwrap();
            receiver.unprotect_rtcp(&mut report).unwrap();
        };
        round(0);
        assert_eq!(allocations(|| (1..1_000).for_each(&mut round)), 0, "{suite:?}");
    }
}
