//! Calls that are well, though some of them look as if they were not.

use crate::bench::{Fault, NOTHING};
use crate::scripts::{inside, keyed, secured, silent, stranger};
use coeur_interop::line::describe;
use std::net::UdpSocket;

pub const WELL: &[Fault] = &[
    Fault { name: "both talk", ..NOTHING },
    Fault {
        name: "muted, and sending silence",
        caller: |_| {
            Box::new(|voice| {
                let mut packet = voice.packet(0, 160);
                packet[12..].fill(0xff);
                voice.send(&packet);
            })
        },
        ..NOTHING
    },
    Fault {
        name: "one way by wish",
        prepare: |_, call| {
            call.offer = describe(call.alice.host, call.alice.port(), "RTP/AVP 0 101", "a=recvonly\r\n");
            call.answer = describe(call.bob.host, call.bob.port(), "RTP/AVP 0 101", "a=sendonly\r\n");
        },
        caller: |_| silent(),
        ..NOTHING
    },
    Fault {
        name: "on hold",
        prepare: |_, call| {
            call.offer = describe(call.alice.host, call.alice.port(), "RTP/AVP 0 101", "a=inactive\r\n");
            call.answer = describe(call.bob.host, call.bob.port(), "RTP/AVP 0 101", "a=inactive\r\n");
        },
        caller: |_| silent(),
        callee: |_| silent(),
        ..NOTHING
    },
    Fault {
        name: "silence is suppressed: comfort noise, then nothing",
        caller: |_| {
            Box::new(|voice| match voice.tick % 400 {
                0..100 => voice.speak(),
                100 => {
                    let noise = voice.packet(13, 1);
                    voice.send(&noise);
                }
                _ => voice.timestamp = voice.timestamp.wrapping_add(160),
            })
        },
        prepare: |_, call| {
            call.offer =
                describe(call.alice.host, call.alice.port(), "RTP/AVP 0 13 101", "a=rtpmap:13 CN/8000\r\n");
            call.answer =
                describe(call.bob.host, call.bob.port(), "RTP/AVP 0 13 101", "a=rtpmap:13 CN/8000\r\n");
        },
        ..NOTHING
    },
    Fault {
        name: "SRTP, as agreed",
        prepare: |_, call| secured(call),
        caller: |_| {
            keyed(|voice| {
                if voice.tick == 0 {
                    voice.use_key(7)
                }
            })
        },
        ..NOTHING
    },
    Fault {
        name: "behind a router, a private address is announced, and sound comes",
        prepare: |_, call| {
            call.alice.agent.shown = "192.168.1.20:5060".into();
            inside(call);
        },
        ..NOTHING
    },
    Fault {
        name: "a stranger sprays the port of the caller",
        caller: |bench| {
            let other = stranger(bench);
            Box::new(move |voice| {
                voice.speak();
                let _ = other.send_to(&[0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3], voice.to);
            })
        },
        ..NOTHING
    },
    Fault {
        name: "the caller begins a second late",
        caller: |_| {
            Box::new(|voice| {
                if voice.tick > 50 {
                    voice.speak()
                }
            })
        },
        ..NOTHING
    },
    Fault {
        name: "the router of the caller gives it another port in mid-call",
        comes_later: true,
        caller: |bench| {
            let other = bench.a.namespace.enter(|| UdpSocket::bind((bench.a.address, 0)).expect("a socket"));
            Box::new(move |voice| {
                let packet = voice.packet(0, 160);
                let socket = if voice.is_faulty() { &other } else { &voice.rtp };
                let _ = socket.send_to(&packet, voice.to);
            })
        },
        ..NOTHING
    },
];
