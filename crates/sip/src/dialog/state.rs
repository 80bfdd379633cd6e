//! What a dialog remembers (RFC 3261 section 12).

use super::{DialogError, route_set};
use crate::message::Message;
use crate::method::Method;

/// One dialog, seen from our side.
#[derive(Clone, Debug)]
pub struct Dialog {
    pub(super) role: Role,
    pub(super) stage: Stage,
    secure: bool,
    pub(super) call_id: Box<[u8]>,
    local_tag: Box<[u8]>,
    remote_tag: Box<[u8]>,
    /// Name and address as in From or To, without the tag.
    pub(super) local_address: Box<[u8]>,
    pub(super) remote_address: Box<[u8]>,
    pub(super) remote_target: Box<[u8]>,
    pub(super) route_set: Box<[u8]>,
    pub(super) local_cseq: Option<u32>,
    remote_cseq: Option<u32>,
}

/// Who sent the request that made the dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// We did.
    Uac,
    /// The peer did.
    Uas,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Made by a provisional answer.
    Early,
    /// Made or confirmed by a 2xx.
    Confirmed,
    Terminated,
}

/// The identity of a dialog (section 12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DialogId<'a> {
    pub call_id: &'a [u8],
    pub local_tag: &'a [u8],
    /// Empty for a peer of RFC 2543 without a tag.
    pub remote_tag: &'a [u8],
}

/// All that a confirmed dialog remembers, for who keeps it longer than a process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory<'a> {
    pub role: Role,
    pub secure: bool,
    pub call_id: &'a [u8],
    pub local_tag: &'a [u8],
    pub remote_tag: &'a [u8],
    pub local_address: &'a [u8],
    pub remote_address: &'a [u8],
    pub remote_target: &'a [u8],
    pub route_set: &'a [u8],
    pub local_cseq: Option<u32>,
    pub remote_cseq: Option<u32>,
}

