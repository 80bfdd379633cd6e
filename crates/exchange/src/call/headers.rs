//! Which headers pass from one leg to the other. Everything is written anew at our border: what makes the dialog, the
//! route and the transaction is ours on each leg, identities are what we know and not what a phone says, and what is left
//! passes, unknown headers included.

use crate::world::World;
use coeur_sip::{Header, HeaderName, Message, Writer};

/// Bytes of header lines that pass in one message; what is beyond is left out.
const BYTES_MAX: usize = 16_384;

/// What becomes of a header.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// The message is about it, end to end.
    Passes,
    /// Of this leg only: we write our own, or none.
    Ours,
    /// In answers that are no 2xx it tells the caller how to do better.
    InFailures,
    /// Credentials: ours are for us, those for another domain pass (RFC 3261 section 22.3).
    Credentials,
}

const fn fate(name: HeaderName) -> Fate {
    match name {
        HeaderName::Accept
        | HeaderName::AcceptEncoding
        | HeaderName::AcceptLanguage
        | HeaderName::AcceptContact
        | HeaderName::AcceptResourcePriority
        | HeaderName::AlertInfo
        | HeaderName::AnswerMode
        | HeaderName::CallInfo
        | HeaderName::Date
        | HeaderName::ErrorInfo
        | HeaderName::FeatureCaps
        | HeaderName::Geolocation
        | HeaderName::InReplyTo
        | HeaderName::InfoPackage
        | HeaderName::Organization
        | HeaderName::PEarlyMedia
        | HeaderName::PrivAnswerMode
        | HeaderName::Priority
        | HeaderName::Reason
        | HeaderName::RecvInfo
        | HeaderName::RejectContact
        | HeaderName::ReplyTo
        | HeaderName::RequestDisposition
        | HeaderName::ResourcePriority
        | HeaderName::Server
        | HeaderName::Subject
        | HeaderName::UserAgent
        | HeaderName::UserToUser
        | HeaderName::Warning
        | HeaderName::Other => Fate::Passes,
        HeaderName::ProxyAuthenticate
        | HeaderName::RetryAfter
        | HeaderName::Unsupported
        | HeaderName::WwwAuthenticate => Fate::InFailures,
        HeaderName::Authorization | HeaderName::ProxyAuthorization => Fate::Credentials,
        HeaderName::Allow
        | HeaderName::AllowEvents
        | HeaderName::AuthenticationInfo
        | HeaderName::CallId
        | HeaderName::Contact
        // The body is a description of ours, or passes with its own.
        | HeaderName::ContentDisposition
        | HeaderName::ContentEncoding
        | HeaderName::ContentId
        | HeaderName::ContentLanguage
        | HeaderName::ContentLength
        | HeaderName::ContentTransferEncoding
        | HeaderName::ContentType
        | HeaderName::CSeq
        // RFC 5806 and RFC 7044: written anew, with what may be believed (see `history`).
        | HeaderName::Diversion
        | HeaderName::HistoryInfo
        | HeaderName::Event
        | HeaderName::Expires
        | HeaderName::FlowTimer
        | HeaderName::From
        // RFC 8224 signs From, To and Date: our From may be another.
        | HeaderName::Identity
        | HeaderName::IdentityInfo
        | HeaderName::Join
        | HeaderName::MaxBreadth
        | HeaderName::MaxForwards
        | HeaderName::MimeVersion
        | HeaderName::MinExpires
        | HeaderName::MinSe
        | HeaderName::PAccessNetworkInfo
        | HeaderName::PAssertedIdentity
        | HeaderName::PAssociatedUri
        | HeaderName::PCalledPartyId
        | HeaderName::PPreferredIdentity
        | HeaderName::Path
        // Executed here (RFC 3323 section 5).
        | HeaderName::Privacy
        | HeaderName::ProxyAuthenticationInfo
        | HeaderName::ProxyRequire
        | HeaderName::RAck
        | HeaderName::RSeq
        | HeaderName::RecordRoute
        | HeaderName::ReferSub
        | HeaderName::ReferTo
        | HeaderName::ReferredBy
        | HeaderName::RemotePartyId
        | HeaderName::Replaces
        | HeaderName::Require
        | HeaderName::Route
        | HeaderName::SecurityClient
        | HeaderName::SecurityServer
        | HeaderName::SecurityVerify
        | HeaderName::ServiceRoute
        // RFC 7989: each leg names both sides (see `session_id`).
        | HeaderName::SessionId
        | HeaderName::SessionExpires
        | HeaderName::SipEtag
        | HeaderName::SipIfMatch
        | HeaderName::SubscriptionState
        | HeaderName::Supported
        | HeaderName::SuppressIfMatch
        | HeaderName::TargetDialog
        | HeaderName::Timestamp
        | HeaderName::To
        | HeaderName::Trigger
        | HeaderName::Via => Fate::Ours,
    }
}

/// Copies what passes of a request, or of an answer.
pub(super) fn pass(world: &World, message: &Message<'_>, writer: &mut Writer<'_>) {
    let failure = message.status().is_some_and(|status| status.class() >= 3);
    let mut left = BYTES_MAX;
    for header in message.headers() {
        let passes = match fate(header.name) {
            Fate::Passes => true,
            Fate::Ours => false,
            Fate::InFailures => failure,
            Fate::Credentials => !crate::proxy::forward::is_ours_to_check(world, header.value),
        };
        if passes && header.span.len() <= left {
            left -= header.span.len();
            copy(&header, writer);
        }
    }
}

/// With known names in their canonical form: two parsers downstream must not read one line differently.
fn copy(header: &Header<'_>, writer: &mut Writer<'_>) {
    match header.name {
        HeaderName::Other => writer.copy(header),
        known => writer.header(known, header.value),
    };
}

/// The headers that say what a body is, for a body that passes as it is.
pub(super) fn pass_content(message: &Message<'_>, writer: &mut Writer<'_>) {
    if message.body().is_empty() {
        return;
    }
    for name in [
        HeaderName::ContentType,
        HeaderName::ContentDisposition,
        HeaderName::ContentEncoding,
        HeaderName::ContentLanguage,
        HeaderName::ContentId,
        HeaderName::MimeVersion,
    ] {
        if let Some(value) = message.header(name) {
            writer.header(name, value);
        }
    }
}
