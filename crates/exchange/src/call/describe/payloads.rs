//! Payload types (RFC 3264 section 6.1): each leg has the numbers of who offered on it. Where both have others for the same
//! codec, ours is to translate; in a bundle each number has one meaning (RFC 9143 section 9.1).

use coeur_sdp::MediaDescription;
use coeur_sdp::summary::OwnedCodec;

/// (number here, number there) of the same codec.
pub(super) type Renamed = Vec<(u8, u8)>;

/// For each of these codecs its number among the others: the same number when it means the same there, else the same codec
/// with the same parameters, else the next of the same codec that is not taken yet.
pub(super) fn matching(codecs: &[OwnedCodec], others: &[OwnedCodec]) -> Renamed {
    let mut taken = [false; 128];
    let mut found: Vec<(u8, Option<u8>)> = codecs.iter().map(|codec| (codec.payload, None)).collect();
    let same_number = |codec: &OwnedCodec, other: &OwnedCodec| codec.payload == other.payload;
    let same_parameters = |codec: &OwnedCodec, other: &OwnedCodec| codec.fmtp == other.fmtp;
    let any = |_: &OwnedCodec, _: &OwnedCodec| true;
    for fits in [same_number as fn(&_, &_) -> bool, same_parameters, any] {
        for (codec, (_, number)) in codecs.iter().zip(&mut found).filter(|(_, (_, number))| number.is_none())
        {
            let is_free = |other: &&OwnedCodec| !taken[usize::from(other.payload & 127)];
            let is_same = |other: &&OwnedCodec| codec.is_same_encoding(other) && fits(codec, other);
            if let Some(other) = others.iter().filter(is_free).find(is_same) {
                taken[usize::from(other.payload & 127)] = true;
                *number = Some(other.payload);
            }
        }
    }
    found.into_iter().filter_map(|(here, there)| Some((here, there?))).collect()
}

/// Writes these numbers in the place of those; what has none in the list stays.
pub(super) fn rename(media: &mut MediaDescription, names: &[(u8, u8)]) {
    if names.iter().all(|(old, new)| old == new) {
        return;
    }
    let renamed = |text: &str| -> Option<String> {
        let number: u8 = text.parse().ok()?;
        names.iter().find(|(old, _)| *old == number).map(|(_, new)| new.to_string())
    };
    let word = |text: &str| renamed(text).unwrap_or_else(|| text.to_owned());
    let formats = String::from_utf8_lossy(&media.formats).into_owned();
    media.formats = formats.split(' ').map(word).collect::<Vec<_>>().join(" ").into_bytes();
    for line in media.lines.iter_mut().filter(|line| line.kind == b'a') {
        let Ok(text) = std::str::from_utf8(&line.value) else { continue };
        let Some((name @ ("rtpmap" | "fmtp" | "rtcp-fb"), value)) = text.split_once(':') else { continue };
        let (number, rest) = value.split_once(' ').unwrap_or((value, ""));
        let rest = match name {
            "fmtp" => parameters(rest, &word),
            _ => rest.to_owned(),
        };
        line.value = format!("{name}:{} {rest}", word(number)).into_bytes();
    }
}

/// Of `rtx` (RFC 4588 section 8.6) and of `red` (RFC 2198 section 5): other payload types are named there.
fn parameters(text: &str, word: &impl Fn(&str) -> String) -> String {
    if let Some(of) = text.strip_prefix("apt=") {
        let (number, rest) = of.split_at(of.find(|c: char| !c.is_ascii_digit()).unwrap_or(of.len()));
        return format!("apt={}{rest}", word(number));
    }
    let is_red = text.contains('/') && text.split('/').all(|part| part.parse::<u8>().is_ok());
    if is_red { text.split('/').map(word).collect::<Vec<_>>().join("/") } else { text.to_owned() }
}

