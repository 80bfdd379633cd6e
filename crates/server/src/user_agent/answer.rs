//! A call that the phone takes: rings, answers, sends back what it hears, until the caller hangs up.

use super::message::{Heard, Writer};
use super::phone::{Phone, token};
use super::rtp::Audio;
use super::{PhoneError, sdp};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The 200 is repeated until its ACK comes (RFC 3261 section 13.3.1.4), also over streams.
const REPEAT: Duration = Duration::from_millis(500);

impl Phone {
    /// Takes the next call that comes within `wait`, and returns when it has ended.
    pub fn take_a_call(&mut self, wait: Duration) -> Result<(), PhoneError> {
        let until = Instant::now() + wait;
        let invite = self.await_request("INVITE", until)?;
        let tag = token();
        let ringing = Writer::response(&invite, 180, "Ringing", &tag)
            .header("Contact", &format!("<{}>", self.contact()))
            .finish(None, b"");
        self.link.send(&ringing)?;
        let audio = Audio::open(self.link.local().ip())?;
        let description = sdp::describe(audio.address()?);
        let answer = Writer::response(&invite, 200, "OK", &tag)
            .header("Contact", &format!("<{}>", self.contact()))
            .finish(Some("application/sdp"), description.as_bytes());
        let stop = Arc::new(AtomicBool::new(false));
        let mirror = std::thread::spawn({
            let stop = stop.clone();
            move || audio.mirror(&stop)
        });
        let ended = self.until_bye(&answer, until);
        stop.store(true, Ordering::Relaxed);
        // The mirror ends within one packet's time; its errors show as loss at the caller.
        let _ = mirror.join();
        ended
    }

    fn until_bye(&mut self, answer: &[u8], until: Instant) -> Result<(), PhoneError> {
        self.link.send(answer)?;
        let mut acknowledged = false;
        loop {
            let next = if acknowledged { until } else { until.min(Instant::now() + REPEAT) };
            match self.next_request(next)? {
                Some(request) if request.method() == Some("ACK") => acknowledged = true,
                Some(request) if request.method() == Some("BYE") => {
                    let ok = Writer::response(&request, 200, "OK", &token()).finish(None, b"");
                    return Ok(self.link.send(&ok)?);
                }
                Some(request) if request.method() == Some("INVITE") => self.link.send(answer)?,
                Some(_) => {}
                None if Instant::now() >= until => {
                    return Err(PhoneError::Silence("the 200 of an INVITE".to_owned()));
                }
                None => self.link.send(answer)?,
            }
        }
    }

    fn await_request(&mut self, method: &str, until: Instant) -> Result<Heard, PhoneError> {
        while let Some(request) = self.next_request(until)? {
            if request.method() == Some(method) {
                return Ok(request);
            }
        }
        Err(PhoneError::Nonsense(format!("no {method} arrived in time")))
    }
}
