//! What an attribute is about, and so whether it means anything on another leg.

use crate::Direction;
use crate::attribute::{Attribute, Extmap};
use crate::line::Line;

/// Whom a line of a media description or of the session concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Both ends: codecs and everything that we do not know.
    EndToEnd,
    /// Where packets go, on one leg only.
    Transport,
    /// How they are encrypted on one leg, and who vouches for that.
    Keying,
    /// Which streams of one leg belong together.
    Grouping,
    /// The sources of RTP.
    Source,
    /// Which way media flows.
    Direction,
    /// Only with a profile that has feedback (RFC 4585 section 4.2, RFC 5506 section 5).
    Feedback,
    /// Which numbers header extensions have.
    Extension,
    /// Several encodings of a stream.
    Simulcast,
}

/// Header extensions that name the stream in its bundle.
const MID_EXTENSION: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";

pub(super) fn scope(line: &Line<'_>) -> Scope {
    let Some((name, value)) = line.attribute() else {
        return match line.kind {
            b'c' => Scope::Transport,
            // Obsolete keys (RFC 8866 section 5.12).
            b'k' => Scope::Keying,
            _ => Scope::EndToEnd,
        };
    };
    let name = name.trim_ascii();
    if Direction::parse(name).is_some() {
        return Scope::Direction;
    }
    match name {
        b"candidate" | b"end-of-candidates" | b"remote-candidates" | b"ice-ufrag" | b"ice-pwd"
        | b"ice-options" | b"ice-lite" | b"ice-mismatch" | b"ice-pacing" | b"rtcp" | b"rtcp-mux"
        | b"rtcp-mux-only" | b"connection" | b"alt" | b"nortpproxy" => Scope::Transport,
        // `encryption` is how Snom and Zoiper say best effort.
        b"crypto" | b"key-mgmt" | b"fingerprint" | b"setup" | b"tls-id" | b"dtls-id" | b"identity"
        | b"encryption" => Scope::Keying,
        b"mid" | b"group" | b"bundle-only" => Scope::Grouping,
        b"ssrc" | b"ssrc-group" | b"msid" | b"msid-semantic" => Scope::Source,
        b"rtcp-fb" | b"rtcp-rsize" => Scope::Feedback,
        b"rid" | b"simulcast" => Scope::Simulcast,
        b"extmap" if Extmap::parse(value).is_some_and(|map| map.uri == MID_EXTENSION) => Scope::Grouping,
        b"extmap" => Scope::Extension,
        _ => Scope::EndToEnd,
    }
}
