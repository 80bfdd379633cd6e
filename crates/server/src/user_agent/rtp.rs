//! Audio: a tone whose packets we recognise when they come back, and a mirror for the other side.

use super::{Report, interrupt};
use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub struct Audio {
    socket: UdpSocket,
}

/// RFC 3550 section 5.1.
const RTP_HEADER: usize = 12;
/// 20 ms of PCMU at 8 kHz.
const SAMPLES: usize = 160;
const PACKET_EVERY: Duration = Duration::from_millis(20);
/// Packets that are still on their way when the last one was sent.
const LAST_PACKETS: Duration = Duration::from_millis(300);
/// Begins each payload of ours; the number and time of sending follow.
const MARK: &[u8; 4] = b"coeu";
/// One period of 1 kHz in mu-law, about -10 dBm0 (the digital milliwatt of ITU-T G.711, softer).
const TONE: [u8; 8] = [0x2e, 0x1b, 0x1b, 0x2e, 0xae, 0x9b, 0x9b, 0xae];

impl Audio {
    /// On the address that reaches the server.
    pub fn open(local: IpAddr) -> io::Result<Audio> {
        Ok(Audio { socket: UdpSocket::bind((local, 0))? })
    }

    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Says the tone to `peer` for this long, or until interrupted, and listens for it.
    pub fn converse(&self, peer: SocketAddr, length: Duration) -> io::Result<Report> {
        let start = Instant::now();
        let packets = (length.as_millis() / PACKET_EVERY.as_millis()).max(1) as u32;
        let mut heard = Ear { numbers: BTreeSet::new(), delays: Vec::new(), foreign: 0 };
        let mut said = 0;
        for number in 0..packets {
            if interrupt::happened() {
                break;
            }
            self.listen(start, start + PACKET_EVERY * number, &mut heard)?;
            let packet = packet(number, start.elapsed());
            // A lost packet is what we measure: an unreachable peer is not an error here.
            let _ = self.socket.send_to(&packet, peer);
            said += 1;
        }
        let end = Instant::now() + LAST_PACKETS;
        while heard.delays.len() < said as usize && Instant::now() < end {
            self.listen(start, end.min(Instant::now() + PACKET_EVERY), &mut heard)?;
        }
        Ok(Report::new(said, heard.foreign, &heard.delays))
    }

    /// Sends back what comes, until told to stop.
    pub fn mirror(&self, stop: &Arc<AtomicBool>) -> io::Result<()> {
        let mut buffer = [0; 2048];
        while !stop.load(Ordering::Relaxed) {
            self.socket.set_read_timeout(Some(PACKET_EVERY))?;
            if let Ok((length, from)) = self.socket.recv_from(&mut buffer) {
                let _ = self.socket.send_to(&buffer[..length], from);
            }
        }
        Ok(())
    }

    fn listen(&self, start: Instant, until: Instant, heard: &mut Ear) -> io::Result<()> {
        let mut buffer = [0; 2048];
        loop {
            let wait = until.saturating_duration_since(Instant::now());
            if wait.is_zero() {
                return Ok(());
            }
            self.socket.set_read_timeout(Some(wait.max(Duration::from_micros(100))))?;
            match self.socket.recv_from(&mut buffer) {
                Ok((length, _)) => heard.hear(&buffer[..length], start.elapsed()),
                Err(why) if is_no_news(&why) => return Ok(()),
                // ICMP "port unreachable" of an earlier packet.
                Err(why) if why.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(why) => return Err(why),
            }
        }
    }
}

/// The time is over, or a signal came.
fn is_no_news(why: &io::Error) -> bool {
    matches!(why.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}

struct Ear {
    numbers: BTreeSet<u32>,
    delays: Vec<Duration>,
    foreign: u32,
}

impl Ear {
    fn hear(&mut self, packet: &[u8], now: Duration) {
        match read(packet) {
            Some((number, sent)) => {
                if self.numbers.insert(number) {
                    self.delays.push(now.saturating_sub(sent));
                }
            }
            None => self.foreign += 1,
        }
    }
}

fn packet(number: u32, at: Duration) -> [u8; RTP_HEADER + SAMPLES] {
    let mut packet = [0; RTP_HEADER + SAMPLES];
    packet[0] = 0x80;
    packet[2..4].copy_from_slice(&(number as u16).to_be_bytes());
    packet[4..8].copy_from_slice(&(number * SAMPLES as u32).to_be_bytes());
    packet[8..12].copy_from_slice(MARK);
    let payload = &mut packet[RTP_HEADER..];
    for (place, sample) in payload.iter_mut().zip(TONE.iter().cycle()) {
        *place = *sample;
    }
    payload[..4].copy_from_slice(MARK);
    payload[4..8].copy_from_slice(&number.to_be_bytes());
    payload[8..16].copy_from_slice(&(at.as_micros() as u64).to_be_bytes());
    packet
}

fn read(packet: &[u8]) -> Option<(u32, Duration)> {
    let payload = packet.get(RTP_HEADER..).filter(|payload| payload.starts_with(MARK))?;
    let number = u32::from_be_bytes(payload.get(4..8)?.try_into().ok()?);
    let micros = u64::from_be_bytes(payload.get(8..16)?.try_into().ok()?);
    Some((number, Duration::from_micros(micros)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_recognised_and_another_is_foreign() {
        assert_eq!(read(&packet(7, Duration::from_micros(99))), Some((7, Duration::from_micros(99))));
        assert_eq!(read(&[0x80; 172]), None);
        assert_eq!(read(b""), None);
    }

    #[test]
    fn a_mirror_is_heard_without_loss() {
        let (here, there) =
            (Audio::open([127, 0, 0, 1].into()).unwrap(), Audio::open([127, 0, 0, 1].into()).unwrap());
        let (peer, stop) = (there.address().unwrap(), Arc::new(AtomicBool::new(false)));
        let mirror = std::thread::spawn({
            let stop = stop.clone();
            move || there.mirror(&stop)
        });
        let report = here.converse(peer, Duration::from_millis(200)).unwrap();
        stop.store(true, Ordering::Relaxed);
        mirror.join().unwrap().unwrap();
        assert_eq!((report.packets_sent, report.packets_lost), (10, 0));
    }
}