impl Dialog {
    pub fn memory(&self) -> Memory<'_> {
        Memory {
            role: self.role,
            secure: self.secure,
            call_id: &self.call_id,
            local_tag: &self.local_tag,
            remote_tag: &self.remote_tag,
            local_address: &self.local_address,
            remote_address: &self.remote_address,
            remote_target: &self.remote_target,
            route_set: &self.route_set,
            local_cseq: self.local_cseq,
            remote_cseq: self.remote_cseq,
        }
    }

    /// A confirmed dialog as it was remembered.
    pub fn remembered(memory: &Memory<'_>) -> Dialog {
        Dialog {
            role: memory.role,
            stage: Stage::Confirmed,
            secure: memory.secure,
            call_id: memory.call_id.into(),
            local_tag: memory.local_tag.into(),
            remote_tag: memory.remote_tag.into(),
            local_address: memory.local_address.into(),
            remote_address: memory.remote_address.into(),
            remote_target: memory.remote_target.into(),
            route_set: memory.route_set.into(),
            local_cseq: memory.local_cseq,
            remote_cseq: memory.remote_cseq,
        }
    }

    /// As UAS: from the request and the answer that we give it, 101-299, with the tag that we put into its To
    /// (section 12.1.1). `secure`: the request came over TLS and its Request-URI was sips.
    pub fn from_request(
        request: &Message<'_>,
        status: u16,
        local_tag: &[u8],
        secure: bool,
    ) -> Result<Dialog, DialogError> {
        let from = request.from().map_err(|_| DialogError::Malformed("From"))?;
        let to = request.to().map_err(|_| DialogError::Malformed("To"))?;
        Ok(Dialog {
            role: Role::Uas,
            stage: stage(status)?,
            secure,
            call_id: request.call_id().into(),
            local_tag: local_tag.into(),
            remote_tag: from.tag().unwrap_or_default().into(),
            local_address: address(to.display, to.uri),
            remote_address: address(from.display, from.uri),
            remote_target: contact(request)?.ok_or(DialogError::Malformed("Contact"))?,
            route_set: route_set::from_record_route(request, false)?,
            local_cseq: None,
            remote_cseq: Some(request.cseq().number),
        })
    }

    /// As UAC: from the request that we sent and the answer to it (section 12.1.2).
    pub fn from_response(
        request: &Message<'_>,
        response: &Message<'_>,
        secure: bool,
    ) -> Result<Dialog, DialogError> {
        let from = request.from().map_err(|_| DialogError::Malformed("From"))?;
        let to = response.to().map_err(|_| DialogError::Malformed("To"))?;
        let stage = stage(status_of(response))?;
        // A provisional answer without a tag makes no dialog; a 2xx without one is of RFC 2543.
        if to.tag().is_none() && stage == Stage::Early {
            return Err(DialogError::MakesNone);
        }
        // A provisional answer may lack a Contact; the 2xx brings it.
        let remote_target = match (contact(response)?, stage) {
            (Some(target), _) => target,
            (None, Stage::Early) => request.request_uri().into(),
            (None, Stage::Confirmed | Stage::Terminated) => return Err(DialogError::Malformed("Contact")),
        };
        Ok(Dialog {
            role: Role::Uac,
            stage,
            secure,
            call_id: request.call_id().into(),
            local_tag: from.tag().unwrap_or_default().into(),
            remote_tag: to.tag().unwrap_or_default().into(),
            local_address: address(from.display, from.uri),
            remote_address: address(to.display, to.uri),
            remote_target,
            route_set: route_set::from_record_route(response, true)?,
            local_cseq: Some(request.cseq().number),
            remote_cseq: None,
        })
    }

    pub fn id(&self) -> DialogId<'_> {
        DialogId { call_id: &self.call_id, local_tag: &self.local_tag, remote_tag: &self.remote_tag }
    }

    pub const fn role(&self) -> Role {
        self.role
    }

    pub const fn stage(&self) -> Stage {
        self.stage
    }

    /// The dialog was made under sips: its requests go over TLS.
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// Where the peer's Contact says it is.
    pub fn remote_target(&self) -> &[u8] {
        &self.remote_target
    }

    /// Name and address of the peer as in From or To, without the tag.
    pub fn remote_address(&self) -> &[u8] {
        &self.remote_address
    }

    /// True when a request from the peer carries this dialog's identity (section 12.2.2).
    pub fn owns_request(&self, request: &Message<'_>) -> bool {
        let (Ok(from), Ok(to)) = (request.from(), request.to()) else { return false };
        self.id()
            == DialogId {
                call_id: request.call_id(),
                local_tag: to.tag().unwrap_or_default(),
                remote_tag: from.tag().unwrap_or_default(),
            }
    }

    /// True when an answer to a request of ours carries this dialog's identity.
    pub fn owns_response(&self, response: &Message<'_>) -> bool {
        let (Ok(from), Ok(to)) = (response.from(), response.to()) else { return false };
        self.id()
            == DialogId {
                call_id: response.call_id(),
                local_tag: from.tag().unwrap_or_default(),
                remote_tag: to.tag().unwrap_or_default(),
            }
    }

    /// As UAS: we answer the request that made the dialog with this status.
    pub fn answered(&mut self, status: u16) {
        match (self.stage, status) {
            (Stage::Early, 200..=299) => self.stage = Stage::Confirmed,
            (Stage::Early, 300..=699) => self.stage = Stage::Terminated,
            (Stage::Early | Stage::Confirmed | Stage::Terminated, _) => {}
        }
    }

    /// As UAC: an answer to the request that made the dialog. A 2xx confirms it and brings the final route set
    /// (section 13.2.2.4); what is not 2xx ends an early dialog (section 12.3).
    pub fn on_first_response(&mut self, response: &Message<'_>) -> Result<(), DialogError> {
        match (self.stage, status_of(response)) {
            (Stage::Early, 200..=299) => {
                let target = contact(response)?.ok_or(DialogError::Malformed("Contact"))?;
                self.route_set = route_set::from_record_route(response, true)?;
                self.remote_target = target;
                self.stage = Stage::Confirmed;
            }
            (Stage::Early, 101..=199) => {
                if let Some(target) = contact(response)? {
                    self.remote_target = target;
                }
            }
            (Stage::Early, 300..=699) => self.stage = Stage::Terminated,
            (Stage::Early | Stage::Confirmed | Stage::Terminated, _) => {}
        }
        Ok(())
    }

    /// A request of the peer inside the dialog (section 12.2.2): its order is checked, its target taken. An ACK
    /// has the CSeq number of its INVITE, so it is not checked.
    pub fn on_request(&mut self, request: &Message<'_>) -> Result<(), DialogError> {
        let cseq = request.cseq();
        if cseq.method == Method::Ack || cseq.method == Method::Cancel {
            return Ok(());
        }
        if self.remote_cseq.is_some_and(|last| cseq.number < last) {
            return Err(DialogError::OutOfOrder);
        }
        if refreshes_target(cseq.method)
            && let Some(target) = contact(request)?
        {
            self.remote_target = target;
        }
        self.remote_cseq = Some(cseq.number);
        if cseq.method == Method::Bye {
            self.stage = Stage::Terminated;
        }
        Ok(())
    }

    /// An answer to a later request of ours (section 12.2.1.2): a 2xx may bring a new target; 481 and 408 (or
    /// no answer at all) end the dialog, and so does any final answer to BYE (section 15.1.1).
    pub fn on_response(&mut self, response: &Message<'_>) -> Result<(), DialogError> {
        let method = response.cseq().method;
        match status_of(response) {
            100..=199 => return Ok(()),
            200..=299 if refreshes_target(method) => {
                if let Some(target) = contact(response)? {
                    self.remote_target = target;
                }
            }
            408 | 481 => self.stage = Stage::Terminated,
            _ => {}
        }
        if method == Method::Bye {
            self.stage = Stage::Terminated;
        }
        Ok(())
    }

    /// The dialog is over for a reason of the owner's.
    pub fn terminate(&mut self) {
        self.stage = Stage::Terminated;
    }

    pub(super) fn tags(&self) -> (&[u8], &[u8]) {
        (&self.local_tag, &self.remote_tag)
    }
}

