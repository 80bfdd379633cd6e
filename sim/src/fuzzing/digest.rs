//! Digest: readers of both directions, and the guard that takes credentials, nonces included. Nobody gets in.

use super::choices::Choices;
use super::desk::{Desk, STRANGER};
use coeur_sip::digest::{Algorithm, Credentials, Ha1, Session, challenges, next_nonce, verify};
use std::cell::RefCell;

pub fn digest(data: &[u8]) {
    read(data);
    answer(data);
    thread_local! {
        static DESK: RefCell<Desk> = RefCell::new(Desk::new());
    }
    DESK.with_borrow_mut(|desk| knock(desk, data));
}

fn read(data: &[u8]) {
    let _ = next_nonce(data);
    assert!(challenges(data).count() <= data.len());
    let Ok(credentials) = Credentials::parse(data) else { return };
    for algorithm in [Algorithm::Md5, Algorithm::Sha256, Algorithm::Sha512_256] {
        let ha1 = Ha1::new(algorithm, b"alice", b"fuzz.test", b"nobody has this secret");
        assert!(!verify(&ha1, &credentials, b"REGISTER", b""), "a digest was guessed");
    }
}

/// A client answers any challenge it accepts with credentials that our reader takes and the secret proves.
fn answer(data: &[u8]) {
    let Some(challenge) = Session::choose(challenges(data).flatten()) else { return };
    let mut session = Session::new(&challenge);
    let ha1 = Ha1::new(session.algorithm(), b"alice", session.realm(), b"secret");
    let mut value = Vec::new();
    session.write_credentials(b"alice", &ha1, b"INVITE", b"sip:bob@fuzz.test", b"v=0", [7; 16], &mut value);
    if let Ok(credentials) = Credentials::parse(&value)
        && credentials.qop.is_some()
    {
        assert!(verify(&ha1, &credentials, b"INVITE", b"v=0"), "{}", String::from_utf8_lossy(&value));
    }
}

/// The bytes as credentials of a REGISTER and an INVITE, whole and as the nonce alone.
fn knock(desk: &mut Desk, data: &[u8]) {
    let mut choices = Choices::new(data);
    let value = match choices.byte() % 3 {
        0 => data.to_vec(),
        1 => written("alice", data),
        _ => written("nobody", &[&b"E"[..], data].concat()),
    };
    let line_safe: Vec<u8> = value.into_iter().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    for (method, header) in [("REGISTER", "Authorization"), ("INVITE", "Proxy-Authorization")] {
        let mut request = format!(
            "{method} sip:fuzz.test SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.9;branch=z9hG4bK{}\r\n\
             From: <sip:alice@fuzz.test>;tag=f\r\nTo: <sip:alice@fuzz.test>\r\nCall-ID: d\r\nCSeq: 1 {method}\r\n\
             Contact: <sip:alice@203.0.113.9>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n{header}: ",
            desk.serial()
        )
        .into_bytes();
        request.extend_from_slice(&line_safe);
        request.extend_from_slice(b"\r\n\r\n");
        desk.wait_ms(200);
        let sent = desk.receive(STRANGER, &request);
        for answer in &sent {
            let refused = answer.bytes.starts_with(b"SIP/2.0 4") || answer.bytes.starts_with(b"SIP/2.0 5");
            assert!(refused, "{}", String::from_utf8_lossy(&answer.bytes));
        }
    }
}

fn written(user: &str, nonce: &[u8]) -> Vec<u8> {
    let head =
        format!("Digest username=\"{user}\",realm=\"fuzz.test\",uri=\"sip:fuzz.test\",nc=00000001,qop=auth,");
    let response = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    let rest = format!("cnonce=\"c\",algorithm=SHA-256,response=\"{response}\",nonce=\"");
    [head.as_bytes(), rest.as_bytes(), nonce, b"\""].concat()
}
