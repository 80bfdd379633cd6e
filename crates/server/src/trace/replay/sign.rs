//! Answers to challenges, made again: those of then are hidden in the trace, and were for nonces of then.

use super::compare::quoted;
use super::text::{Kind, Text};
use coeur_directory::{Account, Directory};
use coeur_sip::digest::{Algorithm, Credentials, Ha1, Session, challenges, write_response};

/// Headers with credentials.
pub const NAMES: [&str; 2] = ["authorization", "proxy-authorization"];

/// The nonces that this request answers.
pub fn nonces(request: &Text) -> Vec<String> {
    let values = NAMES.iter().flat_map(|name| request.all(name));
    values.filter_map(|value| quoted(value, "nonce")).map(str::to_owned).collect()
}

/// Each answer that was hidden is made for the nonce that `now` gives for the one of then. One that was wrong then is wrong
/// again.
pub fn sign(
    request: &mut Text,
    directory: &Directory,
    was_right: bool,
    now: impl Fn(&str) -> Option<String>,
) {
    let Some(Kind::Request { method }) = request.kind() else { return };
    let body = request.write();
    let body = body.windows(4).position(|window| window == b"\r\n\r\n").map_or(&[][..], |at| &body[at + 4..]);
    for header in request.headers.iter_mut().filter(|header| NAMES.contains(&&*header.name)) {
        let Some(then) = quoted(&header.value, "nonce") else { continue };
        let nonce = now(then).unwrap_or_else(|| then.to_owned());
        let value = header.value.replace(&format!("nonce=\"{then}\""), &format!("nonce=\"{nonce}\""));
        let value = value.replace("cnonce=***", "cnonce=\"of-a-replay\"");
        header.value = answered(&value, directory, &method, body, was_right);
    }
}

/// By its parameter: a nonce may have any letters.
fn is_sha(value: &str) -> bool {
    let parameters = value.split(',').map(|part| part.trim().to_ascii_uppercase());
    parameters.into_iter().any(|part| part.starts_with("ALGORITHM=") && part.contains("SHA"))
}

fn answered(value: &str, directory: &Directory, method: &str, body: &[u8], was_right: bool) -> String {
    let with = |response: &str| value.replace("response=***", &format!("response=\"{response}\""));
    // As long as one of this algorithm is.
    let zeros = "0".repeat(if is_sha(value) { 64 } else { 32 });
    let unsigned = with(&zeros);
    let Ok(credentials) = Credentials::parse(unsigned.as_bytes()) else { return unsigned };
    let user = credentials.username.unescaped();
    let user = user.split(|byte| *byte == b'@').next().unwrap_or_default();
    let account = directory.account(user, &credentials.realm.unescaped());
    let Some(ha1) = account.filter(|_| was_right).and_then(|account| ha1(&account, credentials.algorithm))
    else {
        return unsigned;
    };
    let mut response = Vec::new();
    write_response(&ha1, &credentials, method.as_bytes(), body, &mut response);
    with(&String::from_utf8_lossy(&response))
}

/// The value that answers the challenges of a refusal, as the user of this name would.
pub fn answer(refusal: &Text, directory: &Directory, user: &str, method: &str, uri: &str) -> Option<String> {
    let asked = refusal.all("www-authenticate").chain(refusal.all("proxy-authenticate"));
    let offered = asked.flat_map(|value| challenges(value.as_bytes())).filter_map(Result::ok);
    let (challenge, ha1) = offered.into_iter().find_map(|challenge| {
        let account = directory.account(user.as_bytes(), &challenge.realm.unescaped())?;
        let ha1 = ha1(&account, challenge.algorithm)?;
        Some((challenge, ha1))
    })?;
    let mut value = Vec::new();
    let mut session = Session::new(&challenge);
    let cnonce = *b"of-a-replay-only";
    session.write_credentials(
        user.as_bytes(),
        &ha1,
        method.as_bytes(),
        uri.as_bytes(),
        b"",
        cnonce,
        &mut value,
    );
    String::from_utf8(value).ok()
}

/// Of the first device that has one: which of several it was, no trace says.
fn ha1(account: &Account, algorithm: Algorithm) -> Option<Ha1> {
    account.devices.iter().find_map(|device| {
        let set = &device.ha1;
        let bytes: &[u8] = match algorithm {
            Algorithm::Md5 => set.md5.as_ref()?.expose(),
            Algorithm::Sha256 => set.sha256.expose(),
            Algorithm::Sha512_256 => set.sha512_256.as_ref()?.expose(),
        };
        Ha1::from_bytes(algorithm, bytes)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use coeur_directory::{AccountId, AlgorithmPolicy, Aor, Change, Device, DeviceId, Domain, Ha1Set};
    use coeur_sip::digest::verify;

    fn house() -> Directory {
        let directory = Directory::new();
        directory.apply(&Change::DomainAdded(Domain::new("d"))).unwrap();
        let mut account = Account::new(AccountId(1), Aor::parse("alice@d").unwrap());
        let ha1 = Ha1Set::of_secret("alice", "d", "s3cr3t");
        account.devices = Box::new([Device::new(DeviceId(1), "phone", ha1, AlgorithmPolicy::Auto, 0)]);
        directory.apply(&Change::AccountAdded(Box::new(account))).unwrap();
        directory
    }

    fn request(user: &str) -> Text {
        let text = format!(
            "REGISTER sip:d SIP/2.0\nCSeq: 2 REGISTER\nAuthorization: Digest username=\"{user}\", realm=\"d\", nonce=\"then\", \
             uri=\"sip:d\", response=***, algorithm=MD5, cnonce=***, qop=auth, nc=00000003"
        );
        Text::read(&text).unwrap()
    }

    #[test]
    fn an_algorithm_is_its_parameter_and_no_part_of_a_nonce() {
        assert!(is_sha("Digest nonce=\"x\", algorithm=SHA-256, qop=auth"));
        assert!(is_sha("Digest nonce=\"x\",algorithm=\"SHA-512-256\""));
        assert!(!is_sha("Digest nonce=\"FASHAz\", algorithm=MD5") && !is_sha("Digest nonce=\"SHA\""));
    }

    fn is_right(request: &Text) -> bool {
        let value = request.value("authorization").unwrap().to_owned();
        let credentials = Credentials::parse(value.as_bytes()).unwrap();
        assert!(value.contains("nonce=\"now\"") && value.contains("nc=00000003"), "{value}");
        let ha1 = Ha1::new(Algorithm::Md5, b"alice", b"d", b"s3cr3t");
        verify(&ha1, &credentials, b"REGISTER", b"")
    }

    #[test]
    fn what_was_right_is_right_for_the_nonce_of_now_and_what_was_wrong_is_wrong() {
        let directory = house();
        let now = |then: &str| (then == "then").then(|| "now".to_owned());
        let mut right = request("alice");
        assert_eq!(nonces(&right), ["then"]);
        sign(&mut right, &directory, true, now);
        assert!(is_right(&right));
        let mut wrong = request("alice");
        sign(&mut wrong, &directory, false, now);
        assert!(!is_right(&wrong));
        // Whom nobody knows is answered with nothing that could be right.
        let mut stranger = request("mallory");
        sign(&mut stranger, &directory, true, now);
        assert!(!is_right(&stranger));
    }
}
