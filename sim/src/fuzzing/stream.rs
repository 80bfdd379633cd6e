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
    let (mut framer, mut seen) = (Framer::new(LIMITS), Vec::new());
    for piece in pieces {
        let fed = framer.feed(piece, |frame| {
            seen.push(match frame {
                Frame::Message(message) => {
                    assert!(message.len() <= LIMITS.message_bytes_max);
                    Seen::Message(message.to_vec())
                }
                Frame::Ping => Seen::Ping,
                Frame::Pong => Seen::Pong,
            });
        });
        if let Err(error) = fed {
            assert_eq!(
                framer.feed(piece, |_| panic!("a frame after an error")),
                Err(error),
                "an error is final"
            );
            seen.push(Seen::Failed(error));
            break;
        }
        // After every whole frame was taken, less than one message waits.
        assert!(framer.pending() < LIMITS.message_bytes_max, "{} bytes wait", framer.pending());
        assert!(framer.capacity() <= 2 * LIMITS.message_bytes_max, "{} bytes are held", framer.capacity());
    }
    seen
}
