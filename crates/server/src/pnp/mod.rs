//! Phones that are plugged in ask everybody in their network who tells them where their settings are (SIP PnP: SUBSCRIBE to
//! the event `ua-profile` of RFC 6080, to 224.0.1.75). They are listed, and hear nothing until an operator has claimed
//! them; then they are told the link that was made for them, where they were seen and nowhere else.
//!
//! What it deliberately does not do: believe that a phone is whom it says. Whoever is in the network can say any hardware
//! address; so a link is told to the source from which the phone that was claimed had asked, for a while, and gives its
//! secret once.

mod strangers;
mod words;

pub use strangers::Strangers;

use crate::house::unix_time_ms;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UdpSocket;

/// RFC 3261 section 18.1.1: `sip.mcast.net`.
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 1, 75);
const PORT: u16 = 5060;

/// When a NOTIFY that is not answered is sent again: phones wait five seconds.
const AGAIN: [Duration; 3] =
    [Duration::from_millis(500), Duration::from_millis(1_000), Duration::from_millis(2_000)];

/// What hears and what speaks.
pub struct Sockets {
    heard: UdpSocket,
    spoken: Arc<UdpSocket>,
}

impl Sockets {
    /// `address`: ours in the network in which phones are heard. Within the runtime.
    pub fn open(address: Ipv4Addr) -> io::Result<Self> {
        Self::open_at(address, PORT)
    }

    fn open_at(address: Ipv4Addr, port: u16) -> io::Result<Self> {
        let heard = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        // The usual port is that of SIP too; bound to the group, it takes nothing that is not for everybody.
        heard.set_reuse_address(true)?;
        heard.set_nonblocking(true)?;
        heard.bind(&SocketAddr::from((GROUP, port)).into())?;
        heard.join_multicast_v4(&GROUP, &address)?;
        let spoken = std::net::UdpSocket::bind(SocketAddrV4::new(address, 0))?;
        spoken.set_nonblocking(true)?;
        Ok(Self { heard: UdpSocket::from_std(heard.into())?, spoken: Arc::new(UdpSocket::from_std(spoken)?) })
    }

    /// Hears phones until it is dropped.
    pub async fn serve(self, strangers: Arc<Strangers>) {
        let answers = tokio::spawn(hear_answers(self.spoken.clone(), strangers.clone()));
        let mut buffer = [0; 2_048];
        loop {
            // An error is that of one datagram, such as an answer that could not be delivered.
            let Ok((length, from)) = self.heard.recv_from(&mut buffer).await else { continue };
            let Ok(own) = self.spoken.local_addr() else { break };
            let asked = words::read(&buffer[..length], from);
            let Some(told) = asked.and_then(|asked| strangers.ask(asked, unix_time_ms())) else { continue };
            let _ = self.spoken.send_to(&told.accepted, told.to).await;
            let notify = words::notify(&told.dialog, &told.url, own);
            tokio::spawn(say(
                self.spoken.clone(),
                notify,
                told.to,
                told.dialog.call_id.clone(),
                strangers.clone(),
            ));
        }
        answers.abort();
    }
}

/// Until it is answered.
async fn say(
    socket: Arc<UdpSocket>,
    notify: Vec<u8>,
    to: SocketAddr,
    call_id: Box<[u8]>,
    strangers: Arc<Strangers>,
) {
    for wait in AGAIN {
        let _ = socket.send_to(&notify, to).await;
        tokio::time::sleep(wait).await;
        if strangers.is_answered(&call_id) {
            return;
        }
    }
}

async fn hear_answers(socket: Arc<UdpSocket>, strangers: Arc<Strangers>) {
    let mut buffer = [0; 2_048];
    loop {
        let Ok((length, _)) = socket.recv_from(&mut buffer).await else { continue };
        if let Some(call_id) = words::answered(&buffer[..length]) {
            strangers.answered(&call_id);
        }
    }
}

#[cfg(test)]
mod tests;
