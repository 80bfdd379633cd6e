//! TCP: messages out of a stream, connections that come, stay and go.

use crate::harness::*;
use coeur::net::limits::Limits;
use coeur::shard::Forgetful;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
#[test]
fn pipelined_and_split_messages_over_tcp_are_answered_in_order() {
    let server = Server::usual();
    let mut stream = server.tcp(1);
    let mut bytes = b"\r\n\r\n".to_vec();
    for number in 1..=20 {
        bytes.extend(request("OPTIONS", "sip:x", number));
    }
    for part in bytes.chunks(777) {
        stream.write_all(part).unwrap();
        std::thread::sleep(Duration::from_millis(2));
    }
    let text = answers(&mut stream, 20);
    assert!(text.starts_with("\r\nSIP/2.0 200"), "the keep-alive is answered by CRLF");
    let order: Vec<usize> = (1..=20).map(|number| text.find(&format!("CSeq: {number} ")).unwrap()).collect();
    assert!(order.is_sorted());
}

#[test]
fn a_stream_without_sense_is_answered_400_and_closed() {
    let server = Server::usual();
    for (count, length) in
        ["Content-Length: many\r\n", "", "l: 0\r\nl: 0\r\n", "l: 70000\r\n"].iter().enumerate()
    {
        let mut stream = server.tcp(1);
        let text = format!("OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bK1\r\n{length}\r\n");
        stream.write_all(text.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert!(text.starts_with("SIP/2.0 400"), "{length:?}: {text}");
        server.wait_for("closed_framing", count as u64 + 1);
    }
    // What is no SIP at all is closed without a word.
    let mut stream = server.tcp(1);
    stream.write_all(b"\x16\x03\x01\x02").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text, "");
    server.wait_for("closed_framing", 5);
}

#[test]
fn a_thousand_connections_are_served_and_forgotten() {
    let server = Server::usual();
    let mut streams: Vec<TcpStream> = (0..1_000).map(|_| server.tcp(1)).collect();
    for (number, stream) in streams.iter_mut().enumerate() {
        stream.write_all(&request("OPTIONS", "sip:x", number as u32)).unwrap();
    }
    for stream in &mut streams {
        answers(stream, 1);
    }
    assert_eq!(server.count("connections_open"), 1_000);
    for (i, stream) in streams.drain(..).enumerate() {
        // Half of them by reset, in the middle of a message.
        if i % 2 == 0 {
            (&stream).write_all(b"OPTIONS sip:x SI").unwrap();
            socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
        }
    }
    server.wait_for("connections_closed", 1_000);
    assert_eq!(server.count("connections_open"), 0);
    assert_eq!(server.handler.closed.load(Ordering::SeqCst), 1_000);
}

#[test]
fn a_stop_lets_the_answer_leave_and_closes_every_connection() {
    let mut server = Server::usual();
    let mut stream = server.tcp(1);
    stream.write_all(&request("OPTIONS", "sip:x", 1)).unwrap();
    answers(&mut stream, 1);
    let start = Instant::now();
    server.shards.take().unwrap().stop(Duration::from_secs(5));
    assert!(start.elapsed() < Duration::from_secs(3), "nothing was owed");
    assert!(is_closed(&mut stream));
    assert!(TcpStream::connect(server.addresses[1]).is_err());
}

#[test]
fn a_connection_reset_at_any_byte_leaves_nothing_behind() {
    let limits = Limits { handshake: Duration::from_secs(1), ..Limits::default() };
    let server = Server::start(2, limits, Arc::new(Forgetful::default()));
    let message = request("OPTIONS", "sip:x", 1);
    let opening = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    let mut count = 0;
    for at in (0..message.len()).step_by(7) {
        // TCP in the middle of a message, TLS in the middle of what is no hello, WebSocket in its opening.
        for (place, bytes) in
            [(1, &message[..at]), (2, &message[..at]), (3, &opening[..at.min(opening.len())])]
        {
            let mut stream = server.tcp(place);
            stream.write_all(bytes).unwrap();
            socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
            count += 1;
        }
        // TLS after its handshake, in the middle of a message.
        let mut stream = server.tls(2);
        stream.write_all(&message[..at]).unwrap();
        socket2::SockRef::from(&stream.sock).set_linger(Some(Duration::ZERO)).unwrap();
        count += 1;
    }
    server.wait_for("connections_closed", count);
    assert_eq!(server.count("connections_open"), 0);
    assert_eq!(server.handler.closed.load(Ordering::SeqCst), count);
    let mut stream = server.tcp(1);
    stream.write_all(&message).unwrap();
    answers(&mut stream, 1);
}
