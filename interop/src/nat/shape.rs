//! What routers do to datagrams (RFC 4787 section 4 for mapping, section 5 for filtering).

use super::Namespace;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// The shapes that are met, from the kindest to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nat {
    /// Endpoint-independent mapping and filtering.
    FullCone,
    /// Endpoint-independent mapping, address-dependent filtering.
    AddressRestricted,
    /// Endpoint-independent mapping, address and port-dependent filtering: most routers at home.
    PortRestricted,
    /// Address and port-dependent mapping, with random ports.
    Symmetric,
    /// As [`Nat::PortRestricted`], and what is not used for five seconds is forgotten.
    Forgetful,
    /// No translation: a firewall that lets in only what was asked for.
    Firewall,
    /// As [`Nat::PortRestricted`] twice, one behind the other.
    Double,
    /// [`Nat::PortRestricted`] at home, [`Nat::Symmetric`] with a share of the ports at the carrier (RFC 6888).
    CarrierGrade,
    /// As [`Nat::PortRestricted`], but UDP does not pass.
    NoUdp,
    /// As [`Nat::PortRestricted`] behind a tunnel of 1,280 bytes that says nothing of what it drops.
    SmallMtu,
    /// As [`Nat::PortRestricted`], and it writes its own address into SIP over UDP to port 5060, though badly: Via and
    /// Contact, not the SDP.
    Alg,
}

impl Nat {
    pub const ALL: [Self; 11] = [
        Self::FullCone,
        Self::AddressRestricted,
        Self::PortRestricted,
        Self::Symmetric,
        Self::Forgetful,
        Self::Firewall,
        Self::Double,
        Self::CarrierGrade,
        Self::NoUdp,
        Self::SmallMtu,
        Self::Alg,
    ];

    /// How many routers stand between a host and the internet.
    pub(super) const fn routers(self) -> usize {
        match self {
            Self::Double | Self::CarrierGrade => 2,
            Self::FullCone
            | Self::AddressRestricted
            | Self::PortRestricted
            | Self::Symmetric
            | Self::Forgetful
            | Self::Firewall
            | Self::NoUdp
            | Self::SmallMtu
            | Self::Alg => 1,
        }
    }

    pub(super) const fn outer(self) -> Self {
        match self {
            Self::CarrierGrade => Self::Symmetric,
            _ => Self::PortRestricted,
        }
    }

    pub(super) const fn inner(self) -> Self {
        Self::PortRestricted
    }

