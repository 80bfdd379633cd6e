//! One port and its peer.

use super::Stats;
use std::net::{IpAddr, SocketAddr, UdpSocket as StdSocket};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::Notify;

/// Whose packets are sent back.
pub(super) struct Lock {
    signalled: SocketAddr,
    signalled_from: IpAddr,
    peer: Option<SocketAddr>,
}

impl Lock {
    pub(super) fn new(signalled: SocketAddr, signalled_from: IpAddr) -> Self {
        Self { signalled, signalled_from, peer: None }
    }

    /// True when this packet is the peer's; the first that may be takes the port.
    pub(super) fn admits(&mut self, from: SocketAddr, packet: &[u8]) -> bool {
        if let Some(peer) = self.peer {
            return peer == from;
        }
        // RTP version 2 (RFC 3550 section 5.1); no probe or stray datagram takes the port.
        let is_rtp = packet.len() >= 12 && packet[0] >> 6 == 2;
        let may = from == self.signalled || from.ip() == self.signalled_from;
        if may && is_rtp {
            self.peer = Some(from);
        }
        may && is_rtp
    }
}

/// Bytes of one packet; longer ones are cut by the system and therefore dropped here.
const PACKET_BYTES_MAX: usize = 2_048;

/// Sends back until told to stop or nothing came from the peer for `idle`.
pub(super) async fn echo(socket: StdSocket, mut lock: Lock, idle: Duration, stop: &Notify, stats: &Stats) {
    let Ok(socket) = UdpSocket::from_std(socket) else { return };
    let mut packet = [0; PACKET_BYTES_MAX];
    let silence = tokio::time::sleep(idle);
    tokio::pin!(silence);
    loop {
        let received = tokio::select! {
            received = socket.recv_from(&mut packet) => received,
            () = stop.notified() => return,
            () = &mut silence => return,
        };
        // An ICMP error of a packet sent earlier: the phone is gone or not there yet; silence will tell.
        let Ok((length, from)) = received else { continue };
        stats.packets_in.fetch_add(1, Ordering::Relaxed);
        if length == PACKET_BYTES_MAX || !lock.admits(from, &packet[..length]) {
            stats.packets_refused.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        silence.as_mut().reset(tokio::time::Instant::now() + idle);
        if socket.try_send_to(&packet[..length], from).is_ok() {
            stats.packets_out.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTP: [u8; 12] = [0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1];

    #[test]
    fn the_port_belongs_to_the_first_source_that_may_have_it() {
        let mut lock = Lock::new("192.0.2.1:4000".parse().unwrap(), "198.51.100.1".parse().unwrap());
        let stranger = "203.0.113.9:4000".parse().unwrap();
        let behind_nat = "198.51.100.1:61000".parse().unwrap();
        assert!(!lock.admits(stranger, &RTP));
        assert!(!lock.admits(behind_nat, b"not RTP at all"));
        assert!(lock.admits(behind_nat, &RTP));
        assert!(!lock.admits("192.0.2.1:4000".parse().unwrap(), &RTP), "it is taken");
        assert!(lock.admits(behind_nat, &RTP));
    }

    #[tokio::test]
    async fn the_peer_hears_itself_and_a_stranger_hears_nothing() {
        let port = StdSocket::bind("127.0.0.1:0").unwrap();
        port.set_nonblocking(true).unwrap();
        let address = port.local_addr().unwrap();
        let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let stranger = UdpSocket::bind("127.0.0.2:0").await.unwrap();
        let (stop, stats) = (Notify::new(), Stats::default());
        let lock = Lock::new(peer.local_addr().unwrap(), "192.0.2.99".parse().unwrap());
        let talk = async {
            stranger.send_to(&RTP, address).await.unwrap();
            peer.send_to(&RTP, address).await.unwrap();
            let mut heard = [0; 64];
            assert_eq!(peer.recv(&mut heard).await.unwrap(), RTP.len());
            assert!(stranger.try_recv(&mut heard).is_err());
        };
        let echo = echo(port, lock, Duration::from_millis(200), &stop, &stats);
        let ((), ()) = tokio::join!(echo, talk);
        assert_eq!(stats.packets_out.load(Ordering::Relaxed), 1);
        assert_eq!(stats.packets_refused.load(Ordering::Relaxed), 1);
    }
}
