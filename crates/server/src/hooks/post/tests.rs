//! Against real sockets: what a place may answer, and where nobody is asked.

use super::*;
use coeur_sip::network::{Network, is_inside};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream as StdStream};
use std::sync::mpsc;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(10);

fn post_to(inside: &[&str]) -> Post {
    let inside: Vec<Network> = inside.iter().map(|network| network.parse().unwrap()).collect();
    Post::new(rustls::RootCertStore::empty(), Reach { inside }).unwrap()
}

/// Takes one connection after another, and does this with each once a head was read.
fn receiver(serve: impl Fn(&mut StdStream, String) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            let mut bytes = [0; 4_096];
            // What does not begin as a POST does is no HTTP, and has no end that this would know.
            while !head.windows(4).any(|end| end == b"\r\n\r\n")
                && head.first().is_none_or(|byte| *byte == b'P')
            {
                match stream.read(&mut bytes) {
                    Ok(0) | Err(_) => break,
                    Ok(length) => head.extend_from_slice(&bytes[..length]),
                }
            }
            serve(&mut stream, String::from_utf8_lossy(&head).into_owned());
        }
    });
    address
}

fn send(post: &Post, url: String) -> Sent {
    let outgoing = Outgoing { url, headers: vec![("webhook-id", "e-1".into())], body: "{}".into() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(SOON, post.send(outgoing)).await.expect("in time") })
}

#[test]
fn what_a_place_answers_is_told_a_redirection_is_not_followed_and_a_huge_answer_not_read() {
    let (heads, seen) = mpsc::channel();
    let place = receiver(move |stream, head| {
        let answer: Vec<u8> = match () {
            () if head.contains("/ok") => b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
            () if head.contains("/busy") => {
                b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nwait".to_vec()
            }
            () if head.contains("/moved") => {
                b"HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n".to_vec()
            }
            () if head.contains("/huge_head") => {
                [b"HTTP/1.1 200 OK\r\nX: ", vec![b'x'; 1 << 20].as_slice(), b"\r\n\r\n"].concat()
            }
            () if head.contains("/huge") => {
                [b"HTTP/1.1 500 No\r\nContent-Length: 99999999\r\n\r\n", vec![b'x'; 1 << 20].as_slice()]
                    .concat()
            }
            () => Vec::new(),
        };
        heads.send(head).unwrap();
        // Who reads no more has heard enough.
        let _ = stream.write_all(&answer);
    });
    let post = post_to(&["127.0.0.0/8"]);
    let said = |path: &str| send(&post, format!("http://{place}{path}"));
    let answered =
        |status, retry_after_s, text: &str| Sent::Answered { status, retry_after_s, text: text.into() };
    assert_eq!(said("/ok?a=b"), answered(204, None, ""));
    let head = seen.try_recv().unwrap();
    assert!(head.starts_with("POST /ok?a=b HTTP/1.1\r\n") && head.contains("webhook-id: e-1\r\n"), "{head}");
    assert!(head.to_ascii_lowercase().contains(&format!("host: {place}\r\n")), "{head}");
    assert_eq!(said("/busy"), answered(503, Some(7), "wait"));
    assert_eq!(said("/moved"), answered(302, None, ""));
    assert_eq!(said("/huge"), answered(500, None, ""));
    assert!(matches!(said("/huge_head"), Sent::Failed(_)));
    assert!(matches!(said("/closes"), Sent::Failed(_)));
    assert_eq!(seen.try_iter().count(), 5, "nobody followed");
}