fn stage(status: u16) -> Result<Stage, DialogError> {
    match status {
        101..=199 => Ok(Stage::Early),
        200..=299 => Ok(Stage::Confirmed),
        _ => Err(DialogError::MakesNone),
    }
}

fn status_of(response: &Message<'_>) -> u16 {
    let digits = response.status().map(|status| status.digits());
    digits.map_or(0, |digits| digits.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0')))
}

fn contact(message: &Message<'_>) -> Result<Option<Box<[u8]>>, DialogError> {
    let contact = message.contact().map_err(|_| DialogError::Malformed("Contact"))?;
    Ok(contact.map(|contact| contact.uri.into()))
}

/// RFC 3261 section 12.2.1, RFC 3311 section 5.1, RFC 6665 section 4.4.1, RFC 3515 section 2.2.
fn refreshes_target(method: Method<'_>) -> bool {
    match method {
        Method::Invite | Method::Update | Method::Subscribe | Method::Notify | Method::Refer => true,
        Method::Ack
        | Method::Bye
        | Method::Cancel
        | Method::Register
        | Method::Options
        | Method::Message
        | Method::Publish
        | Method::Info
        | Method::Prack
        | Method::Other(_) => false,
    }
}

/// `"name" <uri>` without parameters of the header.
fn address(display: Option<&[u8]>, uri: &[u8]) -> Box<[u8]> {
    let mut text = Vec::with_capacity(uri.len() + 2 + display.map_or(0, |display| display.len() + 1));
    if let Some(display) = display.filter(|display| !display.is_empty()) {
        text.extend_from_slice(display);
        text.push(b' ');
    }
    text.push(b'<');
    text.extend_from_slice(uri);
    text.push(b'>');
    text.into_boxed_slice()
}
