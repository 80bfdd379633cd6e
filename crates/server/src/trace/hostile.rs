//! Every way that we know to write a secret so that it might pass unseen onto the disk.

use super::redact::{Bodies, hidden, lines, message};
use super::suspicion::is_clean;

const SECRET: &str = "5ecr37";

/// Messages with the secret in them, each once with every end of lines and at every place.
fn forms() -> Vec<String> {
    let mut inner = Vec::new();
    for name in ["Authorization", "PROXY-AUTHORIZATION", "aUtHoRiZaTiOn"] {
        for colon in [":", " :", "\t: ", ":\r\n ", ": \r\n\t", "\r\n :"] {
            for value in [
                "Digest username=\"a\", response=\"5ecr37\"",
                "Digest response = 5ecr37, nc=1",
                "Digest username=\"a\\\", response=\"5ecr37\"",
                "Digest\r\n cnonce\r\n =\r\n \"5ecr37\"",
                "digest RESPONSE=\"\\\"5ecr37\", x=1",
                "Digest uri=\"sip:a:5ecr37@d\", response=5ecr37",
                "Basic 5ecr37",
                "\r\n Bearer 5ecr37",
                "5ecr37",
                "Token token=\"5ecr37\"",
            ] {
                inner.push(format!("{name}{colon}{value}"));
            }
        }
    }
    for value in ["nextnonce=\"n\", rspauth=\"5ecr37\"", "rspauth\r\n = 5ecr37", "CNONCE=\"5ecr37\""] {
        inner.push(format!("Authentication-Info: {value}"));
        inner.push(format!("proxy-authentication-info : {value}"));
    }
    for userinfo in
        ["b:5ecr37", "b:x5ecr37;y", "b:5,ecr,37,5ecr37?", "b:x@5ecr37", "b;x=1,2?:5ecr37", "b: 5ecr37 "]
    {
        for scheme in ["sip:", "SIPS:", "http://", "https://"] {
            inner.push(format!("To: \"5:@\" <{scheme}{userinfo}@h;x>;tag=1"));
            inner.push(format!("Contact: <sip:a@h>,\r\n <{scheme}{userinfo}@h>"));
        }
    }
    for userinfo in ["b:5ecr37", "b:x5ecr37;y", "b:x@5ecr37"] {
        inner.push(format!("m:sip:{userinfo}@h"));
        inner.push(format!("Refer-To: sip:{userinfo}@h;method=INVITE, sip:z@h"));
    }
    inner.push("From: <sip:a:\r\n 5ecr37@h>;tag=1".to_owned());
    inner.push("Refer-To: <sip:b@h?Proxy-Authorization=Digest%20x%3D5ecr37&Replaces=a>".to_owned());
    inner.push("Refer-To: <sip:b@h?AUTHORIZATION=5ecr37>".to_owned());
    for name in ["pn-prid", "PN-PRID", "Pn-Purr", "pn-tok", "PN-Tok", "pn-param", "Pn-PARAM"] {
        inner.push(format!("Contact: <sip:a@h;pn-provider=x;{name}=5ecr37;pn-x=y>;expires=60"));
        inner.push(format!("m: sip:a@h;{name}=5ecr37"));
    }
    for line in [
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:5ecr37|2^20|1:32",
        "A=CRYPTO:1 X INLINE:5ecr37",
        "a=crypto:1 X other:5ecr37",
        "a=ice-pwd:5ecr37",
        "a=ICE-PWD:5ecr37",
        " a=ice-pwd:5ecr37",
        "a=key-mgmt:mikey 5ecr37",
        "k=clear:5ecr37",
        "K=base64:5ecr37",
        "Ice-Servers: [{\"credential\":\"5ecr37\"}]",
        "ice-servers :\r\n 5ecr37",
        "Cookie: session=5ecr37",
        "set-cookie: a=b; c=5ecr37",
        "X-Api-Key: 5ecr37",
    ] {
        inner.push(line.to_owned());
    }
    let mut forms = Vec::new();
    for line in inner {
        for end in ["\r\n", "\n", "\r"] {
            let line = line.replace("\r\n", end);
            for (before, after) in [
                ("INVITE sip:b@d SIP/2.0|Call-ID: c|", "|To: <sip:b@d>||"),
                ("||SIP/2.0 200 OK|", "||body"),
                ("NOTIFY sip:b@d SIP/2.0|Call-ID: c||v=0|", "|s=-|"),
                ("NOTIFY sip:b@d SIP/2.0||INVITE sip:c@d SIP/2.0|", "||"),
                ("", "||"),
                ("GET / HTTP/1.1|", ""),
            ] {
                forms.push(format!("{}{line}{}", before.replace('|', end), after.replace('|', end)));
            }
        }
    }
    forms.extend(texts());
    forms
}

