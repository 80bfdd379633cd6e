//! What a registration costs at the allocator; counted per thread, so that other tests do not disturb.

use super::desk::{Desk, ask, contact};
use crate::testing::allocations;

/// Allocations of one REGISTER once every buffer is warm.
fn cost(desk: &mut Desk, cseq: u32, lines: &str) -> usize {
    desk.measure(ask(cseq, lines), allocations)
}

#[test]
fn a_refresh_allocates_nothing() {
    let mut desk = Desk::new();
    desk.rules.expires_jitter_percent = 10;
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
