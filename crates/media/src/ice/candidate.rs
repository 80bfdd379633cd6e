//! Candidates, and `a=candidate` (RFC 8839 section 5.1).

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// Where a candidate comes from (RFC 8445 section 5.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CandidateKind {
    Host,
    ServerReflexive,
    PeerReflexive,
    Relayed,
}

impl CandidateKind {
    /// RFC 8445 section 5.1.2.2.
    const fn preference(self) -> u32 {
        match self {
            CandidateKind::Host => 126,
            CandidateKind::PeerReflexive => 110,
            CandidateKind::ServerReflexive => 100,
            CandidateKind::Relayed => 0,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            CandidateKind::Host => "host",
            CandidateKind::ServerReflexive => "srflx",
            CandidateKind::PeerReflexive => "prflx",
            CandidateKind::Relayed => "relay",
        }
    }

    fn from_name(name: &str) -> Option<CandidateKind> {
        let all = [
            CandidateKind::Host,
            CandidateKind::ServerReflexive,
            CandidateKind::PeerReflexive,
            CandidateKind::Relayed,
        ];
        all.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }
}

/// Why an `a=candidate` is none of ours. All but the first are skipped in silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CandidateError {
    Malformed,
    /// Another transport than UDP.
    Transport,
    /// A name, such as the mDNS names of browsers.
    Name,
    /// A kind that is to come.
    Kind,
}

/// An address of one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub kind: CandidateKind,
    pub component: u16,
    pub priority: u32,
    pub address: SocketAddr,
    /// The address of our socket behind it; with a candidate of the peer, `raddr` and `rport` if they were told.
    pub base: Option<SocketAddr>,
}

impl Candidate {
    /// A candidate of ours. `preference` orders those of one kind (RFC 8445 section 5.1.2.1).
    pub fn local(
        kind: CandidateKind,
        component: u16,
        preference: u16,
        address: SocketAddr,
        base: SocketAddr,
    ) -> Candidate {
        let priority = priority(kind, component, preference);
        Candidate { kind, component, priority, address, base: Some(base) }
    }

    /// The value of an `a=candidate` line.
    pub fn parse(text: &str) -> Result<Candidate, CandidateError> {
        let mut words = text.strip_prefix("candidate:").unwrap_or(text).split_ascii_whitespace();
        let mut word = || words.next().ok_or(CandidateError::Malformed);
        let number = |text: &str| text.parse::<u32>().map_err(|_| CandidateError::Malformed);
        let foundation = word()?;
        let component = number(word()?)?;
        let transport = word()?;
        let priority = number(word()?)?;
        let (address, port) = (word()?, number(word()?)?);
        if word()? != "typ" || foundation.len() > 32 || !(1..=256).contains(&component) {
            return Err(CandidateError::Malformed);
        }
        // RFC 8839 section 5.1: from 1 to 2^31 - 1.
        if priority == 0 || priority > 0x7fff_ffff {
            return Err(CandidateError::Malformed);
        }
        let kind = word()?;
        if !transport.eq_ignore_ascii_case("UDP") {
            return Err(CandidateError::Transport);
        }
        let kind = CandidateKind::from_name(kind).ok_or(CandidateError::Kind)?;
        let address = socket(address, port)?;
        let mut base = (None, None);
        while let (Some(name), Some(value)) = (words.next(), words.next()) {
            match name {
                "raddr" => base.0 = Some(value),
                "rport" => base.1 = value.parse().ok(),
                _ => {}
            }
        }
        let base = base.0.zip(base.1).and_then(|(address, port)| socket(address, port).ok());
        // At most 256: checked above.
        Ok(Candidate { kind, component: component as u16, priority, address, base })
    }
}

impl fmt::Display for Candidate {
    /// The value of an `a=candidate` line. The foundation tells kind, family and base apart (RFC 8445 section 5.1.1.3).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base = self.base.unwrap_or(self.address);
        let foundation = foundation(self.kind, base.ip());
        let (component, priority, address) = (self.component, self.priority, self.address);
        write!(
            f,
            "{foundation} {component} UDP {priority} {} {} typ {}",
            address.ip(),
            address.port(),
            self.kind.name()
        )?;
        match self.kind {
            CandidateKind::Host => Ok(()),
            CandidateKind::ServerReflexive | CandidateKind::PeerReflexive | CandidateKind::Relayed => {
                write!(f, " raddr {} rport {}", base.ip(), base.port())
            }
        }
    }
}

