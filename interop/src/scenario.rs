//! sipp scenarios written as steps. Messages use sipp's own keywords (`[call_id]`, `[branch]`, ...).

/// Steps in order; `xml` writes what sipp reads.
#[derive(Clone, Default)]
pub struct Scenario {
    body: String,
}

/// What a `_kept` step keeps: header, which of its lines, what of it, and the variable.
const KEPT: [(&str, u32, &str, &str); 6] = [
    ("Via", 1, ".*", "via1"),
    ("Via", 2, ".*", "via2"),
    ("From", 1, ".*", "from"),
    ("To", 1, ".*", "to"),
    ("Record-Route", 1, ".*", "route"),
    ("Contact", 1, "sip:[^&gt;]*", "contact"),
];

pub const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
    m=audio [media_port] RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n";

impl Scenario {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn xml(&self) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"ISO-8859-1\" ?>\n<!DOCTYPE scenario SYSTEM \"sipp.dtd\">\n\
             <scenario name=\"coeur\">\n{}</scenario>\n",
            self.body
        )
    }

    /// Sends; sipp retransmits it by itself over UDP when `retrans`.
    pub fn send(self, message: &str) -> Self {
        self.send_with("retrans=\"500\"", message)
    }

    /// Sends once (answers and ACK).
    pub fn send_once(self, message: &str) -> Self {
        self.send_with("", message)
    }

    /// Sends, but loses this share of the packets on the way.
    pub fn send_losing(self, percent: u32, message: &str) -> Self {
        self.send_with(&format!("retrans=\"500\" lost=\"{percent}\""), message)
    }

    pub fn send_with(mut self, attributes: &str, message: &str) -> Self {
        let message = message.replace("\r\n", "\n");
        self.body += &format!(
            "<send {attributes}><![CDATA[\n{}\n]]></send>\n",
            message.trim_end_matches('\n').to_owned() + if message.contains("\n\n") { "\n" } else { "\n\n" }
        );
        self
    }

    pub fn recv(self, status: u16) -> Self {
        self.recv_with(&format!("response=\"{status}\""), "")
    }

    /// A challenge, whose answer `[authentication]` then writes.
    pub fn challenged(self, status: u16) -> Self {
        self.recv_with(&format!("response=\"{status}\" auth=\"true\""), "")
    }

    /// A response that may come or not.
    pub fn maybe(self, status: u16) -> Self {
        self.recv_with(&format!("response=\"{status}\" optional=\"true\""), "")
    }

    /// A response whose Record-Route becomes `[routes]`.
    pub fn recv_routes(self, status: u16) -> Self {
        self.recv_with(&format!("response=\"{status}\" rrs=\"true\""), "")
    }

    pub fn request(self, method: &str) -> Self {
        self.recv_with(&format!("request=\"{method}\" rrs=\"true\""), "")
    }

    /// Receives a request and keeps both its Vias, From, To and Record-Route as `[$via1]` and so on, for what is
    /// sent after another message has become the last.
    pub fn request_kept(self, method: &str) -> Self {
        self.recv_kept(&format!("request=\"{method}\" rrs=\"true\""))
    }

    /// The same for an answer; sipp itself remembers the routes of the first alone.
    pub fn answer_kept(self, status: u16) -> Self {
        self.recv_kept(&format!("response=\"{status}\""))
    }

    fn recv_kept(self, attributes: &str) -> Self {
        let actions = KEPT.map(|(header, occurrence, regexp, variable)| {
            format!(
                "<ereg regexp=\"{regexp}\" search_in=\"hdr\" header=\"{header}:\" occurrence=\"{occurrence}\" \
                 assign_to=\"{variable}\"/>"
            )
        });
        let mut kept = self.recv_with(attributes, &format!("<action>{}</action>", actions.concat()));
        // sipp refuses a variable that is named only once, unless it is listed.
        let names = KEPT.map(|(.., variable)| variable).join(",");
        kept.body += &format!("<Reference variables=\"{names}\"/>\n");
        kept
    }

    pub fn maybe_request(self, method: &str) -> Self {
        self.recv_with(&format!("request=\"{method}\" optional=\"true\""), "")
    }

    /// Receives and requires that a header matches. The whole message is searched: when sipp is asked for `Route` it
    /// finds `Record-Route`.
    pub fn request_with_header(self, method: &str, header: &str, pattern: &str) -> Self {
        let action = format!(
            "<action><ereg regexp=\"[[:space:]]{header}: *{pattern}\" search_in=\"msg\" check_it=\"true\" assign_to=\"1\"/>\
             <log message=\"[$1]\"/></action>"
        );
        self.recv_with(&format!("request=\"{method}\" rrs=\"true\""), &action)
    }

    pub fn recv_with(mut self, attributes: &str, action: &str) -> Self {
        self.body += &format!("<recv {attributes} timeout=\"20000\">{action}</recv>\n");
        self
    }

    pub fn pause(mut self, milliseconds: u32) -> Self {
        self.body += &format!("<pause milliseconds=\"{milliseconds}\"/>\n");
        self
    }

    /// REGISTER, its challenge, the answer to it. `contact` goes between `<` `>`, `parameters` after.
    pub fn registered(self, contact: &str, parameters: &str, headers: &str) -> Self {
        let register = |authentication: &str, cseq: u32| {
            format!(
                "REGISTER sip:interop.test SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=[branch]\n\
                 Max-Forwards: 70\nFrom: <sip:[service]@interop.test>;tag=[call_number]\nTo: <sip:[service]@interop.test>\n\
                 Call-ID: [call_id]\nCSeq: {cseq} REGISTER\nContact: <{contact}>{parameters}\nExpires: 600\n{headers}\
                 User-Agent: sipp\n{authentication}Content-Length: 0\n"
            )
        };
        self.send(&register("", 1)).challenged(401).send(&register("[authentication]\n", 2)).recv(200)
    }

    /// The same, answered with this status instead of 200.
    pub fn refused(self, contact: &str, headers: &str, status: u16) -> Self {
        let mut refused = self.registered(contact, "", headers);
        refused.body = refused.body.replace("response=\"200\"", &format!("response=\"{status}\""));
        refused
    }

    /// INVITE to `[callee]`, the challenge and its ACK, then the INVITE with credentials.
    pub fn invited(self, sdp: bool) -> Self {
        self.send(&invite("", 1, sdp))
            .maybe(100)
            .challenged(407)
            .send_once(&ack_of_failure(1))
            .send(&invite("[authentication]\n", 2, sdp))
            .maybe(100)
    }

    /// As [`Scenario::invited`], but loses this share of both INVITEs.
    pub fn invited_losing(self, percent: u32) -> Self {
        self.send_losing(percent, &invite("", 1, true))
            .maybe(100)
            .challenged(407)
            .send_once(&ack_of_failure(1))
            .send_losing(percent, &invite("[authentication]\n", 2, true))
            .maybe(100)
    }

    /// As [`Scenario::invited`], and waits for the 100 of the second INVITE.
    pub fn invited_as_far_as_trying(self) -> Self {
        self.send(&invite("", 1, true))
            .maybe(100)
            .challenged(407)
            .send_once(&ack_of_failure(1))
            .send(&invite("[authentication]\n", 2, true))
            .recv(100)
    }

    /// A request inside the dialog that `recv_routes` made.
    pub fn in_dialog(self, method: &str, cseq: u32) -> Self {
        let text = in_dialog(method, cseq, false);
        if method == "ACK" { self.send_once(&text) } else { self.send(&text) }
    }

    pub fn in_dialog_with_sdp(self, method: &str, cseq: u32) -> Self {
        self.send(&in_dialog(method, cseq, true))
    }

    /// Answers the last request. `sdp`: with a body.
    pub fn answer(self, status: u16, reason: &str, sdp: bool) -> Self {
        self.send_once(&answer(status, reason, sdp))
    }

    /// Answers an INVITE with a final response that is sent again until its ACK.
    pub fn answer_until_ack(self, status: u16, reason: &str) -> Self {
        self.send(&answer(status, reason, true))
    }
}

