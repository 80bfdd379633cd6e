use super::*;
use crate::uri::Uri;

/// A small DNS: answers what it knows, and "absent" to all else.
#[derive(Default)]
struct Zone {
    records: Vec<(Query, Records)>,
    failing: bool,
    asked: Vec<String>,
}

impl Zone {
    fn with(mut self, name: &str, records: Records) -> Zone {
        let kind = match records {
            Records::Naptr(_) => RecordKind::Naptr,
            Records::Srv(_) => RecordKind::Srv,
            Records::A(_) => RecordKind::A,
            Records::Aaaa(_) => RecordKind::Aaaa,
        };
        self.records.push((Query::new(kind, name), records));
        self
    }

    fn answer(&mut self, query: &Query) -> Answer {
        self.asked.push(format!("{:?} {}", query.kind, query.name));
        let found = self.records.iter().find(|(known, _)| known == query);
        let outcome = match found {
            _ if self.failing => Outcome::Failed,
            Some((_, records)) => Outcome::Found { records: records.clone(), ttl_s: 60 },
            None => Outcome::Absent { ttl_s: 300 },
        };
        Answer { query: query.clone(), outcome }
    }

    fn resolve_with(&mut self, uri: &str, supported: Supported) -> Result<Resolved, ResolveError> {
        let uri = Uri::parse(uri.as_bytes()).unwrap();
        let destination = Destination::from_uri(uri.as_sip().unwrap())?;
        let (mut resolution, mut progress) =
            Resolution::start(destination, supported, 1, ResolveLimits::default());
        let mut open = Vec::new();
        loop {
            match progress {
                Progress::Done(result) => return result,
                Progress::Ask(queries) => open.extend(queries),
            }
            // The last asked is answered first: the order of answers does not count.
            let query = open.pop().expect("neither done nor waiting");
            progress = resolution.on_answer(&self.answer(&query));
        }
    }

    fn resolve(&mut self, uri: &str) -> Result<Vec<String>, ResolveError> {
        let text = |candidate: &Candidate| format!("{} {}", candidate.transport, candidate.address);
        Ok(self.resolve_with(uri, Supported::ALL)?.candidates.iter().map(text).collect())
    }
}

fn srv(priority: u16, port: u16, target: &str) -> Srv {
    Srv { priority, weight: 1, port, target: target.into() }
}

fn naptr(order: u16, service: &str, replacement: &str) -> Naptr {
    Naptr {
        order,
        preference: 0,
        flags: "s".into(),
        service: service.into(),
        replacement: replacement.into(),
    }
}

fn a(last: u8) -> Records {
    Records::A(vec![[192, 0, 2, last].into()])
}

#[test]
fn a_numeric_host_needs_no_query() {
    let mut zone = Zone::default();
    assert_eq!(zone.resolve("sip:192.0.2.9").unwrap(), ["UDP 192.0.2.9:5060"]);
    assert_eq!(zone.resolve("sip:a@[2001:db8::1]:5070;transport=tcp").unwrap(), ["TCP [2001:db8::1]:5070"]);
    assert_eq!(zone.resolve("sips:192.0.2.9").unwrap(), ["TLS 192.0.2.9:5061"]);
    assert_eq!(zone.resolve("sip:example.com;maddr=192.0.2.8").unwrap(), ["UDP 192.0.2.8:5060"]);
    assert!(zone.asked.is_empty());
}

#[test]
fn naptr_then_srv_then_addresses() {
    let mut zone = Zone::default()
        .with(
            "example.com",
            Records::Naptr(vec![
                naptr(50, "SIP+D2T", "_sip._tcp.example.com"),
                naptr(40, "SIPS+D2T", "_sips._tcp.example.com."),
                naptr(10, "SIP+D2S", "_sip._sctp.example.com"),
            ]),
        )
        .with(
            "_sips._tcp.example.com",
            Records::Srv(vec![srv(2, 5062, "b.example.com"), srv(1, 5061, "A.example.com.")]),
        )
        .with("_sip._tcp.example.com", Records::Srv(vec![srv(1, 5060, "a.example.com")]))
        .with("a.example.com", a(1))
        .with("b.example.com", a(2));
    let expected = ["TLS 192.0.2.1:5061", "TLS 192.0.2.2:5062", "TCP 192.0.2.1:5060"];
    assert_eq!(zone.resolve("sip:example.com").unwrap(), expected);
    assert_eq!(zone.resolve("sips:example.com").unwrap(), expected[..2]);
}

#[test]
fn the_certificate_is_checked_against_the_domain_and_not_the_srv_target() {
    let mut zone = Zone::default()
        .with("_sips._tcp.example.com", Records::Srv(vec![srv(1, 5061, "host.provider.net")]))
        .with("host.provider.net", a(1));
    let resolved = zone.resolve_with("sips:example.com", Supported::ALL).unwrap();
    assert_eq!(resolved.candidates[0].host.as_deref(), Some("example.com"));
    assert_eq!(resolved.ttl_s, 60);
}

