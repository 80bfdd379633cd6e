//! What the callee is told of how a call came to him: History-Info (RFC 7044) and Diversion (RFC 5806).
//!
//! Accounts of ours that have forwarded it we know ([`crate::forwarding`]). Of what came before, the phone or the exchange that
//! calls may tell what its own account has done (decision 0034); what it says of anybody else is its word, and is left out.
//!
//! What it does not do: entries in answers other than 181, entries without a name in the place of what is left out (their
//! indices are missing, which RFC 7044 section 10.3 allows for).

use super::identity;
use super::state::Setup;
use crate::forwarding::{Diversion, FORWARDS_MAX};
use crate::world::World;
use coeur_directory::Account;
use coeur_sip::header::{HeaderName, NameAddr};
use coeur_sip::uri::{SipUri, Uri, unescape_into};
use coeur_sip::{Message, Writer};

/// Of an index that somebody else has written (bytes); a longer one is left out with its entry.
const INDEX_BYTES_MAX: usize = 64;

/// The header lines for an INVITE of the call. None when its caller wants that kept (RFC 7044 section 10.1). `tells`: they go to
/// a device of ours.
pub(super) fn history_of(world: &World, setup: &Setup, tells: bool) -> Vec<u8> {
    let trail = setup.onward.as_deref().map_or(&[][..], |onward| &onward.trail);
    let invite = &setup.invite.message();
    let privacy = invite.privacy();
    if privacy.history || privacy.header {
        return Vec::new();
    }
    // What names the caller himself would tell who he is.
    let own = setup.party.filter(|_| !identity::is_hidden(invite));
    let account = own.and_then(|party| party.account(world));
    let said = |name| account.as_deref().map_or_else(Vec::new, |own| of_its_own(invite, name, own, tells));
    let (entries, diversions) = (said(HeaderName::HistoryInfo), said(HeaderName::Diversion));
    let mut lines = Vec::with_capacity(256 * (trail.len() + entries.len() + diversions.len()));
    let mut writer = Writer::new(&mut lines);
    write_history(&mut writer, trail, &entries, invite.request_uri());
    write_diversions(&mut writer, trail, &diversions);
    lines
}

/// What is said of the account itself, at most [`FORWARDS_MAX`] of each kind. What is to be kept private stays among our own
/// devices (RFC 7044 section 10.1, RFC 5806 section 4).
fn of_its_own<'m>(
    invite: &Message<'m>,
    name: HeaderName,
    own: &Account,
    tells: bool,
) -> Vec<(&'m [u8], &'m [u8])> {
    let passes = |value: &'m [u8]| {
        let address = NameAddr::parse(value).ok()?;
        let Ok(Uri::Sip(uri)) = address.parse_uri() else { return None };
        let may_be_told = tells || !is_private(&address, &uri);
        let index = address.params.get("index").unwrap_or_default();
        let is_ordered = name != HeaderName::HistoryInfo || is_index(index);
        (names(&uri, own) && may_be_told && is_ordered).then_some((without_display(value, &address), index))
    };
    invite.values(name).filter_map(passes).take(FORWARDS_MAX).collect()
}

/// Who is shown as the one that diverted is not for the caller to say.
fn without_display<'m>(value: &'m [u8], address: &NameAddr<'_>) -> &'m [u8] {
    let display_bytes = address.display.map_or(0, <[u8]>::len);
    value.trim_ascii_start().get(display_bytes..).unwrap_or_default().trim_ascii_start()
}

fn names(uri: &SipUri<'_>, own: &Account) -> bool {
    let mut user = Vec::new();
    unescape_into(uri.user.unwrap_or_default(), &mut user);
    user == own.aor.user().as_bytes() && uri.host_bytes.eq_ignore_ascii_case(own.aor.domain().as_bytes())
}

fn is_private(address: &NameAddr<'_>, uri: &SipUri<'_>) -> bool {
    let in_uri = uri
        .header_pairs()
        .any(|(name, value)| name.eq_ignore_ascii_case(b"Privacy") && !value.eq_ignore_ascii_case(b"none"));
    in_uri || address.params.get("privacy").is_some_and(|value| !value.eq_ignore_ascii_case(b"off"))
}

/// RFC 7044 section 5: numbers with dots between.
fn is_index(text: &[u8]) -> bool {
    let is_number = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    text.len() <= INDEX_BYTES_MAX && text.split(|byte| *byte == b'.').all(is_number)
}

/// RFC 7044 section 10.2: an entry says why it was left, and the next by whose word it is there (RFC 4458 section 2). After what
/// was said come our own, in the order of section 10.3.
fn write_history(writer: &mut Writer<'_>, trail: &[Diversion], said: &[(&[u8], &[u8])], wanted: &[u8]) {
    for (entry, _) in said {
        writer.header(HeaderName::HistoryInfo, entry);
    }
    let before = said.last().map(|(_, index)| String::from_utf8_lossy(index));
    let mut index = before.as_ref().map_or_else(|| "1".to_owned(), |before| format!("{before}.1"));
    let Some(last) = trail.last() else {
        if before.is_some() {
            writer.begin(HeaderName::HistoryInfo).push(b"<").push(wanted);
            writer.push(b">;index=").push(index.as_bytes()).end_line();
        }
        return;
    };
    let mut mapped = "";
    for (at, diversion) in trail.iter().enumerate() {
        let cause = diversion.cause.code();
        let came = match at {
            0 => String::new(),
            _ => format!(";cause={}", trail[at - 1].cause.code()),
        };
        let uri = format!("<sip:{}{came}?Reason=SIP%3Bcause%3D{cause}>", diversion.aor);
        writer.header(HeaderName::HistoryInfo, format!("{uri};index={index}{mapped}").as_bytes());
        index.push_str(".1");
        mapped = ";mp=1";
    }
    let to = format!("<{};cause={}>;index={index};mp=1", last.to, last.cause.code());
    writer.header(HeaderName::HistoryInfo, to.as_bytes());
}

/// RFC 5806 section 4: the last diversion first.
fn write_diversions(writer: &mut Writer<'_>, trail: &[Diversion], said: &[(&[u8], &[u8])]) {
    for diversion in trail.iter().rev() {
        let value = format!("<sip:{}>;reason={};counter=1", diversion.aor, diversion.cause.reason());
        writer.header(HeaderName::Diversion, value.as_bytes());
    }
    for (value, _) in said {
        writer.header(HeaderName::Diversion, value);
    }
}
