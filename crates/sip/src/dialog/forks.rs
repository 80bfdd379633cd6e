//! The dialogs of one request that was forked on its way (RFC 3261 sections 12.1 and 13.2.2.4).

use super::state::{Dialog, Stage};
use super::{DialogError, DialogId};
use crate::message::Message;

/// As UAC: each To tag among the answers to one INVITE (or SUBSCRIBE) is a dialog of its own.
#[derive(Debug, Default)]
pub struct Forks {
    dialogs: Vec<Dialog>,
}

impl Forks {
    /// Dialogs of one request at most; worst-case memory 16 dialogs of some 500 bytes each.
    pub const DIALOGS_MAX: usize = 16;

    pub fn new() -> Forks {
        Forks::default()
    }

    /// An answer of 101-299 to the request: its dialog, made or brought forward. A 2xx that cannot be kept is
    /// an error; the owner acknowledges it and ends it with BYE.
    pub fn on_response(
        &mut self,
        request: &Message<'_>,
        response: &Message<'_>,
        secure: bool,
    ) -> Result<&mut Dialog, DialogError> {
        let known = self.dialogs.iter().position(|dialog| dialog.owns_response(response));
        let at = match known {
            Some(at) => {
                self.dialogs[at].on_first_response(response)?;
                at
            }
            None => {
                let dialog = Dialog::from_response(request, response, secure)?;
                if self.dialogs.len() == Self::DIALOGS_MAX {
                    return Err(DialogError::TooMany);
                }
                self.dialogs.push(dialog);
                self.dialogs.len() - 1
            }
        };
        Ok(&mut self.dialogs[at])
    }

    /// [`Forks::on_response`] for an answer whose dialog there is: the request need not be looked at. `None`: there is none.
    pub fn on_known(&mut self, response: &Message<'_>) -> Option<Result<&mut Dialog, DialogError>> {
        let dialog = self.dialogs.iter_mut().find(|dialog| dialog.owns_response(response))?;
        Some(dialog.on_first_response(response).map(|()| dialog))
    }

    /// No more answers will come (a non-2xx final one, or 64*T1 after the first 2xx, section 13.2.2.4): the
    /// dialogs that are still early end.
    pub fn finish(&mut self) {
        self.dialogs.retain(|dialog| dialog.stage() == Stage::Confirmed);
    }

    pub fn find(&self, id: DialogId<'_>) -> Option<&Dialog> {
        self.dialogs.iter().find(|dialog| dialog.id() == id)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Dialog> {
        self.dialogs.iter()
    }

    /// Hands the dialogs over to who keeps them from now on.
    pub fn into_dialogs(self) -> Vec<Dialog> {
        self.dialogs
    }
}
