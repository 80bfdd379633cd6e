//! What the exchange and the media plane say to each other: plain data, no packet ever.
//!
//! One [`MediaId`] names the media of one leg of a call, an endpoint. Its streams stand in the order of the `m=` lines of
//! that leg, refused ones included, so that an index means the same on the wire and here. An endpoint lives from
//! [`MediaCommand::Open`] to [`MediaCommand::Close`]; between them any number of [`MediaCommand::Describe`] say what has
//! been agreed, each of them in full (a hold is one more), and [`MediaCommand::Connect`] says where it goes.
//!
//! Commands are carried out in their order for one endpoint. What is said of an endpoint that is not open (any more) is
//! ignored; only `Open` and `Restore` are always answered, by `Opened` or `OpenFailed`.
//!
//! Keys live in [`SrtpKey`] and [`IcePassword`], which have no `Debug` and are wiped when dropped.

mod kept;
mod report;

pub use kept::{Kept, KeptKey, KeptKeys, KeptPath, KeptSource, KeptStream};
pub use report::{
    Claimed, DtlsFailure, DtlsState, IceFailure, IceState, Misfit, Recent, Report, StreamReport, Taken,
    Troubles, Way,
};

use crate::call_record::CallRecordId;
use crate::service::Service;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use zeroize::ZeroizeOnDrop;

/// The media of one leg. The shard that owns the call is in the top 8 bits: events go to its inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediaId(pub u64);

impl MediaId {
    pub fn new(shard: crate::flow::ShardId, serial: u64) -> Self {
        debug_assert!(serial < 1 << 56);
        Self(u64::from(shard.0) << 56 | serial)
    }

    pub fn shard(self) -> crate::flow::ShardId {
        crate::flow::ShardId((self.0 >> 56) as u8)
    }
}

/// `m=` lines of one leg at most; an offer with more is refused.
pub const STREAMS_MAX: usize = 16;

#[derive(Clone, Debug)]
pub enum MediaCommand {
    /// Bind the ports of an endpoint. For one that is open: bind those of the streams that it lacks; the ports of the
    /// others stay. Answered by [`MediaEvent::Opened`], which names all of them.
    Open {
        id: MediaId,
        /// Where the other end's signalling is: the ports are bound at that address of ours from which a datagram to
        /// it leaves, and of its family.
        near: IpAddr,
        /// All streams, at most [`STREAMS_MAX`].
        streams: Box<[OpenStream]>,
    },
    /// What has been agreed about every stream of an open endpoint. Replaces what was said before; nothing is sent, and
    /// nothing received is passed on, before the first.
    Describe { id: MediaId, peer: Box<Peer> },
    /// What the one end receives goes to the other, in both directions, as far as the directions of the two let it.
    /// Replaces what either was connected with.
    Connect { a: MediaId, b: MediaId, streams: Box<[Pair]> },
    /// What the endpoint receives goes to a service of ours, and what it hears comes from there. Replaces what it was
    /// connected with.
    Serve { id: MediaId, service: Service },
    /// What the other end hears whenever nothing has come for it for half a second from whom it is connected with. `None`:
    /// nothing. It stays until the next word, whatever is described or connected meanwhile.
    Play { id: MediaId, sound: Option<Sound> },
    /// What the other end hears once, instead of what comes for it, behind what it hears so already. `None`: all of that ends.
    /// What tells it that it is recorded is heard to its end all the same.
    Prompt { id: MediaId, prompt: Option<PromptId> },
    /// What comes from the endpoint, and from the one that it is connected with, is recorded, each on a channel of its own.
    Tape { id: MediaId, with: MediaId, order: TapeOrder },
    /// What the endpoint receives goes nowhere; its ports stay.
    Disconnect { id: MediaId },
    /// The ports are free again. Ends what it was connected with. Answered by [`MediaEvent::Closed`].
    Close { id: MediaId },
    /// A key, by its character, for the other end of an endpoint: as an event where it has agreed on these, else as sound in a
    /// codec that can be made. Where its other side has said the key by an event already, nothing is added, but for one that
    /// it has not pressed itself (`is_ordered`).
    Press { id: MediaId, digit: u8, ms: u16, is_ordered: bool },
    /// Asks how the endpoint does. Answered by [`MediaEvent::Reported`].
    Report { id: MediaId },
    /// Asks for what the journal keeps of the endpoint. Answered by [`MediaEvent::Kept`].
    Keep { id: MediaId },
    /// Opens an endpoint as it was kept: the same ports, addresses, keys and counts. Answered like `Open`; it fails when
    /// one of its ports is not to be had, or when there is an endpoint of that name.
    Restore { id: MediaId, kept: Box<Kept> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenStream {
    pub kind: StreamKind,
    /// RTCP on the port of RTP (RFC 5761): no second port is bound.
    pub rtcp_mux: bool,
    /// BUNDLE (RFC 9143): uses the port of that stream, whose index is lower, and binds none.
    pub bundled_with: Option<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamKind {
    Audio,
    Video,
    /// Whatever else: relayed as datagrams.
    Other,
    /// An `m=` line that was refused, or is of no datagrams (TCP): no port is bound.
    None,
}

/// The other end of an endpoint, as agreed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Where its signalling came from: for a device behind a NAT the host from which its media may be expected, when
    /// that is not the signalled one.
    pub signalled_from: IpAddr,
    /// By `m=` line; `None`: refused or switched off.
    pub streams: Box<[Option<Stream>]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Where it said that it receives.
    pub rtp: SocketAddr,
    /// The same as `rtp` with rtcp-mux.
    pub rtcp: SocketAddr,
    pub rtcp_mux: bool,
    /// RFC 3264 section 5.1, from our point of view: false while it does not want to hear (hold, recvonly of ours).
    pub we_send: bool,
    /// False while it has said that it does not send, or we asked it not to: what arrives is dropped.
    pub we_receive: bool,
    pub keying: Keying,
    pub ice: Option<Box<Ice>>,
    /// The payload types that may be on this stream, best first.
    pub formats: Box<[Format]>,
    /// In a bundle: what tells its packets from those of the other streams, when payload types do not.
    pub mid: Option<Box<Mid>>,
}

impl Stream {
    /// Whether its media may go another way, of which nothing is heard here.
    pub fn is_wire(&self) -> bool {
        self.ice.as_ref().is_some_and(|ice| ice.wire)
    }
}

/// The MID header extension, as agreed by `a=extmap` and `a=mid` (RFC 9143 section 15.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mid {
    /// The number of `urn:ietf:params:rtp-hdrext:sdes:mid`.
    pub extension: u8,
    pub value: Box<[u8]>,
}

/// One RTP payload type (RFC 8866 section 6.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    pub payload: u8,
    pub name: Box<[u8]>,
    pub clock_rate: u32,
    /// 1 when not said.
    pub channels: u8,
    pub fmtp: Option<Box<[u8]>>,
}