#[test]
fn without_naptr_each_transport_is_asked_for_and_without_srv_the_name_itself() {
    let mut zone = Zone::default().with("example.com", a(1));
    assert_eq!(zone.resolve("sip:example.com").unwrap(), ["UDP 192.0.2.1:5060"]);
    assert_eq!(zone.asked.len(), 6);
    let mut zone = Zone::default().with("example.com", a(1));
    assert_eq!(zone.resolve("sips:example.com").unwrap(), ["TLS 192.0.2.1:5061"]);
    assert!(zone.asked.contains(&"Srv _sips._tcp.example.com".to_string()));
    assert!(!zone.asked.contains(&"Srv _sip._udp.example.com".to_string()));
}

#[test]
fn a_port_means_no_srv_and_a_transport_means_no_naptr() {
    let mut zone = Zone::default().with("example.com", a(1));
    assert_eq!(zone.resolve("sip:example.com:5070").unwrap(), ["UDP 192.0.2.1:5070"]);
    assert_eq!(zone.asked, ["A example.com", "Aaaa example.com"]);
    let mut zone = Zone::default()
        .with("_sip._tcp.example.com", Records::Srv(vec![srv(1, 5080, "h.example.com")]))
        .with("h.example.com", a(1));
    assert_eq!(zone.resolve("sip:example.com;transport=tcp").unwrap(), ["TCP 192.0.2.1:5080"]);
    assert_eq!(zone.asked[0], "Srv _sip._tcp.example.com");
    let mut zone = Zone::default().with("example.com", a(1));
    assert_eq!(zone.resolve("sip:example.com;transport=ws").unwrap(), ["WS 192.0.2.1:80"]);
}

#[test]
fn families_alternate_within_a_host() {
    let v6 = Records::Aaaa(vec!["2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap()]);
    let mut zone = Zone::default().with("example.com", a(1)).with("example.com", v6);
    let expected = ["UDP [2001:db8::1]:5060", "UDP 192.0.2.1:5060", "UDP [2001:db8::2]:5060"];
    assert_eq!(zone.resolve("sip:example.com:5060").unwrap(), expected);
}

#[test]
fn sips_never_leaves_over_a_transport_without_tls() {
    let mut zone = Zone::default()
        .with("example.com", Records::Naptr(vec![naptr(1, "SIP+D2U", "_sip._udp.example.com")]))
        .with("_sip._udp.example.com", Records::Srv(vec![srv(1, 5060, "a.example.com")]))
        .with("a.example.com", a(1));
    assert_eq!(zone.resolve("sips:example.com"), Err(ResolveError::NoSuchHost));
    assert_eq!(zone.resolve("sips:example.com;transport=udp"), Err(ResolveError::UnsupportedTransport));
    let mut zone = Zone::default().with("example.com", a(1));
    assert_eq!(zone.resolve("sips:example.com:5071;transport=tcp").unwrap(), ["TLS 192.0.2.1:5071"]);
}

#[test]
fn a_dot_as_target_means_no_service() {
    let mut zone = Zone::default()
        .with("_sip._tcp.example.com", Records::Srv(vec![srv(0, 0, ".")]))
        .with("example.com", a(1));
    assert_eq!(zone.resolve("sip:example.com;transport=tcp"), Err(ResolveError::NoSuchHost));
}

#[test]
fn a_silent_dns_is_told_apart_from_a_missing_host() {
    assert_eq!(Zone::default().resolve("sip:nowhere.example"), Err(ResolveError::NoSuchHost));
    let mut zone = Zone { failing: true, ..Zone::default() };
    assert_eq!(zone.resolve("sip:nowhere.example"), Err(ResolveError::DnsFailed));
}

#[test]
fn questions_and_candidates_are_bounded() {
    let many: Vec<_> = (0..100).map(|at| srv(at, 5060, &format!("h{at}.example.com"))).collect();
    let mut zone = Zone::default().with("_sip._tcp.example.com", Records::Srv(many));
    for at in 0..100 {
        zone = zone.with(&format!("h{at}.example.com"), a(at));
    }
    let found = zone.resolve("sip:example.com;transport=tcp").unwrap();
    assert!(zone.asked.len() <= 32, "{}", zone.asked.len());
    assert!(found.len() <= 32 && found[0] == "TCP 192.0.2.0:5060");
}

#[test]
fn a_transport_or_family_that_we_lack_is_not_used() {
    let only_v6_tcp =
        Supported { udp: false, tls: false, ws: false, wss: false, ipv4: false, ..Supported::ALL };
    let mut zone = Zone::default().with("example.com", a(1));
    assert_eq!(zone.resolve_with("sip:192.0.2.1;transport=tcp", only_v6_tcp), Err(ResolveError::NoSuchHost));
    let udp = zone.resolve_with("sip:example.com:5060", only_v6_tcp);
    assert_eq!(udp, Err(ResolveError::UnsupportedTransport));
}

#[test]
fn an_answer_that_was_not_asked_for_changes_nothing() {
    let uri = Uri::parse(b"sip:example.com:5060").unwrap();
    let destination = Destination::from_uri(uri.as_sip().unwrap()).unwrap();
    let (mut resolution, _) = Resolution::start(destination, Supported::ALL, 1, ResolveLimits::default());
    let stray = Answer {
        query: Query::new(RecordKind::A, "other.example"),
        outcome: Outcome::Found { records: a(66), ttl_s: 1 },
    };
    assert_eq!(resolution.on_answer(&stray), Progress::Ask(vec![]));
}