/// What people write, and links for one phone.
fn texts() -> Vec<String> {
    let heads = [
        "MESSAGE sip:b@d SIP/2.0\r\n",
        "\r\n\r\nmessage sip:b@d SIP/2.0\n",
        "INFO sip:b@d SIP/2.0\r\nContent-Type: application/dtmf-relay\r\n",
        "SIP/2.0 200 OK\r\nCSeq: 1 MESSAGE\r\n",
        "SIP/2.0 200 OK\r\ncseq :\r\n 1\r\n Info \r\n",
        "NOTIFY sip:b@d SIP/2.0\r\nContent-Type: application/url\r\n",
        "NOTIFY sip:b@d SIP/2.0\r\nc:text/plain\r\n",
        "NOTIFY sip:b@d SIP/2.0\r\nc :\r\n TEXT/plain\r\n",
        "PUBLISH sip:b@d SIP/2.0\r\nCONTENT-TYPE:message/cpim\r\n",
    ];
    heads
        .iter()
        .flat_map(|head| [format!("{head}\r\n5ecr37"), format!("{head}\n\n\r\n5ecr37\r\n\r\n5ecr37")])
        .collect()
}

#[test]
fn no_form_of_a_secret_that_we_know_passes() {
    let forms = forms();
    assert!(forms.len() > 1_000, "{}", forms.len());
    for form in &forms {
        assert!(form.contains(SECRET));
        let kept = message(form.as_bytes(), Bodies::Hidden);
        assert!(
            !String::from_utf8_lossy(&kept).contains(SECRET),
            "{form:?}\nbecame\n{:?}",
            String::from_utf8_lossy(&kept)
        );
        assert!(!lines(form.as_bytes(), Bodies::Hidden).concat().contains(SECRET), "{form:?}");
    }
}

/// The quick look passes nothing that would be changed: each of these forms, and each with any piece left out.
#[test]
fn what_is_clean_at_a_quick_look_is_clean() {
    for form in forms().iter().step_by(3) {
        for cut in (0..form.len()).step_by(7).filter(|cut| form.is_char_boundary(*cut)) {
            for part in [&form[cut..], &form[..cut]] {
                let changed = matches!(hidden(part.as_bytes(), Bodies::Hidden), std::borrow::Cow::Owned(_));
                assert!(!(changed && is_clean(part.as_bytes())), "{part:?}");
            }
        }
    }
}

/// What the quick look says of a conversation is what a whole look says; it looks at the clean ones alone.
#[test]
fn whose_a_clean_message_is_is_seen_at_the_quick_look() {
    let mut clean = 0;
    let headers = [
        "From: a",
        "f:b",
        "To : c",
        "t: d",
        "Call-ID: e",
        "i:f",
        "Session-ID: g",
        "Subject: h",
        "From: z",
        "",
        "Call-ID: body",
    ];
    for first in 0..headers.len() {
        for second in 0..headers.len() {
            for end in ["\r\n", "\n"] {
                let lines = [
                    "",
                    "OPTIONS sip:d SIP/2.0",
                    headers[first],
                    headers[second],
                    "Call-ID: last",
                    "",
                    "To: body",
                ];
                let message = lines.join(end);
                let Some(glance) = super::suspicion::look(message.as_bytes()) else { continue };
                assert_eq!(glance, super::shelf::keys::Glance::of(message.as_bytes()), "{message:?}");
                clean += 1;
            }
        }
    }
    assert!(clean > 200, "{clean}");
}

/// What is no secret stays byte for byte, without a copy.
#[test]
fn a_message_without_a_secret_is_as_it_was() {
    for plain in [
        "INVITE sip:bob@example.org;user=phone SIP/2.0\r\nVia: SIP/2.0/UDP [2001:db8::1]:5060;branch=z9hG4bK-a\r\n\
         From: \"A: x\" <sip:alice@example.org:5060>;tag=1\r\nTo: <sip:bob@example.org>\r\nCall-ID: a@192.0.2.1:5060\r\n\
         WWW-Authenticate: Digest realm=\"d\", nonce=\"n\"\r\nContent-Length: 30\r\n\r\nv=0\r\na=fingerprint:sha-256 AA:BB\r\n",
        "REGISTER sip:d SIP/2.0\r\nContact: <sip:a@h;pn-provider=x>;+sip.instance=\"<urn:uuid:1>\"\r\nSubject: a\r\n b\r\n\r\n",
        "",
        "\r\n\r\n",
    ] {
        let kept = message(plain.as_bytes(), Bodies::Hidden);
        assert!(matches!(kept, std::borrow::Cow::Borrowed(_)), "{}", String::from_utf8_lossy(&kept));
        assert_eq!(&*kept, plain.as_bytes());
    }
}