impl Format {
    /// RFC 4733: key presses.
    pub fn is_dtmf(&self) -> bool {
        self.name.eq_ignore_ascii_case(b"telephone-event")
    }
}

/// How a stream is protected.
#[derive(Clone, PartialEq, Eq)]
pub enum Keying {
    /// RTP/AVP and RTP/AVPF.
    Plain,
    /// RFC 4568: `send` is the key that we announced, `receive` the other end's.
    Sdes { send: SrtpKey, receive: SrtpKey },
    /// RFC 5764.
    Dtls { role: DtlsRole, fingerprints: Box<[Fingerprint]> },
    /// RFC 5764 between the two devices: handshake and packets pass as they are, and we have no key of them. The stream that
    /// it is connected with has the same, or nothing passes. Only with ICE and rtcp-mux.
    EndToEnd,
}

impl fmt::Debug for Keying {
    /// The kind and nothing of a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain => f.write_str("Plain"),
            Self::Sdes { send, receive } => write!(f, "Sdes({:?}, {:?})", send.suite, receive.suite),
            Self::Dtls { role, fingerprints } => {
                f.debug_struct("Dtls").field("role", role).field("fingerprints", fingerprints).finish()
            }
            Self::EndToEnd => f.write_str("EndToEnd"),
        }
    }
}

/// Master key and salt of one direction (RFC 3711 section 4.3).
#[derive(Clone, PartialEq, Eq, ZeroizeOnDrop)]
pub struct SrtpKey {
    #[zeroize(skip)]
    pub suite: SrtpSuite,
    /// Key and salt, as in the `inline:` of RFC 4568 section 6.1: see [`SrtpSuite::key_bytes`] and
    /// [`SrtpSuite::salt_bytes`].
    pub key_and_salt: Box<[u8]>,
    /// What its packets may name it by (RFC 3711 section 3.1), in its whole length, at most [`MKI_BYTES_MAX`]; empty: nothing.
    #[zeroize(skip)]
    pub mki: Box<[u8]>,
}

