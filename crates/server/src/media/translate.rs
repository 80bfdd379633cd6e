//! From what the exchange agreed to what the relay wants.

use coeur_exchange::media::{Keying, SrtpKey, SrtpSuite, Stream};
use coeur_media::relay::{self, Agreed, Expected, KeyChange};
use coeur_media::rtp::static_clock_hz;
use coeur_media::srtp::{Inbound, MasterKey, Outbound, Suite};
use coeur_sip::network::is_inside;
use std::net::{IpAddr, SocketAddr};

/// `before`: what was agreed before about the same stream, whose keys go on when they are the same.
pub(super) fn agreed(stream: &Stream, before: Option<&Stream>, signalled_from: IpAddr) -> Agreed {
    let (receive, send) = keys(&stream.keying, before.map(|stream| &stream.keying));
    Agreed {
        rtp: expected(stream.rtp, signalled_from),
        rtcp: expected(stream.rtcp, signalled_from),
        rtcp_mux: stream.rtcp_mux,
        ice: stream.ice.is_some(),
        we_send: stream.we_send,
        we_receive: stream.we_receive,
        receive,
        send,
        clock_hz: stream
            .formats
            .iter()
            .find(|format| !format.is_dtmf() && static_clock_hz(format.payload).is_none())
            .map_or(0, |format| format.clock_rate),
        events: stream.formats.iter().find(|format| format.is_dtmf()).map(|format| format.payload),
        mid: stream.mid.as_ref().map(|mid| relay::Mid { extension: mid.extension, value: mid.value.clone() }),
    }
}

/// Payload types as they arrive at a stream and as they leave at the other; `pairs` lists those that differ. `None`: all,
/// since nothing was said about them.
pub(super) fn payloads(here: &Stream, there: Option<&Stream>, pairs: &[(u8, u8)]) -> Option<Vec<(u8, u8)>> {
    if here.formats.is_empty() {
        return None;
    }
    let renamed =
        |payload| pairs.iter().find(|(ours, _)| *ours == payload).map_or(payload, |(_, theirs)| *theirs);
    let is_known = |payload| {
        there.is_none_or(|there| {
            there.formats.is_empty() || there.formats.iter().any(|format| format.payload == payload)
        })
    };
    let all = here.formats.iter().map(|format| (format.payload, renamed(format.payload)));
    Some(all.filter(|(_, theirs)| is_known(*theirs)).collect())
}

/// The same, and events of the one though the other has none.
pub(super) fn payloads_and_events(
    here: &Stream,
    there: Option<&Stream>,
    pairs: &[(u8, u8)],
) -> Option<Vec<(u8, u8)>> {
    let mut all = payloads(here, there, pairs)?;
    let events = here.formats.iter().filter(|format| format.is_dtmf()).map(|format| format.payload);
    for event in events {
        if all.iter().all(|(ours, _)| *ours != event) {
            all.push((event, event));
        }
    }
    Some(all)
}

fn expected(signalled: SocketAddr, signalled_from: IpAddr) -> Expected {
    let signalled = SocketAddr::new(signalled.ip().to_canonical(), signalled.port());
    let signalled_from = signalled_from.to_canonical();
    let reachable = is_reachable(signalled, signalled_from);
    let learnable = !reachable && signalled.port() != 0 && is_inside(signalled.ip());
    Expected { signalled, signalled_from, reachable, learnable }
}

/// Whether media may be sent to the described address before it was heard. An inside address is only one for a device
/// that is inside too; else it would reach whoever has that address here, or what only this server reaches.
fn is_reachable(signalled: SocketAddr, from: IpAddr) -> bool {
    let ip = signalled.ip();
    if signalled.port() == 0 || ip.is_unspecified() || ip.is_multicast() {
        return false;
    }
    let is_special = match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_link_local() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unicast_link_local(),
    };
    ip == from || !is_inside(ip) || (is_inside(from) && !is_special && ip.is_ipv4() == from.is_ipv4())
}

fn keys(keying: &Keying, before: Option<&Keying>) -> (KeyChange<Inbound>, KeyChange<Outbound>) {
    match (keying, before) {
        (Keying::Plain, _) => (KeyChange::Plain, KeyChange::Plain),
        (Keying::EndToEnd, _) => (KeyChange::Foreign, KeyChange::Foreign),
        (Keying::Sdes { send, receive }, before) => {
            let (old_send, old_receive) = match before {
                Some(Keying::Sdes { send, receive }) => (Some(send), Some(receive)),
                Some(Keying::Plain | Keying::Dtls { .. } | Keying::EndToEnd) | None => (None, None),
            };
            (
                change(receive, old_receive, |key| Box::new(Inbound::new(key))),
                change(send, old_send, |key| Box::new(Outbound::new(key))),
            )
        }
        // The keys that were agreed go on until others are, or the handshake fails (RFC 5763 section 6.6).
        // Another role is another association (RFC 8842 section 4).
        (Keying::Dtls { role, fingerprints }, Some(Keying::Dtls { role: old_role, fingerprints: old }))
            if role == old_role && fingerprints == old =>
        {
            (KeyChange::Keep, KeyChange::Keep)
        }
        (Keying::Dtls { .. }, _) => (KeyChange::Awaited, KeyChange::Awaited),
    }
}

fn change<C>(key: &SrtpKey, old: Option<&SrtpKey>, make: impl FnOnce(&MasterKey) -> Box<C>) -> KeyChange<C> {
    if old == Some(key) {
        return KeyChange::Keep;
    }
    match master(key) {
        Some(key) => KeyChange::New(make(&key)),
        // A key of a wrong length: nothing passes, least of all in the clear.
        None => KeyChange::Awaited,
    }
}