    /// Makes a router of this shape: `wan` outside, `lan` inside, where `host` lives.
    pub(super) fn translate(self, router: &Namespace, lan: &str, host: Ipv4Addr) {
        let masquerade = |flags: &str| {
            format!(
                "table ip nat {{
                   chain post {{ type nat hook postrouting priority srcnat; oifname wan masquerade {flags};
                  }}
                 }}"
            )
        };
        // Nothing comes in unasked; what is dropped leaves no trace that would change a later mapping.
        let closed = format!(
            "table ip filter {{
               chain input {{ type filter hook input priority filter; iifname wan ct state new drop;
               }}
               chain forward {{ type filter hook forward priority filter; policy drop;
                 ct state established,related accept; iifname {lan} accept; ct status dnat accept;
              }}
             }}"
        );
        match self {
            Self::FullCone => {
                router.nft(&masquerade(""));
                router.nft(&format!(
                    "table ip cone {{
                       chain pre {{ type nat hook prerouting priority dstnat; iifname wan meta l4proto udp dnat to {host};
                      }}
                     }}"
                ));
                router.nft(&closed);
            }
            Self::AddressRestricted => {
                router.nft(&masquerade(""));
                router.nft(&format!(
                    "table ip cone {{
                       set asked {{ type ipv4_addr; flags dynamic,timeout; timeout 120s; }}
                       chain out {{ type filter hook forward priority -10; oifname wan update @asked {{ ip daddr }};
                       }}
                       chain pre {{ type nat hook prerouting priority dstnat;
                         iifname wan meta l4proto udp ip saddr @asked dnat to {host};
                      }}
                     }}"
                ));
                router.nft(&closed);
            }
            Self::PortRestricted | Self::Double | Self::CarrierGrade | Self::Alg => {
                router.nft(&masquerade(""));
                router.nft(&closed);
            }
            Self::Symmetric => {
                router.nft(&masquerade("fully-random"));
                router.nft(&closed);
            }
            Self::Forgetful => {
                for key in ["nf_conntrack_udp_timeout", "nf_conntrack_udp_timeout_stream"] {
                    router.run("sysctl", &["-qw", &format!("net.netfilter.{key}=5")]);
                }
                router.nft(&masquerade(""));
                router.nft(&closed);
            }
            Self::Firewall => {
                // The internet is told of no private network, so the address is shared without changing ports.
                router.nft(&masquerade("persistent"));
                router.nft(&closed);
            }
            Self::NoUdp => {
                router.nft(&masquerade(""));
                router.nft(&format!(
                    "table ip filter {{
                       chain forward {{ type filter hook forward priority filter; policy drop;
                         meta l4proto udp drop; ct state established,related accept; iifname {lan} accept;
                      }}
                     }}"
                ));
            }
            Self::SmallMtu => {
                router.nft(&masquerade(""));
                router.nft(&closed);
                router.nft(
                    "table ip tunnel {
                       chain forward { type filter hook forward priority -20; meta length > 1280 drop; }
                     }",
                );
            }
        }
    }
}

/// A router that meddles with SIP: datagrams to port 5060 pass through it, and it puts its own address into Via and
/// Contact. Answers pass unchanged.
pub struct Alg {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

const ALG_PORT: u16 = 15_060;

impl Alg {
    pub(super) fn start(router: &Namespace, public: Ipv4Addr) -> Self {
        router.nft(&format!(
            "table ip alg {{
               chain pre {{ type nat hook prerouting priority dstnat;
                 iifname lan0 udp dport 5060 redirect to :{ALG_PORT};
              }}
             }}"
        ));
        let inside = router.enter(|| UdpSocket::bind(("0.0.0.0", ALG_PORT)).expect("a port"));
        let outside = router.enter(|| UdpSocket::bind((public, 5_060)).expect("a port"));
        inside.set_read_timeout(Some(Duration::from_millis(5))).expect("a time");
        outside.set_read_timeout(Some(Duration::from_millis(5))).expect("a time");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let server: SocketAddr = SocketAddrV4::new(Ipv4Addr::new(198, 51, 100, 1), 5_060).into();
            let mut phone = None;
            let mut bytes = [0; 65_536];
            while !stopped.load(Ordering::Relaxed) {
                if let Some((length, from)) = received(&inside, &mut bytes) {
                    phone = Some(from);
                    let text = meddle(&bytes[..length], from, SocketAddrV4::new(public, 5_060));
                    let _ = outside.send_to(&text, server);
                }
                if let (Some((length, _)), Some(phone)) = (received(&outside, &mut bytes), phone) {
                    let _ = inside.send_to(&bytes[..length], phone);
                }
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Alg {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn received(socket: &UdpSocket, bytes: &mut [u8]) -> Option<(usize, SocketAddr)> {
    match socket.recv_from(bytes) {
        Ok(got) => Some(got),
        Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => None,
        Err(_) => None,
    }
}

/// Every `address:port` of the phone in the head of the message becomes that of the router; the body stays, and so does
/// its length.
fn meddle(bytes: &[u8], phone: SocketAddr, public: SocketAddrV4) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let head: Vec<String> = head
        .split("\r\n")
        .map(|line| match line.starts_with("Via:") || line.starts_with("Contact:") {
            true => line.replace(&phone.to_string(), &public.to_string()),
            false => line.to_owned(),
        })
        .collect();
    format!("{}\r\n\r\n{body}", head.join("\r\n")).into_bytes()
}
