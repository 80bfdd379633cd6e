//! Whether the certificate of a server is that of the SIP domain we wanted (RFC 5922). The chain is the business of
//! webpki; the name is ours, because SIP has stricter rules than the web.
//!
//! Not implemented: the common name is never looked at (section 7.1 step 2 allows it for a certificate without
//! alternative names, which no authority issues any more); an extended key usage of `id-kp-sipDomain` alone (RFC 5924)
//! does not make a server certificate.

use coeur_sip::uri::{Host, Uri};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::net::IpAddr;
use webpki::EndEntityCert;

/// Verifies servers that we connect to.
#[derive(Debug)]
pub struct DomainVerifier {
    roots: RootCertStore,
    algorithms: WebPkiSupportedAlgorithms,
}

impl DomainVerifier {
    pub fn new(roots: RootCertStore, provider: &CryptoProvider) -> Self {
        Self { roots, algorithms: provider.signature_verification_algorithms }
    }
}

impl ServerCertVerifier for DomainVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let parsed = ParsedCertificate::try_from(leaf)?;
        let algorithms = self.algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&parsed, &self.roots, intermediates, now, algorithms)?;
        if proves(leaf, &parsed, intermediates, name)? {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::NotValidForName.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// RFC 5922 section 7.1: when the certificate names SIP domains by URI, these alone are its identities; else its DNS
/// names are. For an address, which the RFC leaves out, an `iPAddress` name counts as a DNS name does.
fn proves(
    leaf: &CertificateDer<'_>,
    parsed: &ParsedCertificate<'_>,
    intermediates: &[CertificateDer<'_>],
    name: &ServerName<'_>,
) -> Result<bool, Error> {
    let leaf = EndEntityCert::try_from(leaf).map_err(|_| Error::from(CertificateError::BadEncoding))?;
    let mut domains = leaf.valid_uri_names().filter_map(sip_domain).peekable();
    if domains.peek().is_some() {
        let named = domains.any(|domain| is_same(&domain, name));
        return Ok(named && !intermediates.iter().any(is_constrained));
    }
    match name {
        // Section 7.2: compared whole and without regard to case; no wildcard of any form matches.
        ServerName::DnsName(name) => {
            Ok(leaf.valid_dns_names().any(|dns| dns.eq_ignore_ascii_case(name.as_ref())))
        }
        ServerName::IpAddress(_) => Ok(verify_server_name(parsed, name).is_ok()),
        // rustls may learn other kinds of names, which no certificate here proves.
        _ => Ok(false),
    }
}

/// The domain of a `sip:` URI without user part: other schemes and addresses of people are no identities of a domain
/// (section 7.1).
fn sip_domain(uri: &str) -> Option<Host<'_>> {
    match Uri::parse(uri.as_bytes()) {
        Ok(Uri::Sip(uri)) if !uri.secure && uri.user.is_none() => Some(uri.host),
        Ok(Uri::Sip(_) | Uri::Tel(_) | Uri::Other { .. }) | Err(_) => None,
    }
}

fn is_same(domain: &Host<'_>, name: &ServerName<'_>) -> bool {
    match (domain, name) {
        (Host::Name(domain), ServerName::DnsName(name)) => domain.eq_ignore_ascii_case(name.as_ref()),
        (host, ServerName::IpAddress(address)) => host.ip() == Some(IpAddr::from(*address)),
        (_, _) => false,
    }
}

/// An authority that may issue for some DNS names only is bound by name constraints (RFC 5280 section 4.2.1.10), and
/// those say nothing about URIs: a SIP URI would let it speak for any domain. So under such an authority no URI counts.
fn is_constrained(certificate: &CertificateDer<'_>) -> bool {
    /// The DER of the object identifier id-ce-nameConstraints, 2.5.29.30.
    const NAME_CONSTRAINTS: [u8; 5] = [6, 3, 0x55, 0x1d, 0x1e];
    memchr::memmem::find(certificate, &NAME_CONSTRAINTS).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{
        BasicConstraints, CertificateParams, CertifiedIssuer, DnType, GeneralSubtree, IsCa, KeyPair,
        NameConstraints, SanType,
    };

    type Authority = CertifiedIssuer<'static, KeyPair>;

    fn authority(constraints: Option<&str>, issuer: Option<&Authority>) -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, if issuer.is_some() { "middle" } else { "root" });
        params.name_constraints = constraints.map(|domain| NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName(domain.to_owned())],
            excluded_subtrees: Vec::new(),
        });
        let key = KeyPair::generate().unwrap();
        match issuer {
            None => CertifiedIssuer::self_signed(params, key).unwrap(),
            Some(issuer) => CertifiedIssuer::signed_by(params, key, issuer).unwrap(),
        }
    }

    fn leaf(names: &[SanType], issuer: &Authority) -> CertificateDer<'static> {
        let mut params = CertificateParams::default();
        // What the common name says must never matter.
        params.distinguished_name.push(DnType::CommonName, "a.example");
        params.subject_alt_names = names.to_vec();
        params.signed_by(&KeyPair::generate().unwrap(), issuer).unwrap().der().clone()
    }

    fn dns(name: &str) -> SanType {
        SanType::DnsName(name.try_into().unwrap())
    }

    fn uri(uri: &str) -> SanType {
        SanType::URI(uri.try_into().unwrap())
    }

    struct Court {
        root: Authority,
        verifier: DomainVerifier,
    }

    impl Court {
        fn new() -> Self {
            let root = authority(None, None);
            let mut roots = RootCertStore::empty();
            roots.add(root.der().clone()).unwrap();
            let provider = rustls::crypto::aws_lc_rs::default_provider();
            Self { root, verifier: DomainVerifier::new(roots, &provider) }
        }

        fn judge(
            &self,
            leaf: &CertificateDer<'_>,
            middle: &[CertificateDer<'_>],
            name: &str,
        ) -> Result<(), Error> {
            let name = ServerName::try_from(name.to_owned()).unwrap();
            self.verifier.verify_server_cert(leaf, middle, &name, &[], UnixTime::now()).map(drop)
        }

        fn proves(&self, names: &[SanType], name: &str) -> bool {
            match self.judge(&leaf(names, &self.root), &[], name) {
                Ok(()) => true,
                Err(Error::InvalidCertificate(CertificateError::NotValidForName)) => false,
                Err(other) => panic!("{other}"),
            }
        }
    }

    #[test]
    fn a_dns_name_proves_its_domain_whole_and_in_any_case_and_no_other() {
        let court = Court::new();
        assert!(court.proves(&[dns("b.example"), dns("A.example")], "a.EXAMPLE"));
        assert!(!court.proves(&[dns("a.example")], "other.example"));
        assert!(!court.proves(&[dns("a.example")], "sip.a.example"));
        assert!(!court.proves(&[dns("sip.a.example")], "a.example"));
    }

    #[test]
    fn a_wildcard_matches_nothing() {
        let court = Court::new();
        assert!(!court.proves(&[dns("*.a.example")], "sip.a.example"));
        assert!(court.proves(&[dns("*.a.example"), dns("sip.a.example")], "sip.a.example"));
    }

    #[test]
    fn a_sip_uri_proves_its_domain_and_then_dns_names_prove_nothing() {
        let court = Court::new();
        assert!(court.proves(&[uri("sip:a.example")], "a.example"));
        assert!(court.proves(&[uri("SIP:A.example"), uri("sip:b.example")], "b.example"));
        assert!(!court.proves(&[uri("sip:b.example"), dns("a.example")], "a.example"));
        assert!(court.proves(&[uri("sip:192.0.2.1")], "192.0.2.1"));
        assert!(
            !court.proves(&[uri("sip:a.example"), SanType::IpAddress([192, 0, 2, 1].into())], "192.0.2.1")
        );
    }

    #[test]
    fn uris_of_people_and_of_other_schemes_are_no_domains() {
        let court = Court::new();
        for other in
            ["sip:alice@a.example", "sips:a.example", "https://a.example", "im:a.example", "a.example"]
        {
            assert!(!court.proves(&[uri(other)], "a.example"), "{other}");
            assert!(court.proves(&[uri(other), dns("a.example")], "a.example"), "{other}");
        }
    }

    #[test]
    fn the_common_name_proves_nothing() {
        assert!(!Court::new().proves(&[], "a.example"));
        assert!(!Court::new().proves(&[dns("b.example")], "a.example"));
    }

    #[test]
    fn an_address_is_proved_by_an_address() {
        let court = Court::new();
        let addresses = [SanType::IpAddress([192, 0, 2, 1].into()), dns("192.0.2.2")];
        assert!(court.proves(&addresses, "192.0.2.1"));
        assert!(!court.proves(&addresses, "192.0.2.2"));
        assert!(!court.proves(&addresses, "192.0.2.3"));
    }

    #[test]
    fn a_certificate_of_an_authority_that_is_not_believed_proves_nothing() {
        let court = Court::new();
        let stranger = authority(None, None);
        let leaf = leaf(&[dns("a.example"), uri("sip:a.example")], &stranger);
        let error = court.judge(&leaf, &[stranger.der().clone()], "a.example").unwrap_err();
        assert!(matches!(error, Error::InvalidCertificate(_)), "{error}");
    }

    #[test]
    fn an_authority_for_some_names_does_not_speak_for_others_by_uri() {
        let court = Court::new();
        let free = authority(None, Some(&court.root));
        let bound = authority(Some("bound.example"), Some(&court.root));
        let victim = [uri("sip:victim.example"), dns("a.bound.example")];
        let judge = |issuer: &Authority, names: &[SanType], name| {
            court.judge(&leaf(names, issuer), &[issuer.der().clone()], name)
        };
        assert!(judge(&free, &victim, "victim.example").is_ok());
        assert!(judge(&bound, &victim, "victim.example").is_err());
        assert!(judge(&bound, &[dns("a.bound.example")], "a.bound.example").is_ok());
        assert!(judge(&bound, &[dns("victim.example")], "victim.example").is_err());
    }
}
