//! The media of one leg: ports, what was agreed, keys with their counts.

use super::leg::{open_stream, read_open_stream, read_stream_address, stream_address};
use super::{LAYOUT, end, layout};
use crate::media::{
    Candidate, DtlsRole, Fingerprint, Format, Ice, IceCredentials, IcePassword, Kept, KeptKey, KeptKeys,
    KeptPath, KeptSource, KeptStream, Keying, MKI_BYTES_MAX, Mid, STREAMS_MAX, SrtpKey, SrtpSuite, Stream,
};
use crate::record::fields::{Fields, address, host, integer, list, maybe, text};
use crate::record::read::RecordError;

/// Of one description; more were never agreed on.
const FORMATS_MAX: usize = 256;
const CANDIDATES_MAX: usize = 1_024;
const FINGERPRINTS_MAX: usize = 64;
/// See [`KeptKey::sources`].
const SOURCES_MAX: usize = 128;

pub fn write(out: &mut Vec<u8>, kept: &Kept) {
    out.push(LAYOUT);
    maybe(out, kept.signalled_from, host);
    list(out, &kept.streams, |out, stream| maybe(out, stream.as_ref(), kept_stream));
}

pub fn read(plain: &[u8]) -> Result<Kept, RecordError> {
    let fields = &mut layout(plain)?;
    let kept = Kept {
        signalled_from: fields.maybe(Fields::address)?.map(|address| address.ip()),
        streams: fields.list(STREAMS_MAX, |fields| fields.maybe(read_kept_stream))?.into(),
    };
    end(fields, kept)
}

fn kept_stream(out: &mut Vec<u8>, kept: &KeptStream) {
    open_stream(out, &kept.opened);
    address(out, &kept.bound);
    stream_address(out, &kept.address);
    maybe(out, kept.agreed.as_deref(), stream);
    out.push(u8::from(kept.is_on));
    for path in [&kept.rtp, &kept.rtcp] {
        for at in [path.peer, path.selected] {
            maybe(out, at.as_ref(), address);
        }
    }
    maybe(out, kept.keys.as_deref(), |out, keys| {
        kept_key(out, &keys.send);
        kept_key(out, &keys.receive);
    });
}

fn read_kept_stream(fields: &mut Fields<'_>) -> Result<KeptStream, RecordError> {
    let path = |fields: &mut Fields<'_>| {
        Ok(KeptPath { peer: fields.maybe(Fields::address)?, selected: fields.maybe(Fields::address)? })
    };
    Ok(KeptStream {
        opened: read_open_stream(fields)?,
        bound: fields.address()?,
        address: read_stream_address(fields)?,
        agreed: fields.maybe(read_stream)?.map(Box::new),
        is_on: fields.flag()?,
        rtp: path(fields)?,
        rtcp: path(fields)?,
        keys: fields
            .maybe(|fields| Ok(KeptKeys { send: read_kept_key(fields)?, receive: read_kept_key(fields)? }))?
            .map(Box::new),
    })
}

fn stream(out: &mut Vec<u8>, stream: &Stream) {
    address(out, &stream.rtp);
    address(out, &stream.rtcp);
    for flag in [stream.rtcp_mux, stream.we_send, stream.we_receive] {
        out.push(u8::from(flag));
    }
    keying(out, &stream.keying);
    maybe(out, stream.ice.as_deref(), ice);
    list(out, &stream.formats, format);
    maybe(out, stream.mid.as_deref(), |out, mid| {
        out.push(mid.extension);
        text(out, &mid.value);
    });
}

fn read_stream(fields: &mut Fields<'_>) -> Result<Stream, RecordError> {
    Ok(Stream {
        rtp: fields.address()?,
        rtcp: fields.address()?,
        rtcp_mux: fields.flag()?,
        we_send: fields.flag()?,
        we_receive: fields.flag()?,
        keying: read_keying(fields)?,
        ice: fields.maybe(read_ice)?.map(Box::new),
        formats: fields.list(FORMATS_MAX, read_format)?.into(),
        mid: fields
            .maybe(|fields| Ok(Mid { extension: fields.byte()?, value: fields.text()?.into() }))?
            .map(Box::new),
    })
}

fn keying(out: &mut Vec<u8>, keying: &Keying) {
    match keying {
        Keying::Plain => out.push(0),
        Keying::EndToEnd => out.push(3),
        Keying::Sdes { send, receive } => {
            out.push(1);
            key(out, send);
            key(out, receive);
        }
        Keying::Dtls { role, fingerprints } => {
            out.push(2);
            out.push(match role {
                DtlsRole::Client => 0,
                DtlsRole::Server => 1,
            });
            list(out, fingerprints, |out, fingerprint| {
                text(out, fingerprint.hash.as_bytes());
                text(out, &fingerprint.bytes);
            });
        }
    }
}

