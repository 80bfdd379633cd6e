//! Where a program runs: on this machine's loopback, or on a host of a network in a box.

use crate::nat::{Host, namespace};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;

#[derive(Clone, Debug)]
pub struct Place {
    /// Of which the host must outlive this.
    namespace: Option<String>,
    pub address: Ipv4Addr,
}

impl Place {
    pub const LOOPBACK: Self = Self { namespace: None, address: Ipv4Addr::LOCALHOST };

    pub fn on(host: &Host) -> Self {
        Self { namespace: Some(host.namespace.name().into()), address: host.address }
    }

    pub fn command(&self, program: &str) -> Command {
        match &self.namespace {
            Some(name) => namespace::command_in(name, program),
            None => Command::new(program),
        }
    }

    /// Connects to a port of this place's own loopback.
    pub fn connect(&self, port: u16) -> std::io::Result<TcpStream> {
        let to = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        match &self.namespace {
            Some(name) => namespace::enter(name, || TcpStream::connect(to)),
            None => TcpStream::connect(to),
        }
    }
}
