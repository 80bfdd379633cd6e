//! Where STUN and TURN are spoken, and whom their clients may reach.

use super::Listen;
use super::listen::Scheme;
use crate::turn::peers::Wanted;
use std::net::{IpAddr, SocketAddr};

/// RFC 8489 section 8.1 and RFC 8656 section 3.1.
const PORT: u16 = 3_478;
const PORT_TLS: u16 = 5_349;

/// `udp|tcp|tls://ADDRESS:PORT`, or `off` for nowhere.
pub fn place(text: &str) -> Result<Option<Listen>, String> {
    if text == "off" {
        return Ok(None);
    }
    let place = Listen::parse(text, port)?;
    match place.scheme {
        Scheme::Udp | Scheme::Tcp | Scheme::Tls => Ok(Some(place)),
        Scheme::Ws | Scheme::Wss => Err(format!("`{text}`: TURN is spoken over udp, tcp and tls")),
    }
}

/// Where nobody has said it: on the addresses of SIP, and over TLS where SIP is.
pub fn beside(listen: &[Listen]) -> Vec<Listen> {
    let mut ips: Vec<IpAddr> = listen.iter().map(|place| place.address.ip()).collect();
    ips.sort_unstable();
    ips.dedup();
    let schemes = |ip: IpAddr| {
        let is_secure = listen.iter().any(|place| place.address.ip() == ip && place.scheme.is_secure());
        [Scheme::Udp, Scheme::Tcp].into_iter().chain(is_secure.then_some(Scheme::Tls))
    };
    let place = |ip, scheme| Listen { scheme, address: SocketAddr::new(ip, port(scheme)) };
    ips.into_iter().flat_map(|ip| schemes(ip).map(move |scheme| place(ip, scheme))).collect()
}

fn port(scheme: Scheme) -> u16 {
    match scheme {
        Scheme::Udp | Scheme::Tcp => PORT,
        Scheme::Tls | Scheme::Ws | Scheme::Wss => PORT_TLS,
    }
}

/// `public`, or a network.
pub fn peers(said: Vec<String>, is_public: bool) -> Result<Wanted, String> {
    let mut wanted = Wanted { is_public, listed: Vec::new() };
    for text in said {
        match text.as_str() {
            "public" => wanted.is_public = true,
            "calls" => wanted.is_public = false,
            network => wanted.listed.push(network.parse().map_err(|why| format!("{why}, or `public`"))?),
        }
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen(texts: &[&str]) -> Vec<Listen> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn turn_is_spoken_beside_sip_and_over_tls_where_sip_is() {
        let texts = |listen: &[Listen]| beside(listen).iter().map(Listen::to_string).collect::<Vec<_>>();
        assert_eq!(
            texts(&listen(&["udp://0.0.0.0:5060", "tcp://0.0.0.0:5060"])),
            ["udp://0.0.0.0:3478", "tcp://0.0.0.0:3478"]
        );
        assert_eq!(
            texts(&listen(&["udp://192.0.2.1:5060", "wss://[::1]:8089"])),
            [
                "udp://192.0.2.1:3478",
                "tcp://192.0.2.1:3478",
                "udp://[::1]:3478",
                "tcp://[::1]:3478",
                "tls://[::1]:5349"
            ]
        );
    }

    #[test]
    fn a_place_of_turn_takes_the_ports_of_the_rfc_and_no_web_socket() {
        let read = |text: &str| place(text).map(|place| place.map(|place| place.to_string()));
        assert_eq!(read("udp://192.0.2.1"), Ok(Some("udp://192.0.2.1:3478".to_owned())));
        assert_eq!(read("tls://[2001:db8::1]"), Ok(Some("tls://[2001:db8::1]:5349".to_owned())));
        assert_eq!(read("tcp://192.0.2.1:80"), Ok(Some("tcp://192.0.2.1:80".to_owned())));
        assert_eq!(read("off"), Ok(None));
        assert!(read("wss://0.0.0.0:1").is_err() && read("on").is_err());
    }

    #[test]
    fn peers_are_who_is_public_and_who_is_listed() {
        let read =
            |texts: &[&str], is_public| peers(texts.iter().map(ToString::to_string).collect(), is_public);
        assert_eq!(read(&[], false), Ok(Wanted::default()));
        assert!(read(&["public"], false).unwrap().is_public && !read(&["calls"], true).unwrap().is_public);
        assert_eq!(read(&["10.0.0.0/8"], false).unwrap().listed.len(), 1);
        assert!(read(&["everybody"], false).is_err());
    }
}
