//! Carrying out a plan: cannot fail. Each change goes into the batch for the journal with its version.

use super::plan::{Action, Plan, Wanted};
use super::request::{Kind, Request};
use super::{Done, Registrant, aor_of, remove};
use crate::bindings::{AorBindings, BindingId, Draft, Refresh};
use crate::event::{Event, UnregisteredWhy};
use crate::record::Batch;

/// Only new and leaving bindings are events; a refresh is none and allocates nothing.
pub(super) fn commit(
    wanted: &[Wanted],
    texts: &[u8],
    path: &[u8],
    plan: &Plan,
    aor: &mut AorBindings<'_>,
    request: &Request<'_>,
    who: &Registrant<'_>,
    batch: &mut Batch<'_>,
) -> (Done, Vec<Event>) {
    let mut done = Done::default();
    let mut events = Vec::new();
    let mut leaving = plan.leaving;
    for wanted in wanted {
        match wanted.action {
            Action::Refresh(index) => {
                let refresh = Refresh {
                    cseq: request.cseq,
                    flow: wanted.flow,
                    fallback: wanted.fallback,
                    granted_s: wanted.granted_s,
                };
                let version = aor.refresh(index, &refresh);
                batch.refresh(aor.view(index).id(), version, &refresh);
                done.refreshed += 1;
            }
            Action::Replace(index) => {
                let draft = draft(wanted, texts, path, request, who);
                let version = aor.replace(index, &draft);
                let view = aor.view(index);
                batch.bind(view.id(), version, view.age_s(), &draft);
                done.replaced += 1;
            }
            Action::Remove(index) => leaving |= 1 << index,
            Action::Nothing | Action::Insert => {}
        }
    }
    // From the last on, since those behind a removed one move up.
    for index in (0..aor.len()).rev().filter(|index| leaving >> index & 1 == 1) {
        remove(aor, index, batch);
        done.removed += 1;
        let asked = request.kind == Kind::RemoveAll || !plan.leaves(index);
        let why = if asked { UnregisteredWhy::Asked } else { UnregisteredWhy::Replaced };
        events.extend(aor_of(who.user, who.domain).map(|aor| Event::Unregistered { aor, why }));
    }
    for wanted in wanted.iter().filter(|wanted| wanted.action == Action::Insert) {
        let draft = draft(wanted, texts, path, request, who);
        // The plan has made room: `contacts_max` is at most `BINDINGS_PER_AOR_MAX`.
        let Some(version) = aor.insert(&draft) else { continue };
        batch.bind(BindingId(version.0), version, 0, &draft);
        done.added += 1;
        let registered = |aor| Event::Registered { aor, device: who.device, flow: request.flow };
        events.extend(aor_of(who.user, who.domain).map(registered));
    }
    (done, events)
}

fn draft<'a>(
    wanted: &Wanted,
    texts: &'a [u8],
    path: &'a [u8],
    request: &Request<'a>,
    who: &Registrant<'a>,
) -> Draft<'a> {
    Draft {
        user: who.user,
        domain: who.domain,
        contact: wanted.contact(texts),
        uri: wanted.text.uri,
        instance: wanted.text.instance,
        call_id: request.call_id,
        user_agent: request.user_agent,
        path,
        cseq: request.cseq,
        q: wanted.q,
        reg_id: wanted.reg_id,
        device: who.device,
        flow: wanted.flow,
        fallback: wanted.fallback,
        granted_s: wanted.granted_s,
    }
}
