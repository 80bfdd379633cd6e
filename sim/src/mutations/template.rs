//! A request as a row of elements, any one of which can be replaced.

/// Where the requests come from.
#[derive(Clone)]
pub struct Place {
    pub domain: String,
    pub user: String,
    /// Address and port.
    pub local: String,
    /// As Via writes it.
    pub transport: &'static str,
    /// Whether [`CREDENTIALS`] stands where a sender who knows a secret puts his own.
    pub proves_itself: bool,
}

/// A header line that the sender replaces by credentials for the valid request.
pub const CREDENTIALS: &str = "Credentials: here";

pub struct Group {
    pub name: &'static str,
    /// `INVITE` for most; a third has another method, which meets the element in its own way.
    pub method: &'static str,
}

const fn invite(name: &'static str) -> Group {
    Group { name, method: "INVITE" }
}

const fn other(name: &'static str, method: &'static str) -> Group {
    Group { name, method }
}

/// The elements, in the order of the message.
pub const GROUPS: [Group; 54] = [
    invite("method"),
    invite("request-uri"),
    other("sip-version", "OPTIONS"),
    invite("request-crlf"),
    other("via-version", "REGISTER"),
    invite("via-host"),
    other("via-colon", "MESSAGE"),
    invite("via-port"),
    invite("via-branch"),
    invite("from-display-name"),
    invite("from-left-bracket"),
    invite("from-uri"),
    other("from-right-bracket", "SUBSCRIBE"),
    invite("from-tag"),
    other("from-colon", "REGISTER"),
    invite("to-uri"),
    other("to-left-bracket", "REGISTER"),
    invite("to-right-bracket"),
    invite("contact-display-name"),
    other("contact-left-bracket", "REGISTER"),
    other("contact-uri", "REGISTER"),
    invite("contact-right-bracket"),
    other("contact-parameters", "REGISTER"),
    invite("call-id-word"),
    other("call-id-at", "OPTIONS"),
    invite("call-id-host"),
    invite("cseq-number"),
    invite("cseq-method"),
    invite("max-forwards"),
    other("expires", "REGISTER"),
    invite("route"),
    other("event", "SUBSCRIBE"),
    invite("content-type"),
    invite("content-length"),
    invite("headers-crlf"),
    invite("sdp-version"),
    invite("sdp-equals"),
    invite("sdp-origin-user"),
    invite("sdp-origin-session"),
    invite("sdp-origin-network"),
    invite("sdp-origin-address"),
    invite("sdp-session-name"),
    invite("sdp-connection-network"),
    invite("sdp-connection-address"),
    invite("sdp-time-start"),
    invite("sdp-time-stop"),
    invite("sdp-media"),
    invite("sdp-port"),
    invite("sdp-transport"),
    invite("sdp-format"),
    invite("sdp-attribute-name"),
    invite("sdp-attribute-colon"),
    invite("sdp-encoding-name"),
    invite("sdp-clock-rate"),
];

/// The Request-URI of a valid request, for its credentials.
pub fn uri_of(method: &str, domain: &str) -> String {
    match method {
        "REGISTER" => format!("sip:{domain}"),
        _ => format!("sip:bob@{domain}"),
    }
}

/// What stands in an element of a valid request.
pub(super) fn value_of(name: &str, place: &Place) -> Vec<u8> {
    let group = GROUPS.iter().find(|group| group.name == name).map_or("INVITE", |group| group.method);
    elements(place, 0, group)
        .into_iter()
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value.into_bytes())
        .unwrap_or_default()
}

/// The request with one element replaced.
pub(super) fn write(place: &Place, serial: u64, group: &Group, value: &[u8]) -> Vec<u8> {
    let elements = elements(place, serial, group.method);
    let body = elements.iter().position(|(name, _)| *name == BODY).unwrap_or(elements.len());
    let replaced = |(name, text): &(&'static str, String)| {
        if *name == group.name { value.to_vec() } else { text.clone().into_bytes() }
    };
    let body_bytes: Vec<u8> = elements[body..].iter().flat_map(replaced).collect();
    let mut bytes = Vec::new();
    for element in &elements[..body] {
        // What is wrong shall be one thing alone: the length fits whatever body there is.
        if element.0 == "content-length" && group.name != element.0 {
            bytes.extend_from_slice(body_bytes.len().to_string().as_bytes());
        } else {
            bytes.extend(replaced(element));
        }
    }
    bytes.extend(body_bytes);
    bytes
}

/// Marks where the body begins.
const BODY: &str = "body";

