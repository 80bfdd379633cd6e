//! What business phones do with each other, which chance alone hardly ever puts together: a call that is answered, picked up,
//! parked and taken again, or transferred. Between any two steps the bytes may let something else happen.

use super::*;

impl Play<'_> {
    pub(super) fn business(&mut self) {
        let phones = USERS.len();
        let caller = self.choices.below(phones);
        let (callee, third) = ((caller + 1) % phones, (caller + 2) % phones);
        self.call(caller, USERS[callee]);
        match self.choices.below(5) {
            0 => {
                self.reply_to(callee, "INVITE", 180);
                let named = self.choices.once_in(2);
                self.call(third, &format!("*8{}", if named { USERS[callee] } else { "" }));
            }
            1 => {
                self.reply_to(callee, "INVITE", 200);
                self.of_invite(caller, "ACK");
                self.refer(caller, format!("<sip:park-71@{DOMAIN}>"));
                self.answer_all();
                self.call(third, "park-71");
            }
            2 => {
                self.reply_to(callee, "INVITE", 200);
                self.of_invite(caller, "ACK");
                let by = if self.choices.once_in(2) { caller } else { callee };
                self.refer(by, format!("<sip:{}@{DOMAIN}>", USERS[third]));
                self.reply_to(third, "INVITE", 200);
            }
            3 => self.attended(caller, callee, third),
            _ => {
                self.reply_to(callee, "INVITE", 200);
                self.of_invite(caller, "ACK");
            }
        }
        if !self.choices.once_in(3) {
            self.answer_all();
        }
    }

    /// Two calls of one phone are made one; of the second it may still ring.
    fn attended(&mut self, caller: usize, callee: usize, third: usize) {
        self.reply_to(callee, "INVITE", 200);
        self.of_invite(caller, "ACK");
        let first = self.parties[caller].dialog.clone();
        self.call(caller, USERS[third]);
        let status = if self.choices.once_in(2) { 180 } else { 200 };
        self.reply_to(third, "INVITE", status);
        if status == 200 {
            self.of_invite(caller, "ACK");
        }
        let Some(second) = std::mem::replace(&mut self.parties[caller].dialog, first) else { return };
        let tag = |address: &str| address.split(";tag=").nth(1).unwrap_or_default().to_owned();
        let names = format!(
            "{}%3Bto-tag%3D{}%3Bfrom-tag%3D{}",
            second.call_id,
            tag(&second.remote),
            tag(&second.local)
        );
        self.refer(caller, format!("<sip:{}@{DOMAIN}?Replaces={names}>", USERS[third]));
    }

    fn call(&mut self, who: usize, callee: &str) {
        let request = self.request(who, "INVITE", format!("sip:{callee}@{DOMAIN}"));
        self.write_and_send(who, request, true, false, false);
        self.meanwhile();
    }

    fn refer(&mut self, who: usize, to: String) {
        let Some(Dialog { call_id, local, remote, target, routes }) = self.parties[who].dialog.clone() else {
            return;
        };
        let mut request = self.request(who, "REFER", target);
        (request.call_id, request.from, request.to, request.routes) = (call_id, local, remote, routes);
        request.cseq = 3;
        request.extra = vec![format!("Refer-To: {to}")];
        self.write_and_send(who, request, false, true, false);
        self.meanwhile();
    }

    /// Says this to the request of this method that has come last.
    fn reply_to(&mut self, who: usize, method: &str, status: u16) {
        let inbox = &mut self.parties[who].inbox;
        let Some(at) = inbox.iter().rposition(|request| request.starts_with(method.as_bytes())) else {
            return;
        };
        let Some(request) = inbox.get(at).cloned() else { return };
        if status >= 200 {
            inbox.remove(at);
        }
        self.reply(who, &request, status, false);
        self.meanwhile();
    }

    /// Everybody says 200 to whatever waits, a few times over: an answer makes somebody else ask.
    fn answer_all(&mut self) {
        for _ in 0..3 {
            for who in 0..self.parties.len() {
                while let Some(request) = self.parties[who].inbox.pop_front() {
                    self.reply(who, &request, 200, false);
                    self.media();
                }
            }
        }
    }

    fn meanwhile(&mut self) {
        if !self.choices.once_in(8) {
            self.media();
        }
        if self.choices.once_in(6) {
            self.act_apart();
        }
    }
}
