//! A device, or a whole account, has lost its rights (`Command::Revoked`).
//!
//! What is under way ends at once. A request that it sent is answered 403 and its branches are cancelled; a branch
//! towards its phone is cancelled and counts as 480, so that other phones go on ringing. What it sends from now on needs
//! a proof that it cannot give; inside a dialog the signed route says whose end it is, and [`super::inside`] ends it.
//!
//! A 2xx that crosses the CANCEL goes no further. Its phone hears no ACK, repeats it for 64*T1 and then ends the call
//! itself (RFC 3261 section 13.3.1.4).
//!
//! What a proxy cannot do is end a call that is established: a BYE must carry the tags, the route set and the next CSeq
//! of one side to be believed by the other, and we keep no dialog; the voice flows between the phones. The call ends
//! when somebody hangs up, or when the session timer (RFC 4028) or anybody changes it, since that is answered 481. At
//! once it ends where the role that owns both legs has taken it ([`crate::call`]).

use super::Proxy;
use crate::context::Context;
use crate::party::Party;
use coeur_directory::{Aor, DeviceId};
use coeur_sip::StatusCode;

impl Proxy {
    pub fn revoke(&mut self, cx: &mut Context<'_>, aor: &Aor, device: Option<DeviceId>) {
        let world = cx.world;
        let is_meant = |party: Option<Party>| party.is_some_and(|party| party.is_meant(world, aor, device));
        let open: Vec<u32> = self
            .requests
            .iter()
            .filter(|(_, request)| request.is_open())
            .map(|(index, _)| index as u32)
            .collect();
        for index in open {
            match is_meant(self.requests[index as usize].sender) {
                true => {
                    cx.counters.transactions_revoked += 1;
                    self.refuse_sender(cx, index, StatusCode::FORBIDDEN);
                }
                false => self.withdraw_targets(cx, index, &is_meant),
            }
        }
    }

    /// The server is about to stop: nobody will be here to pass the answer on, so callers hear it now (RFC 3261 section
    /// 21.5.4) and no phone rings on. What is no INVITE is repeated by its sender.
    pub fn drain(&mut self, cx: &mut Context<'_>) {
        let pending = |request: &super::request::Request| request.is_open() && request.is_invite();
        let open: Vec<u32> =
            self.requests.iter().filter(|(_, r)| pending(r)).map(|(index, _)| index as u32).collect();
        for index in open {
            self.refuse_sender(cx, index, StatusCode::SERVICE_UNAVAILABLE);
        }
    }

    fn refuse_sender(&mut self, cx: &mut Context<'_>, index: u32, status: StatusCode) {
        self.with_message(index, |proxy, message| {
            let request = &mut proxy.requests[index as usize];
            request.revoked = true;
            request.stopped = true;
            request.waiting.clear();
            match request.is_invite() {
                true => proxy.cancel_branches(cx, index, message),
                false => proxy.drop_all_branches(index),
            }
            proxy.answer_ourselves(cx, index, message, status);
        });
    }

    fn withdraw_targets(
        &mut self,
        cx: &mut Context<'_>,
        index: u32,
        is_meant: &dyn Fn(Option<Party>) -> bool,
    ) {
        let request = &mut self.requests[index as usize];
        let (invite, waiting) = (request.is_invite(), request.waiting.len());
        request.waiting.retain(|target| !is_meant(target.party));
        let gone = waiting - request.waiting.len();
        let concerned = |slot: &u32| {
            let branch = &self.branches[*slot as usize];
            branch.awaits_final() && !branch.withdrawn && is_meant(branch.target.party)
        };
        let slots: Vec<u32> = self.slots_of(index).filter(concerned).collect();
        if gone == 0 && slots.is_empty() {
            return;
        }
        cx.counters.transactions_revoked += (gone + slots.len()) as u64;
        self.consider(index, StatusCode::TEMPORARILY_UNAVAILABLE.code(), &[]);
        self.with_message(index, |proxy, message| {
            for slot in slots {
                if invite {
                    proxy.branches[slot as usize].withdrawn = true;
                    proxy.cancel_branch(cx, slot, message);
                } else {
                    proxy.drop_branch(slot);
                }
            }
            proxy.settle(cx, index, message);
        });
    }
}