/// Of a master key identifier. RFC 4568 section 6.1 allows 128 bytes; phones announce one to four.
pub const MKI_BYTES_MAX: usize = 16;

/// RFC 4568 section 6.2, RFC 6188, RFC 7714.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SrtpSuite {
    AesCm128HmacSha1_80,
    AesCm128HmacSha1_32,
    AesCm256HmacSha1_80,
    AeadAes128Gcm,
    AeadAes256Gcm,
}

impl SrtpSuite {
    pub const fn key_bytes(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 | Self::AeadAes128Gcm => 16,
            Self::AesCm256HmacSha1_80 | Self::AeadAes256Gcm => 32,
        }
    }

    pub const fn salt_bytes(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 | Self::AesCm128HmacSha1_32 | Self::AesCm256HmacSha1_80 => 14,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
        }
    }
}

/// Who sends the ClientHello (RFC 8842 section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DtlsRole {
    /// `a=setup:active` of ours.
    Client,
    Server,
}

/// A certificate by its hash (RFC 8122 section 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// In lower case: `sha-256`.
    pub hash: Box<str>,
    pub bytes: Box<[u8]>,
}

/// RFC 8445, as RFC 8839 carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ice {
    pub ours: IceCredentials,
    pub theirs: IceCredentials,
    pub their_lite: bool,
    /// We make checks of our own, and choose the pair (RFC 8445 section 6.1.1): our description must not say
    /// `a=ice-lite`. False, with a peer that is not lite: we only answer, and our description says it.
    pub controlling: bool,
    /// `ours` are those of the device on the other side (decision 0042): checks pass to the stream that this one is connected
    /// with, which has the same, and so do their answers. Only with [`Keying::EndToEnd`].
    pub wire: bool,
    /// Theirs. More may follow in a later `Describe` (trickle, RFC 8838); other credentials of theirs are a restart.
    pub candidates: Box<[Candidate]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IceCredentials {
    pub ufrag: Box<str>,
    pub password: IcePassword,
}

#[derive(Clone, PartialEq, Eq, ZeroizeOnDrop)]
pub struct IcePassword(pub Box<str>);

impl fmt::Debug for IcePassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IcePassword")
    }
}

/// A transport address that the other end can perhaps be reached at; UDP only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// 1 RTP, 2 RTCP.
    pub component: u8,
    pub priority: u32,
    pub address: SocketAddr,
    pub foundation: Box<str>,
}

/// A sound that the media plane makes, the same for all who hear it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sound {
    /// For who is on hold.
    Music,
    /// The tone of a phone that rings elsewhere (ITU-T E.180).
    Ringing,
}

/// Sound that the house has made or read before, so that no worker waits for a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PromptId(pub u64);

/// What becomes of a recording. It ends by itself when its two endpoints are no longer connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TapeOrder {
    /// Both hear that they are recorded; what they say is kept from then on.
    Begin {
        call: CallRecordId,
        asked_by: Box<str>,
    },
    /// What is said is not kept.
    Pause,
    Resume,
    End,
}

/// Two streams that are joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Index of the stream of `a`, and of `b`.
    pub a: u8,
    pub b: u8,
    /// Payload types that differ: (as `a` numbers it, as `b` does). What is not listed has one number at both.
    pub payloads: Box<[(u8, u8)]>,
    /// Sound is understood and made anew for each side, since they have no audio format in common; or their keys are, since they
    /// say them in different ways. `None`: packets pass.
    pub conversion: Option<Conversion>,
}