/// The answer to an INVITE that was kept, whatever was received since; repeated until its ACK.
pub fn kept_invite_accepted(cseq: u32) -> String {
    format!(
        "SIP/2.0 200 OK\nVia:[$via1]\nVia:[$via2]\nFrom:[$from]\nTo:[$to];tag=u[call_number]\n[last_Call-ID:]\nCSeq: {cseq} INVITE\n\
         Record-Route:[$route]\nContact: <sip:[service]@[local_ip]:[local_port];transport=[transport]>\n{}",
        body(true)
    )
}

/// A request of the callee inside the dialog of an INVITE that was kept.
pub fn by_the_callee(method: &str, cseq: u32) -> String {
    format!(
        "{method} [next_url] SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=[branch]\n[routes]\n\
         Max-Forwards: 70\nFrom:[$to];tag=u[call_number]\nTo:[$from]\n[last_Call-ID:]\nCSeq: {cseq} {method}\n\
         Contact: <sip:[service]@[local_ip]:[local_port];transport=[transport]>\n{}",
        body(method == "INVITE")
    )
}

/// A request of the caller inside the dialog of a 200 that was kept.
pub fn in_kept_dialog(method: &str, cseq: u32) -> String {
    format!(
        "{method} [$contact] SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=[branch]\n\
         Route:[$route]\nMax-Forwards: 70\nFrom: <sip:[service]@interop.test>;tag=f[call_number]\nTo:[$to]\n\
         Call-ID: [call_id]\nCSeq: {cseq} {method}\nContent-Length: 0\n"
    )
}

