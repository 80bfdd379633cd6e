//! A stream: however it is split, the same frames come out, and a connection holds no more memory than it promised.

use coeur_sip::stream::{Frame, FrameError, Framer, StreamLimits};

/// Small, so that the fuzzer meets them.
const LIMITS: StreamLimits = StreamLimits { header_section_bytes_max: 512, message_bytes_max: 1_024 };

/// The first two bytes seed the split, the rest is the stream.
pub fn stream(data: &[u8]) {
    let (seed, stream) = data.split_at(data.len().min(2));
    let whole = read(std::iter::once(stream));
    assert_eq!(read(stream.chunks(1)), whole, "byte by byte");
    let mut state = seed.iter().fold(1u32, |state, byte| state << 8 | u32::from(*byte));
    let mut rest = stream;
    let pieces = std::iter::from_fn(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let length = (1 + (state >> 24) as usize % 64).min(rest.len());
        let (piece, tail) = rest.split_at(length);
        rest = tail;
        (length > 0).then_some(piece)
    });
    assert_eq!(read(pieces), whole, "in pieces");
}

#[derive(Debug, PartialEq)]
enum Seen {
    Message(Vec<u8>),
    Ping,
    Pong,
    Failed(FrameError),
}

fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<Seen> {
    let (mut framer, mut spare, mut seen) = (Framer::new(LIMITS), Vec::new(), Vec::new());
    for piece in pieces {
        framer.begin(&mut spare);
        framer.push(piece);
        if !drain(&mut framer, &mut seen) {
            break;
        }
        // After every whole frame was taken, less than one message waits.
        assert!(framer.pending() <= LIMITS.message_bytes_max, "{} bytes wait", framer.pending());
        framer.end(&mut spare);
        assert!(framer.capacity() <= 2 * LIMITS.message_bytes_max, "{} bytes are held", framer.capacity());
    }
    seen
}

/// False when the stream has failed.
fn drain(framer: &mut Framer, seen: &mut Vec<Seen>) -> bool {
    loop {
        match framer.next() {
            Ok(Some(Frame::Message(range))) => {
                assert!(range.len() <= LIMITS.message_bytes_max);
                seen.push(Seen::Message(framer.bytes(range).to_vec()));
            }
            Ok(Some(Frame::Ping)) => seen.push(Seen::Ping),
            Ok(Some(Frame::Pong)) => seen.push(Seen::Pong),
            Ok(None) => return true,
            Err(error) => {
                assert_eq!(framer.next(), Err(error), "an error is final");
                seen.push(Seen::Failed(error));
                return false;
            }
        }
    }
}
