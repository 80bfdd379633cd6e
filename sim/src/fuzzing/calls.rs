//! Entries of the journal about calls, as a damaged disk or another version may hold them. Applying never panics; a piece that
//! can be read reads the same when it is written again; and an exchange takes up a call of any pieces that can be read, lives
//! on with it, and ends it. What it then says to the phones is not judged: pieces are sealed, so that nobody makes them up.

use super::choices::Choices;
use super::desk::Desk;
use coeur_exchange::Exchange;
use coeur_exchange::call_record::CallRecordId;
use coeur_exchange::flow::ShardId;
use coeur_exchange::input::{Command, Input};
use coeur_exchange::kept_calls::KeptCalls;
use coeur_exchange::outbox::Outbox;
use coeur_exchange::record::calls::{
    KeptCall, KeptLeg, Piece, RecoveredCall, Recovery, Written, read_ended, read_media, write_ended,
    write_media,
};
use coeur_exchange::world::World;
use coeur_sip::time::{Monotonic, Now, Wall};
use std::time::Duration;

/// Longer than any piece of the calls of two phones.
const PIECE_BYTES_MAX: usize = 8_000;
/// The id that calls and records of these tests have.
const ID: u128 = 9;
/// Looks at the clock of an exchange that has taken a call up: it ends by then.
const TICKS_MAX: usize = 400;

pub fn calls(data: &[u8]) {
    look(data);
}

/// Whether a call was taken up.
fn look(data: &[u8]) -> bool {
    let mut choices = Choices::new(data);
    let desk = Desk::new();
    match choices.once_in(2) {
        true => entries(&mut choices, &desk.world, desk.now),
        false => pieces(&mut choices, &desk.world, desk.now),
    }
}

fn entries(choices: &mut Choices<'_>, world: &World, now: Now) -> bool {
    let mut recovery = Recovery::default();
    while !choices.is_empty() {
        let entry = choices.bytes(PIECE_BYTES_MAX);
        if let Err(error) = recovery.apply(entry) {
            assert!(error.at <= entry.len(), "{error}");
        }
    }
    let kept = KeptCalls::new(&world.secrets);
    let recovered = recovery.finish(&kept, 2, now);
    let mut is_taken = false;
    for call in recovered.calls.into_iter().flatten() {
        take_up(world, now, call);
        is_taken = true;
    }
    is_taken
}

/// The call, its legs, their media, and a record.
fn pieces(choices: &mut Choices<'_>, world: &World, now: Now) -> bool {
    let [call, caller, callee, first, second, ended] =
        std::array::from_fn(|_| choices.bytes(PIECE_BYTES_MAX).to_vec());
    let is_whole = reads_again(&call) & leg_reads_again(&caller) & leg_reads_again(&callee);
    let media = [first, second].map(|plain| media_reads_again(&plain).then_some(plain));
    if let Ok(record) = read_ended(ID, &ended) {
        let mut again = Vec::new();
        write_ended(&mut again, &record);
        assert!(read_ended(ID, &again) == Ok(record));
    }
    if is_whole {
        let piece =
            |plain: Vec<u8>| Piece { written: Written::at(&world.bindings, now), plain: plain.into() };
        let legs = [piece(caller), piece(callee)];
        take_up(
            world,
            now,
            RecoveredCall {
                id: CallRecordId(ID),
                call: piece(call),
                legs,
                media: media.map(|plain| plain.map(piece)),
            },
        );
    }
    is_whole
}

fn reads_again(plain: &[u8]) -> bool {
    let Ok(call) = KeptCall::read(plain) else { return false };
    let mut again = Vec::new();
    call.write(&mut again);
    assert!(KeptCall::read(&again) == Ok(call.clone()));
    true
}

fn leg_reads_again(plain: &[u8]) -> bool {
    let Ok(leg) = KeptLeg::read(plain) else { return false };
    let mut again = Vec::new();
    leg.write(&mut again);
    assert!(KeptLeg::read(&again) == Ok(leg.clone()));
    true
}

fn media_reads_again(plain: &[u8]) -> bool {
    let Ok(kept) = read_media(plain) else { return false };
    let mut again = Vec::new();
    write_media(&mut again, &kept);
    assert!(read_media(&again) == Ok(kept));
    true
}

/// It is there, its timers run, and in the end it is over.
fn take_up(world: &World, now: Now, call: RecoveredCall) {
    let mut exchange = Exchange::new(ShardId(0), [7; 32], world);
    let mut outbox = Outbox::default();
    assert_eq!(exchange.restore(now, world, &[call], &mut outbox), 1, "what recovery has read");
    let begin = now.monotonic;
    let at = |monotonic: Monotonic| {
        let passed_ms = monotonic.since(begin).as_millis() as u64;
        Now::new(monotonic, Wall::from_millis(now.wall.as_millis() + passed_ms))
    };
    let mut time = begin;
    for tick in 0..TICKS_MAX {
        let next = exchange.next_deadline().unwrap_or(time).max(time + Duration::from_millis(1));
        time = next.min(time + Duration::from_secs(10));
        let input = if tick == TICKS_MAX / 2 { Input::Told(Command::Drain) } else { Input::Ticked };
        exchange.handle(at(time), world, input, &mut outbox);
        outbox.outputs.clear();
    }
    assert_eq!(exchange.calls().calls(), 0, "it has ended");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;
    use std::path::Path;

    /// What fuzzing begins from is pieces of calls as an exchange has written them.
    #[test]
    fn a_fuzzer_begins_with_calls_that_are_taken_up() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/regressions/calls");
        let taken = ["two-plain-phones", "a-phone-of-a-connection", "after-another-call", "not-acknowledged"];
        for name in taken.iter().flat_map(|name| [(*name).to_owned(), format!("{name}-entries")]) {
            assert!(look(&std::fs::read(folder.join(&name)).expect("a seed")), "{name}");
        }
    }

    /// Without a fuzzer: bytes of real pieces are changed, lost and put elsewhere. `RUNS`: how often.
    #[test]
    fn damaged_pieces_of_calls_are_refused_or_taken_up_and_end() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/regressions/calls");
        let mut paths: Vec<_> =
            std::fs::read_dir(folder).expect("seeds").flatten().map(|entry| entry.path()).collect();
        paths.sort();
        let seeds: Vec<Vec<u8>> = paths.iter().map(|path| std::fs::read(path).expect("a seed")).collect();
        let runs = std::env::var("RUNS").map_or(300, |runs| runs.parse().expect("a number"));
        let (mut chance, mut taken) = (Chance::new(42), 0);
        for run in 0..runs {
            let mut bytes = seeds[run % seeds.len()].clone();
            for _ in 0..1 + chance.below(4) {
                let at = chance.below(bytes.len() as u64) as usize;
                match chance.below(4) {
                    0 => bytes[at] ^= 1 << chance.below(8),
                    1 => bytes[at] = chance.below(256) as u8,
                    2 => drop(bytes.remove(at)),
                    _ => bytes.insert(at, chance.below(256) as u8),
                }
            }
            taken += usize::from(look(&bytes));
        }
        println!("{taken} of {runs} were taken up");
        assert!(taken > 0 && taken < runs);
    }
}
