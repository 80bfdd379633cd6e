//! The faults: what is done, on whose side it is, and by which cause it must be told.

use crate::bench::{Fault, NOTHING, PATIENCE};
use crate::scripts::{
    dtls, each_second, falling_silent, foreign_check, inside, keyed, secured, shaking_hands, silent,
    stranger, webrtc,
};
use coeur_interop::agent::Agent;
use coeur_interop::line::describe;
use std::net::{Ipv4Addr, UdpSocket};

const MEDIA: &str = "udp dport 20000-29999";

pub const FAULTS: &[Fault] = &[
    Fault {
        name: "a firewall stops all media of the caller",
        cause: "nothing_comes",
        prepare: |bench, _| bench.drop_out(bench.a, MEDIA),
        ..NOTHING
    },
    Fault {
        name: "a firewall stops all media of the callee",
        side: "callee",
        cause: "nothing_comes",
        prepare: |bench, _| bench.drop_out(bench.b, MEDIA),
        ..NOTHING
    },
    Fault {
        name: "the firewall lets RTCP of the caller out, and no RTP",
        cause: "only_rtcp",
        prepare: |bench, call| {
            bench.drop_out(bench.a, &format!("udp sport {} udp length > 100", call.alice.port()));
        },
        caller: |_| {
            Box::new(|voice| {
                voice.speak();
                if each_second(voice) {
                    voice.send_rtcp(&voice.sender_report(voice.tick as u32, voice.tick as u32 * 160));
                }
            })
        },
        ..NOTHING
    },
    Fault {
        name: "the microphone of the caller never began (RTCP says so)",
        cause: "says_it_sends_nothing",
        caller: |_| {
            Box::new(|voice| {
                if each_second(voice) {
                    voice.send_rtcp(&voice.receiver_report(None));
                }
            })
        },
        ..NOTHING
    },
    Fault {
        name: "the caller stops to send in mid-call",
        cause: "stopped",
        comes_later: true,
        caller: |_| falling_silent(),
        ..NOTHING
    },
    Fault {
        name: "the callee stops to send in mid-call",
        side: "callee",
        cause: "stopped",
        comes_later: true,
        callee: |_| falling_silent(),
        ..NOTHING
    },
    Fault {
        name: "the cable of the callee is pulled in mid-call",
        side: "callee",
        cause: "stopped",
        comes_later: true,
        strike: |bench, _| bench.b.namespace.ip("link set wan down"),
        ..NOTHING
    },
    Fault {
        name: "the caller announces a private address, and its router lets nothing out",
        cause: "private_address",
        prepare: |_, call| {
            call.alice.agent.shown = "192.168.1.20:5060".into();
            inside(call);
        },
        caller: |_| silent(),
        ..NOTHING
    },
    Fault {
        name: "the callee announces a private address, and its router lets nothing out",
        side: "callee",
        cause: "private_address",
        prepare: |_, call| {
            call.bob.agent.shown = "192.168.1.30:5060".into();
            call.answer = describe(Ipv4Addr::new(192, 168, 1, 30), 4_000, "RTP/AVP 0 101", "");
        },
        callee: |_| silent(),
        ..NOTHING
    },
    Fault {
        name: "SIP ALG: the head is rewritten, the description is not, nothing comes",
        cause: "sip_alg",
        prepare: |_, call| inside(call),
        caller: |_| silent(),
        ..NOTHING
    },
    Fault {
        name: "the sound of the caller comes from a host that nobody announced",
        cause: "strange_source",
        caller: |bench| {
            let other = stranger(bench);
            Box::new(move |voice| {
                let packet = voice.packet(0, 160);
                let _ = other.send_to(&packet, voice.to);
            })
        },
        ..NOTHING
    },
    Fault {
        name: "the router of the caller gives it another port in mid-call, and its stream begins anew",
        cause: "mapping_changed",
        comes_later: true,
        caller: |bench| {
            let other = bench.a.namespace.enter(|| UdpSocket::bind((bench.a.address, 0)).expect("a socket"));
            let mut is_other = false;
            Box::new(move |voice| {
                if voice.is_faulty() && !std::mem::replace(&mut is_other, true) {
                    (voice.ssrc, voice.sequence) = (voice.ssrc ^ 0xffff, voice.sequence ^ 0x5555);
                }
                let packet = voice.packet(0, 160);
                let socket = if is_other { &other } else { &voice.rtp };
                // What a firewall refuses is lost.
                let _ = socket.send_to(&packet, voice.to);
            })
        },
        ..NOTHING
    },
    Fault {
        name: "the device of the caller registers from elsewhere and its media stays behind",
        cause: "device_moved",
        comes_later: true,
        caller: |_| falling_silent(),
        strike: |bench, call| {
            let (user, secret) = bench.caller();
            let mut elsewhere = Agent::on(bench.c, bench.at, &user, &secret);
            assert_eq!(elsewhere.register(PATIENCE), Some(200));
            call.alice.agent.unregister(PATIENCE);
            call.elsewhere = Some(elsewhere);
        },
        ..NOTHING
    },
    Fault {
        name: "the caller sends a codec that was not agreed",
        cause: "unknown_payload",
        caller: |_| {
            Box::new(|voice| {
                let packet = voice.packet(18, 20);
                voice.send(&packet);
            })
        },
        ..NOTHING
    },
    Fault {
        name: "the callee sends a codec that was not agreed",
        side: "callee",
        cause: "unknown_payload",
        callee: |_| {
            Box::new(|voice| {
                let packet = voice.packet(3, 33);
                voice.send(&packet);
            })
        },
        ..NOTHING
    },
    Fault {
        name: "the timestamps of the caller run at 16 kHz",
        cause: "wrong_clock",
        caller: |_| {
            Box::new(|voice| {
                let packet = voice.packet_of(0, 160, 320);
                voice.send(&packet);
            })
        },
        ..NOTHING
    },
    Fault {
        name: "the caller agreed on RTP and sends SRTP",
        cause: "srtp_for_plain",
        caller: |_| {
            Box::new(|voice| {
                if voice.tick == 0 {
                    voice.use_key(9);
                }
                let packet = voice.packet(0, 160);
                let packet = voice.protect(&packet);
                voice.send(&packet);
            })
        },
        ..NOTHING
    },
    Fault {
        name: "the caller agreed on SRTP and sends RTP",
        cause: "plain_for_srtp",
        prepare: |_, call| secured(call),
        ..NOTHING
    },
    Fault {
        name: "the caller uses another key than it announced",
        cause: "wrong_key",
        prepare: |_, call| secured(call),
        caller: |_| {
            keyed(|voice| {
                if voice.tick == 0 {
                    voice.use_key(8)
                }
            })
        },
        ..NOTHING
    },
    Fault {
        name: "the caller changes its key in mid-call without a word",
        cause: "key_changed",
        comes_later: true,
        prepare: |_, call| secured(call),
        caller: |_| {
            let mut is_changed = false;
            keyed(move |voice| {
                if voice.tick == 0 {
                    voice.use_key(7);
                }
                if voice.is_faulty() && !std::mem::replace(&mut is_changed, true) {
                    voice.use_key(8);
                }
            })
        },
        ..NOTHING
    },
    Fault {
        name: "the caller repeats the same protected packet",
        cause: "replayed",
        comes_later: true,
        prepare: |_, call| secured(call),
        caller: |_| {
            let mut last = Vec::new();
            Box::new(move |voice| {
                if voice.tick == 0 {
                    voice.use_key(7);
                }
                if !voice.is_faulty() {
                    let packet = voice.packet(0, 160);
                    last = voice.protect(&packet);
                }
                voice.send(&last);
            })
        },
        ..NOTHING
    },
    Fault {
        name: "the caller has agreed to begin DTLS and only sends sound",
        cause: "dtls_not_begun",
        prepare: |_, call| dtls(call, "active"),
        ..NOTHING
    },
    Fault {
        name: "the caller never answers our ClientHello",
        cause: "dtls_stuck",
        prepare: |_, call| dtls(call, "passive"),
        ..NOTHING
    },
    Fault {
        name: "a tunnel of the caller swallows our certificate",
        cause: "dtls_stuck",
        prepare: |bench, call| {
            dtls(call, "active");
            bench.rule(bench.a, "input", &format!("udp dport {} udp length > 300 drop", call.alice.port()));
        },
        caller: |_| shaking_hands(),
        ..NOTHING
    },
    Fault {
        name: "the certificate of the caller is not the one that it announced",
        cause: "wrong_certificate",
        prepare: |_, call| dtls(call, "active"),
        caller: |_| shaking_hands(),
        ..NOTHING
    },
    Fault {
        name: "the caller refuses our handshake by an alert",
        cause: "dtls_failed",
        prepare: |_, call| dtls(call, "passive"),
        caller: |_| {
            Box::new(|voice| {
                if each_second(voice) {
                    // Fatal, handshake_failure (RFC 5246 section 7.2), in a record of DTLS 1.2 in the clear.
                    voice.send(&[21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40]);
                }
            })
        },
        ..NOTHING
    },
    Fault {
        name: "the callee takes the call and refuses its sound",
        side: "callee",
        cause: "rejected",
        prepare: |_, call| {
            call.answer = describe(call.bob.host, 0, "RTP/AVP 0", "");
        },
        callee: |_| silent(),
        ..NOTHING
    },
    Fault {
        name: "the caller agreed on ICE, and nothing comes",
        cause: "ice_no_pair",
        prepare: |_, call| webrtc(call),
        caller: |_| silent(),
        ..NOTHING
    },
    Fault {
        name: "the caller agreed on ICE and sends sound without checks",
        cause: "ice_no_checks",
        prepare: |_, call| webrtc(call),
        ..NOTHING
    },
    Fault {
        name: "the checks of the caller are of another session",
        cause: "ice_credentials",
        prepare: |_, call| webrtc(call),
        caller: |_| {
            Box::new(|voice| {
                if voice.tick.is_multiple_of(10) {
                    voice.send(&foreign_check(voice.tick));
                }
            })
        },
        ..NOTHING
    },
    Fault {
        name: "the caller sends its sound to the port of RTCP",
        cause: "rtp_on_rtcp_port",
        caller: |_| {
            Box::new(|voice| {
                let packet = voice.packet(0, 160);
                voice.send_rtcp(&packet);
            })
        },
        ..NOTHING
    },
    Fault {
        name: "what the caller sends is no RTP",
        cause: "not_rtp",
        caller: |_| Box::new(|voice| voice.send(&[0x80, 0, 1, 2, 3])),
        ..NOTHING
    },
    Fault {
        name: "the caller speaks DTLS where plain RTP was agreed",
        cause: "other_profile",
        caller: |_| {
            Box::new(|voice| {
                if voice.tick.is_multiple_of(25) {
                    voice.send(&[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0]);
                }
            })
        },
        ..NOTHING
    },
    Fault {
        name: "nobody listens on the port of the callee",
        side: "callee",
        cause: "port_closed",
        prepare: |_, call| {
            call.answer = describe(call.bob.host, 9_000, "RTP/AVP 0 101", "");
        },
        callee: |_| silent(),
        ..NOTHING
    },
    Fault {
        name: "there is no route to the media of the callee",
        side: "callee",
        cause: "unreachable",
        prepare: |_, call| {
            call.answer = describe(Ipv4Addr::new(8, 8, 8, 8), 9_000, "RTP/AVP 0 101", "");
        },
        callee: |_| silent(),
        ..NOTHING
    },
    Fault {
        name: "a firewall before the callee refuses its media (ICMP: prohibited)",
        side: "callee",
        cause: "unreachable",
        prepare: |bench, call| {
            let rule = format!("udp dport {} reject with icmp admin-prohibited", call.bob.port());
            bench.rule(bench.b, "input", &rule);
        },
        ..NOTHING
    },
    Fault {
        name: "a firewall of the server does not let media to the callee out",
        side: "callee",
        cause: "forbidden",
        prepare: |bench, call| bench.drop_out_of_server(call.bob.port()),
        ..NOTHING
    },
    Fault {
        name: "a tunnel of the caller drops large packets",
        cause: "large_lost",
        prepare: |bench, _| bench.drop_out(bench.a, &format!("{MEDIA} meta length > 600")),
        caller: |_| {
            Box::new(|voice| {
                let bytes = if voice.tick.is_multiple_of(2) { 160 } else { 1_200 };
                let packet = voice.packet(0, bytes);
                voice.send(&packet);
                if each_second(voice) {
                    voice.send_rtcp(&voice.sender_report(voice.tick as u32, voice.tick as u32 * 680));
                }
            })
        },
        ..NOTHING
    },
    Fault {
        name: "a third of what the caller sends is lost",
        cause: "loss",
        prepare: |bench, _| bench.drop_out(bench.a, &format!("{MEDIA} numgen inc mod 3 == 0")),
        ..NOTHING
    },
    Fault {
        name: "the packets of the caller come in bursts of half a second",
        cause: "jitter",
        caller: |_| {
            let mut kept = Vec::new();
            Box::new(move |voice| {
                kept.push(voice.packet(0, 160));
                if voice.tick.is_multiple_of(25) {
                    kept.drain(..).for_each(|packet| voice.send(&packet));
                }
            })
        },
        ..NOTHING
    },
    Fault {
        name: "a firewall lets nothing in to the callee, who says so by RTCP",
        side: "callee",
        cause: "not_heard_there",
        callee: |_| {
            Box::new(|voice| {
                voice.speak();
                if each_second(voice) {
                    voice.send_rtcp(&voice.receiver_report(None));
                }
            })
        },
        ..NOTHING
    },
    Fault {
        name: "the callee loses a third of what it is sent, and says so",
        side: "callee",
        cause: "loss_there",
        callee: |_| {
            Box::new(|voice| {
                voice.speak();
                if each_second(voice) {
                    voice.send_rtcp(&voice.receiver_report(Some(90)));
                }
            })
        },
        ..NOTHING
    },
    Fault {
        name: "the caller never acknowledges the answer",
        cause: "no_ack",
        prepare: |_, call| call.acknowledges = false,
        ..NOTHING
    },
];
