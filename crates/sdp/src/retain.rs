//! Fewer codecs in a stream.

use crate::attribute::{Attribute, RtcpFeedback};
use crate::parse::{number, word, words};
use crate::summary::OwnedCodec;
use crate::{Codec, MediaDescription};

impl MediaDescription {
    /// Takes out the payload types whose codec is not wanted, with all that is said of them. Retransmission (`rtx`) of a
    /// codec that is not wanted goes with it (RFC 4588 section 8.1), and so do payload types without a codec. The formats
    /// may be empty afterwards: then the stream is to be refused.
    pub fn retain_codecs(&mut self, mut is_wanted: impl FnMut(&OwnedCodec) -> bool) {
        let codecs: Vec<OwnedCodec> = self.view().codecs().map(|codec: Codec<'_>| codec.into()).collect();
        let mut kept = [false; 128];
        for codec in &codecs {
            kept[usize::from(codec.payload)] = is_wanted(codec);
        }
        for codec in codecs.iter().filter(|codec| codec.name.eq_ignore_ascii_case("rtx")) {
            let of = codec.fmtp.as_deref().and_then(|fmtp| crate::attribute::parameter(fmtp, "apt"));
            let of: Option<u8> = of.and_then(|payload| payload.parse().ok());
            let has_base = of.is_some_and(|payload| kept.get(usize::from(payload)) == Some(&true));
            kept[usize::from(codec.payload)] &= has_base;
        }
        let payload = |text: &[u8]| number::<u8>(text).filter(|payload| *payload < 128);
        let payloads: Vec<u8> = words(&self.formats).filter_map(payload).collect();
        self.set_payloads(payloads.into_iter().filter(|payload| kept[usize::from(*payload)]));
        self.lines.retain(|line| {
            let about = match line.view().attribute() {
                Some((b"rtpmap" | b"fmtp", value)) => payload(word(value).0),
                Some((b"rtcp-fb", value)) => RtcpFeedback::parse(value).and_then(|feedback| feedback.payload),
                Some(_) | None => None,
            };
            about.is_none_or(|payload| kept[usize::from(payload)])
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_codec_goes_with_all_that_is_said_of_it() {
        let text =
            b"v=0\r\nm=video 4000 RTP/AVPF 96 97 98 99 31\r\na=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\n\
            a=rtcp-fb:* ccm fir\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=rtpmap:98 H264/90000\r\n\
            a=fmtp:98 packetization-mode=1\r\na=rtpmap:99 rtx/90000\r\na=fmtp:99 apt=98\r\na=mid:v\r\n";
        let mut media = MediaDescription::from(&crate::parse(text).expect("a description").media[0]);
        media.retain_codecs(|codec| !codec.is("VP8", 90_000));
        let mut out = Vec::new();
        media.write(&mut out);
        let left = "m=video 4000 RTP/AVPF 98 99 31\r\na=rtcp-fb:* ccm fir\r\na=rtpmap:98 H264/90000\r\n\
            a=fmtp:98 packetization-mode=1\r\na=rtpmap:99 rtx/90000\r\na=fmtp:99 apt=98\r\na=mid:v\r\n";
        assert_eq!(String::from_utf8(out).as_deref(), Ok(left));
    }
}