fn read_keying(fields: &mut Fields<'_>) -> Result<Keying, RecordError> {
    match fields.byte()? {
        0 => Ok(Keying::Plain),
        3 => Ok(Keying::EndToEnd),
        1 => Ok(Keying::Sdes { send: read_key(fields)?, receive: read_key(fields)? }),
        2 => Ok(Keying::Dtls {
            role: match fields.byte()? {
                0 => DtlsRole::Client,
                1 => DtlsRole::Server,
                _ => return Err(fields.error("unknown role")),
            },
            fingerprints: fields.list(FINGERPRINTS_MAX, read_fingerprint)?.into(),
        }),
        _ => Err(fields.error("unknown keying")),
    }
}

fn read_fingerprint(fields: &mut Fields<'_>) -> Result<Fingerprint, RecordError> {
    Ok(Fingerprint { hash: fields.name()?.into(), bytes: fields.text()?.into() })
}

fn ice(out: &mut Vec<u8>, ice: &Ice) {
    for side in [&ice.ours, &ice.theirs] {
        text(out, side.ufrag.as_bytes());
        text(out, side.password.0.as_bytes());
    }
    out.push(u8::from(ice.their_lite));
    out.push(u8::from(ice.controlling) | u8::from(ice.wire) << 1);
    list(out, &ice.candidates, |out, candidate| {
        out.push(candidate.component);
        integer(out, candidate.priority.into());
        address(out, &candidate.address);
        text(out, candidate.foundation.as_bytes());
    });
}

fn read_ice(fields: &mut Fields<'_>) -> Result<Ice, RecordError> {
    let side = |fields: &mut Fields<'_>| {
        Ok(IceCredentials { ufrag: fields.name()?.into(), password: IcePassword(fields.name()?.into()) })
    };
    let (ours, theirs, their_lite) = (side(fields)?, side(fields)?, fields.flag()?);
    let manner = fields.byte()?;
    if manner > 3 {
        return Err(fields.error("unknown manner of ICE"));
    }
    Ok(Ice {
        ours,
        theirs,
        their_lite,
        controlling: manner & 1 != 0,
        wire: manner & 2 != 0,
        candidates: fields
            .list(CANDIDATES_MAX, |fields| {
                Ok(Candidate {
                    component: fields.byte()?,
                    priority: fields.number()?,
                    address: fields.address()?,
                    foundation: fields.name()?.into(),
                })
            })?
            .into(),
    })
}

fn format(out: &mut Vec<u8>, format: &Format) {
    out.push(format.payload);
    text(out, &format.name);
    integer(out, format.clock_rate.into());
    out.push(format.channels);
    maybe(out, format.fmtp.as_deref(), text);
}

fn read_format(fields: &mut Fields<'_>) -> Result<Format, RecordError> {
    Ok(Format {
        payload: fields.byte()?,
        name: fields.text()?.into(),
        clock_rate: fields.number()?,
        channels: fields.byte()?,
        fmtp: fields.maybe(Fields::text)?.map(Into::into),
    })
}

fn kept_key(out: &mut Vec<u8>, kept: &KeptKey) {
    key(out, &kept.key);
    integer(out, kept.rtp_packets);
    integer(out, kept.rtcp_packets);
    list(out, &kept.sources, |out, source| {
        integer(out, source.ssrc.into());
        maybe(out, source.rtp_index, integer);
        maybe(out, source.rtcp_index, |out, index| integer(out, index.into()));
    });
}

fn read_kept_key(fields: &mut Fields<'_>) -> Result<KeptKey, RecordError> {
    Ok(KeptKey {
        key: read_key(fields)?,
        rtp_packets: fields.integer()?,
        rtcp_packets: fields.integer()?,
        sources: fields
            .list(SOURCES_MAX, |fields| {
                Ok(KeptSource {
                    ssrc: fields.number()?,
                    rtp_index: fields.maybe(Fields::integer)?,
                    rtcp_index: fields.maybe(Fields::number)?,
                })
            })?
            .into(),
    })
}

fn key(out: &mut Vec<u8>, key: &SrtpKey) {
    out.push(match key.suite {
        SrtpSuite::AesCm128HmacSha1_80 => 0,
        SrtpSuite::AesCm128HmacSha1_32 => 1,
        SrtpSuite::AesCm256HmacSha1_80 => 2,
        SrtpSuite::AeadAes128Gcm => 3,
        SrtpSuite::AeadAes256Gcm => 4,
    });
    text(out, &key.key_and_salt);
    text(out, &key.mki);
}

fn read_key(fields: &mut Fields<'_>) -> Result<SrtpKey, RecordError> {
    let suite = match fields.byte()? {
        0 => SrtpSuite::AesCm128HmacSha1_80,
        1 => SrtpSuite::AesCm128HmacSha1_32,
        2 => SrtpSuite::AesCm256HmacSha1_80,
        3 => SrtpSuite::AeadAes128Gcm,
        4 => SrtpSuite::AeadAes256Gcm,
        _ => return Err(fields.error("unknown crypto suite")),
    };
    let (key_and_salt, mki) = (fields.text()?.into(), fields.text()?);
    if mki.len() > MKI_BYTES_MAX {
        return Err(fields.error("key identifier too long"));
    }
    Ok(SrtpKey { suite, key_and_salt, mki: mki.into() })
}
