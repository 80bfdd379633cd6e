//! What must hold of any description whatever: made up from pieces at random, and damaged at random. The seeds are fixed,
//! so a failure is found again.

use coeur_sdp::attribute::{Candidate, Crypto, Fingerprint, Rtpmap};
use coeur_sdp::derive::{Leg, LegTransport, Slot, derive_answer, derive_offer};
use coeur_sdp::offer_answer::check_answer;
use coeur_sdp::{IceFragment, SessionDescription, Summary, parse};

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % limit
    }

    fn of<'a>(&mut self, list: &[&'a [u8]]) -> &'a [u8] {
        list[self.below(list.len())]
    }
}

const PIECES: &[&[u8]] = &[
    b"c=IN IP4 192.0.2.1",
    b"c=IN IP6 2001:db8::1",
    b"c=IN IP4 0.0.0.0",
    b"b=AS:64",
    b"z=",
    b"i=\xc3\xa9\xff text",
    b"m=audio 4000 RTP/AVP 0 8 101",
    b"m=audio 0 RTP/SAVP 0",
    b"m=video 4000/2 UDP/TLS/RTP/SAVPF 96 97 *",
    b"m=image 1 udptl t38",
    b"a=rtpmap:101 telephone-event/8000",
    b"a=fmtp:101 0-15",
    b"a=rtpmap: 96 VP8/90000 ",
    b"a=rtcp:9 IN IP4 0.0.0.0",
    b"a=rtcp-mux",
    b"a=sendonly",
    b"a=inactive",
    b"a=mid:0",
    b"a=mid:1",
    b"a=group:BUNDLE 0 1",
    b"a=bundle-only",
    b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4",
    b"a=fingerprint:sha-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB",
    b"a=setup:actpass",
    b"a=ice-ufrag:8hhY",
    b"a=ice-pwd:asd88fgpdd777uzjYhagZg",
    b"a=candidate:1 1 UDP 2130706431 192.0.2.1 4000 typ host",
    b"a=simulcast:send 1;2",
    b"a=",
    b"a=:",
    b"a=\x80\xfe:\xff",
    b"x=unknown",
];

fn made_up(random: &mut Random) -> Vec<u8> {
    let mut text = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n".to_vec();
    for _ in 0..random.below(40) {
        text.extend_from_slice(random.of(PIECES));
        text.extend_from_slice(b"\r\n");
    }
    text
}

/// Some bytes changed, cut out, doubled or cut off.
fn damaged(random: &mut Random, mut text: Vec<u8>) -> Vec<u8> {
    for _ in 0..1 + random.below(6) {
        if text.len() < 2 {
            break;
        }
        let at = random.below(text.len());
        match random.below(5) {
            0 => text[at] = random.below(256) as u8,
            1 => drop(text.remove(at)),
            2 => text.insert(at, [b' ', b':', b'\n', b'=', b'9', 0][random.below(6)]),
            3 => text.truncate(at),
            _ => {
                let until = (at + random.below(40)).min(text.len());
                let piece = text[at..until].to_vec();
                text.splice(at..at, piece);
            }
        }
    }
    text
}

#[test]
fn what_is_made_up_is_written_byte_for_byte() {
    let mut media = 0;
    for seed in 0..1_500 {
        let text = made_up(&mut Random(seed));
        let description = parse(&text).expect("a description");
        let mut out = Vec::new();
        description.write(&mut out);
        assert_eq!(out.escape_ascii().to_string(), text.escape_ascii().to_string());
        assert_eq!(SessionDescription::from(&description).to_bytes(), text);
        media += description.media.len();
    }
    assert!(media > 2_500, "{media} media descriptions");
}

#[test]
fn what_is_damaged_is_refused_or_read_the_same_again_and_nothing_panics() {
    let (mut read, mut refused) = (0, 0);
    for seed in 0..4_000 {
        let mut random = Random(seed);
        let text = made_up(&mut random);
        let text = damaged(&mut random, text);
        let _ = IceFragment::parse(&text);
        let Ok(description) = parse(&text) else {
            refused += 1;
            continue;
        };
        read += 1;
        let mut out = Vec::new();
        description.write(&mut out);
        assert_eq!(parse(&out).as_ref(), Ok(&description), "{}", text.escape_ascii());
        let owned = SessionDescription::from(&description);
        assert_eq!(owned.view(), description);
        for stream in &description.media {
            let _ = (stream.read_all::<Candidate>().count(), stream.read_all::<Crypto>().count());
            let _ = (stream.read_all::<Fingerprint>().count(), stream.read_all::<Rtpmap>().count());
        }
        let _ = check_answer(&description, &description);
        carry(&owned);
    }
    assert!(read > 1_000 && refused > 500, "{read} read, {refused} refused");
}

/// To another leg and back; whatever comes of it can be read.
fn carry(source: &SessionDescription) {
    let view = source.view();
    let transport = || Box::new(LegTransport::plain(([203, 0, 113, 1], 4_000).into()));
    let slots = (0..view.media.len()).map(|from| Slot::Stream { from, transport: transport() }).collect();
    let leg = Leg { address: [203, 0, 113, 1].into(), has_bundle: true, keeps_sources: true, slots };
    let (offer, answer) = (derive_offer(&view, None, &leg), derive_answer(&view, &view, &leg));
    assert_eq!(offer.is_ok(), Summary::of(&view).is_ok());
    for derived in [offer, answer].into_iter().flatten() {
        let bytes = derived.to_bytes();
        let again = parse(&bytes).expect("what we write, we read");
        assert_eq!(again.media.len(), view.media.len());
        assert!(Summary::of(&again).is_ok(), "{}", bytes.escape_ascii());
    }
}
