//! Traces at the door. A call is also found by the name that it has in `coeur calls` and in its record.

use crate::calls::id_of;
use crate::door::Door;
use crate::model::{Refusal, Reply, TraceRequest, Why};
use crate::traces::{TraceExportRequest, TraceMessagesRequest};

impl Door {
    pub(crate) fn trace(&self, request: TraceRequest) -> Result<Reply, Refusal> {
        let request = TraceRequest { what: self.by_call_id(request.what)?, ..request };
        Ok(Reply::Traces(self.house().traces(&request)))
    }

    pub(crate) fn trace_messages(&self, request: TraceMessagesRequest) -> Result<Reply, Refusal> {
        let request = TraceMessagesRequest { what: self.by_call_id(request.what)?, ..request };
        Ok(Reply::Conversations(self.house().trace_messages(&request)))
    }

    pub(crate) fn trace_export(&self, request: TraceExportRequest) -> Result<Reply, Refusal> {
        let found = TraceMessagesRequest { what: self.by_call_id(request.found.what)?, ..request.found };
        let file = self.house().trace_export(&TraceExportRequest { found, ..request });
        let nothing = || Refusal::new(Why::NotFound, "no message is kept of what was asked for".to_owned());
        file.map(|file| Reply::TraceFile(Box::new(file))).ok_or_else(nothing)
    }

    /// For the name of a call the Call-ID of its caller; anything else stays as it is.
    fn by_call_id(&self, what: Option<String>) -> Result<Option<String>, Refusal> {
        let Some(text) = what else { return Ok(None) };
        let name = text.strip_prefix("call_").unwrap_or(&text);
        let Some(id) = id_of(name) else { return Ok(Some(text)) };
        // Its record may not be readable now; the call may live all the same.
        let row = self.records().call(id).ok().flatten();
        let of_record = row.map(|row| row.caller.call_id.to_string());
        let call_id = match of_record {
            Some(call_id) => Some(call_id),
            None => self.house().call(name)?.map(|call| call.caller.call_id),
        };
        Ok(Some(call_id.filter(|call_id| !call_id.is_empty()).unwrap_or(text)))
    }
}
