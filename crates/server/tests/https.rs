//! The listener of API and pages over TLS.

mod process;

use process::{Folder, Server, eventually, free_port};
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

type Secure = StreamOwned<ClientConnection, TcpStream>;

struct Site {
    folder: Folder,
    port: u16,
    server: Server,
    said: String,
}

impl Site {
    fn new(name: &str, more: &[&str]) -> Self {
        let (folder, port) = (Folder::new(name), free_port());
        let (listen, web) = (format!("udp://127.0.0.1:{}", free_port()), format!("127.0.0.1:{port}"));
        let plain = ["--domain", "example.test", "--listen", &listen, "--http", "off", "--turn", "off"];
        let arguments = [&plain[..], &["--web", &web, "--https", "yes"], more].concat();
        let (server, said) = Server::start(&folder, &arguments, "/setup/");
        Self { folder, port, server, said }
    }

    fn clear(&self, head: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(stream, "{head}\r\nHost: localhost:{}\r\nConnection: close\r\n\r\n", self.port).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// One who trusts the authority whose certificate the pages give, and it alone.
    fn secure(&self, name: &str) -> Result<Secure, std::io::Error> {
        let pem = self.clear("GET /ca.crt HTTP/1.1");
        let pem = pem.split_once("\r\n\r\n").unwrap().1;
        let mut roots = RootCertStore::empty();
        roots.add(rustls::pki_types::CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut secure = StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), stream);
        secure.flush()?;
        Ok(secure)
    }
}

/// One request on a connection that goes on.
fn ask(stream: &mut Secure, head: &str) -> String {
    write!(stream, "{head}\r\nHost: localhost\r\n\r\n").unwrap();
    let (mut answer, mut buffer) = (String::new(), [0; 4096]);
    loop {
        let length = stream.read(&mut buffer).unwrap();
        answer.push_str(&String::from_utf8_lossy(&buffer[..length]));
        let Some((head, body)) = answer.split_once("\r\n\r\n") else { continue };
        let wanted = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        if length == 0 || body.len() >= wanted.unwrap_or(0) {
            return answer;
        }
    }
}

fn shown(stream: &Secure) -> Vec<u8> {
    stream.conn.peer_certificates().unwrap()[0].to_vec()
}

#[test]
fn pages_are_encrypted_and_who_comes_in_clear_is_sent_there() {
    let site = Site::new("https", &[]);
    let mut secure = site.secure("localhost").unwrap();
    let page = ask(&mut secure, "GET /sign-in HTTP/1.1");
    assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
    assert!(!page.contains("strict-transport-security"), "nobody else vouches for this name");
    assert!(site.secure("127.0.0.1").is_ok());
    assert!(site.secure("other.example.test").is_err(), "no name that is not ours is proved");

    let sent = site.clear("GET /sign-in?next=/users HTTP/1.1");
    assert!(sent.starts_with("HTTP/1.1 308 "), "{sent}");
    assert!(
        sent.contains(&format!("location: https://localhost:{}/sign-in?next=/users\r\n", site.port)),
        "{sent}"
    );
    let refused = site.clear("POST /auth/sign-in HTTP/1.1");
    assert!(refused.starts_with("HTTP/1.1 403 ") && refused.contains("\"in_clear\""), "{refused}");

    let shown = site.folder.json(&["ca", "show", "--json"]);
    let sha256 = shown["sha256"].as_str().unwrap();
    assert_eq!(sha256.len(), 95);
    assert!(site.said.contains(sha256), "the terminal says what to compare: {}", site.said);
    assert!(site.said.contains(&format!("https://localhost:{}/setup/", site.port)), "{}", site.said);
    let exported = site.folder.coeur(&["ca", "export"]);
    let fetched = site.clear("GET /ca.crt HTTP/1.1");
    assert!(fetched.contains("application/x-x509-ca-cert"), "{fetched}");
    assert_eq!(fetched.split_once("\r\n\r\n").unwrap().1.as_bytes(), exported.stdout);
    let token = std::fs::read_to_string(site.folder.0.join("keys/api-token")).unwrap();
    let status = ask(&mut secure, &format!("GET /api/v1/status HTTP/1.1\r\nAuthorization: Bearer {token}"));
    assert!(status.contains(sha256), "{status}");
    let listed = site.folder.coeur(&["token", "list"]);
    assert!(String::from_utf8_lossy(&listed.stderr).contains("keys/api-token"), "{listed:?}");
    assert_eq!(site.server.terminate().code(), Some(0));
}

#[test]
fn a_certificate_that_was_renewed_is_shown_and_closes_no_connection() {
    let site = Site::new("https-renew", &[]);
    let mut secure = site.secure("localhost").unwrap();
    assert!(ask(&mut secure, "GET /sign-in HTTP/1.1").starts_with("HTTP/1.1 200 "));
    let before = shown(&secure);
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    coeur::tls::authority::renew(&site.folder.0.join("tls"), &names).unwrap();
    assert!(eventually(|| {
        let mut fresh = site.secure("localhost").unwrap();
        ask(&mut fresh, "GET /sign-in HTTP/1.1");
        shown(&fresh) != before
    }));
    assert!(ask(&mut secure, "GET /sign-in HTTP/1.1").starts_with("HTTP/1.1 200 "));
    assert_eq!(shown(&secure), before);
}

#[test]
fn one_who_is_slow_at_the_handshake_holds_up_nobody_and_an_own_port_in_clear_sends_there_too() {
    let plain = free_port();
    let place = format!("127.0.0.1:{plain}");
    let site = Site::new("https-slow", &["--web-plain", &place]);
    let mut slow: Vec<TcpStream> =
        (0..20).map(|_| TcpStream::connect(("127.0.0.1", site.port)).unwrap()).collect();
    // The beginning of a record that never ends.
    slow.iter_mut().for_each(|stream| stream.write_all(&[22, 3, 1, 2, 0, 1]).unwrap());
    let mut secure = site.secure("localhost").unwrap();
    assert!(ask(&mut secure, "GET /sign-in HTTP/1.1").starts_with("HTTP/1.1 200 "));
    let mut stream = TcpStream::connect(("127.0.0.1", plain)).unwrap();
    write!(stream, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains(&format!("location: https://localhost:{}/\r\n", site.port)), "{answer}");
}
