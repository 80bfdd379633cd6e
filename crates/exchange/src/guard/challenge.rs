//! What a sender without valid credentials is told (RFC 3261 sections 22.2 and 22.3, RFC 8760).
//!
//! The challenge depends on the domain, on the kind of client and on what this (source, address of record) did with
//! the last one; never on the account ([decision 0003]). It keeps no state for its receiver.
//!
//! A REGISTER of baresip, Linphone or JsSIP has 400 to 700 bytes and draws some 560 with both challenges. What would be
//! more than one and a half times the request is sent with one challenge, and what still would be is not sent. The
//! answer copies Via, From, To, Call-ID and CSeq, so a request with many of them is answered with as many: it adds
//! about 300 bytes at most and multiplies nothing.
//!
//! [decision 0003]: ../../../../docs/decisions/0003-the-challenge-never-depends-on-the-account.md

use super::authenticate::Claim;
use super::kinds::{self, Offer};
use super::limits::{CHALLENGES_OF_SHARD, CHALLENGES_TO_SOURCE};
use super::nonce::NonceText;
use super::{Guard, micros};
use crate::answer;
use crate::context::Context;
use crate::flow::Flow;
use coeur_directory::AlgorithmPolicy;
use coeur_sip::digest::{Algorithm, ChallengeText, write_challenge};
use coeur_sip::message::Message;
use coeur_sip::write::ResponseWriter;
use coeur_sip::{HeaderName, StatusCode};

/// Who asks for the proof: the server itself (401) or the proxy on the way (407).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    Server,
    Proxy,
}

impl Asker {
    fn status(self) -> StatusCode {
        match self {
            Self::Server => StatusCode::UNAUTHORIZED,
            Self::Proxy => StatusCode::PROXY_AUTHENTICATION_REQUIRED,
        }
    }

    fn header(self) -> HeaderName {
        match self {
            Self::Server => HeaderName::WwwAuthenticate,
            Self::Proxy => HeaderName::ProxyAuthenticate,
        }
    }
}

/// Why a challenge is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// No credentials for our realm.
    Bare,
    /// A wrong answer, or one that was not looked at.
    Wrong,
    /// A right answer to a nonce that is no longer good.
    Stale,
    /// A right answer with MD5 where only SHA-256 will do.
    TooWeak,
}

impl Guard {
    pub(super) fn challenge(
        &mut self,
        cx: &mut Context<'_>,
        flow: &Flow,
        message: &Message<'_>,
        asker: Asker,
        claim: &Claim,
        why: Why,
    ) {
        if !self.may_challenge(cx, flow, claim) {
            cx.counters.challenges_withheld += 1;
            return;
        }
        let shared = &cx.world.guard;
        let now_ms = shared.time_ms(cx.now);
        let offer = choose(cx, message, claim, why, now_ms / 1_000);
        let realm = claim.domain.name.as_bytes();
        let nonce = self.nonces.issue(now_ms, flow, realm);
        // Too weak an answer was right all the same: with `stale` a client that can do better does so by itself.
        let stale = matches!(why, Why::Stale | Why::TooWeak);
        let text = Text { asker, realm, nonce, stale };
        let limit = answer_bytes_max(flow, message);
        let mut span = text.write(cx, flow, message, offer);
        if span.len() > limit && offer == Offer::Both {
            cx.outbox.arena.truncate(span.start as usize);
            span = text.write(cx, flow, message, Offer::Md5);
        }
        if span.len() > limit {
            cx.outbox.arena.truncate(span.start as usize);
            cx.counters.answers_withheld += 1;
            return;
        }
        cx.counters.challenges_sent += 1;
        cx.outbox.send(answer::way_back(flow, message), span, None);
    }

    /// A datagram may have a made-up source, so what leaves without proof has a budget for each source and one for
    /// the shard. Answered challenges go back into the source's budget, and whoever has proved a password from this
    /// source before is exempt.
    fn may_challenge(&mut self, cx: &Context<'_>, flow: &Flow, claim: &Claim) -> bool {
        if flow.transport.is_reliable() {
            return true;
        }
        let (limits, now_us) = (&cx.world.guard.limits, micros(cx.now.monotonic));
        let within = limits.challenges_to_source.take(claim.source, CHALLENGES_TO_SOURCE, now_us)
            && self.challenges.take(CHALLENGES_OF_SHARD, now_us);
        within || limits.known.has(claim.known, now_us)
    }
}

fn choose(cx: &Context<'_>, message: &Message<'_>, claim: &Claim, why: Why, now_s: u64) -> Offer {
    if why == Why::TooWeak {
        return Offer::Sha256;
    }
    match claim.domain.algorithm {
        AlgorithmPolicy::Sha256 => return Offer::Sha256,
        AlgorithmPolicy::Md5 => return Offer::Md5,
        AlgorithmPolicy::Auto => {}
    }
    if let Some(offer) = kinds::offer_for(message.header(HeaderName::UserAgent)) {
        return offer;
    }
    let offers = &cx.world.guard.offers;
    match why {
        Why::Bare => offers.next(claim.offer, Claim::request(cx.world, message), now_s),
        // It could read the last one.
        Why::Wrong | Why::Stale => offers.current(claim.offer, now_s),
        Why::TooWeak => Offer::Sha256,
    }
}

fn answer_bytes_max(flow: &Flow, message: &Message<'_>) -> usize {
    if flow.transport.is_reliable() { usize::MAX } else { message.bytes().len() * 3 / 2 }
}

struct Text<'a> {
    asker: Asker,
    realm: &'a [u8],
    nonce: NonceText,
    stale: bool,
}

impl Text<'_> {
    fn write(
        &self,
        cx: &mut Context<'_>,
        flow: &Flow,
        message: &Message<'_>,
        offer: Offer,
    ) -> crate::outbox::Span {
        answer::write_answer(cx, flow, message, self.asker.status(), None, |writer| match offer {
            Offer::Both => {
                self.line(writer, Algorithm::Sha256);
                self.line(writer, Algorithm::Md5);
            }
            Offer::Sha256 => self.line(writer, Algorithm::Sha256),
            Offer::Md5 => self.line(writer, Algorithm::Md5),
        })
    }

    fn line(&self, writer: &mut ResponseWriter<'_>, algorithm: Algorithm) {
        let text = ChallengeText {
            realm: self.realm,
            nonce: &self.nonce,
            algorithm,
            stale: self.stale,
            auth_int: false,
        };
        writer.begin(self.asker.header());
        write_challenge(&text, writer.buffer());
        writer.end_line();
    }
}
