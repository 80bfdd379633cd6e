//! Which TLS is spoken at all (RFC 9325 sections 3.1.1 and 4.2), asked with hellos that no library of today would write,
//! and which certificate is shown to whom.

use coeur::tls::{Tls, authority, roots};

/// The TLS of a server with a certificate of its own.
fn tls(test: &str) -> Tls {
    let folder = std::env::temp_dir().join(format!("coeur-tls-{test}-{}", std::process::id()));
    let source = authority::ensure(&folder, &["sip.test".to_owned()]).expect("a certificate");
    let tls = Tls::new(&[source], rustls::RootCertStore::empty()).expect("a configuration");
    std::fs::remove_dir_all(&folder).expect("it was just made");
    tls
}

/// The alert that answers a hello of this version with these cipher suites and the extensions that TLS 1.2 asks for;
/// `None` when the handshake goes on.
fn alert(tls: &Tls, version: [u8; 2], suites: &[[u8; 2]]) -> Option<u8> {
    let mut server = tls.accept(false).expect("a connection");
    server.read_tls(&mut &hello(version, suites)[..]).expect("read");
    let _ = server.process_new_packets();
    let mut answer = Vec::new();
    while server.wants_write() {
        server.write_tls(&mut answer).expect("written");
    }
    // A record of type 21 holds level and description.
    (answer.first() == Some(&21)).then(|| answer[6])
}

fn hello(version: [u8; 2], suites: &[[u8; 2]]) -> Vec<u8> {
    // secp256r1; ecdsa_secp256r1_sha256; uncompressed points; extended master secret.
    let extensions =
        [&[0, 10, 0, 4, 0, 2, 0, 23][..], &[0, 13, 0, 4, 0, 2, 4, 3], &[0, 11, 0, 2, 1, 0], &[0, 23, 0, 0]]
            .concat();
    let suites = suites.concat();
    let mut body = version.to_vec();
    body.extend([7; 32]);
    body.push(0);
    body.extend((suites.len() as u16).to_be_bytes());
    body.extend(&suites);
    body.extend([1, 0]);
    body.extend((extensions.len() as u16).to_be_bytes());
    body.extend(&extensions);
    let mut record = vec![22, 3, 1];
    record.extend((body.len() as u16 + 4).to_be_bytes());
    record.extend([1, 0]);
    record.extend((body.len() as u16).to_be_bytes());
    record.extend(body);
    record
}

const ECDSA_AES_128_GCM: [u8; 2] = [0xc0, 0x2b];
const PROTOCOL_VERSION: u8 = 70;
const HANDSHAKE_FAILURE: u8 = 40;

#[test]
fn nothing_below_tls_1_2_is_spoken() {
    let tls = tls("versions");
    for version in [[3, 0], [3, 1], [3, 2]] {
        assert_eq!(alert(&tls, version, &[ECDSA_AES_128_GCM]), Some(PROTOCOL_VERSION), "{version:?}");
    }
    assert_eq!(alert(&tls, [3, 3], &[ECDSA_AES_128_GCM]), None);
}

#[test]
fn no_cipher_without_authenticated_encryption_is_spoken() {
    let tls = tls("ciphers");
    // ECDHE-ECDSA with AES-CBC and SHA-1, with RC4, with 3DES, and none at all.
    for suite in [[0xc0, 0x09], [0xc0, 0x07], [0xc0, 0x08], [0xc0, 0x06]] {
        assert_eq!(alert(&tls, [3, 3], &[suite]), Some(HANDSHAKE_FAILURE), "{suite:?}");
    }
    assert_eq!(alert(&tls, [3, 3], &[[0xc0, 0x09], ECDSA_AES_128_GCM]), None);
}

/// The certificate that a client sees who asks for this name.
fn shown(server: &Tls, client: &Tls, name: &str) -> Vec<u8> {
    let mut client = client.connect(Some(name), [127, 0, 0, 1].into()).expect("a connection");
    let mut server = server.accept(false).expect("a connection");
    // A full handshake of TLS 1.3 is over after two rounds.
    for _ in 0..4 {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).expect("written");
        }
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            server.read_tls(&mut rest).expect("read");
            server.process_new_packets().expect("a handshake");
        }
        bytes.clear();
        while server.wants_write() {
            server.write_tls(&mut bytes).expect("written");
        }
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            client.read_tls(&mut rest).expect("read");
            client.process_new_packets().expect("a name that is proved");
        }
    }
    client.peer_certificates().expect("it was shown")[0].to_vec()
}

/// RFC 6066 section 3: each domain its own certificate on one address.
#[test]
fn the_certificate_of_the_name_asked_for_is_shown() {
    let folder = std::env::temp_dir().join(format!("coeur-tls-names-{}", std::process::id()));
    let mut trusted = rustls::RootCertStore::empty();
    let sources = ["a.test", "b.test"].map(|name| {
        let folder = folder.join(name);
        let source = authority::ensure(&folder, &[name.to_owned()]).expect("a certificate");
        roots::add_file(&mut trusted, &authority::certificate_path(&folder)).expect("an authority");
        source
    });
    let server = Tls::new(&sources, rustls::RootCertStore::empty()).expect("a configuration");
    let client = Tls::new(&[], trusted).expect("a configuration");
    std::fs::remove_dir_all(&folder).expect("it was just made");
    assert_ne!(shown(&server, &client, "a.test"), shown(&server, &client, "b.test"));
}
