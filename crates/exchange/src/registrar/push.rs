//! Push in a REGISTER (RFC 8599 section 5): which services wake phones, and which one was asked for.

use super::{Refusal, Registrar};
use crate::bindings::BindingId;
use crate::context::Context;
use crate::push::{self, Asked, Destination, Provider, REFRESHED_BEFORE_S, Reason, Settings, Wake};
use coeur_directory::Aor;
use coeur_sip::header::NameAddr;
use coeur_sip::lex;
use coeur_sip::uri::Uri;

/// What the answer says in Feature-Caps. One bit for each of [`Provider::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    providers: u8,
    /// One of the phone's Contacts can be woken.
    can_be_woken: bool,
}

impl Told {
    /// Sections 5.6.1 and 8.1: 555 for a service that is not offered. Who offers none does not speak RFC 8599, to whom the parameters mean
    /// nothing.
    pub(super) fn read(&mut self, cx: &Context<'_>, address: &NameAddr<'_>) -> Result<(), Refusal> {
        let settings = &cx.world.settings.push;
        if !settings.offers_any() {
            return Ok(());
        }
        let Ok(Uri::Sip(uri)) = address.parse_uri() else { return Ok(()) };
        match push::read(&uri) {
            Asked::Nothing => {}
            // Section 4.1.5: all that there are.
            Asked::Providers => {
                Provider::ALL.into_iter().filter(|provider| settings.offers(*provider)).for_each(
                    |provider| {
                        self.tell(provider);
                    },
                );
            }
            Asked::Provider(provider) if settings.offers(provider) => self.tell(provider),
            Asked::Push(destination) if settings.offers(destination.provider) => {
                self.tell(destination.provider);
                self.can_be_woken = true;
            }
            // Phones of the stores say their own service to every server, and are bound as where none is offered.
            Asked::Push(_) => {}
            Asked::Unknown | Asked::Provider(_) => {
                return Err(Refusal::new(555, "Push Notification Service Not Supported"));
            }
        }
        Ok(())
    }

    fn tell(&mut self, provider: Provider) {
        self.providers |= 1 << provider as u8;
    }

    /// Sections 5.4 and 8.2 to 8.4; RFC 6809.
    pub(super) fn write(self, settings: &Settings, out: &mut Vec<u8>) {
        let told = |provider: &Provider| self.providers >> *provider as u8 & 1 == 1;
        for provider in Provider::ALL.iter().filter(|provider| told(provider)) {
            out.extend_from_slice(b"Feature-Caps: *;+sip.pns=\"");
            out.extend_from_slice(provider.as_str().as_bytes());
            out.push(b'"');
            if *provider == Provider::WebPush {
                out.extend_from_slice(b";+sip.vapid=\"");
                out.extend_from_slice(settings.web_push_key.as_bytes());
                out.push(b'"');
            }
            if self.can_be_woken {
                out.extend_from_slice(b";+sip.pnsreg=\"");
                lex::push_number(u64::from(REFRESHED_BEFORE_S), out);
                out.push(b'"');
            }
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// Section 5.5: phones that cannot wake by themselves are woken before their registration ends.
pub(super) fn wake_before_the_end(cx: &mut Context<'_>) {
    let settings = &cx.world.settings.push;
    if !settings.offers_any() {
        return;
    }
    let mut due: Vec<(BindingId, Destination, Option<Aor>)> = Vec::new();
    cx.world.bindings.due_for_wake(cx.now.monotonic, REFRESHED_BEFORE_S, |view| {
        let draft = view.draft();
        let offered = view.destination().filter(|destination| settings.offers(destination.provider));
        due.extend(offered.map(|to| (view.id(), to, super::aor_of(draft.user, draft.domain))));
    });
    for (binding, destination, aor) in due {
        let Some(aor) = aor else { continue };
        let id = u128::from(cx.mint.u64()) << 64 | u128::from(cx.mint.u64());
        let reason = Reason::Refresh;
        push::push(cx, Wake { destination, reason, aor, binding, id, lifetime_s: REFRESHED_BEFORE_S });
    }
}

impl Registrar {
    /// A push service knows this destination no more. The binding stays for as long as it is registered, and can no longer be
    /// woken, unless the phone has named another place meanwhile.
    pub(crate) fn push_ended(
        &mut self,
        cx: &mut Context<'_>,
        aor: &Aor,
        binding: BindingId,
        destination: &Destination,
    ) {
        let (user, domain) = (aor.user().as_bytes(), aor.domain().as_bytes());
        let ended = cx.world.bindings.change(user, domain, cx.now.monotonic, |bindings| {
            let is_meant = |view: crate::bindings::View<'_>| {
                view.id() == binding && view.destination().as_ref() == Some(destination)
            };
            let at = (0..bindings.len()).find(|index| is_meant(bindings.view(*index)));
            at.map(|index| bindings.end_push(index)).is_some()
        });
        cx.counters.push_destinations_ended += u64::from(ended);
    }
}
