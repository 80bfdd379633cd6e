//! Header names: one closed enum, found by length and letters in any case, with the compact forms.

use std::fmt;

/// One name of the table below: what is written, its compact form, whether its grammar is a comma-separated
/// list, and whether a second one makes the message ambiguous.
struct Entry {
    canonical: &'static str,
    compact: u8,
    list: bool,
    singleton: bool,
}

const LIST: bool = true;
const ONE: bool = true;
const ANY: bool = false;
const PLAIN: bool = false;

macro_rules! headers {
    ($($variant:ident $text:literal $compact:literal $list:ident $singleton:ident;)*) => {
        /// A header name that we know, or `Other`. The set is that of RFC 3261 section 20 and of the
        /// extensions that Coeur speaks.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum HeaderName {
            $(#[doc = $text] $variant,)*
            /// A name that we do not know; its bytes are kept in the message.
            Other,
        }

        const ENTRIES: &[Entry] =
            &[$(Entry { canonical: $text, compact: $compact, list: $list, singleton: $singleton },)*];

        const NAMES: &[HeaderName] = &[$(HeaderName::$variant,)*];
    };
}

// A singleton is a header whose value decides something here or downstream, so that two of them could be read
// as the first or as the last: two are an error. Text that decides nothing (Subject, Server) may repeat.
headers! {
    Accept "Accept" b' ' LIST ANY;
    AcceptContact "Accept-Contact" b'a' LIST ANY;
    AcceptEncoding "Accept-Encoding" b' ' LIST ANY;
    AcceptLanguage "Accept-Language" b' ' LIST ANY;
    AcceptResourcePriority "Accept-Resource-Priority" b' ' LIST ANY;
    AlertInfo "Alert-Info" b' ' LIST ANY;
    Allow "Allow" b' ' LIST ANY;
    AllowEvents "Allow-Events" b'u' LIST ANY;
    AnswerMode "Answer-Mode" b' ' PLAIN ONE;
    AuthenticationInfo "Authentication-Info" b' ' PLAIN ANY;
    Authorization "Authorization" b' ' PLAIN ANY;
    CallId "Call-ID" b'i' PLAIN ONE;
    CallInfo "Call-Info" b' ' LIST ANY;
    Contact "Contact" b'm' LIST ANY;
    ContentDisposition "Content-Disposition" b' ' PLAIN ONE;
    ContentEncoding "Content-Encoding" b'e' LIST ANY;
    ContentId "Content-ID" b' ' PLAIN ONE;
    ContentLanguage "Content-Language" b' ' LIST ANY;
    ContentLength "Content-Length" b'l' PLAIN ONE;
    ContentTransferEncoding "Content-Transfer-Encoding" b' ' PLAIN ONE;
    ContentType "Content-Type" b'c' PLAIN ONE;
    CSeq "CSeq" b' ' PLAIN ONE;
    Date "Date" b' ' PLAIN ONE;
    Diversion "Diversion" b' ' LIST ANY;
    ErrorInfo "Error-Info" b' ' LIST ANY;
    Event "Event" b'o' PLAIN ONE;
    Expires "Expires" b' ' PLAIN ONE;
    FeatureCaps "Feature-Caps" b' ' LIST ANY;
    FlowTimer "Flow-Timer" b' ' PLAIN ONE;
    From "From" b'f' PLAIN ONE;
    Geolocation "Geolocation" b' ' LIST ANY;
    HistoryInfo "History-Info" b' ' LIST ANY;
    Identity "Identity" b'y' LIST ANY;
    IdentityInfo "Identity-Info" b'n' PLAIN ONE;
    InReplyTo "In-Reply-To" b' ' LIST ANY;
    InfoPackage "Info-Package" b' ' PLAIN ONE;
    Join "Join" b' ' PLAIN ONE;
    MaxBreadth "Max-Breadth" b' ' PLAIN ONE;
    MaxForwards "Max-Forwards" b' ' PLAIN ONE;
    MimeVersion "MIME-Version" b' ' PLAIN ONE;
    MinExpires "Min-Expires" b' ' PLAIN ONE;
    MinSe "Min-SE" b' ' PLAIN ONE;
    Organization "Organization" b' ' PLAIN ANY;
    PAccessNetworkInfo "P-Access-Network-Info" b' ' LIST ANY;
    PAssertedIdentity "P-Asserted-Identity" b' ' LIST ANY;
    PAssociatedUri "P-Associated-URI" b' ' LIST ANY;
    PCalledPartyId "P-Called-Party-ID" b' ' PLAIN ONE;
    PEarlyMedia "P-Early-Media" b' ' LIST ANY;
    PPreferredIdentity "P-Preferred-Identity" b' ' LIST ANY;
    Path "Path" b' ' LIST ANY;
    Priority "Priority" b' ' PLAIN ANY;
    PrivAnswerMode "Priv-Answer-Mode" b' ' PLAIN ONE;
    Privacy "Privacy" b' ' PLAIN ONE;
    ProxyAuthenticate "Proxy-Authenticate" b' ' PLAIN ANY;
    ProxyAuthenticationInfo "Proxy-Authentication-Info" b' ' PLAIN ANY;
    ProxyAuthorization "Proxy-Authorization" b' ' PLAIN ANY;
    ProxyRequire "Proxy-Require" b' ' LIST ANY;
    RAck "RAck" b' ' PLAIN ONE;
    RSeq "RSeq" b' ' PLAIN ONE;
    Reason "Reason" b' ' LIST ANY;
    RecordRoute "Record-Route" b' ' LIST ANY;
    RecvInfo "Recv-Info" b' ' LIST ANY;
    ReferSub "Refer-Sub" b' ' PLAIN ONE;
    ReferTo "Refer-To" b'r' PLAIN ONE;
    ReferredBy "Referred-By" b'b' PLAIN ONE;
    RejectContact "Reject-Contact" b'j' LIST ANY;
    RemotePartyId "Remote-Party-ID" b' ' LIST ANY;
    Replaces "Replaces" b' ' PLAIN ONE;
    ReplyTo "Reply-To" b' ' PLAIN ONE;
    RequestDisposition "Request-Disposition" b'd' LIST ANY;
    Require "Require" b' ' LIST ANY;
    ResourcePriority "Resource-Priority" b' ' LIST ANY;
    RetryAfter "Retry-After" b' ' PLAIN ONE;
    Route "Route" b' ' LIST ANY;
    SecurityClient "Security-Client" b' ' LIST ANY;
    SecurityServer "Security-Server" b' ' LIST ANY;
    SecurityVerify "Security-Verify" b' ' LIST ANY;
    Server "Server" b' ' PLAIN ANY;
    ServiceRoute "Service-Route" b' ' LIST ANY;
    SessionExpires "Session-Expires" b'x' PLAIN ONE;
    SessionId "Session-ID" b' ' PLAIN ONE;
    SipEtag "SIP-ETag" b' ' PLAIN ONE;
    SipIfMatch "SIP-If-Match" b' ' PLAIN ONE;
    Subject "Subject" b's' PLAIN ANY;
    SubscriptionState "Subscription-State" b' ' PLAIN ONE;
    Supported "Supported" b'k' LIST ANY;
    SuppressIfMatch "Suppress-If-Match" b' ' PLAIN ONE;
    TargetDialog "Target-Dialog" b' ' PLAIN ONE;
    Timestamp "Timestamp" b' ' PLAIN ONE;
    To "To" b't' PLAIN ONE;
    Trigger "Trigger-Consent" b' ' LIST ANY;
    Unsupported "Unsupported" b' ' LIST ANY;
    UserAgent "User-Agent" b' ' PLAIN ANY;
    UserToUser "User-to-User" b' ' LIST ANY;
    Via "Via" b'v' LIST ANY;
    Warning "Warning" b' ' LIST ANY;
    WwwAuthenticate "WWW-Authenticate" b' ' PLAIN ANY;
}

