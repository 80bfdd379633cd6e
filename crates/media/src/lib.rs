//! What is heard and seen: the packets of a call between the socket that received them and the socket that sends them.
//!
//! [`demux`] tells by the first byte what a datagram is. [`rtp`] and [`rtcp`] are views over its bytes, [`srtp`]
//! protects and unprotects them where they lie, [`stats`] and [`quality`] say how well they arrived, and [`relay`] is
//! the table that says where each goes. A packet lies in a slot with room before and behind it ([`packet`]), is never
//! copied and costs no allocation and no lock.
//!
//! Before there is a packet, [`ice`] finds where the other end is and [`dtls`] agrees on keys with it, and [`turn`] lends
//! an address to who cannot be reached otherwise; all three read and write [`stun`] or datagrams of their own, and
//! [`address`] says whom they may reach.
//!
//! Where sound itself has to be understood there are [`codec`], [`resample`], [`jitter`] and [`transcode`]; [`tone`] makes and
//! hears tones and keys, [`mix`] is a conference, [`record`] keeps what is said and plays what was kept. [`talk`] is who hears
//! and speaks on a stream himself. They allocate when they are made and never for a frame.
//!
//! What it deliberately does not do: read a clock, open a socket or draw a random number (the TLS library of [`dtls`] draws
//! its own). Time, packets and keys are handed in; who may call whom was decided elsewhere.

pub mod address;
pub mod codec;
pub mod demux;
pub mod dtls;
pub mod ice;
pub mod jitter;
pub mod mix;
pub mod packet;
pub mod path;
pub mod quality;
pub mod record;
pub mod relay;
pub mod resample;
pub mod rtcp;
pub mod rtp;
pub mod srtp;
pub mod stats;
pub mod stun;
pub mod talk;
pub mod tone;
pub mod transcode;
pub mod turn;