/// RFC 8445 section 5.1.2.1.
pub(super) const fn priority(kind: CandidateKind, component: u16, preference: u16) -> u32 {
    kind.preference() << 24 | (preference as u32) << 8 | (256 - component as u32) & 0xff
}

fn socket(address: &str, port: u32) -> Result<SocketAddr, CandidateError> {
    let ip: IpAddr = address.parse().map_err(|_| CandidateError::Name)?;
    let port = u16::try_from(port).map_err(|_| CandidateError::Malformed)?;
    Ok(SocketAddr::new(ip, port))
}

/// A number of kind and base. It need not be secret, only the same for the same.
fn foundation(kind: CandidateKind, base: IpAddr) -> u32 {
    let mix = |sum: u32, byte: u8| (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    let start = mix(0x811c_9dc5, kind.preference() as u8);
    match base {
        IpAddr::V4(ip) => ip.octets().into_iter().fold(start, mix),
        IpAddr::V6(ip) => ip.octets().into_iter().fold(start, mix),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_of_browsers_and_phones_are_read() {
        let host = "1467250027 1 udp 2122260223 192.168.0.196 46243 typ host generation 0 network-id 1";
        let read = Candidate::parse(host).expect("a candidate");
        assert_eq!((read.kind, read.component, read.priority), (CandidateKind::Host, 1, 2_122_260_223));
        assert_eq!(read.address, "192.168.0.196:46243".parse().expect("an address"));
        let reflexive = "candidate:2 2 UDP 1694498815 192.0.2.3 45664 typ srflx raddr 10.0.1.1 rport 8998";
        let read = Candidate::parse(reflexive).expect("a candidate");
        assert_eq!(read.base, "10.0.1.1:8998".parse().ok());
        let relayed = Candidate::parse("3 1 UDP 1 2001:db8::1 9 typ relay raddr fd00::1 rport 1 x");
        assert_eq!(relayed.map(|read| read.kind), Ok(CandidateKind::Relayed));
    }

    #[test]
    fn what_is_no_candidate_of_ours_is_told_apart() {
        let error = |text: &str| Candidate::parse(text).err();
        assert_eq!(error("1 1 tcp 1 192.0.2.1 9 typ host tcptype active"), Some(CandidateError::Transport));
        assert_eq!(error("1 1 UDP 1 a-b-c.local 9 typ host"), Some(CandidateError::Name));
        assert_eq!(error("1 1 UDP 1 192.0.2.1 9 typ future"), Some(CandidateError::Kind));
        for wrong in [
            "",
            "1 1 UDP 1 192.0.2.1 9",
            "1 1 UDP 1 192.0.2.1 9 type host",
            "1 0 UDP 1 192.0.2.1 9 typ host",
            "1 257 UDP 1 192.0.2.1 9 typ host",
            "1 1 UDP 0 192.0.2.1 9 typ host",
            "1 1 UDP 4294967295 192.0.2.1 9 typ host",
            "1 1 UDP 1 192.0.2.1 65536 typ host",
        ] {
            assert_eq!(error(wrong), Some(CandidateError::Malformed), "{wrong}");
        }
    }

    #[test]
    fn a_candidate_is_read_as_it_is_written() {
        let (address, base) =
            ("198.51.100.1:4000".parse().expect("one"), "10.0.0.1:4000".parse().expect("one"));
        for kind in [CandidateKind::Host, CandidateKind::ServerReflexive, CandidateKind::Relayed] {
            let candidate = Candidate::local(kind, 2, 65_535, address, base);
            let read = Candidate::parse(&candidate.to_string()).expect("a candidate");
            let base = (kind != CandidateKind::Host).then_some(base);
            assert_eq!(read, Candidate { base, ..candidate });
        }
        // The example of RFC 8445 section 5.1.2.1, a host candidate of component 1 with one address.
        assert_eq!(priority(CandidateKind::Host, 1, 65_535), 2_130_706_431);
    }
}