impl HeaderName {
    /// How many names there are, `Other` included.
    pub const COUNT: usize = ENTRIES.len() + 1;

    /// Finds a name in any case, long or compact (RFC 3261 section 7.3.3). `name` has no white space.
    pub fn parse(name: &[u8]) -> HeaderName {
        match name {
            [] => HeaderName::Other,
            [letter] => match letter.to_ascii_lowercase() {
                letter @ b'a'..=b'z' => COMPACT[(letter - b'a') as usize],
                _ => HeaderName::Other,
            },
            _ => HeaderName::find(name),
        }
    }

    fn find(name: &[u8]) -> HeaderName {
        let mut at = hash(name);
        loop {
            let found = BUCKETS[at];
            let Some(entry) = ENTRIES.get(found as usize) else { return HeaderName::Other };
            let canonical = entry.canonical.as_bytes();
            if canonical == name || canonical.eq_ignore_ascii_case(name) {
                return NAMES[found as usize];
            }
            at = (at + 1) % BUCKETS_LEN;
        }
    }

    /// The long form in the case the RFCs write it; `Other` for a name that we do not know.
    pub const fn as_str(self) -> &'static str {
        match self {
            HeaderName::Other => "Other",
            known => ENTRIES[known as usize].canonical,
        }
    }

    /// The compact form (RFC 3261 section 7.3.3), in lower case.
    pub const fn compact(self) -> Option<u8> {
        match self {
            HeaderName::Other => None,
            known => match ENTRIES[known as usize].compact {
                b' ' => None,
                letter => Some(letter),
            },
        }
    }

    /// True when the grammar is a comma-separated list, so that several lines and one line with commas are
    /// the same (RFC 3261 section 7.3.1).
    pub const fn is_list(self) -> bool {
        match self {
            HeaderName::Other => false,
            known => ENTRIES[known as usize].list,
        }
    }

    /// True when a second header of this name makes a message ambiguous and therefore an error.
    pub const fn is_singleton(self) -> bool {
        match self {
            HeaderName::Other => false,
            known => ENTRIES[known as usize].singleton,
        }
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

const BUCKETS_LEN: usize = 512;
const EMPTY: u8 = u8::MAX;

/// An open hash table built by the compiler: index into `ENTRIES`, or `EMPTY`.
static BUCKETS: [u8; BUCKETS_LEN] = buckets();
static COMPACT: [HeaderName; 26] = compact_forms();

const fn buckets() -> [u8; BUCKETS_LEN] {
    assert!(ENTRIES.len() < EMPTY as usize);
    let mut table = [EMPTY; BUCKETS_LEN];
    let mut entry = 0;
    while entry < ENTRIES.len() {
        let mut at = hash(ENTRIES[entry].canonical.as_bytes());
        while table[at] != EMPTY {
            at = (at + 1) % BUCKETS_LEN;
        }
        table[at] = entry as u8;
        entry += 1;
    }
    table
}

const fn compact_forms() -> [HeaderName; 26] {
    let mut table = [HeaderName::Other; 26];
    let mut entry = 0;
    while entry < ENTRIES.len() {
        if ENTRIES[entry].compact != b' ' {
            table[(ENTRIES[entry].compact - b'a') as usize] = NAMES[entry];
        }
        entry += 1;
    }
    table
}

/// Of two bytes or more: the length and four letters in lower case (bit 5), spread by multiplication.
const fn hash(name: &[u8]) -> usize {
    let len = name.len();
    let a = (name[0] | 0x20) as u32;
    let b = (name[len / 3] | 0x20) as u32;
    let c = (name[len / 2] | 0x20) as u32;
    let d = (name[len - 1] | 0x20) as u32;
    let mixed = (len as u32) ^ (a << 5) ^ (b << 12) ^ (c << 18) ^ (d << 24);
    (mixed.wrapping_mul(0x9e37_79b1) >> 23) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case() {
        for (&name, entry) in NAMES.iter().zip(ENTRIES) {
            assert_eq!(HeaderName::parse(entry.canonical.as_bytes()), name);
            assert_eq!(HeaderName::parse(entry.canonical.to_ascii_lowercase().as_bytes()), name);
            assert_eq!(HeaderName::parse(entry.canonical.to_ascii_uppercase().as_bytes()), name);
            assert_eq!(name.as_str(), entry.canonical);
        }
    }

    #[test]
    fn compact_forms_are_found_in_both_cases() {
        for (letter, name) in [
            (b'i', HeaderName::CallId),
            (b'm', HeaderName::Contact),
            (b'e', HeaderName::ContentEncoding),
            (b'l', HeaderName::ContentLength),
            (b'c', HeaderName::ContentType),
            (b'f', HeaderName::From),
            (b's', HeaderName::Subject),
            (b'k', HeaderName::Supported),
            (b't', HeaderName::To),
            (b'v', HeaderName::Via),
            (b'o', HeaderName::Event),
            (b'u', HeaderName::AllowEvents),
            (b'r', HeaderName::ReferTo),
            (b'b', HeaderName::ReferredBy),
            (b'x', HeaderName::SessionExpires),
            (b'a', HeaderName::AcceptContact),
            (b'j', HeaderName::RejectContact),
            (b'd', HeaderName::RequestDisposition),
            (b'y', HeaderName::Identity),
        ] {
            assert_eq!(HeaderName::parse(&[letter]), name);
            assert_eq!(HeaderName::parse(&[letter.to_ascii_uppercase()]), name);
            assert_eq!(name.compact(), Some(letter));
        }
        assert_eq!(HeaderName::parse(b"z"), HeaderName::Other);
        assert_eq!(HeaderName::parse(b"-"), HeaderName::Other);
    }

    #[test]
    fn a_name_that_only_resembles_a_known_one_is_other() {
        for name in
            [&b"Vi"[..], b"Viaa", b"From\x00", b"Call\rID", b"Call_ID", b"C%6Fntact", b"", b"Content-Lengt"]
        {
            assert_eq!(HeaderName::parse(name), HeaderName::Other, "{name:?}");
        }
    }

    #[test]
    fn no_look_up_probes_far() {
        let longest = ENTRIES
            .iter()
            .map(|entry| {
                let mut at = hash(entry.canonical.as_bytes());
                let mut probes = 1;
                while BUCKETS[at] == EMPTY || ENTRIES[BUCKETS[at] as usize].canonical != entry.canonical {
                    at = (at + 1) % BUCKETS_LEN;
                    probes += 1;
                }
                probes
            })
            .max();
        assert!(longest <= Some(5), "{longest:?}");
    }
}
