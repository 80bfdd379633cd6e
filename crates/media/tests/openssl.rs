//! DTLS-SRTP with OpenSSL, in both roles: it exports the same keys. Skipped, with the reason, where there is no `openssl`.

use coeur_media::dtls::{Association, Fingerprint, Fingerprints, Identity, Keys, Output, Profile, Role};
use coeur_media::path::ProvenPath;
use coeur_sip::time::Monotonic;
use std::io::Read as _;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PROFILES: [(Profile, &str); 3] = [
    (Profile::AeadAes256Gcm, "SRTP_AEAD_AES_256_GCM"),
    (Profile::AeadAes128Gcm, "SRTP_AEAD_AES_128_GCM"),
    (Profile::Aes128CmSha1_80, "SRTP_AES128_CM_SHA1_80"),
];

#[test]
fn openssl_as_client_exports_the_keys_that_our_server_exports() {
    if !has_openssl() {
        return;
    }
    for (profile, name) in PROFILES {
        let peer = Certificate::new(name);
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let port = socket.local_addr().expect("an address").port();
        let mut openssl = peer.run(profile, name, &["s_client", "-connect", &format!("127.0.0.1:{port}")]);
        let ours = shake_hands(&socket, Role::Server, &peer);
        check(&mut openssl, profile, name, &ours, Role::Server);
    }
}

#[test]
fn openssl_as_server_exports_the_keys_that_our_client_exports() {
    if !has_openssl() {
        return;
    }
    for (profile, name) in PROFILES {
        let peer = Certificate::new(name);
        let port =
            UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
        let accept = format!("127.0.0.1:{port}");
        let mut openssl = peer.run(profile, name, &["s_server", "-Verify", "1", "-accept", &accept]);
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket.connect(("127.0.0.1", port)).expect("a route");
        let ours = shake_hands(&socket, Role::Client, &peer);
        check(&mut openssl, profile, name, &ours, Role::Client);
    }
}

fn has_openssl() -> bool {
    let found = Command::new("openssl").arg("version").output().is_ok_and(|out| out.status.success());
    if !found {
        eprintln!("SKIPPED: no `openssl` on this machine; interoperation with it was not tested");
    }
    found
}

/// OpenSSL's own certificate, in files.
struct Certificate {
    folder: PathBuf,
    fingerprint: String,
}

impl Certificate {
    fn new(name: &str) -> Certificate {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
        let certificate = rcgen::CertificateParams::default().self_signed(&key).expect("a certificate");
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("test").replace(':', "_");
        let folder = std::env::temp_dir().join(format!("coeur-dtls-{}-{test}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("cert.pem"), certificate.pem()).expect("a file");
        std::fs::write(folder.join("key.pem"), key.serialize_pem()).expect("a file");
        Certificate { folder, fingerprint: Fingerprint::sha256(certificate.der()).to_string() }
    }

    fn run(&self, profile: Profile, name: &str, role: &[&str]) -> Child {
        let exported = 2 * (profile.key_bytes() + profile.salt_bytes());
        Command::new("openssl")
            .args(role)
            .args(["-dtls1_2", "-cert", "cert.pem", "-key", "key.pem", "-use_srtp", name])
            .args(["-keymatexport", "EXTRACTOR-dtls_srtp", "-keymatexportlen", &exported.to_string()])
            .current_dir(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl runs")
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Runs the association over a real socket, until it has keys and its last flight has been answered.
fn shake_hands(socket: &UdpSocket, role: Role, peer: &Certificate) -> Keys {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
    let certificate = rcgen::CertificateParams::default().self_signed(&key).expect("a certificate");
    let identity = Identity::new(certificate.der().to_vec(), key.serialize_der()).expect("an identity");
    let told = Fingerprints::parse([peer.fingerprint.as_str()]).expect("a fingerprint");
    let zero = Instant::now();
    let now = || Monotonic::default() + zero.elapsed();
    let association = Association::new(role, identity, told, zero);
    let mut association = association.unwrap_or_else(|failure| panic!("{failure:?}"));
    socket.set_read_timeout(Some(Duration::from_millis(20))).expect("a timeout");
    if role == Role::Client {
        let remote = socket.peer_addr().expect("a peer");
        association.start(now(), ProvenPath::signalled(remote, remote).expect("the same"));
    }
    let mut keys = None;
    let mut bytes = [0; 2048];
    while zero.elapsed() < Duration::from_secs(20) {
        while let Some(output) = association.poll() {
            match output {
                Output::Send { to, bytes } if role == Role::Server => {
                    socket.send_to(&bytes, to).expect("sent");
                }
                // A server that is not up yet refuses: the next retransmission will find it.
                Output::Send { bytes, .. } => drop(socket.send(&bytes)),
                Output::Keys(told) => keys = Some(told),
                Output::Restarted(failure) | Output::Failed(failure) => panic!("{failure:?}"),
                Output::Closed => panic!("closed"),
            }
        }
        if let Some(keys) = keys {
            return keys;
        }
        if let Ok((length, from)) = socket.recv_from(&mut bytes) {
            let path = ProvenPath::signalled(from, from).expect("the same");
            association.receive(now(), path, &bytes[..length]);
        }
        if association.next_deadline().is_due(now()) {
            association.handle_timeout(now());
        }
    }
    panic!("no keys");
}

/// Compares with what OpenSSL prints, then lets it end.
fn check(openssl: &mut Child, profile: Profile, name: &str, ours: &Keys, role: Role) {
    let mut printed = String::new();
    let mut out = openssl.stdout.take().expect("a pipe");
    let mut byte = [0];
    // It prints, and then waits for our input: read up to the end of the line that we want.
    while !printed.contains("Keying material: ") || !printed.ends_with('\n') {
        match out.read(&mut byte) {
            Ok(1) => printed.push(char::from(byte[0])),
            _ => break,
        }
    }
    // The process that this test started, and no other.
    let _ = openssl.kill();
    let _ = openssl.wait();
    assert_eq!(ours.profile, profile);
    assert!(printed.contains(&format!("profile={name}")), "{printed}");
    let (client, server) =
        if role == Role::Client { (&ours.ours, &ours.theirs) } else { (&ours.theirs, &ours.ours) };
    let ((client_key, client_salt), (server_key, server_salt)) = (ours.parts(client), ours.parts(server));
    let exported = [client_key, server_key, client_salt, server_salt].concat();
    let hex: String = exported.iter().map(|byte| format!("{byte:02X}")).collect();
    assert!(printed.contains(&format!("Keying material: {hex}")), "{printed}\nours: {hex}");
}
