//! TLS: which certificate we show, whom we believe, and how both change while connections stay open.
//!
//! TLS 1.3 and 1.2 only, no renegotiation, no compression, no CBC suites: what rustls offers. X25519MLKEM768 is
//! preferred. Secrets are never printed: no type here has `Debug`.

pub mod authority;
pub mod certificate;
pub mod domain;
pub mod failure;
pub mod proof;
pub mod roots;
pub mod watch;

pub use certificate::{CertificateError, Source};
pub use watch::Watch;

pub use failure::Failure;

use domain::DomainVerifier;

use arc_swap::ArcSwap;
use proof::Proofs;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::server::{ClientHello, ResolvesServerCert, ServerSessionMemoryCache};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

/// TLS 1.2 sessions kept for resumption, all shards together. Worst-case memory: about 1 kB each. TLS 1.3 tickets
/// are sealed and kept by the client.
const SESSIONS_MAX: usize = 8_192;

/// RFC 7443 section 3: STUN and TURN, which are spoken where SIP is.
const STUN_TURN: &[u8] = b"stun.turn";
const STUN: &[u8] = b"stun.nat-discovery";

/// The TLS of this process, shared by all shards.
pub struct Tls {
    shown: Arc<Shown>,
    /// ALPN `sip`, for those who ask, or that of TURN.
    sip: Arc<ServerConfig>,
    /// ALPN `http/1.1`, for browsers, or that of TURN.
    web: Arc<ServerConfig>,
    /// ALPN `http/1.1`, or that of who wants a name proved: the listener of pages and API.
    https: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

/// The certificates in use: swapped whole, read without lock at each handshake.
struct Shown {
    keys: ArcSwap<Vec<Arc<CertifiedKey>>>,
    proofs: Arc<Proofs>,
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("certificates")
    }
}

impl ResolvesServerCert for Shown {
    /// The first certificate for the name asked for (RFC 6066 section 3), else the last: what whoever names nobody trusted before
    /// there were others.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if let Some(proof) = self.proofs.asked(&hello) {
            return proof;
        }
        let keys = self.keys.load();
        let named =
            hello.server_name().and_then(|name| keys.iter().find(|key| certificate::proves(key, name)));
        named.or(keys.last()).cloned()
    }
}

/// What a certificate is good for.
pub struct Looked {
    pub ends_unix_s: i64,
    /// Names that it does not prove.
    pub unproved: Vec<String>,
}

/// Reads a pair; an error says what is wrong with it.
pub fn look(source: &Source, names: &[String]) -> Result<Looked, CertificateError> {
    let key = certificate::load(source, &rustls::crypto::aws_lc_rs::default_provider())?;
    let ends = key.end_entity_cert().ok().and_then(|leaf| authority::validity(leaf)).map(|(_, ends)| ends);
    let unproved = names.iter().filter(|name| !certificate::proves(&key, name)).cloned().collect();
    Ok(Looked { ends_unix_s: ends.unwrap_or(0), unproved })
}

/// What is wrong with a certificate and its key, before anything is started.
pub fn check(chain: &Path, key: &Path) -> Result<(), String> {
    let source = Source { chain: chain.to_owned(), key: key.to_owned() };
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    certificate::load(&source, &provider).map(drop).map_err(|why| why.to_string())
}

impl Tls {
    /// `sources` in the order of preference, of which the last is always there; `roots` are the authorities believed when we connect.
    pub fn new(sources: &[Source], roots: rustls::RootCertStore) -> Result<Self, CertificateError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let keys = ArcSwap::from_pointee(certificate::load_all(sources, &provider)?);
        let shown = Arc::new(Shown { keys, proofs: Arc::default() });
        let client = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| CertificateError::provider(&error))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(DomainVerifier::new(roots, &provider)))
            .with_no_client_auth();
        Ok(Self {
            sip: server_config(&provider, &shown, &[b"sip", STUN_TURN, STUN])?,
            web: server_config(&provider, &shown, &[b"http/1.1", STUN_TURN, STUN])?,
            https: server_config(&provider, &shown, &[b"http/1.1", proof::PROTOCOL])?,
            shown,
            client: Arc::new(client),
        })
    }

    /// Reads the certificates anew. Open connections keep theirs; on an error, everybody does.
    pub fn reload(&self, sources: &[Source]) -> Result<(), CertificateError> {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        self.shown.keys.store(Arc::new(certificate::load_all(sources, &provider)?));
        Ok(())
    }

    pub fn accept(&self, web: bool) -> Result<ServerConnection, rustls::Error> {
        ServerConnection::new(if web { self.web.clone() } else { self.sip.clone() })
    }

    /// For the listener of pages and API; what it shows is what all show.
    pub fn https(&self) -> Arc<ServerConfig> {
        self.https.clone()
    }

    /// What is shown to a server of certificates, at the listener of pages and API alone.
    pub fn proofs(&self) -> Arc<Proofs> {
        self.shown.proofs.clone()
    }

    /// The peer must prove `host`, or its address when there is no name (see [`domain`]).
    pub fn connect(&self, host: Option<&str>, address: IpAddr) -> Result<ClientConnection, rustls::Error> {
        let name = match host {
            Some(host) => ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
                .map_err(|_| rustls::Error::General("no host name".to_owned()))?,
            None => ServerName::IpAddress(address.into()),
        };
        ClientConnection::new(self.client.clone(), name)
    }
}

