//! The one session description that the phone offers: PCMU at 8 kHz, 20 ms (RFC 3551).

use std::net::{IpAddr, SocketAddr};

pub fn describe(audio: SocketAddr) -> String {
    let family = if audio.is_ipv4() { "IP4" } else { "IP6" };
    let (ip, port) = (audio.ip(), audio.port());
    format!(
        "v=0\r\no=coeur 1 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\na=sendrecv\r\n"
    )
}

/// Where the peer wants its audio: the `c=` line of the audio section, or else that of the session.
pub fn audio_address(description: &[u8]) -> Option<SocketAddr> {
    let text = std::str::from_utf8(description).ok()?;
    let mut connection: Option<IpAddr> = None;
    let mut port = None;
    for line in text.lines().map(str::trim_end) {
        if let Some(media) = line.strip_prefix("m=") {
            if port.is_some() {
                break;
            }
            port = media.strip_prefix("audio ").and_then(|rest| rest.split(' ').next()?.parse::<u16>().ok());
        } else if let Some(address) =
            line.strip_prefix("c=IN IP4 ").or_else(|| line.strip_prefix("c=IN IP6 "))
        {
            connection = address.split('/').next().and_then(|ip| ip.parse().ok()).or(connection);
        }
    }
    Some(SocketAddr::new(connection?, port.filter(|port| *port != 0)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_described_is_read_back() {
        for address in ["192.0.2.1:4000", "[2001:db8::1]:4000"] {
            let address: SocketAddr = address.parse().unwrap();
            assert_eq!(audio_address(describe(address).as_bytes()), Some(address));
        }
    }

    #[test]
    fn the_address_of_the_audio_section_wins_and_a_refused_stream_has_none() {
        let text = "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 9 RTP/AVP 0\r\nc=IN IP4 192.0.2.2\r\nm=video 7 x 1\r\nc=IN IP4 192.0.2.3\r\n";
        assert_eq!(audio_address(text.as_bytes()), "192.0.2.2:9".parse().ok());
        assert_eq!(audio_address(b"v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 0 RTP/AVP 0\r\n"), None);
    }
}
