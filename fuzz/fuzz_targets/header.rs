#![no_main]
//! Every typed header of a message whose values are the input.

use coeur_sip::header::*;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = Via::parse(data);
    let _ = NameAddr::parse(data);
    let _ = Contact::parse(data);
    let _ = CSeq::parse(data);
    let _ = Event::parse(data);
    let _ = MediaType::parse(data);
    let _ = ContentDisposition::parse(data);
    let _ = RAck::parse(data);
    let _ = Reason::parse(data);
    let _ = Replaces::parse(data);
    let _ = RetryAfter::parse(data);
    let _ = SessionExpires::parse(data);
    let _ = SubscriptionState::parse(data);
    let _ = Warning::parse(data);
    let _ = Timestamp::parse(data);
    let _ = number(data);
    let _ = max_forwards(data);
});
