//! Connections that we open to others: whom we believe, and when one is used again.

use crate::harness::*;
use std::io::{Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
/// A server of another domain whose certificate, with these names, comes from an authority that `server` believes.
/// Counts the requests that reach it.
fn domain_server(server: &Server, names: &[rcgen::SanType]) -> (SocketAddr, Arc<AtomicU64>) {
    let read = |name: &str| std::fs::read_to_string(server.folder.join(name)).unwrap();
    let key = rcgen::KeyPair::from_pem(&read("authority.key")).unwrap();
    let issuer = rcgen::Issuer::from_ca_cert_pem(&read("authority.pem"), key).unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.subject_alt_names = names.to_vec();
    let key = rcgen::KeyPair::generate().unwrap();
    let chain = vec![params.signed_by(&key, &issuer).unwrap().der().clone()];
    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let (config, heard) = (Arc::new(config), Arc::new(AtomicU64::new(0)));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, count) = (listener.local_addr().unwrap(), heard.clone());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream);
            let (mut buffer, mut text) = ([0; 4_096], String::new());
            while let Ok(length @ 1..) = stream.read(&mut buffer) {
                text.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
                count.store(text.matches("OPTIONS sip:there").count() as u64, Ordering::SeqCst);
            }
        }
    });
    (address, heard)
}

#[test]
fn what_cannot_be_sent_is_reported_and_a_name_that_is_not_proved_is_not_trusted() {
    let server = Server::usual();
    let peer = Server::usual();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let ask = |uri: String| socket.send_to(&request("INFO", &uri, 1), server.addresses[0]).unwrap();
    ask(format!("sip:a;to=tcp-{}/b", peer.addresses[1]));
    ask(format!("sip:a;to=tcp-{}/b", peer.addresses[1]));
    server.wait_for("stream_messages_received", 2);
    assert_eq!(server.count("connections_opened"), 1, "the connection is used again");
    assert_eq!(server.handler.failed.load(Ordering::SeqCst), 0);
    ask(format!("sip:a;to=tcp-{nobody}/b"));
    server.wait_for("connections_connect_failed", 1);
    // The peer's authority is not trusted by this server.
    ask(format!("sip:a;to=tls-{}/sip.test", peer.addresses[2]));
    server.wait_for("tls_untrusted", 1);
    server.wait_for_failures(2);
    // Its own authority is; the name must be right, and decides about reuse.
    ask(format!("sip:a;to=tls-{}/sip.test", server.addresses[2]));
    ask(format!("sip:a;to=tls-{}/127.0.0.1", server.addresses[2]));
    ask(format!("sip:a;to=tls-{}/evil.test", server.addresses[2]));
    let start = Instant::now();
    while server.handler.failed.load(Ordering::SeqCst) < 3
        || server.handler.responses.load(Ordering::SeqCst) < 4
    {
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn another_domain_is_believed_by_its_own_name_and_not_by_a_wildcard() {
    let dns = |name: &str| rcgen::SanType::DnsName(name.try_into().unwrap());
    let uri = |name: &str| rcgen::SanType::URI(name.try_into().unwrap());
    let server = Server::usual();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut refused = 0;
    for (names, domain, believed) in [
        (vec![dns("far.test")], "far.test", true),
        (vec![uri("sip:far.test")], "far.test", true),
        (vec![dns("*.test")], "far.test", false),
        (vec![uri("sip:near.test"), dns("far.test")], "far.test", false),
        (vec![dns("near.test")], "far.test", false),
    ] {
        let (address, heard) = domain_server(&server, &names);
        let uri = format!("sip:a;to=tls-{address}/{domain}");
        socket.send_to(&request("INFO", &uri, 1), server.addresses[0]).unwrap();
        if believed {
            let start = Instant::now();
            while heard.load(Ordering::SeqCst) == 0 {
                assert!(start.elapsed() < PATIENCE, "{names:?}");
                std::thread::sleep(Duration::from_millis(5));
            }
        } else {
            refused += 1;
            server.wait_for("tls_untrusted", refused);
            server.wait_for_failures(refused);
            assert_eq!(heard.load(Ordering::SeqCst), 0, "nothing was said to {names:?}");
        }
    }
}

#[test]
fn a_connection_that_a_stranger_opened_carries_no_request_for_its_address() {
    // RFC 5923 section 5: an alias is believed only of a peer that has proved its domain, and clients prove none here.
    let server = Server::usual();
    let mut stream = server.tls(2);
    let text = String::from_utf8(request("OPTIONS", "sip:x", 1)).unwrap();
    stream.write_all(text.replace(";branch", ";alias;branch").as_bytes()).unwrap();
    assert!(answers(&mut stream, 1).contains("200 OK"));
    let uri = format!("sip:a;to=tls-{}/sip.test", stream.sock.local_addr().unwrap());
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(&request("INFO", &uri, 2), server.addresses[0]).unwrap();
    server.wait_for("connections_connect_failed", 1);
    stream.sock.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    assert!(stream.read(&mut [0; 16]).is_err(), "nothing came on the connection of the stranger");
}
