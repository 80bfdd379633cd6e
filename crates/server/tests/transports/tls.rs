//! TLS: certificates, versions, failures.

use crate::harness::*;
use coeur::tls::{Tls, authority, roots};
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};
#[test]
fn tls_with_the_local_authority_survives_a_reload_of_the_certificate() {
    let server = Server::usual();
    let mut before = server.tls(2);
    before.write_all(&request("OPTIONS", "sip:x", 1)).unwrap();
    assert!(answers(&mut before, 1).contains("200 OK"));
    let source = authority::renew(&server.folder, &server.names).unwrap();
    server.tls.reload(&[source]).unwrap();
    before.write_all(&request("OPTIONS", "sip:x", 2)).unwrap();
    assert!(answers(&mut before, 1).contains("CSeq: 2 "));
    // A client without memory: a resumed session would show the old certificate.
    let mut trusted = rustls::RootCertStore::empty();
    roots::add_file(&mut trusted, &authority::certificate_path(&server.folder)).unwrap();
    let stranger = Tls::new(&[], trusted).unwrap();
    let client = stranger.connect(Some("sip.test"), server.addresses[2].ip()).unwrap();
    let mut after = rustls::StreamOwned::new(client, server.tcp(2));
    after.write_all(&request("OPTIONS", "sip:x", 3)).unwrap();
    answers(&mut after, 1);
    assert_ne!(before.conn.peer_certificates(), after.conn.peer_certificates());
}

#[test]
fn connections_are_counted_by_transport_and_failed_handshakes_by_reason() {
    let server = Server::usual();
    let client = |alpn: &[&[u8]], roots: rustls::RootCertStore| {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        let name = rustls::pki_types::ServerName::try_from("sip.test").unwrap();
        let connection = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
        rustls::StreamOwned::new(connection, server.tcp(2))
    };
    let mut trusted = rustls::RootCertStore::empty();
    roots::add_file(&mut trusted, &authority::certificate_path(&server.folder)).unwrap();

    let (mut tcp, mut tls) = (server.tcp(1), server.tls(2));
    let (ws, wss) = (server.tcp(3), server.tls(4));
    tcp.write_all(&request("OPTIONS", "sip:x", 1)).unwrap();
    answers(&mut tcp, 1);
    tls.write_all(&request("OPTIONS", "sip:x", 1)).unwrap();
    answers(&mut tls, 1);
    let (mut ws, mut wss) = (ws, wss);
    for opened in [open_as_page(&mut ws, None), open_as_page(&mut wss, None)] {
        assert!(opened.starts_with("HTTP/1.1 101"), "{opened}");
    }
    for name in ["connections_tcp", "connections_tls", "connections_ws", "connections_wss"] {
        assert_eq!(server.count(name), 1, "{name}");
    }
    assert_eq!((server.count("handshakes_tls"), server.count("handshakes_web_socket")), (2, 2));

    server.tcp(2).write_all(&request("OPTIONS", "sip:x", 1)).unwrap();
    server.wait_for("tls_not_tls", 1);
    drop(server.tcp(2));
    server.wait_for("tls_closed", 1);
    assert!(client(&[b"h2"], trusted.clone()).write_all(b"x").is_err());
    server.wait_for("tls_incompatible", 1);
    assert!(client(&[], rustls::RootCertStore::empty()).write_all(b"x").is_err());
    server.wait_for("tls_refused", 1);
    let mut good = client(&[b"sip"], trusted);
    good.write_all(&request("OPTIONS", "sip:x", 1)).unwrap();
    answers(&mut good, 1);
    drop(good);
    tls.sock.write_all(b"no record of TLS at all, and quite long").unwrap();
    server.wait_for("tls_broken", 1);
    drop((tcp, tls, ws, wss));
    let start = Instant::now();
    while server.count("connections_open") > 0 {
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(5));
    }
    for (name, count) in [("tls_not_tls", 1), ("tls_closed", 1), ("tls_incompatible", 1), ("tls_refused", 1)]
    {
        assert_eq!(server.count(name), count, "{name}");
    }
    for name in ["tls_untrusted", "tls_alert", "tls_deadline", "tls_other", "deadline_handshake"] {
        assert_eq!(server.count(name), 0, "{name}");
    }
}

/// A client of its own making: only these versions and application protocols.
fn client(
    server: &Server,
    place: usize,
    versions: &[&'static rustls::SupportedProtocolVersion],
    protocols: &[&[u8]],
) -> rustls::StreamOwned<rustls::ClientConnection, std::net::TcpStream> {
    let mut trusted = rustls::RootCertStore::empty();
    roots::add_file(&mut trusted, &authority::certificate_path(&server.folder)).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(trusted)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    let name = rustls::pki_types::ServerName::try_from("sip.test").unwrap();
    let connection = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    rustls::StreamOwned::new(connection, server.tcp(place))
}

#[test]
fn tls_1_2_and_1_3_are_spoken_over_tls_and_wss() {
    let server = Server::usual();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut stream = client(&server, 2, &[version], &[]);
        stream.write_all(&request("OPTIONS", "sip:x", 1)).unwrap();
        assert!(answers(&mut stream, 1).contains("200 OK"));
        assert_eq!(stream.conn.protocol_version(), Some(version.version));
        let mut web = client(&server, 4, &[version], &[b"http/1.1"]);
        assert!(open_as_page(&mut web, None).starts_with("HTTP/1.1 101"));
        assert_eq!(web.conn.protocol_version(), Some(version.version));
    }
}

#[test]
fn a_browser_that_offers_http_2_gets_http_1_1_and_a_phone_gets_sip() {
    let server = Server::usual();
    let both = rustls::ALL_VERSIONS;
    let mut web = client(&server, 4, both, &[b"h2", b"http/1.1"]);
    assert!(open_as_page(&mut web, Some("https://phone.test")).starts_with("HTTP/1.1 101"));
    assert_eq!(web.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    let mut phone = client(&server, 2, both, &[b"sip"]);
    phone.write_all(&request("OPTIONS", "sip:x", 1)).unwrap();
    assert!(answers(&mut phone, 1).contains("200 OK"));
    assert_eq!(phone.conn.alpn_protocol(), Some(&b"sip"[..]));
    // Who offers nothing is served without (RFC 7301 section 3.2).
    let mut old = client(&server, 2, both, &[]);
    old.write_all(&request("OPTIONS", "sip:x", 2)).unwrap();
    assert!(answers(&mut old, 1).contains("200 OK"));
    assert_eq!(old.conn.alpn_protocol(), None);
}
