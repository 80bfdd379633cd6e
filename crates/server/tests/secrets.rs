//! A run that meets every kind of secret (threat T-12): none of them is in the log at its most talkative, in a trace, in
//! the metrics, in what the command line prints or on the disk, and above DEBUG the log names nobody.

mod process;

use coeur_directory::Ha1Set;
use process::{Folder, Server, command, eventually, free_port, http_get, phone};
use std::io::Write;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::process::Stdio;

/// What must be nowhere.
struct Canaries(Vec<Vec<u8>>);

impl Canaries {
    fn sing(&mut self, secret: &str) -> String {
        self.0.push(secret.as_bytes().to_vec());
        secret.to_owned()
    }

    /// The password, and its HA1 values in binary and both ways of writing them.
    fn of_account(&mut self, user: &str, secret: &str) {
        self.sing(secret);
        let set = Ha1Set::of_secret(user, "example.test", secret);
        let (md5, sha512) = (set.md5.as_ref().unwrap(), set.sha512_256.as_ref().unwrap());
        for ha1 in [&md5.expose()[..], set.sha256.expose(), sha512.expose()] {
            self.0.push(ha1.to_vec());
            let hex: String = ha1.iter().map(|byte| format!("{byte:02x}")).collect();
            self.0.push(hex.to_ascii_uppercase().into_bytes());
            self.0.push(hex.into_bytes());
        }
    }

    fn assert_none_in(&self, what: &str, bytes: &[u8]) {
        for canary in &self.0 {
            let found = memchr::memmem::find(bytes, canary);
            let at = found.map(|at| String::from_utf8_lossy(&bytes[at.saturating_sub(80)..at]).into_owned());
            assert_eq!(at, None, "{what} tells {}", String::from_utf8_lossy(canary));
        }
    }
}

/// Requests that nobody answers for: they are traced, logged and refused all the same.
fn requests(canaries: &mut Canaries) -> Vec<String> {
    let request = |method: &str, headers: &str, body: &str| {
        format!(
            "{method} sip:bob:{} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.9:5060;branch=z9hG4bK{method};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:canaryuser@example.test>;tag=1\r\nTo: <sip:canaryuser@example.test>\r\nCall-ID: {method}-1\r\n\
             CSeq: 1 {method}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            "UriCanary1@example.test",
            body.len(),
        )
    };
    canaries.sing("UriCanary1");
    let digest = format!(
        "Authorization: Digest username=\"canaryuser\", realm=\"example.test\", nonce=\"x\", uri=\"sip:example.test\",\r\n \
         response=\"{}\", cnonce=\"{}\", nc=00000001, qop=auth, algorithm=MD5\r\n",
        canaries.sing("ResponseCanary2"),
        canaries.sing("CnonceCanary3"),
    );
    let bearer = format!("Proxy-Authorization: Bearer {}\r\n", canaries.sing("TokenCanary4"));
    let basic = format!("Authorization: Basic\r\n {}\r\n", canaries.sing("QmFzaWNDYW5hcnk1"));
    let turn = format!("Ice-Servers: [{{\"credential\":\"{}\"}}]\r\n", canaries.sing("TurnCanary15"));
    let keys = format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.9\r\ns=-\r\nc=IN IP4 127.0.0.9\r\nt=0 0\r\nk=clear:{}\r\nm=audio 4000 RTP/SAVP 0\r\n\
         a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{}\r\na=ice-pwd:{}\r\na=key-mgmt:mikey {}\r\n",
        canaries.sing("ClearCanary6"),
        canaries.sing("SdesCanary7"),
        canaries.sing("IceCanary8"),
        canaries.sing("MikeyCanary9"),
    );
    let text = format!("meet me {}", canaries.sing("TextCanary10"));
    let digits = format!("Signal={}", canaries.sing("DtmfCanary11"));
    let sdp = "Content-Type: application/sdp\r\n";
    vec![
        request("REGISTER", &digest, ""),
        request("SUBSCRIBE", &bearer, ""),
        request("PUBLISH", &(basic + &turn), ""),
        request("INVITE", sdp, &keys),
        request("MESSAGE", "Content-Type: text/plain\r\n", &text),
        request("INFO", "Content-Type: application/dtmf-relay\r\n", &digits),
        // Malformed, with a secret in what does not parse.
        format!("REGISTER sip:x SIP/2.0\r\n{bearer}Via: ,\r\n\r\n"),
    ]
}

fn coeur_with_input(folder: &Folder, arguments: &[&str], input: &str) -> Vec<u8> {
    let mut child = command(&folder.0)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    [output.stdout, output.stderr].concat()
}

