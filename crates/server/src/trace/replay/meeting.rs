//! Where calls of two shards met. They do it by an INVITE inside of the process
//! ([decision 0032](../../../../docs/decisions/0032-calls-of-two-shards-meet-by-an-invite-inside.md)), and phones are then asked other
//! things (an offer where a call of one shard asks for one). Which shard a phone speaks to is the kernel's choice, and a replay has
//! one: up to there it can compare, and no further.

use super::script::{Act, Step};
use super::text::Kind;
use super::words::{is_word, pieces};
use coeur_exchange::flow::ShardId;
use coeur_exchange::shard_of_tag;

/// The first step that is another on one shard; `None`: one shard had all of it.
pub fn of(steps: &[Step]) -> Option<usize> {
    let shards = || steps.iter().enumerate().filter_map(|(at, step)| Some((at, own_shard(step)?)));
    let (_, first) = shards().next()?;
    let (other, _) = shards().find(|(_, shard)| *shard != first)?;
    let referred = steps.iter().position(|step| {
        let here = step.text.value("to").and_then(shard_in);
        let there = step.text.value("refer-to").filter(|value| value.contains("Replaces")).and_then(shard_in);
        step.act == Act::Say && here.zip(there).is_some_and(|(here, there)| here != there)
    });
    // A pickup, a parked call: the second call is there because of the first.
    let call_id = steps[other].text.value("call-id");
    referred.or_else(|| steps.iter().position(|step| step.text.value("call-id") == call_id))
}

/// Of a message of the server: it has a tag that names its shard on either side.
fn own_shard(step: &Step) -> Option<ShardId> {
    let side = match step.text.kind()? {
        Kind::Request { .. } => "from",
        Kind::Response { .. } => "to",
    };
    step.text.value(side).filter(|_| step.act == Act::Expect).and_then(shard_in)
}

/// The first tag of ours in a line.
fn shard_in(line: &str) -> Option<ShardId> {
    pieces(line).filter(|piece| is_word(piece)).find_map(|word| shard_of_tag(word.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::super::script::Script;
    use super::super::script::tests::{conversation, message};
    use super::*;

    const ALICE: &str = "192.0.2.6:5060";
    const BOB: &str = "192.0.2.7:5060";
    const CAROL: &str = "192.0.2.8:5060";

    fn tag(shard: u8) -> String {
        format!("b2b-{shard:02x}0000000{shard}{shard:016x}")
    }

    /// Bob calls alice, who calls carol, and gives him to her; her call is of this shard, his of shard 0.
    fn steps(second: u8) -> Vec<Step> {
        let (first, second) = (tag(0), tag(second));
        let invite = |call: &str, from: &str| {
            format!(
                "INVITE sip:b@d SIP/2.0\nFrom: <sip:a@d>;tag={from}\nTo: <sip:b@d>\nCall-ID: {call}\nCSeq: 1 INVITE"
            )
        };
        let ok = |call: &str, tag: &str| {
            format!(
                "SIP/2.0 200 OK\nFrom: <sip:a@d>;tag=x\nTo: <sip:b@d>;tag={tag}\nCall-ID: {call}\nCSeq: 1 INVITE"
            )
        };
        let refer = format!(
            "REFER sip:b@d SIP/2.0\nFrom: <sip:a@d>;tag=x\nTo: <sip:b@d>;tag={first}\nCall-ID: leg\nCSeq: 2 REFER\n\
             Refer-To: <sip:c@d?Replaces=consult%3Bto-tag%3D{second}%3Bfrom-tag%3Dx>"
        );
        let said = [
            ("received", BOB, invite("call", "x")),
            ("sent", ALICE, invite("leg", &first)),
            ("sent", BOB, ok("call", &first)),
            ("received", ALICE, invite("consult", "x")),
            ("sent", CAROL, invite("leg-of-carol", &second)),
            ("sent", ALICE, ok("consult", &second)),
            ("received", ALICE, refer),
        ];
        let messages = said
            .iter()
            .enumerate()
            .map(|(at, (direction, remote, text))| message(direction, remote, at as u64 * 100_000, text));
        Script::of(&conversation(messages.collect())).unwrap().steps
    }

    #[test]
    fn calls_of_one_shard_meet_nowhere() {
        assert_eq!(of(&steps(0)), None);
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn calls_of_two_shards_meet_where_one_is_given_to_the_other() {
        assert_eq!(of(&steps(1)), Some(6));
    }

    #[test]
    fn without_a_word_of_it_they_have_met_when_the_second_began() {
        let mut steps = steps(1);
        steps.pop();
        assert_eq!(of(&steps), Some(4), "the first of its messages that the server began");
    }
}