fn body(sdp: bool) -> String {
    if sdp {
        format!("Content-Type: application/sdp\nContent-Length: [len]\n\n{SDP}")
    } else {
        "Content-Length: 0\n".into()
    }
}

fn invite(authentication: &str, cseq: u32, sdp: bool) -> String {
    format!(
        "INVITE sip:[callee]@interop.test SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=[branch]\n\
         Max-Forwards: 70\nFrom: <sip:[service]@interop.test>;tag=f[call_number]\nTo: <sip:[callee]@interop.test>\n\
         Call-ID: [call_id]\nCSeq: {cseq} INVITE\nContact: <sip:[service]@[local_ip]:[local_port];transport=[transport]>\n\
         User-Agent: sipp\n{authentication}{}",
        body(sdp)
    )
}

/// ACK for a failed INVITE: same branch, which sipp repeats with `[branch-N]` (N messages back).
fn ack_of_failure(cseq: u32) -> String {
    format!(
        "ACK sip:[callee]@interop.test SIP/2.0\n[last_Via:]\nMax-Forwards: 70\n\
         From: <sip:[service]@interop.test>;tag=f[call_number]\n[last_To:]\nCall-ID: [call_id]\nCSeq: {cseq} ACK\n\
         Content-Length: 0\n"
    )
}

fn in_dialog(method: &str, cseq: u32, sdp: bool) -> String {
    format!(
        "{method} [next_url] SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=[branch]\n[routes]\n\
         Max-Forwards: 70\nFrom: <sip:[service]@interop.test>;tag=f[call_number]\n\
         To: <sip:[callee]@interop.test>[peer_tag_param]\nCall-ID: [call_id]\nCSeq: {cseq} {method}\n\
         Contact: <sip:[service]@[local_ip]:[local_port];transport=[transport]>\n{}",
        body(sdp)
    )
}

fn answer(status: u16, reason: &str, sdp: bool) -> String {
    let tag = if status == 100 { "" } else { ";tag=u[call_number]" };
    format!(
        "SIP/2.0 {status} {reason}\n[last_Via:]\n[last_From:]\n[last_To:]{tag}\n[last_Call-ID:]\n[last_CSeq:]\n\
         [last_Record-Route:]\nContact: <sip:[service]@[local_ip]:[local_port];transport=[transport]>\n{}",
        body(sdp)
    )
}

/// Answers a request inside a dialog: the To tag is already there.
pub fn answer_in_dialog(status: u16, reason: &str, sdp: bool) -> String {
    answer(status, reason, sdp).replace(";tag=u[call_number]", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_is_written_as_the_xml_of_sipp() {
        let xml = Scenario::new().invited(true).recv_routes(200).in_dialog("ACK", 2).xml();
        assert!(xml.contains("<recv response=\"407\" auth=\"true\""));
        assert!(xml.contains("Content-Length: [len]\n\nv=0"));
        assert_eq!(xml.matches("<send ").count(), 4);
        assert!(xml.contains("CSeq: 2 ACK"));
    }
}
