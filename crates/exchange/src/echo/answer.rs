//! The description that answers an offer (RFC 3264 section 6): the first plain audio we can echo, all else refused.

use coeur_sdp::{Codec, Description, Media};
use std::io::Write;
use std::net::{IpAddr, SocketAddr};

/// What the offer lets us do.
pub(super) struct Choice {
    /// Which media description.
    pub(super) index: usize,
    /// Where the offerer receives.
    pub(super) peer: SocketAddr,
}

/// The first audio over plain RTP with a codec that we echo. `seen` stands in for an address that says "on hold".
pub(super) fn choose(offer: &Description<'_>, seen: IpAddr) -> Option<Choice> {
    offer.media.iter().enumerate().find_map(|(index, media)| {
        if media.kind != b"audio" || media.port == 0 || !is_plain(media) || !media.codecs().any(is_voice) {
            return None;
        }
        let ip = offer.connection(index)?.ip()?;
        let ip = if ip.is_unspecified() { seen } else { ip };
        Some(Choice { index, peer: SocketAddr::new(ip, media.port) })
    })
}

/// Encrypted profiles need a media engine that holds keys: refused for now.
fn is_plain(media: &Media<'_>) -> bool {
    media.proto == b"RTP/AVP" || media.proto == b"RTP/AVPF"
}

fn is_voice(codec: Codec<'_>) -> bool {
    codec.is(b"PCMU", 8_000)
        || codec.is(b"PCMA", 8_000)
        || codec.is(b"G722", 8_000)
        || codec.is(b"opus", 48_000)
}

fn is_echoed(codec: &Codec<'_>) -> bool {
    is_voice(*codec) || codec.is(b"telephone-event", 8_000) || codec.is(b"telephone-event", 48_000)
}

/// Writes the answer; `local` is the open port, `session` and `version` those of our `o=` line.
pub(super) fn write(
    offer: &Description<'_>,
    chosen: usize,
    local: SocketAddr,
    session: u64,
    version: u32,
    out: &mut Vec<u8>,
) {
    let family = if local.is_ipv4() { "IP4" } else { "IP6" };
    let ip = local.ip();
    // Writing to a Vec does not fail.
    let _ = write!(
        out,
        "v=0\r\no=echo {session} {version} IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n"
    );
    for (index, media) in offer.media.iter().enumerate() {
        if index == chosen {
            write_chosen(offer, index, media, local.port(), out);
        } else {
            let refused = Media { port: 0, port_count: 1, lines: Vec::new(), ..media.clone() };
            refused.write(out);
        }
    }
}

fn write_chosen(offer: &Description<'_>, index: usize, media: &Media<'_>, port: u16, out: &mut Vec<u8>) {
    let _ = write!(out, "m=audio {port} ");
    out.extend_from_slice(media.proto);
    for codec in media.codecs().filter(is_echoed) {
        let _ = write!(out, " {}", codec.payload);
    }
    out.extend_from_slice(b"\r\n");
    for codec in media.codecs().filter(is_echoed) {
        let _ = write!(out, "a=rtpmap:{} ", codec.payload);
        out.extend_from_slice(codec.name);
        let _ = write!(out, "/{}", codec.clock_rate);
        if let Some(parameters) = codec.parameters {
            out.push(b'/');
            out.extend_from_slice(parameters);
        }
        out.extend_from_slice(b"\r\n");
        if let Some(fmtp) = codec.fmtp {
            let _ = write!(out, "a=fmtp:{} ", codec.payload);
            out.extend_from_slice(fmtp);
            out.extend_from_slice(b"\r\n");
        }
    }
    let _ = write!(out, "a={}\r\n", offer.direction(index).mirrored().as_str());
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &[u8] = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
        m=video 5000 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n\
        m=audio 4000 RTP/AVP 18 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendonly\r\n";

    #[test]
    fn the_first_plain_audio_is_taken_and_the_rest_refused() {
        let offer = coeur_sdp::parse(OFFER).expect("an offer");
        let choice = choose(&offer, [192, 0, 2, 9].into()).expect("audio");
        assert_eq!((choice.index, choice.peer.to_string().as_str()), (1, "192.0.2.1:4000"));
        let mut out = Vec::new();
        write(&offer, 1, "192.0.2.5:7000".parse().expect("address"), 7, 1, &mut out);
        let text = String::from_utf8(out).expect("text");
        assert!(text.contains("m=video 0 RTP/AVP 96\r\n"), "{text}");
        assert!(text.contains("m=audio 7000 RTP/AVP 0 101\r\n"), "{text}");
        assert!(text.contains("a=recvonly\r\n"), "{text}");
    }

    #[test]
    fn an_offer_of_encrypted_media_only_is_not_taken() {
        let text = String::from_utf8_lossy(OFFER).replace("RTP/AVP", "RTP/SAVP");
        let offer = coeur_sdp::parse(text.as_bytes()).expect("an offer");
        assert!(choose(&offer, [192, 0, 2, 9].into()).is_none());
    }
}
