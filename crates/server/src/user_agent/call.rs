//! A call that the phone makes.

use super::message::Heard;
use super::phone::{Outgoing, Phone, refused, token};
use super::rtp::Audio;
use super::{PhoneError, Report, sdp};
use std::time::{Duration, Instant};

/// How long the other side may ring.
const RING: Duration = Duration::from_secs(20);
const BYE_WAIT: Duration = Duration::from_secs(8);

pub struct CallReport {
    /// From the INVITE to its 200.
    pub answered_after: Duration,
    pub audio: Report,
}

impl Phone {
    /// Calls, talks for `length`, hangs up.
    pub fn call(&mut self, to: &str, length: Duration) -> Result<CallReport, PhoneError> {
        let audio = Audio::open(self.link.local().ip())?;
        let offer = sdp::describe(audio.address()?);
        let dialog = Dialog { to: format!("<{to}>"), tag: token(), call_id: token() };
        let started = Instant::now();
        let headers = [("Contact", format!("<{}>", self.contact()))];
        let invite = Outgoing {
            content: Some(("application/sdp", offer.as_bytes())),
            ..dialog.outgoing("INVITE", to, &headers)
        };
        let (answer, cseq) = self.request(&invite, RING)?;
        if !matches!(answer.status(), Some(200..=299)) {
            return Err(refused("INVITE", &answer));
        }
        let answered_after = started.elapsed();
        let talk = self.talk(&dialog, &answer, cseq, &audio, length);
        let end = self.hang_up(&dialog, &answer);
        let audio = talk?;
        end?;
        Ok(CallReport { answered_after, audio })
    }

    fn talk(
        &mut self,
        dialog: &Dialog,
        answer: &Heard,
        cseq: u32,
        audio: &Audio,
        length: Duration,
    ) -> Result<Report, PhoneError> {
        let (uri, to, headers) = Dialog::established(answer)?;
        let mut ack = dialog.outgoing("ACK", &uri, &headers);
        ack.to = &to;
        self.acknowledge(&ack, cseq)?;
        let peer = sdp::audio_address(&answer.body)
            .ok_or_else(|| PhoneError::Nonsense("the answer names no address for audio".to_owned()))?;
        Ok(audio.converse(peer, length)?)
    }

    fn hang_up(&mut self, dialog: &Dialog, answer: &Heard) -> Result<(), PhoneError> {
        let (uri, to, headers) = Dialog::established(answer)?;
        let mut bye = dialog.outgoing("BYE", &uri, &headers);
        bye.to = &to;
        let (answer, _) = self.request(&bye, BYE_WAIT)?;
        match answer.status() {
            Some(200..=299) => Ok(()),
            Some(_) | None => Err(refused("BYE", &answer)),
        }
    }
}

/// Route headers, name and value.
type Routes = Vec<(&'static str, String)>;

/// The caller's half of a dialog (RFC 3261 section 12).
struct Dialog {
    to: String,
    tag: String,
    call_id: String,
}

impl Dialog {
    fn outgoing<'o>(
        &'o self,
        method: &'o str,
        uri: &'o str,
        headers: &'o [(&'o str, String)],
    ) -> Outgoing<'o> {
        Outgoing {
            method,
            uri,
            to: &self.to,
            from_tag: &self.tag,
            call_id: &self.call_id,
            headers,
            content: None,
        }
    }

    /// Remote target, To, and the route set: Record-Route in reverse order (RFC 3261 section 12.1.2).
    fn established(answer: &Heard) -> Result<(String, String, Routes), PhoneError> {
        let missing = |what: &str| PhoneError::Nonsense(format!("the answer has no {what}"));
        let uri = answer.contact().ok_or_else(|| missing("Contact"))?.to_owned();
        let to = answer.header("To").ok_or_else(|| missing("To"))?.to_owned();
        let routes = answer.record_routes().into_iter().rev().map(|route| ("Route", route)).collect();
        Ok((uri, to, routes))
    }
}
