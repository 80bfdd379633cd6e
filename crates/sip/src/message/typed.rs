//! Typed access to the headers of a message: each reads its value when asked.

use super::table::{Headers, Values};
use super::{Message, StartLine};
use crate::header::{
    self, CSeq, Contact, ContentDisposition, Date, DialogId, Event, HeaderError, HeaderName, MediaType,
    NameAddr, Privacy, RAck, Reason, Replaces, RetryAfter, SessionExpires, SubscriptionState, Timestamp, Via,
    Warning,
};
use crate::uri::{Uri, UriError};

/// What identifies a message, read at once: top Via, From, To, Call-ID, CSeq.
#[derive(Clone, Copy, Debug)]
pub struct Essentials<'a> {
    pub via: Via<'a>,
    pub from: NameAddr<'a>,
    pub from_tag: Option<&'a [u8]>,
    pub to: NameAddr<'a>,
    pub to_tag: Option<&'a [u8]>,
    pub call_id: &'a [u8],
    pub cseq: CSeq<'a>,
}

impl<'a> Message<'a> {
    /// Reads what identifies the message. Call it once for each message that is acted on: its error is the
    /// 400 that quotbal, baddn, badaspec and badinv01 of RFC 4475 call for.
    pub fn essentials(&self) -> Result<Essentials<'a>, HeaderError> {
        let ((from, from_tag), (to, to_tag)) = (self.sender()?, self.receiver()?);
        Ok(Essentials {
            via: *self.via()?,
            from,
            from_tag,
            to,
            to_tag,
            call_id: self.call_id(),
            cseq: self.cseq(),
        })
    }

    /// The Request-URI, read. It must not have headers (RFC 3261 section 19.1.1, table 1; escruri of RFC 4475).
    pub fn parse_request_uri(&self) -> Result<Uri<'a>, UriError> {
        let uri = match self.uri {
            Some(uri) => uri?,
            None => return Err(UriError::new(0, "URI Without Scheme")),
        };
        match uri.as_sip().and_then(|sip| sip.headers) {
            Some(_) => Err(UriError::new(0, "Headers In Request-URI")),
            None => Ok(uri),
        }
    }

    /// The reason phrase of a response; empty for a request.
    pub fn reason_phrase(&self) -> &'a [u8] {
        match self.start {
            StartLine::Request { .. } => b"",
            StartLine::Response { reason, .. } => reason,
        }
    }

    /// The top Via.
    #[inline]
    pub fn via(&self) -> Result<&Via<'a>, HeaderError> {
        self.via.as_ref().map_err(|error| *error)
    }

    pub fn vias(&self) -> impl Iterator<Item = Result<Via<'a>, HeaderError>> + use<'a> {
        self.each(HeaderName::Via, Via::parse)
    }

    pub fn from(&self) -> Result<NameAddr<'a>, HeaderError> {
        self.sender().map(|(address, _)| address)
    }

    pub fn to(&self) -> Result<NameAddr<'a>, HeaderError> {
        self.receiver().map(|(address, _)| address)
    }

    /// The tag of From (RFC 3261 section 19.3); `None` too when From cannot be read.
    pub fn from_tag(&self) -> Option<&'a [u8]> {
        self.sender().ok().and_then(|(_, tag)| tag)
    }

    /// The tag of To; `None` too when To cannot be read.
    pub fn to_tag(&self) -> Option<&'a [u8]> {
        self.receiver().ok().and_then(|(_, tag)| tag)
    }

    /// From with its tag.
    fn sender(&self) -> Result<Party<'a>, HeaderError> {
        match &self.parties {
            Some((from, _)) => *from,
            None => party(self.headers, HeaderName::From),
        }
    }

    /// To with its tag.
    fn receiver(&self) -> Result<Party<'a>, HeaderError> {
        match &self.parties {
            Some((_, to)) => *to,
            None => party(self.headers, HeaderName::To),
        }
    }

    /// Call-ID as written; compared byte by byte (RFC 3261 section 20.8).
    pub fn call_id(&self) -> &'a [u8] {
        self.header(HeaderName::CallId).unwrap_or_default()
    }

    pub fn cseq(&self) -> CSeq<'a> {
        self.cseq
    }

    pub fn max_forwards(&self) -> Result<Option<u8>, HeaderError> {
        self.optional(HeaderName::MaxForwards, header::max_forwards)
    }

    /// RFC 5393 section 5.3.3.
    pub fn max_breadth(&self) -> Result<Option<u32>, HeaderError> {
        self.optional(HeaderName::MaxBreadth, header::number)
    }

    /// All Contacts. That `*` stands alone is for the registrar to see (RFC 3261 section 10.3 step 6).
    pub fn contacts(&self) -> impl Iterator<Item = Result<Contact<'a>, HeaderError>> + use<'a> {
        self.each(HeaderName::Contact, Contact::parse)
    }

    /// The Contact of a request or answer that has exactly one (RFC 3261 section 8.1.1.8); `None` without any.
    pub fn contact(&self) -> Result<Option<NameAddr<'a>>, HeaderError> {
        let mut contacts = self.contacts();
        let error = |reason| HeaderError::new(0, reason).named(HeaderName::Contact);
        match (contacts.next().transpose()?, contacts.next()) {
            (None, _) => Ok(None),
            (Some(Contact::Address(address)), None) => Ok(Some(address)),
            (Some(Contact::Star), None) => Err(error("Malformed Contact")),
            (Some(_), Some(_)) => Err(error("Duplicate Contact")),
        }
    }

    pub fn routes(&self) -> impl Iterator<Item = Result<NameAddr<'a>, HeaderError>> + use<'a> {
        self.addresses(HeaderName::Route)
    }

    pub fn record_routes(&self) -> impl Iterator<Item = Result<NameAddr<'a>, HeaderError>> + use<'a> {
        self.addresses(HeaderName::RecordRoute)
    }

    /// RFC 3327.
    pub fn paths(&self) -> impl Iterator<Item = Result<NameAddr<'a>, HeaderError>> + use<'a> {
        self.addresses(HeaderName::Path)
    }

    /// RFC 3608.
    pub fn service_routes(&self) -> impl Iterator<Item = Result<NameAddr<'a>, HeaderError>> + use<'a> {
        self.addresses(HeaderName::ServiceRoute)
    }

    /// RFC 3325: at most one sip(s) and one tel URI; that is for the reader to see.
    pub fn asserted_identities(&self) -> impl Iterator<Item = Result<NameAddr<'a>, HeaderError>> + use<'a> {
        self.addresses(HeaderName::PAssertedIdentity)
    }

    pub fn preferred_identities(&self) -> impl Iterator<Item = Result<NameAddr<'a>, HeaderError>> + use<'a> {
        self.addresses(HeaderName::PPreferredIdentity)
    }

    /// RFC 5806.
    pub fn diversions(&self) -> impl Iterator<Item = Result<NameAddr<'a>, HeaderError>> + use<'a> {
        self.addresses(HeaderName::Diversion)
    }

    /// RFC 7044; the parameter `index` orders them.
    pub fn history(&self) -> impl Iterator<Item = Result<NameAddr<'a>, HeaderError>> + use<'a> {
        self.addresses(HeaderName::HistoryInfo)
    }

    /// The addresses of any header whose values are addresses.
    pub fn addresses(
        &self,
        name: HeaderName,
    ) -> impl Iterator<Item = Result<NameAddr<'a>, HeaderError>> + use<'a> {
        self.each(name, NameAddr::parse)
    }

    /// RFC 3515 section 2.1.
    pub fn refer_to(&self) -> Result<Option<NameAddr<'a>>, HeaderError> {
        self.optional(HeaderName::ReferTo, NameAddr::parse)
    }

    /// RFC 3892.
    pub fn referred_by(&self) -> Result<Option<NameAddr<'a>>, HeaderError> {
        self.optional(HeaderName::ReferredBy, NameAddr::parse)
    }

    pub fn reply_to(&self) -> Result<Option<NameAddr<'a>>, HeaderError> {
        self.optional(HeaderName::ReplyTo, NameAddr::parse)
    }

    /// Seconds.
    pub fn expires(&self) -> Result<Option<u32>, HeaderError> {
        self.optional(HeaderName::Expires, header::delta_seconds)
    }

    /// Seconds.
    pub fn min_expires(&self) -> Result<Option<u32>, HeaderError> {
        self.optional(HeaderName::MinExpires, header::delta_seconds)
    }

    /// Content-Length as written; [`Message::body`] is already cut to it.
    pub fn content_length(&self) -> Result<Option<u32>, HeaderError> {
        self.optional(HeaderName::ContentLength, header::number)
    }

    pub fn content_type(&self) -> Result<Option<MediaType<'a>>, HeaderError> {
        self.optional(HeaderName::ContentType, MediaType::parse)
    }

    pub fn content_disposition(&self) -> Result<Option<ContentDisposition<'a>>, HeaderError> {
        self.optional(HeaderName::ContentDisposition, ContentDisposition::parse)
    }

    pub fn accepts(&self) -> impl Iterator<Item = Result<MediaType<'a>, HeaderError>> + use<'a> {
        self.each(HeaderName::Accept, MediaType::parse)
    }

    pub fn event(&self) -> Result<Option<Event<'a>>, HeaderError> {
        self.optional(HeaderName::Event, Event::parse)
    }

    pub fn subscription_state(&self) -> Result<Option<SubscriptionState<'a>>, HeaderError> {
        self.optional(HeaderName::SubscriptionState, SubscriptionState::parse)
    }

    pub fn rack(&self) -> Result<Option<RAck<'a>>, HeaderError> {
        self.optional(HeaderName::RAck, RAck::parse)
    }

    pub fn rseq(&self) -> Result<Option<u32>, HeaderError> {
        self.optional(HeaderName::RSeq, header::number)
    }

    pub fn replaces(&self) -> Result<Option<Replaces<'a>>, HeaderError> {
        self.optional(HeaderName::Replaces, Replaces::parse)
    }

    pub fn join(&self) -> Result<Option<DialogId<'a>>, HeaderError> {
        self.optional(HeaderName::Join, DialogId::parse_join)
    }

    pub fn target_dialog(&self) -> Result<Option<DialogId<'a>>, HeaderError> {
        self.optional(HeaderName::TargetDialog, DialogId::parse_target)
    }

    pub fn session_expires(&self) -> Result<Option<SessionExpires<'a>>, HeaderError> {
        self.optional(HeaderName::SessionExpires, SessionExpires::parse)
    }

    pub fn min_se(&self) -> Result<Option<SessionExpires<'a>>, HeaderError> {
        self.optional(HeaderName::MinSe, SessionExpires::parse)
    }

    pub fn retry_after(&self) -> Result<Option<RetryAfter<'a>>, HeaderError> {
        self.optional(HeaderName::RetryAfter, RetryAfter::parse)
    }

    /// RFC 5626 section 11.1.
    pub fn flow_timer(&self) -> Result<Option<u32>, HeaderError> {
        self.optional(HeaderName::FlowTimer, header::delta_seconds)
    }

    pub fn timestamp(&self) -> Result<Option<Timestamp<'a>>, HeaderError> {
        self.optional(HeaderName::Timestamp, Timestamp::parse)
    }

    pub fn date(&self) -> Result<Option<Date>, HeaderError> {
        self.optional(HeaderName::Date, Date::parse)
    }

    pub fn reasons(&self) -> impl Iterator<Item = Result<Reason<'a>, HeaderError>> + use<'a> {
        self.each(HeaderName::Reason, Reason::parse)
    }

    pub fn warnings(&self) -> impl Iterator<Item = Result<Warning<'a>, HeaderError>> + use<'a> {
        self.each(HeaderName::Warning, Warning::parse)
    }

    pub fn privacy(&self) -> Privacy {
        self.header(HeaderName::Privacy).map(Privacy::parse).unwrap_or_default()
    }

    /// Option tags that the far end must understand.
    pub fn require(&self) -> Tags<'a> {
        self.tags(HeaderName::Require)
    }

    /// Option tags that every proxy must understand.
    pub fn proxy_require(&self) -> Tags<'a> {
        self.tags(HeaderName::ProxyRequire)
    }

    pub fn supported(&self) -> Tags<'a> {
        self.tags(HeaderName::Supported)
    }

    pub fn unsupported(&self) -> Tags<'a> {
        self.tags(HeaderName::Unsupported)
    }

    pub fn allow(&self) -> Tags<'a> {
        self.tags(HeaderName::Allow)
    }

    /// True when Supported or Require names the option tag.
    pub fn supports(&self, tag: &str) -> bool {
        self.supported().chain(self.require()).any(|offered| offered.eq_ignore_ascii_case(tag.as_bytes()))
    }

    /// True when Require names the option tag.
    pub fn requires(&self, tag: &str) -> bool {
        self.require().any(|required| required.eq_ignore_ascii_case(tag.as_bytes()))
    }

    /// The raw values of Authorization, one for each line: each carries its own scheme and parameters, so
    /// commas do not separate values (RFC 3261 section 20.7).
    pub fn authorizations(&self) -> Values<'a> {
        self.values(HeaderName::Authorization)
    }

    pub fn proxy_authorizations(&self) -> Values<'a> {
        self.values(HeaderName::ProxyAuthorization)
    }

    pub fn www_authenticates(&self) -> Values<'a> {
        self.values(HeaderName::WwwAuthenticate)
    }

    pub fn proxy_authenticates(&self) -> Values<'a> {
        self.values(HeaderName::ProxyAuthenticate)
    }

    /// Words of a list header; empty elements mean nothing and are passed over.
    pub fn tags(&self, name: HeaderName) -> Tags<'a> {
        Tags { values: self.values(name) }
    }

    fn optional<T>(
        &self,
        name: HeaderName,
        parser: impl FnOnce(&'a [u8]) -> Result<T, HeaderError>,
    ) -> Result<Option<T>, HeaderError> {
        match self.header(name) {
            None => Ok(None),
            Some(value) => read(self.headers, name, value, parser).map(Some),
        }
    }

    fn each<T>(
        &self,
        name: HeaderName,
        parser: fn(&'a [u8]) -> Result<T, HeaderError>,
    ) -> impl Iterator<Item = Result<T, HeaderError>> + use<'a, T> {
        let headers = self.headers;
        self.values(name).map(move |value| read(headers, name, value, parser))
    }
}

