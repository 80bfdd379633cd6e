//! A text to another account (RFC 3428), and waiting for one.

use super::PhoneError;
use super::message::Writer;
use super::phone::{Outgoing, Phone, refused, token};
use std::time::{Duration, Instant};

impl Phone {
    pub fn text(&mut self, to: &str, text: &str) -> Result<(), PhoneError> {
        let to = format!("<{to}>");
        let (tag, call_id) = (token(), token());
        let outgoing = Outgoing {
            method: "MESSAGE",
            uri: to.trim_matches(['<', '>']),
            to: &to,
            from_tag: &tag,
            call_id: &call_id,
            headers: &[],
            content: Some(("text/plain", text.as_bytes())),
        };
        let (answer, _) = self.request(&outgoing, Duration::from_secs(8))?;
        match answer.status() {
            Some(200..=299) => Ok(()),
            Some(_) | None => Err(refused("MESSAGE", &answer)),
        }
    }

    /// Waits for a MESSAGE, answers it and returns its text.
    pub fn read_text(&mut self, wait: Duration) -> Result<String, PhoneError> {
        let until = Instant::now() + wait;
        while let Some(request) = self.next_request(until)? {
            if request.method() == Some("MESSAGE") {
                let answer = Writer::response(&request, 200, "OK", &token()).finish(None, b"");
                self.link.send(&answer)?;
                return Ok(String::from_utf8_lossy(&request.body).into_owned());
            }
        }
        Err(PhoneError::Nonsense("no text arrived in time".to_owned()))
    }
}