fn server_config(
    provider: &Arc<CryptoProvider>,
    shown: &Arc<Shown>,
    protocols: &[&[u8]],
) -> Result<Arc<ServerConfig>, CertificateError> {
    let mut config = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| CertificateError::provider(&error))?
        .with_no_client_auth()
        .with_cert_resolver(shown.clone());
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    config.session_storage = ServerSessionMemoryCache::new(SESSIONS_MAX);
    config.ticketer =
        rustls::crypto::aws_lc_rs::Ticketer::new().map_err(|error| CertificateError::provider(&error))?;
    // One ticket per handshake is enough for a phone that keeps one connection.
    config.send_tls13_tickets = 1;
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    /// Drives both ends until neither has anything to say.
    fn shake(client: &mut ClientConnection, server: &mut ServerConnection) -> Result<(), rustls::Error> {
        let mut bytes = Vec::new();
        for _ in 0..20 {
            bytes.clear();
            while client.wants_write() {
                client.write_tls(&mut bytes).unwrap();
            }
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                server.read_tls(&mut rest).unwrap();
                server.process_new_packets()?;
            }
            bytes.clear();
            while server.wants_write() {
                server.write_tls(&mut bytes).unwrap();
            }
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                client.read_tls(&mut rest).unwrap();
                client.process_new_packets()?;
            }
        }
        let _ = server.reader().read(&mut [0; 16]);
        Ok(())
    }

    #[test]
    fn the_local_authority_proves_its_names_and_no_other_and_a_reload_shows_the_new_one() {
        let dir = std::env::temp_dir().join(format!("coeur-tls-{}", std::process::id()));
        let names = ["sip.example.org".to_owned(), "127.0.0.1".to_owned()];
        let source = authority::ensure(&dir, &names).unwrap();
        let sources = [source];
        let mut roots = rustls::RootCertStore::empty();
        roots::add_file(&mut roots, &authority::certificate_path(&dir)).unwrap();
        let tls = Tls::new(&sources, roots.clone()).unwrap();
        let mut serials = Vec::new();
        for round in 0..2 {
            // A client without memory: a resumed session would show the old certificate.
            let fresh = Tls::new(&[], roots.clone()).unwrap();
            if round == 1 {
                authority::renew(&dir, &names).unwrap();
                tls.reload(&sources).unwrap();
            }
            let mut client = fresh.connect(Some("sip.example.org"), IpAddr::from([127, 0, 0, 1])).unwrap();
            let mut server = tls.accept(false).unwrap();
            shake(&mut client, &mut server).unwrap();
            assert!(!client.is_handshaking());
            assert_eq!(
                client.negotiated_key_exchange_group().map(|group| group.name()),
                Some(rustls::NamedGroup::X25519MLKEM768)
            );
            serials.push(client.peer_certificates().unwrap()[0].to_vec());
        }
        assert_ne!(serials[0], serials[1]);
        let mut client = tls.connect(None, IpAddr::from([127, 0, 0, 1])).unwrap();
        assert!(shake(&mut client, &mut tls.accept(false).unwrap()).is_ok());
        let mut client = tls.connect(Some("other.example.org"), IpAddr::from([127, 0, 0, 1])).unwrap();
        assert!(shake(&mut client, &mut tls.accept(false).unwrap()).is_err());
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn one_who_asks_for_a_name_is_shown_its_certificate_and_who_asks_for_another_the_one_that_is_always_there()
     {
        let dir = std::env::temp_dir().join(format!("coeur-two-{}", std::process::id()));
        let make = |part: &str, name: &str| authority::ensure(&dir.join(part), &[name.to_owned()]).unwrap();
        let local = make("local", "localhost");
        let missing = Source { chain: dir.join("public/server.pem"), key: dir.join("public/server.key") };
        let sources = [missing, local];
        let mut roots = rustls::RootCertStore::empty();
        roots::add_file(&mut roots, &authority::certificate_path(&dir.join("local"))).unwrap();
        let tls = Tls::new(&sources, roots.clone()).unwrap();
        let public = make("public", "sip.example.org");
        assert_eq!(public, sources[0]);
        roots::add_file(&mut roots, &authority::certificate_path(&dir.join("public"))).unwrap();
        let opens = |name: &str| {
            let client = Tls::new(&[], roots.clone()).unwrap();
            let mut client = client.connect(Some(name), IpAddr::from([127, 0, 0, 1])).unwrap();
            shake(&mut client, &mut tls.accept(false).unwrap()).is_ok()
        };
        assert!(opens("localhost") && !opens("sip.example.org"));
        tls.reload(&sources).unwrap();
        assert!(opens("localhost") && opens("sip.example.org"));
        std::fs::remove_dir_all(&dir).unwrap();
    }

    /// Resident memory of this process, bytes.
    fn resident() -> usize {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        statm.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 4_096
    }

    #[test]
    #[ignore = "measures the memory of the whole process: run it alone"]
    fn an_idle_connection_keeps_less_than_16_kb() {
        let dir = std::env::temp_dir().join(format!("coeur-idle-{}", std::process::id()));
        let source = authority::ensure(&dir, &["sip.example.org".to_owned()]).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots::add_file(&mut roots, &authority::certificate_path(&dir)).unwrap();
        let tls = Tls::new(&[source], roots).unwrap();
        let open = || {
            let mut client = tls.connect(Some("sip.example.org"), IpAddr::from([127, 0, 0, 1])).unwrap();
            let mut server = tls.accept(false).unwrap();
            shake(&mut client, &mut server).unwrap();
            Box::new(server)
        };
        let mut kept: Vec<_> = (0..200).map(|_| open()).collect();
        let before = resident();
        kept.extend((0..1_000).map(|_| open()));
        let each = (resident() - before) / 1_000;
        println!("{each} bytes for each idle TLS connection");
        assert!(each < 16_384, "{each}");
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
