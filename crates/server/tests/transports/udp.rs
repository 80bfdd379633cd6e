//! Datagrams, and what leads from one shard to another.

use crate::harness::*;
use coeur::net::limits::Limits;
use coeur::shard::Forgetful;
use std::io::Write;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
#[test]
fn a_request_over_udp_is_answered_and_keep_alives_are_not() {
    let server = Server::usual();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.connect(server.addresses[0]).unwrap();
    for junk in [&b"\r\n\r\n"[..], b"", b"\x80\x01junk"] {
        socket.send(junk).unwrap();
    }
    let mut buffer = [0; 2_048];
    for number in 1..=200 {
        socket.send(&request("OPTIONS", "sip:x", number)).unwrap();
        let length = socket.recv(&mut buffer).unwrap();
        let text = std::str::from_utf8(&buffer[..length]).unwrap();
        assert!(text.starts_with("SIP/2.0 200") && text.contains(&format!("CSeq: {number} ")), "{text}");
    }
    let mut stun = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    stun.extend_from_slice(&[9; 12]);
    socket.send(&stun).unwrap();
    assert_eq!(socket.recv(&mut buffer).unwrap(), 32);
    assert_eq!(&buffer[..2], [1, 1]);
}

/// Its process ends (see `house::deaths`); until then the others take over what comes for it.
#[test]
fn a_shard_that_panics_is_told_of_at_once_and_the_others_go_on() {
    let server = Server::usual();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.connect(server.addresses[0]).unwrap();
    socket.send(&request("OPTIONS", "sip:panic", 1)).unwrap();
    let start = Instant::now();
    while server.deaths.lock().unwrap().is_empty() {
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(5));
    }
    let told = server.deaths.lock().unwrap()[0].clone();
    assert!(told.starts_with("shard-") && told.contains("a defect"), "{told}");
    socket.send(&request("OPTIONS", "sip:x", 2)).unwrap();
    let mut buffer = [0; 2_048];
    let length = socket.recv(&mut buffer).unwrap();
    assert!(buffer[..length].starts_with(b"SIP/2.0 200"));
    let mut stream = server.tcp(1);
    stream.write_all(&request("OPTIONS", "sip:x", 3)).unwrap();
    assert!(answers(&mut stream, 1).starts_with("SIP/2.0 200"));
}

#[test]
fn a_source_of_malformed_datagrams_is_not_heard_any_more_and_a_known_phone_behind_it_is() {
    let server = Server::start(1, Limits::default(), Arc::new(Forgetful::default()));
    let open = |local: &str| {
        let socket = UdpSocket::bind(local).unwrap();
        socket.connect(server.addresses[0]).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    };
    let (flood, phone, elsewhere) = (open("127.0.0.2:0"), open("127.0.0.2:0"), open("127.0.0.3:0"));
    let asks = |socket: &UdpSocket, uri: &str| {
        socket.send(&request("OPTIONS", uri, 1)).unwrap();
        let mut buffer = [0; 2_048];
        let length = socket.recv(&mut buffer).unwrap();
        assert!(buffer[..length].starts_with(b"SIP/2.0 200"));
    };
    asks(&phone, "sip:proof");
    // Room comes back while the flood goes on, on a slow machine more of it.
    let (start, mut sent) = (Instant::now(), 0);
    while server.count("datagrams_unheard") <= 200 {
        assert!(start.elapsed() < PATIENCE, "{} unheard", server.count("datagrams_unheard"));
        for _ in 0..100 {
            flood.send(b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\n\r\n").unwrap();
        }
        sent += 100;
        server.wait_for("datagrams_received", 1 + sent);
    }
    let (before, mut rounds) = (server.count("datagrams_unheard"), 0);
    // Interleaved, so that whatever room comes back is taken by the flood.
    while rounds < 10 || server.count("datagrams_unheard") <= before + 100 {
        assert!(start.elapsed() < 2 * PATIENCE, "{} unheard", server.count("datagrams_unheard"));
        rounds += 1;
        for _ in 0..50 {
            flood.send(b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\n\r\n").unwrap();
        }
        flood.send(&request("OPTIONS", "sip:x", 1)).unwrap();
        asks(&phone, "sip:x");
        asks(&elsewhere, "sip:x");
    }
}

#[test]
fn what_an_answer_tells_is_counted_before_it_leaves() {
    let server = Server::start(1, Limits::default(), Arc::new(Forgetful::default()));
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server.addresses[0]).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut stream, mut buffer) = (server.tcp(1), [0; 2_048]);
    for count in 1..=3 {
        socket.send(&request("OPTIONS", "sip:slow", 1)).unwrap();
        socket.recv(&mut buffer).unwrap();
        assert_eq!(server.handler.shown.load(Ordering::SeqCst), 2 * count - 1);
        stream.write_all(&request("OPTIONS", "sip:slow", 1)).unwrap();
        answers(&mut stream, 1);
        assert_eq!(server.handler.shown.load(Ordering::SeqCst), 2 * count);
    }
}

