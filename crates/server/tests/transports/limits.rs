//! What takes too long or too much is closed.

use crate::harness::*;
use coeur::net::limits::Limits;
use coeur::shard::Forgetful;
use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};
#[test]
fn slow_and_silent_connections_meet_their_deadlines() {
    let limits = Limits {
        handshake: Duration::from_millis(300),
        first_request: Duration::from_millis(300),
        message: Duration::from_millis(300),
        message_pause: Duration::from_secs(60),
        idle: Duration::from_millis(900),
        ..Limits::default()
    };
    let server = Server::start(1, limits, Arc::new(Forgetful::default()));
    let (mut silent, mut half_open, mut web) = (server.tcp(1), server.tcp(2), server.tcp(3));
    let mut drip = server.tcp(1);
    drip.write_all(&request("OPTIONS", "sip:x", 1)).unwrap();
    answers(&mut drip, 1);
    let mut dripping = drip.try_clone().unwrap();
    let dripper = std::thread::spawn(move || {
        for byte in request("OPTIONS", "sip:x", 2) {
            if dripping.write_all(&[byte]).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let mut idle = server.tcp(1);
    idle.write_all(&request("OPTIONS", "sip:x", 1)).unwrap();
    answers(&mut idle, 1);
    let start = Instant::now();
    for stream in [&mut silent, &mut half_open, &mut web, &mut drip, &mut idle] {
        assert!(is_closed(stream));
    }
    assert!(start.elapsed() < Duration::from_secs(4));
    dripper.join().unwrap();
    server.wait_for("deadline_first_request", 1);
    server.wait_for("deadline_handshake", 2);
    server.wait_for("tls_deadline", 1);
    server.wait_for("deadline_message", 1);
    server.wait_for("deadline_idle", 1);
    assert_eq!(server.count("connections_open"), 0);
}

#[test]
fn a_message_that_drips_is_closed_long_before_its_deadline_and_a_slow_one_is_not() {
    let limits = Limits { message_pause: Duration::from_millis(1_500), ..Limits::default() };
    let server = Server::start(1, limits, Arc::new(Forgetful::default()));
    // 50 and 2,000 bytes a second: beneath and above the minimum, over TCP and over WebSocket.
    fn send(mut stream: TcpStream, bytes: &[u8], each: usize) -> bool {
        for part in bytes.chunks(each) {
            if stream.write_all(part).is_err() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        true
    }
    let message = request("OPTIONS", "sip:x", 1);
    let text = String::from_utf8(request("MESSAGE", "sip:x", 1)).unwrap();
    let long = text.replace("Content-Length: 0", "Content-Length: 1500") + &"x".repeat(1_500);
    let frame = |message: &[u8]| {
        let length = (message.len() as u16).to_be_bytes();
        [&[0x81, 0x80 | 126, length[0], length[1], 0, 0, 0, 0], message].concat()
    };
    let start = Instant::now();
    let (mut slow, mut fast, mut drip) = (server.tcp(1), server.tcp(1), server.tcp(1));
    let (mut slow_web, mut fast_web) = (server.tcp(3), server.tcp(3));
    for web in [&slow_web, &fast_web] {
        assert!(open_as_page(web, None).starts_with("HTTP/1.1 101"));
    }
    drip.write_all(&message).unwrap();
    answers(&mut drip, 1);
    std::thread::scope(|scope| {
        for (stream, bytes, each) in [
            (&slow, message.clone(), 1),
            (&drip, message.clone(), 1),
            (&slow_web, frame(&message), 1),
            (&fast, long.clone().into_bytes(), 40),
            (&fast_web, frame(long.as_bytes()), 40),
        ] {
            let stream = stream.try_clone().unwrap();
            scope.spawn(move || send(stream, &bytes, each));
        }
        for stream in [&mut slow, &mut drip, &mut slow_web] {
            assert!(is_closed(stream));
        }
        for stream in [&mut fast, &mut fast_web] {
            assert!(answers(stream, 1).contains("200 OK"));
        }
    });
    assert!(start.elapsed() < Duration::from_secs(8), "before 10 s: {:?}", start.elapsed());
    server.wait_for("deadline_message", 3);
    assert_eq!(server.count("connections_open"), 2);
}

#[test]
fn a_shard_takes_only_so_many_connections() {
    let limits = Limits { connections_max: 3, ..Limits::default() };
    let server = Server::start(1, limits, Arc::new(Forgetful::default()));
    let mut streams: Vec<TcpStream> = (0..4).map(|_| server.tcp(1)).collect();
    server.wait_for("connections_refused_full", 1);
    assert!(is_closed(&mut streams[3]));
    drop(streams.drain(..));
    server.wait_for("connections_closed", 3);
    let mut stream = server.tcp(1);
    stream.write_all(&request("OPTIONS", "sip:x", 1)).unwrap();
    answers(&mut stream, 1);
}

#[test]
fn one_source_gets_only_so_many_connections() {
    let limits = Limits { connections_per_source_max: 3, count_loopback: true, ..Limits::default() };
    let server = Server::start(2, limits, Arc::new(Forgetful::default()));
    let mut streams: Vec<TcpStream> = (0..4).map(|_| server.tcp(1)).collect();
    server.wait_for("connections_refused_source", 1);
    drop(streams.drain(..));
    server.wait_for("connections_closed", 3);
    let mut stream = server.tcp(1);
    stream.write_all(&request("OPTIONS", "sip:x", 1)).unwrap();
    answers(&mut stream, 1);
}

#[test]
fn a_peer_that_does_not_read_is_closed_at_the_bound() {
    let limits = Limits { write_bytes_max: 64 << 10, ..Limits::default() };
    let server = Server::start(1, limits, Arc::new(Forgetful::default()));
    let requests: Vec<u8> = (1..=50).flat_map(|number| request("OPTIONS", "sip:x", number)).collect();
    let pings = b"\r\n\r\n".repeat(4_096);
    for (closed, (place, message)) in
        [(1, &requests), (2, &requests), (1, &pings), (2, &pings)].into_iter().enumerate()
    {
        let stop = Instant::now() + PATIENCE;
        let mut plain;
        let mut sealed;
        let stream: &mut dyn Write = if place == 1 {
            plain = server.tcp(1);
            &mut plain
        } else {
            sealed = server.tls(2);
            &mut sealed
        };
        while stream.write_all(message).is_ok() {
            assert!(Instant::now() < stop, "still open");
        }
        server.wait_for("closed_slow_reader", closed as u64 + 1);
    }
}
