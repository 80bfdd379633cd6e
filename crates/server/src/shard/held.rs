//! Answers that wait for the journal. First in, first out: appends become durable in their order.

use super::handler::Outcome;
use coeur_exchange::flow::Hop;
use std::collections::VecDeque;
use std::ops::Range;

/// Answers held by one shard. With a group of a few milliseconds and 50,000 registrations a second some hundreds
/// wait. Worst-case memory: 65,536 answers of usually 600 bytes, doubled by what replaces them, 64 MB; the bytes
/// are bounded by [`BYTES_MAX`] in any case.
const ANSWERS_MAX: usize = 65_536;
pub const BYTES_MAX: usize = 64 << 20;
/// Bytes are kept in chunks of about this size, which are reused.
const CHUNK: usize = 256 << 10;

#[derive(Default)]
pub struct Held {
    answers: VecDeque<Answer>,
    chunks: VecDeque<Vec<u8>>,
    /// Number of the first chunk of `chunks`.
    first_chunk: u64,
    spare: Option<Vec<u8>>,
    bytes: usize,
}

struct Answer {
    append: u64,
    hop: Hop,
    chunk: u64,
    bytes: Range<u32>,
    or_else: Range<u32>,
}

/// There is no room: send what leaves when the save fails.
#[derive(Debug, PartialEq, Eq)]
pub struct Full;

impl Held {
    pub fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    pub fn len(&self) -> usize {
        self.answers.len()
    }

    pub fn push(&mut self, append: u64, hop: Hop, bytes: &[u8], or_else: &[u8]) -> Result<(), Full> {
        let size = bytes.len() + or_else.len();
        if self.answers.len() >= ANSWERS_MAX || self.bytes + size > BYTES_MAX {
            return Err(Full);
        }
        if self.chunks.back().is_none_or(|chunk| chunk.len() + size > CHUNK) {
            self.chunks.push_back(self.spare.take().unwrap_or_else(|| Vec::with_capacity(CHUNK)));
        }
        let number = self.first_chunk + self.chunks.len() as u64 - 1;
        let Some(chunk) = self.chunks.back_mut() else { return Err(Full) };
        let start = chunk.len() as u32;
        chunk.extend_from_slice(bytes);
        let middle = chunk.len() as u32;
        chunk.extend_from_slice(or_else);
        let end = chunk.len() as u32;
        self.bytes += size;
        self.answers.push_back(Answer {
            append,
            hop,
            chunk: number,
            bytes: start..middle,
            or_else: middle..end,
        });
        Ok(())
    }

    /// How many answers at the front have an outcome; `outcome` is asked once per append, not per answer.
    pub fn ready(&self, outcome: impl Fn(u64) -> Outcome, out: &mut Vec<bool>) {
        out.clear();
        let mut last = None;
        for answer in &self.answers {
            let known = match last {
                Some((append, known)) if append == answer.append => known,
                _ => outcome(answer.append),
            };
            last = Some((answer.append, known));
            match known {
                Outcome::Pending => break,
                Outcome::Durable => out.push(true),
                Outcome::Failed => out.push(false),
            }
        }
    }

    /// The hop and the bytes that leave for the answer at this place.
    pub fn at(&self, place: usize, saved: bool) -> (&Hop, &[u8]) {
        let answer = &self.answers[place];
        let chunk = &self.chunks[(answer.chunk - self.first_chunk) as usize];
        let range = if saved { &answer.bytes } else { &answer.or_else };
        (&answer.hop, &chunk[range.start as usize..range.end as usize])
    }

    /// Forgets the first `count` answers.
    pub fn pop(&mut self, count: usize) {
        for answer in self.answers.drain(..count) {
            self.bytes -= answer.or_else.end as usize - answer.bytes.start as usize;
        }
        let keep = match self.answers.front() {
            Some(answer) => answer.chunk,
            None => self.first_chunk + self.chunks.len() as u64,
        };
        while self.first_chunk < keep {
            if let Some(mut chunk) = self.chunks.pop_front() {
                chunk.clear();
                self.spare = Some(chunk);
            }
            self.first_chunk += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use coeur_exchange::flow::ListenerId;
    use coeur_sip::transport::Transport;

    fn hop() -> Hop {
        let address = "192.0.2.1:5060".parse().unwrap();
        Hop::Address { transport: Transport::Udp, listener: ListenerId(0), address, host: None }
    }

    #[test]
    fn answers_leave_in_order_with_what_their_save_deserves() {
        let mut held = Held::default();
        for append in 1..=3 {
            held.push(append, hop(), format!("ok {append}").as_bytes(), b"503").unwrap();
        }
        let mut ready = Vec::new();
        held.ready(
            |append| [Outcome::Durable, Outcome::Failed, Outcome::Pending][append as usize - 1],
            &mut ready,
        );
        assert_eq!(ready, [true, false]);
        assert_eq!(held.at(0, ready[0]).1, b"ok 1");
        assert_eq!(held.at(1, ready[1]).1, b"503");
        held.pop(2);
        assert_eq!(held.at(0, true).1, b"ok 3");
        held.pop(1);
        assert!(held.is_empty() && held.bytes == 0);
    }

    #[test]
    fn memory_is_reused_and_bounded() {
        let mut held = Held::default();
        let answer = vec![b'a'; 60_000];
        let mut pushed = 0;
        while held.push(1, hop(), &answer, b"").is_ok() {
            pushed += 1;
        }
        assert_eq!(pushed, BYTES_MAX / 60_000);
        held.pop(pushed);
        assert_eq!((held.bytes, held.chunks.len()), (0, 0));
        held.push(2, hop(), b"x", b"y").unwrap();
        assert_eq!(held.at(0, false).1, b"y");
    }
}