#[test]
fn a_response_reaches_the_shard_its_branch_names() {
    let server = Server::usual();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for shard in ["00", "01"] {
        let text = format!(
            "SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKc{shard}abc\r\nFrom: <sip:a@b>;tag=1\r\n\
             To: <sip:a@b>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
        );
        socket.send_to(text.as_bytes(), server.addresses[0]).unwrap();
    }
    // One socket of ours is one shard of theirs, so one of the two had to be passed on.
    server.wait_for("responses_passed_on", 1);
    let start = Instant::now();
    while server.handler.responses.load(Ordering::SeqCst) < 2 {
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(server.count("responses_passed_on"), 1);
    // A trace shows each of them once.
    assert_eq!(server.tap.entries().len(), 2);
}

/// Decision 0012.
#[test]
fn a_request_inside_a_call_reaches_the_shard_its_tag_names() {
    let server = Server::usual();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server.addresses[0]).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    for shard in ["00", "01"] {
        let tag = format!("b2b-{shard}0000000100000000deadbeef");
        let text = String::from_utf8(request("OPTIONS", "sip:x", 1)).unwrap();
        let text = text.replacen("\r\nCall-ID", &format!(";tag={tag}\r\nCall-ID"), 1);
        assert!(text.contains(&tag), "{text}");
        socket.send(text.as_bytes()).unwrap();
        let mut buffer = [0; 2_048];
        socket.recv(&mut buffer).unwrap();
    }
    // One socket of ours is one shard of theirs, so one of the two had to be passed on, and both were answered.
    assert_eq!(server.count("requests_passed_on"), 1);
}

/// Decision 0040: each shard is asked once, and what strangers want looked for has a limit.
#[test]
fn what_strangers_want_looked_for_on_other_shards_is_bounded() {
    const BATCHES: u64 = 60;
    const BATCH: u64 = 50;
    let server = Server::start(3, Limits::default(), Arc::new(Forgetful::default()));
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server.addresses[0]).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let start = Instant::now();
    let mut buffer = [0; 2_048];
    for batch in 0..BATCHES {
        (0..BATCH).for_each(|i| {
            socket.send(&request("CANCEL", "sip:lost", (batch * BATCH + i) as u32)).unwrap();
        });
        // Whoever was the last to be asked answers.
        (0..BATCH).for_each(|_| assert!(socket.recv(&mut buffer).is_ok()));
    }
    let (sought, unsought) = (server.count("invites_sought"), server.count("invites_unsought"));
    assert_eq!(sought / 2 + unsought, BATCHES * BATCH, "two others are asked for each");
    assert!(
        sought / 2 <= 1_001 + start.elapsed().as_millis() as u64,
        "{sought} for the burst, then one each millisecond"
    );
    assert!(sought / 2 >= 1_000);
}

#[test]
fn every_transport_is_served_over_ipv6() {
    let Ok(socket) = UdpSocket::bind("[::1]:0") else {
        eprintln!("this machine has no IPv6: nothing was tested");
        return;
    };
    let server = Server::start_at("[::1]", 2, Limits::default(), Arc::new(Forgetful::default()));
    assert!(server.addresses.iter().all(|address| address.is_ipv6()));
    socket.connect(server.addresses[0]).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.send(&request("OPTIONS", "sip:x", 1)).unwrap();
    let mut buffer = [0; 2_048];
    let length = socket.recv(&mut buffer).unwrap();
    assert!(buffer[..length].starts_with(b"SIP/2.0 200"));
    // STUN tells the address it saw, exclusive-ored with cookie and transaction (RFC 8489 section 14.2).
    let mut stun = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    stun.extend_from_slice(&[9; 12]);
    socket.send(&stun).unwrap();
    assert_eq!(socket.recv(&mut buffer).unwrap(), 44);
    let address: Vec<u8> = buffer[28..44].iter().zip(&stun[4..20]).map(|(a, b)| a ^ b).collect();
    assert_eq!(address, std::net::Ipv6Addr::LOCALHOST.octets());

    let mut tcp = server.tcp(1);
    tcp.write_all(&request("OPTIONS", "sip:x", 1)).unwrap();
    assert!(answers(&mut tcp, 1).contains("200 OK"));
    let mut tls = server.tls(2);
    tls.write_all(&request("OPTIONS", "sip:x", 1)).unwrap();
    assert!(answers(&mut tls, 1).contains("200 OK"));
    assert!(open_as_page(server.tcp(3), None).starts_with("HTTP/1.1 101"));
    assert!(open_as_page(server.tls(4), None).starts_with("HTTP/1.1 101"));
    // And a connection that we open.
    let uri = format!("sip:a;to=tcp-{}/b", server.addresses[1]);
    socket.send(&request("INFO", &uri, 2)).unwrap();
    server.wait_for("connections_opened", 1);
}
