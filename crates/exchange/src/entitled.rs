//! What an account may call, and how much: rights and quota, as the account, its groups and its tenant say them.
//!
//! They are asked when a call begins, of the account whose rights count: the caller, or who forwards or transfers. A call to an
//! emergency number is never refused here.

use crate::guard::talked::day_of;
use crate::routing::{Ask, Why};
use crate::world::World;
use coeur_directory::{Account, Destination};
use coeur_sip::time::Monotonic;
use coeur_sip::uri::{Uri, unescape_into};

/// Requests to other domains are relayed for it.
pub(crate) fn may_relay(world: &World, account: &Account) -> bool {
    world.directory.said(account, |terms| terms.relay_foreign).is_some_and(|(may, _)| may)
}

/// Why the caller may not call an account or a service of this installation, by this name of it; for what is no call nobody is
/// asked. An emergency number that an account has is one here too.
pub(crate) fn refused_inside(ask: &Ask<'_>, user: &[u8]) -> Option<Why> {
    let caller = ask.caller.filter(|_| ask.trail.is_some())?;
    not_allowed(ask.world, caller, Destination::Internal, None)
        .filter(|_| !is_emergency_number(ask.world, caller, user))
}

/// Whether this is a call for help, which no limit of ours stops: an emergency number, as the tenant of the caller sees it, or
/// a service URN.
pub(crate) fn is_emergency(world: &World, caller: Option<&Account>, uri: &[u8]) -> bool {
    match Uri::parse(uri) {
        Ok(Uri::Other { scheme, rest }) => is_sos(scheme, rest),
        Ok(Uri::Sip(_) | Uri::Tel(_)) => caller.is_some_and(|caller| {
            number_of(uri)
                .is_some_and(|number| world.directory.class_of(caller, &number) == Destination::Emergency)
        }),
        Err(_) => false,
    }
}

/// RFC 5031 section 4.2: `urn:service:sos`, and services below it.
pub(crate) fn is_sos(scheme: &[u8], rest: &[u8]) -> bool {
    const SERVICE: &[u8] = b"service:sos";
    let (name, more) = rest.split_at(SERVICE.len().min(rest.len()));
    scheme.eq_ignore_ascii_case(b"urn")
        && name.eq_ignore_ascii_case(SERVICE)
        && more.first().is_none_or(|byte| *byte == b'.')
}

fn is_emergency_number(world: &World, caller: &Account, user: &[u8]) -> bool {
    let number = number_in(user.to_vec());
    number.is_some_and(|number| world.directory.class_of(caller, &number) == Destination::Emergency)
}

/// The same for an address of another domain.
pub(crate) fn refused_outside(ask: &Ask<'_>, uri: &[u8]) -> Option<Why> {
    let caller = ask.caller.filter(|_| ask.trail.is_some())?;
    let number = number_of(uri);
    let class = number
        .as_deref()
        .map_or(Destination::Elsewhere, |number| ask.world.directory.class_of(caller, number));
    if class == Destination::Emergency {
        return None;
    }
    not_allowed(ask.world, caller, class, number.as_deref()).or_else(|| used_up(ask.world, caller, ask.now))
}

fn not_allowed(world: &World, caller: &Account, class: Destination, number: Option<&str>) -> Option<Why> {
    let allowed = |terms: &coeur_directory::Terms| {
        terms.destinations.as_ref().map(|list| list.ruling(class, number).allowed)
    };
    // Where nobody says anything, all is allowed.
    let (allowed, _) = world.directory.said(caller, allowed)?;
    (!allowed).then_some(Why::NotAllowed(class))
}

fn used_up(world: &World, caller: &Account, now: Monotonic) -> Option<Why> {
    let said = |of: fn(&coeur_directory::Terms) -> Option<u32>| {
        world.directory.said(caller, of).map(|(minutes, _)| u64::from(minutes) * 60)
    };
    let (of_day, of_month) = (said(|terms| terms.minutes_per_day), said(|terms| terms.minutes_per_month));
    if of_day.is_none() && of_month.is_none() {
        return None;
    }
    let (today, this_month) = world.guard.talked.of(caller.id, day_of(world.guard.wall(now)));
    let is_over = |max: Option<u64>, talked: u64| max.is_some_and(|max| talked >= max);
    match (is_over(of_day, today), is_over(of_month, this_month)) {
        (true, _) => Some(Why::MinutesOfDay),
        (false, true) => Some(Why::MinutesOfMonth),
        (false, false) => None,
    }
}

/// The digits of a user part that is a number, `+` in front, without what people write between them (RFC 3966 section 5.1.1).
fn number_of(uri: &[u8]) -> Option<String> {
    let mut user = Vec::new();
    match Uri::parse(uri) {
        Ok(Uri::Sip(sip)) => unescape_into(sip.user?, &mut user),
        Ok(Uri::Tel(tel)) => {
            if tel.is_global() {
                user.push(b'+');
            }
            user.extend(tel.digits().filter(|digit| *digit != b'+'));
        }
        Ok(Uri::Other { .. }) | Err(_) => return None,
    }
    number_in(user)
}

fn number_in(mut user: Vec<u8>) -> Option<String> {
    user.retain(|byte| !matches!(byte, b'-' | b'.' | b'(' | b')'));
    let digits = user.strip_prefix(b"+").unwrap_or(&user);
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| String::from_utf8_lossy(&user).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_of_help_is_known_by_its_urn_and_by_nothing_like_it() {
        for (uri, is) in [
            ("urn:service:sos", true),
            ("URN:Service:SOS.fire", true),
            ("urn:service:sosa", false),
            ("urn:service:counseling", false),
            ("urn:service:so", false),
            ("sip:sos@example.org", false),
        ] {
            assert_eq!(is_emergency(&crate::testing::world(), None, uri.as_bytes()), is, "{uri}");
        }
    }

    #[test]
    fn a_number_is_read_without_what_people_write_between_its_digits() {
        for (uri, number) in [
            ("sip:+33-1.23@example.com", Some("+33123")),
            ("sip:%2B33(1)@example.com;user=phone", Some("+331")),
            ("sip:0123@example.com", Some("0123")),
            ("tel:+33-123", Some("+33123")),
            ("sip:bob@example.com", None),
            ("sip:33bob@example.com", None),
            ("sip:+@example.com", None),
            ("sip:example.com", None),
        ] {
            assert_eq!(number_of(uri.as_bytes()).as_deref(), number, "{uri}");
        }
    }
}