/// From or To: an address with at most one tag.
pub(super) type Party<'a> = (NameAddr<'a>, Option<&'a [u8]>);

pub(super) fn party(headers: Headers<'_>, name: HeaderName) -> Result<Party<'_>, HeaderError> {
    read(headers, name, headers.value(name).unwrap_or_default(), NameAddr::parse_party)
}

pub(super) fn top_via(headers: Headers<'_>) -> Result<Via<'_>, HeaderError> {
    read(headers, HeaderName::Via, headers.values(HeaderName::Via).next().unwrap_or_default(), Via::parse)
}

/// Runs a parser on a value of a message and gives its error the name and place in the message.
fn read<'a, T>(
    headers: Headers<'a>,
    name: HeaderName,
    value: &'a [u8],
    parser: impl FnOnce(&'a [u8]) -> Result<T, HeaderError>,
) -> Result<T, HeaderError> {
    parser(value).map_err(|error| {
        // A value is a slice of the message, except the empty default of an absent one.
        let bytes = headers.bytes();
        let base = (value.as_ptr() as usize).saturating_sub(bytes.as_ptr() as usize);
        let base = if base <= bytes.len() { base } else { 0 };
        error.named(name).at(base)
    })
}

/// Words of a list header, such as option tags or methods; see [`Message::tags`].
#[derive(Clone)]
pub struct Tags<'a> {
    values: Values<'a>,
}

impl<'a> Iterator for Tags<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.values.by_ref().find(|word| !word.is_empty())
    }
}
