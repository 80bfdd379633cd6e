//! A phone on a real socket that asks everybody.

use super::*;
use std::net::UdpSocket as Std;

const LOOPBACK: Ipv4Addr = Ipv4Addr::LOCALHOST;

struct Network {
    strangers: Arc<Strangers>,
    phone: Std,
    group: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

impl Network {
    fn new() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let port = Std::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let strangers = Arc::new(Strangers::default());
        let sockets = {
            let _inside = runtime.enter();
            Sockets::open_at(LOOPBACK, port).unwrap()
        };
        runtime.spawn(sockets.serve(strangers.clone()));
        Self { strangers, phone: phone(LOOPBACK), group: (GROUP, port).into(), _runtime: runtime }
    }

    fn ask(&self, phone: &Std, mac: &str) {
        let own = phone.local_addr().unwrap();
        let text = format!(
            "SUBSCRIBE sip:MAC%3a{mac}@224.0.1.75 SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{mac};rport\r\n\
             Max-Forwards: 20\r\nFrom: <sip:MAC%3a{mac}@224.0.1.75>;tag=f\r\nTo: <sip:MAC%3a{mac}@224.0.1.75>\r\n\
             Call-ID: {mac}@{own}\r\nCSeq: 1 SUBSCRIBE\r\nContact: <sip:{own}>\r\nExpires: 0\r\nAccept: application/url\r\n\
             Event: ua-profile;profile-type=\"device\";vendor=\"snom\";model=\"snomD785\";version=\"10.1.33.33\"\r\n\
             Content-Length: 0\r\n\r\n"
        );
        phone.send_to(text.as_bytes(), self.group).unwrap();
    }

    /// Until somebody is listed.
    fn listed(&self) -> Vec<coeur_api::provision::StrangerView> {
        for _ in 0..200 {
            let views = self.strangers.views(unix_time_ms());
            if !views.is_empty() {
                return views;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("nobody is listed");
    }
}

fn phone(address: Ipv4Addr) -> Std {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
    socket.set_multicast_if_v4(&LOOPBACK).unwrap();
    socket.set_multicast_loop_v4(true).unwrap();
    socket.bind(&SocketAddr::from((address, 0)).into()).unwrap();
    let phone: Std = socket.into();
    phone.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    phone
}

fn heard(phone: &Std) -> Option<String> {
    let mut buffer = [0; 2_048];
    let length = phone.recv(&mut buffer).ok()?;
    Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
}

/// RFC 6080 sections 4.3 and 5.3.
#[test]
fn a_phone_is_listed_hears_nothing_until_it_is_claimed_and_then_where_its_settings_are() {
    let network = Network::new();
    network.ask(&network.phone, "000413922D24");
    let listed = network.listed();
    let seen = (listed[0].mac.as_str(), listed[0].vendor.as_str(), listed[0].model.as_str());
    assert_eq!(seen, ("00:04:13:92:2d:24", "snom", "snomD785"));
    assert!(listed[0].can_be_told);
    assert!(!network.strangers.claim("000413000001", "https://no", unix_time_ms()));
    assert!(network.strangers.claim("000413922d24", "https://sip.example.org/p/T/snom.xml", unix_time_ms()));
    // What it hears first is the answer to its second question: the first drew none.
    network.ask(&network.phone, "000413922D24");
    let accepted = heard(&network.phone).unwrap();
    assert!(accepted.starts_with("SIP/2.0 200 ") && accepted.contains("\r\nExpires: 0\r\n"), "{accepted}");
    let notify = heard(&network.phone).unwrap();
    let own = network.phone.local_addr().unwrap();
    assert!(notify.starts_with(&format!("NOTIFY sip:{own} SIP/2.0\r\n")), "{notify}");
    for part in [
        "Content-Type: application/url\r\n",
        "Subscription-State: terminated;reason=timeout\r\n",
        "Event: ua-profile;profile-type=\"device\"",
        "To: <sip:MAC%3a000413922D24@224.0.1.75>;tag=f\r\n",
        "\r\n\r\nhttps://sip.example.org/p/T/snom.xml",
    ] {
        assert!(notify.contains(part), "{part}: {notify}");
    }
    assert_eq!(heard(&network.phone), Some(notify), "it is said again until it is answered");
}

#[test]
fn a_claimed_phone_is_told_where_it_was_seen_and_nowhere_else() {
    let network = Network::new();
    network.ask(&network.phone, "000413922D24");
    network.listed();
    assert!(network.strangers.claim("000413922d24", "https://secret", unix_time_ms()));
    let elsewhere = phone(Ipv4Addr::new(127, 0, 0, 2));
    network.ask(&elsewhere, "000413922D24");
    network.ask(&network.phone, "000413922D24");
    assert!(heard(&network.phone).is_some_and(|heard| heard.starts_with("SIP/2.0 200 ")));
    elsewhere.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert_eq!(heard(&elsewhere), None, "it asked first, and hears nothing");
}

#[test]
fn what_is_no_such_question_is_not_heard_and_many_push_nobody_out() {
    let from: SocketAddr = "127.0.0.1:5060".parse().unwrap();
    let text = |event: &str, method: &str, mac: &str| {
        format!(
            "{method} sip:MAC%3a{mac}@224.0.1.75 SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=f\r\n\
             To: <sip:a@b>\r\nCall-ID: c\r\nCSeq: 1 {method}\r\nContact: <sip:a@b>\r\nEvent: {event}\r\nContent-Length: 0\r\n\r\n"
        )
    };
    for (event, method, mac) in [
        ("presence", "SUBSCRIBE", "000413922D24"),
        ("ua-profile;profile-type=user", "SUBSCRIBE", "000413922D24"),
        ("ua-profile", "NOTIFY", "000413922D24"),
        ("ua-profile", "SUBSCRIBE", "nobody"),
    ] {
        assert!(words::read(text(event, method, mac).as_bytes(), from).is_none(), "{event} {method} {mac}");
    }
    let strangers = Strangers::default();
    for at in 0..1_000u32 {
        let text = text("ua-profile", "SUBSCRIBE", &format!("00041300{at:04x}"));
        assert!(strangers.ask(words::read(text.as_bytes(), from).unwrap(), 1).is_none());
    }
    assert_eq!(strangers.views(2).len(), 256);
    assert_eq!(strangers.views(2)[0].mac, "00:04:13:00:00:00");
    assert_eq!(strangers.views(3_600_002).len(), 0);
}