fn elements(place: &Place, serial: u64, method: &'static str) -> Vec<(&'static str, String)> {
    let Place { domain, user, local, transport, proves_itself } = place;
    let (host, port) = local.rsplit_once(':').unwrap_or((local, "5060"));
    let uri = uri_of(method, domain);
    let to = if method == "REGISTER" { format!("sip:{user}@{domain}") } else { uri.clone() };
    let fixed = |text: &str| ("", text.to_owned());
    let element = |name: &'static str, text: &str| (name, text.to_owned());
    let mut all = vec![
        element("method", method),
        fixed(" "),
        element("request-uri", &uri),
        fixed(" "),
        element("sip-version", "SIP/2.0"),
        element("request-crlf", "\r\n"),
        fixed("Via: "),
        element("via-version", "SIP/2.0"),
        fixed(&format!("/{transport} ")),
        element("via-host", host),
        element("via-colon", ":"),
        element("via-port", port),
        fixed(";rport;branch="),
        element("via-branch", &format!("z9hG4bKm{serial:x}")),
        fixed("\r\nFrom: "),
        element("from-display-name", "\"A\""),
        fixed(" "),
        element("from-left-bracket", "<"),
        element("from-uri", &format!("sip:{user}@{domain}")),
        element("from-right-bracket", ">"),
        fixed(";tag="),
        element("from-tag", &format!("t{serial:x}")),
        fixed("\r\nTo"),
        element("from-colon", ":"),
        fixed(" "),
        element("to-left-bracket", "<"),
        element("to-uri", &to),
        element("to-right-bracket", ">"),
        fixed("\r\nContact: "),
        element("contact-display-name", "A"),
        fixed(" "),
        element("contact-left-bracket", "<"),
        element("contact-uri", &format!("sip:{user}@{local}")),
        element("contact-right-bracket", ">"),
        element("contact-parameters", ";expires=600;q=0.5"),
        fixed("\r\nCall-ID: "),
        element("call-id-word", &format!("m{serial:x}")),
        element("call-id-at", "@"),
        element("call-id-host", host),
        fixed("\r\nCSeq: "),
        element("cseq-number", "7"),
        fixed(" "),
        element("cseq-method", method),
        fixed("\r\nMax-Forwards: "),
        element("max-forwards", "70"),
        fixed("\r\nExpires: "),
        element("expires", "600"),
    ];
    if method == "SUBSCRIBE" {
        all.extend([fixed("\r\nEvent: "), element("event", "presence")]);
    }
    // A preloaded route to the server itself.
    all.extend([fixed("\r\nRoute: "), element("route", &format!("<sip:{domain};lr>"))]);
    if *proves_itself {
        all.extend([fixed("\r\n"), fixed(CREDENTIALS)]);
    }
    if method != "INVITE" {
        all.extend([fixed("\r\nContent-Length: "), element("content-length", "0"), fixed("\r\n\r\n")]);
        return all;
    }
    all.extend([
        fixed("\r\nContent-Type: "),
        element("content-type", "application/sdp"),
        fixed("\r\nContent-Length: "),
        element("content-length", "0"),
        element("headers-crlf", "\r\n\r\n"),
        element(BODY, ""),
        fixed("v"),
        element("sdp-equals", "="),
        element("sdp-version", "0"),
        fixed("\r\no="),
        element("sdp-origin-user", "a"),
        fixed(" "),
        element("sdp-origin-session", "1"),
        fixed(" 1 "),
        element("sdp-origin-network", "IN"),
        fixed(" IP4 "),
        element("sdp-origin-address", host),
        fixed("\r\ns="),
        element("sdp-session-name", "-"),
        fixed("\r\nc="),
        element("sdp-connection-network", "IN"),
        fixed(" IP4 "),
        element("sdp-connection-address", host),
        fixed("\r\nt="),
        element("sdp-time-start", "0"),
        fixed(" "),
        element("sdp-time-stop", "0"),
        fixed("\r\nm="),
        element("sdp-media", "audio"),
        fixed(" "),
        element("sdp-port", "4000"),
        fixed(" "),
        element("sdp-transport", "RTP/AVP"),
        fixed(" "),
        element("sdp-format", "0"),
        fixed("\r\na="),
        element("sdp-attribute-name", "rtpmap"),
        element("sdp-attribute-colon", ":"),
        fixed("0 "),
        element("sdp-encoding-name", "PCMU"),
        fixed("/"),
        element("sdp-clock-rate", "8000"),
        fixed("\r\n"),
    ]);
    all
}
