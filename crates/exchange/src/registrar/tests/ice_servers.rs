//! What browsers are told of STUN and TURN.

use super::desk::{Desk, ask, contact, stream, udp};
use crate::ice_servers::IceServers;
use coeur_directory::DeviceId;
use coeur_sip::time::Wall;
use coeur_sip::transport::Transport;
use std::sync::Arc;

/// Decision 0030: a password crosses nothing that others can read, and goes to whom has use for it.
#[test]
fn a_browser_is_told_its_ice_servers_where_nobody_listens_and_no_other_phone_is() {
    let mut desk = Desk::new();
    assert_eq!(
        desk.send(ask(1, contact("")).over(stream(Transport::Wss, "192.0.2.9:4000", 1)))
            .lines("Ice-Servers")
            .len(),
        0
    );
    let issue = |user: &[u8], domain: &[u8], device: DeviceId, now: Wall| {
        let account = format!("{}@{}", String::from_utf8_lossy(user), String::from_utf8_lossy(domain));
        format!("[{{\"username\":\"{}:{}:{account}\"}}]", now.as_secs(), device.0)
    };
    desk.world.settings.ice_servers = IceServers::new(Arc::new(issue));
    let over = |desk: &mut Desk, cseq, flow| {
        let answer = desk.send(ask(cseq, contact("")).over(flow));
        assert_eq!(answer.status, 200);
        answer.lines("Ice-Servers").into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let expected = format!("[{{\"username\":\"1800000000:{}:alice@example.com\"}}]", desk.device.0);
    assert_eq!(
        over(&mut desk, 2, stream(Transport::Wss, "192.0.2.9:4000", 2)),
        std::slice::from_ref(&expected)
    );
    assert_eq!(over(&mut desk, 3, stream(Transport::Ws, "127.0.0.1:4000", 3)), [expected]);
    for (cseq, flow) in [
        (4, stream(Transport::Ws, "192.0.2.9:4000", 4)),
        (5, stream(Transport::Tls, "192.0.2.9:4000", 5)),
        (6, udp("127.0.0.1:5062")),
    ] {
        assert_eq!(over(&mut desk, cseq, flow), [""; 0], "{flow:?}");
    }
    let gone = ask(7, "Contact: *\r\nExpires: 0\r\n").over(stream(Transport::Wss, "192.0.2.9:4000", 2));
    assert_eq!(desk.send(gone).lines("Ice-Servers").len(), 0, "who leaves needs none");
}
