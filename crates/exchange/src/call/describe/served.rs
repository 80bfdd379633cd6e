//! What a service of ours would say, had it a phone: the first audio of an offer with the codecs that it takes, everything
//! else refused.

use super::Text;
use crate::media::STREAMS_MAX;
use crate::service::Service;
use coeur_sdp::{Codec, Media, Proto};
use std::io::Write;

/// What a service offers to who has not offered anything, and who is called before there is anybody to talk with.
const OFFER: &[u8] = b"v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 192.0.2.0\r\nt=0 0\r\n\
    m=audio 9 RTP/AVP 96 9 0 8 101\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\n\
    a=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
    a=sendrecv\r\n";

/// The description of a service, as answer to an offer or as its own offer. Its addresses are never used: it has no ports.
/// `None`: it can take nothing of what is offered.
pub(in crate::call) fn served(service: Service, offer: Option<&[u8]>) -> Option<Text> {
    let Some(offer) = offer else { return Some(OFFER.into()) };
    let offer = coeur_sdp::parse(offer).ok().filter(|offer| offer.media.len() <= STREAMS_MAX)?;
    let chosen = offer.media.iter().position(|media| is_voice(service, media))?;
    let mut out = b"v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 192.0.2.0\r\nt=0 0\r\n".to_vec();
    for (index, media) in offer.media.iter().enumerate() {
        match index == chosen {
            true => write_chosen(service, media, &mut out),
            false => Media { port: 0, port_count: 1, lines: Vec::new(), ..media.clone() }.write(&mut out),
        }
    }
    Some(out.into())
}

/// What is offered to a phone while nobody is there yet (see `originate`).
pub(in crate::call) fn invitation() -> Text {
    OFFER.into()
}

fn is_voice(service: Service, media: &Media<'_>) -> bool {
    let is_audio = media.kind.eq_ignore_ascii_case(b"audio") && Proto::parse(media.proto).is_rtp();
    let is_sound = |codec: Codec<'_>| takes(service, &codec) && !is_keys(&codec);
    is_audio && media.port != 0 && media.codecs().any(is_sound)
}

fn takes(service: Service, codec: &Codec<'_>) -> bool {
    match service {
        // What comes back needs not be understood; but redundancy and noise name formats that are not there.
        Service::Echo => !["red", "CN", "rtx", "ulpfec", "flexfec-03"]
            .iter()
            .any(|name| codec.name.eq_ignore_ascii_case(name.as_bytes())),
        // What we can make and understand.
        Service::Conference(_) | Service::Test(_) => {
            let codecs: [(&[u8], u32); 4] =
                [(b"opus", 48_000), (b"G722", 8_000), (b"PCMU", 8_000), (b"PCMA", 8_000)];
            codecs.into_iter().any(|(name, rate)| codec.is(name, rate)) || is_keys(codec)
        }
    }
}

/// RFC 4733.
fn is_keys(codec: &Codec<'_>) -> bool {
    codec.name.eq_ignore_ascii_case(b"telephone-event")
}

/// Sent and received; the direction of the offer decides.
fn write_chosen(service: Service, media: &Media<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"m=audio 9 ");
    out.extend_from_slice(media.proto);
    let codecs = || media.codecs().filter(|codec| takes(service, codec));
    // Writing to a Vec does not fail.
    codecs().for_each(|codec| drop(write!(out, " {}", codec.payload)));
    out.extend_from_slice(b"\r\n");
    for codec in codecs() {
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
    out.extend_from_slice(b"a=sendrecv\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=video 5000 RTP/AVP 96\r\n\
         a=rtpmap:96 VP8/90000\r\n";

    #[test]
    fn the_first_audio_is_taken_and_the_rest_refused() {
        let offer = format!(
            "{HEAD}m=audio 4000 RTP/SAVP 18 13 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n\
             a=sendonly\r\nm=audio 4002 RTP/AVP 0\r\n"
        );
        let described = served(Service::Echo, Some(offer.as_bytes())).expect("audio");
        let text = String::from_utf8_lossy(described.bytes());
        assert!(text.contains("m=video 0 RTP/AVP 96\r\nm=audio 9 RTP/SAVP 18 0 101\r\n"), "{text}");
        assert!(text.contains("a=fmtp:101 0-16\r\n") && text.contains("a=sendrecv\r\n"), "{text}");
        assert!(text.ends_with("m=audio 0 RTP/AVP 0\r\n"), "{text}");
        assert!(described.read().is_some(), "it has one reading");
    }

    #[test]
    fn a_conference_takes_only_what_it_understands() {
        let room = Service::Conference(crate::service::Room(7));
        let offer = format!(
            "{HEAD}m=audio 4000 RTP/AVP 18 0 111 101\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\n"
        );
        let described = served(room, Some(offer.as_bytes())).expect("audio");
        let text = String::from_utf8_lossy(described.bytes());
        assert!(text.contains("m=audio 9 RTP/AVP 0 111 101\r\n"), "{text}");
        assert_eq!(served(room, Some(format!("{HEAD}m=audio 4000 RTP/AVP 18\r\n").as_bytes())), None);
    }

    #[test]
    fn an_offer_without_sound_is_not_taken() {
        assert_eq!(served(Service::Echo, Some(HEAD.as_bytes())), None);
        let keys = format!("{HEAD}m=audio 4000 RTP/AVP 101\r\na=rtpmap:101 telephone-event/8000\r\n");
        assert_eq!(served(Service::Echo, Some(keys.as_bytes())), None);
    }
}