/// Gives a number of its own to what has one of an earlier stream of the bundle. Dynamic numbers are few: without a free
/// one it stays as it is.
pub(super) fn make_unique(streams: &mut [MediaDescription]) {
    let mut used = [false; 128];
    for media in streams {
        let numbers: Vec<u8> = media.view().codecs().map(|codec| codec.payload).collect();
        let mut taken = used;
        numbers.iter().for_each(|number| taken[usize::from(*number)] = true);
        let mut names = Renamed::new();
        for number in numbers.iter().copied().filter(|number| used[usize::from(*number)]) {
            // RFC 3551 section 6, and RFC 5761 section 4: 64 to 95 look like RTCP.
            let free = (96..=127).chain(35..=63).find(|number| !taken[usize::from(*number)]);
            let Some(free) = free else { break };
            taken[usize::from(free)] = true;
            names.push((number, free));
        }
        rename(media, &names);
        media.view().codecs().for_each(|codec| used[usize::from(codec.payload)] = true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media(formats: &str, lines: &[&str]) -> MediaDescription {
        let mut media = MediaDescription::new("video", 4_000, "RTP/AVP", formats);
        lines.iter().for_each(|line| media.push_flag(line));
        media
    }

    fn text(media: &MediaDescription) -> String {
        let mut out = Vec::new();
        media.write(&mut out);
        String::from_utf8(out).expect("text")
    }

    fn codecs(media: &MediaDescription) -> Vec<OwnedCodec> {
        media.view().codecs().map(OwnedCodec::from).collect()
    }

    #[test]
    fn a_number_is_renamed_wherever_it_stands() {
        let lines = [
            "rtpmap:96 VP8/90000",
            "rtcp-fb:96 nack pli",
            "rtcp-fb:* ccm fir",
            "rtpmap:97 rtx/90000",
            "fmtp:97 apt=96;rtx-time=200",
            "rtpmap:98 red/90000",
            "fmtp:98 96/96",
        ];
        let mut media = media("96 97 98", &lines);
        rename(&mut media, &[(96, 120), (97, 96)]);
        let expected = "m=video 4000 RTP/AVP 120 96 98\r\na=rtpmap:120 VP8/90000\r\na=rtcp-fb:120 nack pli\r\n\
            a=rtcp-fb:* ccm fir\r\na=rtpmap:96 rtx/90000\r\na=fmtp:96 apt=120;rtx-time=200\r\na=rtpmap:98 red/90000\r\n\
            a=fmtp:98 120/120\r\n";
        assert_eq!(text(&media), expected);
    }

    #[test]
    fn the_same_codec_is_found_by_number_then_by_parameters_then_in_order() {
        let ours = media(
            "0 97 98 101",
            &[
                "rtpmap:97 H264/90000",
                "fmtp:97 packetization-mode=0",
                "rtpmap:98 H264/90000",
                "fmtp:98 packetization-mode=1",
                "rtpmap:101 telephone-event/8000",
            ],
        );
        let theirs = media(
            "98 99 0 97",
            &[
                "rtpmap:98 H264/90000",
                "fmtp:98 packetization-mode=0",
                "rtpmap:99 H264/90000",
                "fmtp:99 packetization-mode=1",
                "rtpmap:97 telephone-event/8000",
            ],
        );
        let found = matching(&codecs(&ours), &codecs(&theirs));
        // 98 means H264 at both.
        assert_eq!(found, [(0, 0), (97, 99), (98, 98), (101, 97)]);
        let swapped = media("96 97", &["rtpmap:96 VP8/90000", "rtpmap:97 opus/48000/2"]);
        assert_eq!(matching(&codecs(&swapped), &codecs(&media("8", &[]))), []);
    }

    #[test]
    fn in_a_bundle_a_number_has_one_meaning() {
        let mut streams = [
            media("96 0", &["rtpmap:96 opus/48000/2"]),
            media("96 97", &["rtpmap:96 VP8/90000", "rtpmap:97 rtx/90000", "fmtp:97 apt=96"]),
        ];
        make_unique(&mut streams);
        assert_eq!(streams[0].formats, b"96 0");
        assert_eq!(String::from_utf8_lossy(&streams[1].formats), "98 97");
        assert!(text(&streams[1]).contains("a=fmtp:97 apt=98"), "{}", text(&streams[1]));
    }
}