fn files(folder: &Path, each: &mut dyn FnMut(&Path, &[u8])) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => files(&entry.path(), each),
            kind if kind.is_file() => each(&entry.path(), &std::fs::read(entry.path()).unwrap()),
            _ => {}
        }
    }
}

#[test]
fn no_secret_is_logged_traced_measured_printed_or_stored_and_above_debug_nobody_is_named() {
    let folder = Folder::new("canaries");
    let (port, http) = (free_port(), free_port());
    let (udp, tcp) = (format!("udp://127.0.0.1:{port}"), format!("tcp://127.0.0.1:{port}"));
    let page = format!("127.0.0.1:{http}");
    // In capitals it is a filter of its own: everything that every library has to say.
    let arguments =
        ["--domain", "example.test", "--listen", &udp, "--listen", &tcp, "--http", &page, "--log", "TRACE"];
    let (server, printed) = Server::start(&folder, &arguments, "ready");
    let mut canaries = Canaries(Vec::new());
    let mut said = Vec::new();

    for (user, secret) in [("canaryuser", "PasswordCanary12"), ("canarysecond", "PasswordCanary13")] {
        canaries.of_account(user, secret);
        let add = ["account", "add", user, "--secret-stdin", "--display-name", "Canary Person"];
        said.extend(coeur_with_input(&folder, &add, &format!("{secret}\n")));
    }
    let mut rows = "account,secret\n".to_owned();
    for number in 0..20 {
        let (user, secret) = (format!("canary{number}"), format!("ImportCanary{number}x"));
        canaries.of_account(&user, &secret);
        rows.push_str(&format!("{user}@example.test,{secret}\n"));
    }
    said.extend(coeur_with_input(&folder, &["account", "import", "-"], &rows));
    let account = serde_json::json!({"account": "canaryuser@example.test", "secret": "PasswordCanary12"});
    let mut alice = phone(&account, port);
    alice.register(600).unwrap();
    let wrong = serde_json::json!({"account": "canaryuser@example.test", "secret": "WrongCanary14"});
    canaries.of_account("canaryuser", "WrongCanary14");
    assert!(phone(&wrong, port).register(600).is_err());

    let socket = UdpSocket::bind("127.0.0.9:0").unwrap();
    for request in requests(&mut canaries) {
        socket.send_to(request.as_bytes(), ("127.0.0.1", port)).unwrap();
        let server: SocketAddr = ([127, 0, 0, 1], port).into();
        let mut stream = TcpStream::connect(server).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
    }
    assert!(eventually(|| {
        let traced = folder.coeur(&["trace", "INFO-1", "--full"]);
        String::from_utf8_lossy(&traced.stdout).contains("bytes of text hidden")
    }));
    for arguments in [
        &["trace", "--full", "--last", "1000"][..],
        &["trace", "--full", "--last", "1000", "--json"],
        &["account", "show", "canaryuser", "--json"],
        &["account", "list", "--json"],
        &["device", "list", "canaryuser", "--json"],
        &["registrations", "--json"],
    ] {
        let output = folder.coeur(arguments);
        assert!(output.status.success(), "{output:?}");
        said.extend(output.stdout);
        said.extend(output.stderr);
    }
    // It was all there to be told.
    let told = String::from_utf8_lossy(&said);
    for sign in
        ["response=***", "cnonce=***", "Authorization: ***", "inline:***", "bytes of text hidden", "bob:***@"]
    {
        assert!(told.contains(sign), "{sign} is missing: the run has not met it");
    }
    let metrics = http_get(http, "/metrics").1;
    let log = server.last_words();
    assert!(
        log.contains("TRACE") && log.contains("canaryuser@example.test"),
        "the log is as talkative as can be"
    );

    canaries.assert_none_in("what the command line prints", &said);
    canaries.assert_none_in("what the server prints", printed.as_bytes());
    canaries.assert_none_in("the log", log.as_bytes());
    canaries.assert_none_in("the page of metrics", metrics.as_bytes());
    let mut seen = 0;
    files(&folder.0, &mut |path, bytes| {
        seen += 1;
        canaries.assert_none_in(&path.display().to_string(), bytes);
    });
    assert!(seen >= 3, "records, journal and keys were looked at");

    let loud = ["ERROR", "WARN", "INFO"];
    let persons = ["canary", "Canary", "127.0.0.9"];
    for line in log.lines().filter(|line| loud.iter().any(|level| line.contains(&format!(" {level} ")))) {
        // The address of whoever was refused, and never whom he meant.
        let line = match line.contains(" refused: ") {
            true => line.replacen("source=127.0.0.9", "", 1),
            false => line.to_owned(),
        };
        assert!(!persons.iter().any(|person| line.contains(person)), "somebody is named above DEBUG: {line}");
    }
    assert!(!persons.iter().any(|person| metrics.contains(person)), "{metrics}");
}
