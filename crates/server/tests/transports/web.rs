//! SIP over WebSocket.

use crate::harness::*;
use std::io::{Read, Write};
#[test]
fn web_socket_and_secure_web_socket_carry_one_message_per_frame() {
    use tungstenite::client::IntoClientRequest;
    let server = Server::usual();
    for place in [3, 4] {
        let mut opening = format!("ws://{}/", server.addresses[place]).into_client_request().unwrap();
        opening.headers_mut().insert("Sec-WebSocket-Protocol", "sip".parse().unwrap());
        fn talk<S: Read + Write>(opening: tungstenite::handshake::client::Request, stream: S) {
            let (mut web, response) = tungstenite::client(opening, stream).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(response.headers()["Sec-WebSocket-Protocol"], "sip");
            for number in 1..=3 {
                let text = String::from_utf8(request("OPTIONS", "sip:x", number)).unwrap();
                web.send(tungstenite::Message::text(text)).unwrap();
                let answer = web.read().unwrap();
                assert!(answer.is_text() && answer.to_text().unwrap().contains(&format!("CSeq: {number} ")));
            }
            web.send(tungstenite::Message::Ping(vec![7].into())).unwrap();
            assert!(web.read().unwrap().is_pong());
            web.send(tungstenite::Message::text("\r\n\r\n")).unwrap();
            assert_eq!(web.read().unwrap().to_text().unwrap(), "\r\n");
            web.close(None).unwrap();
            while web.read().is_ok() {}
        }
        if place == 3 { talk(opening, server.tcp(3)) } else { talk(opening, server.tls(4)) }
    }
}

#[test]
fn a_page_of_a_stranger_is_refused_at_the_handshake_and_counted() {
    let server = Server::usual();
    for (count, origin) in ["https://evil.test", "null", "https://phone.test.evil.test"].iter().enumerate() {
        for place in [3, 4] {
            let answer = match place {
                3 => open_as_page(server.tcp(3), Some(origin)),
                _ => open_as_page(server.tls(4), Some(origin)),
            };
            assert!(answer.starts_with("HTTP/1.1 403 "), "{origin}: {answer}");
        }
        server.wait_for("origins_refused", 2 * (count as u64 + 1));
    }
    server.wait_for("connections_closed", 6);
    assert_eq!(server.count("stream_messages_received"), 0);
    for origin in [Some("https://phone.test"), None] {
        let answer = open_as_page(server.tcp(3), origin);
        assert!(answer.starts_with("HTTP/1.1 101 "), "{origin:?}: {answer}");
        assert!(open_as_page(server.tls(4), origin).starts_with("HTTP/1.1 101 "));
    }
    assert_eq!(server.count("origins_refused"), 6);
}

#[test]
fn compression_that_a_browser_offers_is_declined_and_what_it_then_sends_plain_is_served() {
    let server = Server::usual();
    let mut stream = server.tcp(3);
    // The opening offers permessage-deflate, as every browser's does.
    let answer = open_as_page(&mut stream, None);
    assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
    assert!(!answer.to_ascii_lowercase().contains("sec-websocket-extensions"), "{answer}");
    let message = request("OPTIONS", "sip:x", 1);
    let mut frame = vec![0x81, 0x80 | 126, 0, message.len() as u8, 0, 0, 0, 0];
    frame.extend_from_slice(&message);
    stream.write_all(&frame).unwrap();
    assert!(answers(&mut stream, 1).contains("200 OK"));
    // A compressed frame all the same (RSV1) breaks the rules: closed with 1002 (RFC 6455 section 5.2).
    frame[0] |= 0x40;
    stream.write_all(&frame).unwrap();
    let mut last = Vec::new();
    stream.read_to_end(&mut last).unwrap();
    assert_eq!(last, [0x88, 2, 0x03, 0xea]);
    server.wait_for("closed_framing", 1);
    // A goodbye is answered with its own code (section 5.5.1), and is no failure.
    let mut stream = server.tcp(3);
    open_as_page(&mut stream, None);
    stream.write_all(&[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]).unwrap();
    let mut last = Vec::new();
    stream.read_to_end(&mut last).unwrap();
    assert_eq!(last, [0x88, 2, 0x03, 0xe8]);
    assert_eq!(server.count("closed_framing"), 1);
}

#[test]
fn a_client_that_does_not_offer_the_subprotocol_sip_is_refused() {
    let server = Server::usual();
    for (count, offered) in
        ["", "Sec-WebSocket-Protocol: chat\r\n", "Sec-WebSocket-Protocol: sips, sipx\r\n"].iter().enumerate()
    {
        let mut stream = server.tcp(3);
        let opening = format!(
            "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{offered}\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        stream.write_all(opening.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert!(text.starts_with("HTTP/1.1 400 ") && text.contains("subprotocol must be sip"), "{text}");
        server.wait_for("handshakes_web_socket_failed", count as u64 + 1);
    }
    // Among others, and in whatever case, it is chosen.
    let mut stream = server.tcp(3);
    let opening = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: chat, SIP\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    stream.write_all(opening.as_bytes()).unwrap();
    let answer = answers(&mut stream, 1).to_ascii_lowercase();
    assert!(
        answer.starts_with("http/1.1 101") && answer.contains("sec-websocket-protocol: sip\r\n"),
        "{answer}"
    );
}