/// What each side of a pair hears of the other, when it is made by the media plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conversion {
    pub what: Converted,
    pub a: Side,
    pub b: Side,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Converted {
    /// All that is heard, in the best format of each side which can be made.
    Sound,
    /// Keys alone, in the place of the packets in which they are said; all else passes.
    Keys,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Side {
    /// How long the packets to it are (RFC 8866 section 6.4), 20 as a rule.
    pub frame_ms: u8,
    /// Keys of the other side are no part of what it hears: it is told of them in another way.
    pub keys_are_told: bool,
    /// It says its keys in its sound: they are searched for there, unless the other side hears them there.
    pub keys_in_sound: bool,
}

impl Side {
    pub const USUAL: Side = Side { frame_ms: 20, keys_are_told: false, keys_in_sound: false };
}

#[derive(Clone, Debug)]
pub enum MediaEvent {
    /// The ports are bound; by `m=` line, `None` where none was wanted. A bundled stream has the address of its bundle.
    Opened { id: MediaId, streams: Box<[Option<StreamAddress>]>, fingerprint: Option<Fingerprint> },
    /// No port could be had. Nothing of what was asked for is bound; what was open before stays.
    OpenFailed { id: MediaId },
    /// Nothing was heard on any stream that should be heard, for the time limit.
    Silent { id: MediaId },
    /// Something about an endpoint that should be heard, or is sent to, is not as it should be: worth a
    /// [`MediaCommand::Report`]. Told at most once a second, and less often when it stays so.
    Doubted { id: MediaId },
    /// The first packet that counts as the other end's.
    Heard { id: MediaId, stream: u8 },
    /// Nothing was heard for a second or longer on any stream that should be heard. Once a second.
    Quiet { id: MediaId },
    /// Packets come to a stream from a source that may not be its other end, while that is silent, or they are its own as
    /// far as they show and come from where nothing announced it. At most ten each second for one stream.
    Strayed { id: MediaId, stream: u8, from: SocketAddr },
    /// A key was pressed: told by an event (RFC 4733), or heard in the sound of who has no events. Only where sound or keys are
    /// converted.
    Dtmf { id: MediaId, digit: u8, duration_ms: u16 },
    /// Who is in a conference has begun to speak, or has ended.
    Speaks { id: MediaId, is_speaking: bool },
    /// Its call is not recorded, though it was to be: nothing of it is understood here.
    NotTaped { id: MediaId },
    /// No keys were agreed on a stream (RFC 5764).
    DtlsFailed { id: MediaId, stream: u8, why: DtlsFailure },
    /// No pair of candidates works (RFC 8445 section 7), or works any longer. A later check may still make one.
    IceFailed { id: MediaId, stream: u8, why: IceFailure },
    /// How it does.
    Reported { id: MediaId, report: Box<Report> },
    /// It was closed as asked: how it did.
    Closed { id: MediaId, report: Box<Report> },
    /// For the journal.
    Kept { id: MediaId, kept: Box<Kept> },
    /// The endpoint is gone although nobody closed it (its worker ended).
    Ended { id: MediaId },
}

/// Where we receive a stream: what our description names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamAddress {
    pub rtp: SocketAddr,
    /// The same as `rtp` with rtcp-mux.
    pub rtcp: SocketAddr,
    /// Other addresses of the same port: host candidates of ICE.
    pub others: Box<[SocketAddr]>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever prints a command for a log prints no key.
    #[test]
    fn a_printed_command_shows_no_key_and_no_password() {
        let key = || SrtpKey {
            suite: SrtpSuite::AeadAes128Gcm,
            key_and_salt: b"TOPSECRETTOPSECRET".as_slice().into(),
            mki: Box::default(),
        };
        let credentials =
            |ufrag: &str| IceCredentials { ufrag: ufrag.into(), password: IcePassword("HIDDEN".into()) };
        let address: SocketAddr = ([192, 0, 2, 7], 4_000).into();
        let stream = Stream {
            rtp: address,
            rtcp: address,
            rtcp_mux: true,
            we_send: true,
            we_receive: true,
            keying: Keying::Sdes { send: key(), receive: key() },
            ice: Some(Box::new(Ice {
                ours: credentials("a"),
                theirs: credentials("b"),
                their_lite: false,
                controlling: true,
                wire: false,
                candidates: Box::default(),
            })),
            formats: Box::default(),
            mid: None,
        };
        let peer = Peer { signalled_from: address.ip(), streams: Box::new([Some(stream)]) };
        let text = format!("{:?}", MediaCommand::Describe { id: MediaId(1), peer: Box::new(peer) });
        assert!(text.contains("AeadAes128Gcm") && text.contains("IcePassword"), "{text}");
        assert!(!text.contains("SECRET") && !text.contains("HIDDEN") && !text.contains("84, 79"), "{text}");
        let kept = KeptKey { key: key(), rtp_packets: 7, rtcp_packets: 0, sources: Box::default() };
        let text = format!("{kept:?}");
        assert!(
            text.contains("AeadAes128Gcm") && !text.contains("SECRET") && !text.contains("84, 79"),
            "{text}"
        );
    }

    #[test]
    fn a_media_id_names_the_shard_that_is_told() {
        let id = MediaId::new(crate::flow::ShardId(5), 77);
        assert_eq!((id.shard(), id.0 & 0xff), (crate::flow::ShardId(5), 77));
    }
}
