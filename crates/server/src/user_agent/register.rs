//! Registration and its end.

use super::PhoneError;
use super::message::Heard;
use super::phone::{Outgoing, Phone, refused, token};
use std::time::Duration;

const WAIT: Duration = Duration::from_secs(8);

impl Phone {
    /// Registers for this many seconds; zero ends the registration (RFC 3261 section 10.2.2).
    pub fn register(&mut self, expires_s: u32) -> Result<(), PhoneError> {
        self.register_heard(expires_s).map(drop)
    }

    /// The same, with the answer. All registrations of a phone have one Call-ID (section 10.2).
    pub fn register_heard(&mut self, expires_s: u32) -> Result<Heard, PhoneError> {
        let uri = format!("sip:{}", self.identity.domain);
        let to = format!("<{}>", self.identity.aor());
        let headers = [
            ("Contact", format!("<{}>;expires={expires_s}", self.contact())),
            ("Supported", "path, gruu".to_owned()),
        ];
        let (tag, call_id) = (token(), self.registration.clone());
        let outgoing = Outgoing {
            method: "REGISTER",
            uri: &uri,
            to: &to,
            from_tag: &tag,
            call_id: &call_id,
            headers: &headers,
            content: None,
        };
        let (answer, _) = self.request(&outgoing, WAIT)?;
        match answer.status() {
            Some(200..=299) => Ok(answer),
            Some(_) | None => Err(refused("REGISTER", &answer)),
        }
    }
}
