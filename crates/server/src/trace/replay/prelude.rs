//! Who was registered before a conversation began: the traces say it, or the requests that phones were sent.

use super::script::{Act, Peer, Script};
use super::text::{Kind, Text};
use coeur_api::{ConversationView, MessageView};
use std::collections::BTreeMap;

/// Accounts of one phone that are registered again; more are left out.
const ACCOUNTS_MAX: usize = 8;

/// A REGISTER of a phone, as it was at that time (microseconds since the Unix epoch): contacts are tried in the order in which they
/// were registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    pub at_us: u64,
    pub peer: usize,
    pub text: Text,
}

/// Of all phones in the script, in their order. `views`: conversations of each one's address.
pub fn registrations(views: &[&[ConversationView]], script: &Script) -> Vec<Registration> {
    let mut all: Vec<Registration> = Vec::new();
    for (peer, phone) in script.peers.iter().enumerate() {
        let known = of_phone(views.get(peer).copied().unwrap_or_default(), phone, script);
        let known = if known.is_empty() {
            made(script, peer).into_iter().map(|text| (0, text)).collect()
        } else {
            known
        };
        all.extend(known.into_iter().map(|(at_us, text)| Registration { at_us, peer, text }));
    }
    all.sort_by_key(|registration| registration.at_us);
    all
}

/// The last accepted REGISTER of each account of this peer before then. One that is in the script is said there.
fn of_phone(views: &[ConversationView], peer: &Peer, script: &Script) -> Vec<(u64, Text)> {
    let (remote, transport) = (peer.address.to_string(), peer.scheme.name());
    let mut last: BTreeMap<String, (u64, Text)> = BTreeMap::new();
    for view in views.iter().filter(|view| view.call_id != script.call_id) {
        let here: Vec<_> = view
            .messages
            .iter()
            .filter(|message| message.remote == remote && message.transport == transport)
            .filter(|message| message.method == "REGISTER")
            .collect();
        // Its answer may have left in the millisecond in which the conversation began.
        let is_before =
            |message: &MessageView| message.direction == "received" && message.at_us < script.began_at_us;
        for (at, request) in here.iter().enumerate().filter(|(_, message)| is_before(message)) {
            let is_accepted = here[at..].iter().any(|answer| {
                answer.direction == "sent"
                    && answer.cseq == request.cseq
                    && answer.status.is_some_and(|status| status / 100 == 2)
            });
            let Some(text) = Text::read(&request.text).filter(|_| is_accepted) else { continue };
            let whose = text.value("to").unwrap_or_default().split(';').next().unwrap_or_default().to_owned();
            if last.get(&whose).is_none_or(|(at_us, _)| *at_us <= request.at_us) {
                last.insert(whose, (request.at_us, text));
            }
        }
    }
    let mut found: Vec<(u64, Text)> = last.into_values().collect();
    found.sort_by_key(|(at_us, _)| *at_us);
    found.truncate(ACCOUNTS_MAX);
    found
}

/// For a phone of which the traces have no registration: it is where it was sent its first request, under the address that the
/// request was for.
fn made(script: &Script, peer: usize) -> Option<Text> {
    let first = script.steps.iter().find(|step| step.peer == peer)?;
    let is_request = matches!(first.text.kind(), Some(Kind::Request { .. }));
    let to = first.text.value("to").filter(|_| first.act == Act::Expect && is_request)?;
    let (to, uri) = (to.split_once('<')?.1.split('>').next()?, first.text.uri()?);
    let domain = to.split_once('@')?.1.split([';', ':']).next()?;
    let peer = &script.peers[peer];
    let transport = peer.scheme.name().to_ascii_uppercase();
    Text::read(&format!(
        "REGISTER sip:{domain} SIP/2.0\nVia: SIP/2.0/{transport} {};branch=z9hG4bKmade;rport\nMax-Forwards: 70\n\
         From: <{to}>;tag=made\nTo: <{to}>\nCall-ID: made\nCSeq: 1 REGISTER\nContact: <{uri}>;expires=3600",
        peer.address
    ))
}

#[cfg(test)]
mod tests {
    use super::super::script::tests::{conversation, message};
    use super::*;

    fn register(call_id: &str, cseq: u32, contact: &str, begin_us: u64, status: u16) -> ConversationView {
        let text = format!(
            "REGISTER sip:d SIP/2.0\nTo: <sip:bob@d>\nCall-ID: {call_id}\nCSeq: {cseq} REGISTER\nContact: <sip:{contact}>"
        );
        let answer = format!("SIP/2.0 {status} X\nCall-ID: {call_id}\nCSeq: {cseq} REGISTER");
        let mut view = conversation(vec![
            message("received", "192.0.2.8:5060", begin_us, &text),
            message("sent", "192.0.2.8:5060", begin_us + 1, &answer),
        ]);
        for one in &mut view.messages {
            (one.method, one.cseq) = ("REGISTER".into(), format!("{cseq} REGISTER"));
        }
        view.messages[1].status = Some(status);
        view.call_id = call_id.into();
        view
    }

    fn script() -> Script {
        let invite = |uri: &str| format!("INVITE {uri} SIP/2.0\nTo: <sip:bob@d>\nCall-ID: c\nCSeq: 1 INVITE");
        Script::of(&conversation(vec![
            message("received", "192.0.2.7:5060", 1_000, &invite("sip:bob@d")),
            message("sent", "192.0.2.8:5060", 1_001, &invite("sip:bob@192.0.2.8:5060;ob")),
        ]))
        .unwrap()
    }

    #[test]
    fn the_last_registration_that_was_accepted_before_then_is_found() {
        let script = script();
        let views = [
            register("early", 1, "old@h", 10, 200),
            // Answered when the call was there.
            register("late", 2, "new@h", 999, 200),
            register("refused", 3, "never@h", 30, 403),
            register("behind", 4, "later@h", 5_000, 200),
        ];
        let found = of_phone(&views, &script.peers[1], &script);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].0, found[0].1.value("contact")), (999, Some("<sip:new@h>")));
        assert_eq!(of_phone(&views, &script.peers[0], &script), []);
    }

    #[test]
    fn phones_are_registered_in_the_order_in_which_they_were() {
        let script = script();
        let mut of_alice = register("of-alice", 1, "alice@h", 30, 200);
        for message in &mut of_alice.messages {
            message.remote = "192.0.2.7:5060".into();
        }
        let of_bob = register("of-bob", 1, "bob@h", 20, 200);
        let found = registrations(&[&[of_alice], &[of_bob]], &script);
        let order: Vec<(usize, u64)> = found.iter().map(|one| (one.peer, one.at_us)).collect();
        assert_eq!(order, [(1, 20), (0, 30)]);
    }

    #[test]
    fn a_phone_without_one_is_where_it_was_called() {
        let script = script();
        let register = made(&script, 1).unwrap();
        assert_eq!(register.value("contact"), Some("<sip:bob@192.0.2.8:5060;ob>;expires=3600"));
        assert_eq!((register.uri(), register.value("to")), (Some("sip:d"), Some("<sip:bob@d>")));
        // The caller spoke first: nobody had to find him.
        assert_eq!(made(&script, 0), None);
    }
}
