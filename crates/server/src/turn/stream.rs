//! One connection of a client: socket, encryption, what has come and what it is owed.

use super::frame::{self, Frame};
use crate::net::per_source::Place;
use coeur_media::turn::Client;
use coeur_sip::time::Monotonic;
use mio::net::TcpStream;
use std::io::{self, Read, Write};

/// Bytes of one read.
pub(super) const READ_BYTES: usize = 16 << 10;

/// Bytes that a client may leave unread: a fifth of a second of a video call. Media beyond it is dropped, as a full link
/// would; a client that does not read answers is no client.
const OUTPUT_BYTES_MAX: usize = 64 << 10;

/// Bytes given to TLS at once: one record.
const RECORD_BYTES: usize = 16 << 10;

/// Memory: some 1 kB, 16 kB more with TLS, and at most 64 kB that wait for its reader.
pub(super) struct Stream {
    pub(super) socket: TcpStream,
    pub(super) client: Client,
    pub(super) tls: Option<Box<rustls::Connection>>,
    /// The beginning of a message.
    input: Vec<u8>,
    output: Vec<u8>,
    /// When the last message came, or the connection.
    pub(super) active: Monotonic,
    pub(super) has_spoken: bool,
    pub(super) _place: Option<Place>,
}

/// The connection is of no use any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Over;

impl Stream {
    pub(super) fn new(
        socket: TcpStream,
        client: Client,
        tls: Option<Box<rustls::Connection>>,
        place: Option<Place>,
        now: Monotonic,
    ) -> Self {
        Self {
            socket,
            client,
            tls,
            input: Vec::new(),
            output: Vec::new(),
            active: now,
            has_spoken: false,
            _place: place,
        }
    }

    /// Reads once; how many bytes came from the socket, none when it is empty.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Over> {
        match self.socket.read(buffer) {
            Ok(0) => Err(Over),
            Ok(length) => {
                self.take(&buffer[..length])?;
                Ok(length)
            }
            Err(why) if why.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(why) if why.kind() == io::ErrorKind::Interrupted => Ok(0),
            Err(_) => Err(Over),
        }
    }

    fn take(&mut self, mut bytes: &[u8]) -> Result<(), Over> {
        let Some(tls) = &mut self.tls else {
            self.input.extend_from_slice(bytes);
            return Ok(());
        };
        while !bytes.is_empty() {
            tls.read_tls(&mut bytes).map_err(|_| Over)?;
            tls.process_new_packets().map_err(|_| Over)?;
            read_plain(tls, &mut self.input)?;
        }
        Ok(())
    }

    /// Bytes that were read of it by whoever had it before.
    pub(super) fn adopt(&mut self, read: &[u8]) -> Result<(), Over> {
        self.input.extend_from_slice(read);
        match &mut self.tls {
            Some(tls) => read_plain(tls, &mut self.input),
            None => Ok(()),
        }
    }

    /// Hands out the whole messages that have come, without their connection, which may be needed meanwhile.
    pub(super) fn take_input(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.input)
    }

    /// Keeps what is not whole yet.
    pub(super) fn give_back(&mut self, mut input: Vec<u8>, done: usize) {
        input.drain(..done);
        self.input = input;
    }

    /// Queues one message; `false` when there is no room for it.
    pub(super) fn push(&mut self, message: &[u8]) -> bool {
        let has_room = self.output.len() + message.len() <= OUTPUT_BYTES_MAX;
        if has_room {
            self.output.extend_from_slice(message);
        }
        has_room
    }

    /// Writes as much as the socket takes.
    pub(super) fn flush(&mut self) -> Result<(), Over> {
        let Some(tls) = &mut self.tls else { return write_plain(&mut self.socket, &mut self.output) };
        loop {
            while tls.wants_write() {
                match tls.write_tls(&mut self.socket) {
                    Ok(_) => {}
                    Err(why) if why.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                    Err(_) => return Err(Over),
                }
            }
            if self.output.is_empty() || tls.is_handshaking() {
                return Ok(());
            }
            let length = self.output.len().min(RECORD_BYTES);
            let taken = tls.writer().write(&self.output[..length]).map_err(|_| Over)?;
            self.output.drain(..taken);
        }
    }
}

fn read_plain(tls: &mut rustls::Connection, input: &mut Vec<u8>) -> Result<(), Over> {
    match tls.reader().read_to_end(input) {
        // The end of the encrypted stream.
        Ok(_) => Err(Over),
        // Read to the end of what there is.
        Err(why) if why.kind() == io::ErrorKind::WouldBlock => Ok(()),
        Err(_) => Err(Over),
    }
}

fn write_plain(socket: &mut TcpStream, output: &mut Vec<u8>) -> Result<(), Over> {
    let mut sent = 0;
    while sent < output.len() {
        match socket.write(&output[sent..]) {
            Ok(length) => sent += length,
            Err(why) if why.kind() == io::ErrorKind::WouldBlock => break,
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Err(Over),
        }
    }
    output.drain(..sent);
    Ok(())
}

/// Calls `each` with every whole message at the front of these bytes; how many bytes they were.
pub(super) fn frames(input: &[u8], mut each: impl FnMut(&[u8])) -> Result<usize, Over> {
    let mut done = 0;
    loop {
        match frame::first(&input[done..]) {
            Frame::Whole(length) => {
                each(&input[done..done + length]);
                done += length;
            }
            Frame::Partial => return Ok(done),
            Frame::Wrong => return Err(Over),
        }
    }
}
