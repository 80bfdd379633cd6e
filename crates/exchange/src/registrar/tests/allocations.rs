//! What a registration costs at the allocator; counted per thread, so that other tests do not disturb.

use super::desk::{Desk, ask, contact};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that is ending has no counter any more, and nobody who reads it.
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of one REGISTER once every buffer is warm.
fn cost(desk: &mut Desk, cseq: u32, lines: &str) -> usize {
    desk.measure(ask(cseq, lines), || ALLOCATIONS.with(Cell::get))
}

#[test]
fn a_refresh_allocates_nothing() {
    let mut desk = Desk::new();
    let lines = format!("User-Agent: baresip v1.0.0 (x86_64/linux)\r\n{}", contact(";expires=600"));
    for cseq in 1..5 {
        cost(&mut desk, cseq, &lines);
    }
    assert_eq!(cost(&mut desk, 5, &lines), 0);
    assert_eq!(cost(&mut desk, 6, ""), 0, "a query neither");
}

#[test]
fn a_new_binding_allocates_its_text_and_its_event() {
    let mut desk = Desk::new();
    for cseq in 1..5 {
        cost(&mut desk, 2 * cseq, &contact(""));
        cost(&mut desk, 2 * cseq + 1, &contact(";expires=0"));
    }
    let allocations = cost(&mut desk, 20, &contact(""));
    assert!(allocations <= 5, "{allocations} allocations");
}