/// Spellings of addresses that are not for others (A22): of this machine, of its network, of the clouds, and in the clothes of
/// IPv6. Each is asked for as a name is, by the resolver of this machine, since that is what a place's address goes through.
const SPELLINGS: [&str; 60] = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "0177.0.0.1",
    "0x7f.0.0.1",
    "0x7f000001",
    "2130706433",
    "017700000001",
    "127.255.255.254",
    "localhost",
    "LOCALHOST",
    "0.0.0.0",
    "0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "0xa.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "192.168.257",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "169.254.169.254",
    "169.254.43518",
    "0xa9fea9fe",
    "2852039166",
    "0251.0376.0251.0376",
    "168.63.129.16",
    "192.0.0.192",
    "192.88.99.1",
    "198.18.0.1",
    "198.19.255.255",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "[::]",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:10.0.0.1]",
    "[::ffff:169.254.169.254]",
    "[::ffff:0:127.0.0.1]",
    "[::127.0.0.1]",
    "[::7f00:1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::127.0.0.1]",
    "[2002:7f00:1::]",
    "[2002:a9fe:a9fe::1]",
    "[2001:0:7f00:1::]",
    "[fe80::1]",
    "[fec0::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[ff02::1]",
    "[fe80::5efe:127.0.0.1]",
];

#[test]
fn none_of_sixty_spellings_of_an_address_inside_is_ever_asked() {
    // A canary: whoever comes is counted.
    let (count, came) = mpsc::channel();
    let canary = receiver(move |_, head| count.send(head).unwrap());
    let post = post_to(&[]);
    for spelling in SPELLINGS {
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://{spelling}:{}/", canary.port());
            let sent = send(&post, url.clone());
            assert!(matches!(sent, Sent::Failed(_)), "{url}: {sent:?}");
        }
        let bare = spelling.trim_matches(['[', ']']);
        if let Ok(ip) = bare.parse::<IpAddr>() {
            assert!(is_inside(ip.to_canonical()), "{spelling}");
            assert!(post.objection(&format!("https://{spelling}/")).is_some(), "{spelling}");
        }
    }
    assert!(came.try_recv().is_err(), "the canary was asked");
    assert!(!post_to(&[]).reach.allows(Trust::Stranger, canary.ip(), &[]));
}

#[test]
fn a_name_or_number_of_this_machine_is_refused_when_the_webhook_is_made() {
    let post = post_to(&[]);
    for host in [
        "localhost",
        "LOCALHOST.",
        "a.localhost",
        "127.1",
        "0x7f000001",
        "2130706433",
        "0177.0.0.1",
        "127.0.0.1.",
    ] {
        assert!(post.objection(&format!("https://{host}/hook")).is_some(), "{host}");
    }
    let why = post.objection("https://0x7f.1/").unwrap();
    assert!(why.contains("write 127.0.0.1"), "{why}");
    for host in ["example.org", "1.example.org", "10.example", "0xcafe.example.org", "203.0.114.9"] {
        assert_eq!(post.objection(&format!("https://{host}/hook")), None, "{host}");
    }
    let post = post_to(&["127.0.0.1"]);
    assert_eq!(post.objection("https://localhost:8443/hook"), None, "its network is listed");
}

#[test]
fn without_tls_only_a_listed_network_is_told_and_a_certificate_that_nobody_vouches_for_is_none() {
    let place = receiver(|stream, _| drop(stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n")));
    for (inside, is_told) in [(&["127.0.0.1"][..], true), (&["127.0.0.2", "10.0.0.0/8"], false), (&[], false)]
    {
        let post = post_to(inside);
        let sent = send(&post, format!("http://{place}/"));
        assert_eq!(matches!(sent, Sent::Answered { .. }), is_told, "{inside:?}: {sent:?}");
        assert_eq!(post.objection(&format!("http://{place}/")).is_none(), is_told, "{inside:?}");
    }
    // It speaks no TLS at all, which is told as such.
    let sent = send(&post_to(&["127.0.0.0/8"]), format!("https://{place}/"));
    assert!(matches!(sent, Sent::Failed(_)), "{sent:?}");
}

#[test]
fn the_address_of_this_machine_is_not_for_others_though_it_may_be_outside() {
    let post = post_to(&[]);
    let outside: IpAddr = "203.0.114.9".parse().unwrap();
    assert!(post.reach.allows(Trust::Stranger, outside, &[]));
    assert!(!post.reach.allows(Trust::Stranger, outside, &[outside]));
}