/// `None` for a key of a wrong length.
pub(super) fn master(key: &SrtpKey) -> Option<MasterKey> {
    let master = MasterKey::new(suite(key.suite), &key.key_and_salt).ok()?;
    if key.mki.is_empty() { Some(master) } else { master.with_mki(&key.mki).ok() }
}

fn suite(suite: SrtpSuite) -> Suite {
    match suite {
        SrtpSuite::AesCm128HmacSha1_80 => Suite::AesCm128HmacSha1_80,
        SrtpSuite::AesCm128HmacSha1_32 => Suite::AesCm128HmacSha1_32,
        SrtpSuite::AesCm256HmacSha1_80 => Suite::AesCm256HmacSha1_80,
        SrtpSuite::AeadAes128Gcm => Suite::AeadAes128Gcm,
        SrtpSuite::AeadAes256Gcm => Suite::AeadAes256Gcm,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use coeur_exchange::media::Format;

    fn reach(signalled: &str, from: &str) -> (bool, bool) {
        let expected = expected(signalled.parse().unwrap(), from.parse().unwrap());
        (expected.reachable, expected.learnable)
    }

    /// Threat T-25, advisory A22: no description makes the server send to what only the server reaches.
    #[test]
    fn an_inside_address_is_sent_to_unheard_only_for_a_device_inside() {
        let no_nat =
            [("192.0.2.7:4000", "192.0.2.7"), ("127.0.0.1:4000", "127.0.0.1"), ("[::1]:4000", "::1")];
        let public = [("8.8.8.8:4000", "9.9.9.9"), ("[2606::1]:4000", "2606::2")];
        let lan = [("192.168.7.9:4000", "192.168.1.5"), ("10.0.0.9:4000", "172.16.0.1")];
        for (signalled, from) in no_nat.into_iter().chain(public).chain(lan) {
            assert_eq!(reach(signalled, from), (true, false), "{signalled} {from}");
        }
        for signalled in [
            "192.168.1.1:4000",
            "10.0.0.1:4000",
            "127.0.0.1:4000",
            "169.254.169.254:80",
            "100.100.100.200:80",
            "[::1]:4000",
            "[fe80::1]:4000",
            "[fd00::1]:4000",
            "[::ffff:127.0.0.1]:4000",
            "[::ffff:169.254.169.254]:80",
            "[64:ff9b::7f00:1]:4000",
            "[2002:7f00:1::]:4000",
            "224.0.0.1:4000",
            "255.255.255.255:4000",
            "0.0.0.0:4000",
            "[::]:4000",
            "8.8.8.8:0",
        ] {
            assert!(!reach(signalled, "9.9.9.9").0, "{signalled}");
            assert!(!reach(signalled, "2606::2").0, "{signalled}");
        }
        for special in ["127.0.0.1:4000", "169.254.169.254:80", "[fe80::1]:4000", "224.0.0.1:4000"] {
            assert!(!reach(special, "192.168.1.5").0, "{special} for a device inside");
        }
    }

    fn stream(formats: &[u8]) -> Stream {
        let address = ([192, 0, 2, 7], 4_000).into();
        let format = |payload: &u8| Format {
            payload: *payload,
            name: Box::default(),
            clock_rate: 8_000,
            channels: 1,
            fmtp: None,
        };
        Stream {
            rtp: address,
            rtcp: address,
            rtcp_mux: true,
            we_send: true,
            we_receive: true,
            keying: Keying::Plain,
            ice: None,
            formats: formats.iter().map(format).collect(),
            mid: None,
        }
    }

    #[test]
    fn payload_types_pass_that_both_ends_have_under_their_numbers() {
        let (a, b) = (stream(&[0, 8, 96]), stream(&[0, 101]));
        assert_eq!(payloads(&a, Some(&b), &[(96, 101)]), Some(vec![(0, 0), (96, 101)]));
        assert_eq!(payloads(&b, Some(&a), &[(101, 96)]), Some(vec![(0, 0), (101, 96)]));
        assert_eq!(payloads(&a, Some(&stream(&[9])), &[]), Some(vec![]), "nothing in common");
        assert_eq!(payloads(&stream(&[]), Some(&b), &[]), None);
    }

    #[test]
    fn a_key_that_stays_is_kept_and_a_defective_one_opens_nothing() {
        let key = |byte: u8, length| SrtpKey {
            suite: SrtpSuite::AesCm128HmacSha1_80,
            key_and_salt: vec![byte; length].into(),
            mki: Box::default(),
        };
        let sdes = |send, receive| Keying::Sdes { send: key(send, 30), receive: key(receive, 30) };
        let old = sdes(1, 2);
        assert!(matches!(keys(&old, None), (KeyChange::New(_), KeyChange::New(_))));
        assert!(matches!(keys(&sdes(1, 3), Some(&old)), (KeyChange::New(_), KeyChange::Keep)));
        assert!(matches!(keys(&Keying::Plain, Some(&old)), (KeyChange::Plain, KeyChange::Plain)));
        let defect = Keying::Sdes { send: key(1, 29), receive: key(2, 31) };
        assert!(matches!(keys(&defect, None), (KeyChange::Awaited, KeyChange::Awaited)));
    }

    #[test]
    fn a_key_with_an_identifier_is_one_and_with_one_that_is_too_long_opens_nothing() {
        let key = |mki: &[u8]| SrtpKey {
            suite: SrtpSuite::AeadAes128Gcm,
            key_and_salt: vec![1; 28].into(),
            mki: mki.into(),
        };
        assert!(master(&key(&[])).is_some() && master(&key(&[0, 1])).is_some());
        assert!(master(&key(&[1; 17])).is_none());
    }
}
