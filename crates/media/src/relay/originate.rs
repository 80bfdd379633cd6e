//! Packets that are made here, and packets that were seen here on their way.

use super::receive::Lost;
use super::stream::Stream;
use super::{Component, Reason, Relay, StreamKey, Verdict};
use crate::packet::Packet;
use crate::rtcp::ReportBlock;
use crate::rtp::{Rtp, RtpMut};
use coeur_sip::time::Monotonic;

impl Relay {
    /// A packet that was taken from this stream goes on to the one that it is linked with, as if nobody had seen it.
    pub fn pass(&mut self, now: Monotonic, from: StreamKey, packet: &mut Packet<'_>) -> Verdict {
        let way = self.passed(now, from, packet);
        self.way_or_lost(way)
    }

    /// A packet that was taken from this stream goes no further: who hears the stream finds none missing.
    pub fn withhold(&mut self, from: StreamKey) {
        if let Some(stream) = self.stream_mut(from) {
            stream.quality.withheld();
        }
    }

    /// Sends RTP of our own on a stream: to its other end, protected as agreed.
    pub fn send_rtp(&mut self, now: Monotonic, to: StreamKey, packet: &mut Packet<'_>) -> Verdict {
        let rtp = Rtp::parse(packet).map(|rtp| (rtp.sequence(), rtp.body().len())).ok();
        let way = self.dispatch(now, to, rtp.map_or(0, |(_, bytes)| bytes), packet);
        if way.is_ok()
            && let Some(stream) = self.stream_mut(to)
        {
            stream.own_number = rtp.map(|(number, _)| number);
        }
        self.way_or_lost(way)
    }

    /// Whether RTP of ours would leave on a stream: its other end wants to hear, it is known where it is, and the keys are there
    /// under which it is to be said.
    pub fn may_send(&self, now: Monotonic, to: StreamKey) -> bool {
        let wants = self.stream(to).is_some_and(|stream| stream.may_send().is_ok());
        let can = self.owner(to).is_some_and(Stream::can_protect);
        wants && can && self.sends_to(to, Component::Rtp, now).is_some()
    }

    /// Sends RTCP of our own on a stream.
    pub fn send_rtcp(&mut self, now: Monotonic, to: StreamKey, packet: &mut Packet<'_>) -> Verdict {
        let way = self.reported(now, to, packet);
        self.way_or_lost(way)
    }

    /// How well the source that was heard last arrives on a stream, for a report of ours. The share lost is counted from one
    /// such block to the next.
    pub fn report_block(&mut self, of: StreamKey, now: Monotonic) -> Option<ReportBlock> {
        self.stream_mut(of)?.quality.report_block(now)
    }

    fn passed(&mut self, now: Monotonic, from: StreamKey, packet: &mut Packet<'_>) -> Result<Verdict, Lost> {
        let lost = |reason| Lost(from, reason);
        let stream = self.stream(from).ok_or(lost(Reason::Closed))?;
        let link = stream.link.ok_or(lost(Reason::NotConnected))?;
        let rtp = Rtp::parse(packet).map_err(|_| lost(Reason::Malformed))?;
        let (payload_type, payload_bytes) = (rtp.payload_type(), rtp.body().len());
        let payload = stream.payload(payload_type).ok_or(lost(Reason::UnknownPayload))?;
        if payload != payload_type
            && let Ok(mut rtp) = RtpMut::parse(packet)
        {
            rtp.set_payload_type(payload);
        }
        self.dispatch(now, link, payload_bytes, packet)
    }

    fn reported(&mut self, now: Monotonic, to: StreamKey, packet: &mut Packet<'_>) -> Result<Verdict, Lost> {
        let lost = |reason| Lost(to, reason);
        let stream = self.stream_mut(to).ok_or(lost(Reason::NotConnected))?;
        stream.quality.sends_report(packet, now);
        let owner = stream.bundle;
        let owner = self.stream_mut(owner).ok_or(lost(Reason::OtherNotAgreed))?;
        let (transport, to) = owner.dispatch_rtcp(now, packet).map_err(lost)?;
        Ok(Verdict::Forward { transport, to })
    }

    fn way_or_lost(&mut self, way: Result<Verdict, Lost>) -> Verdict {
        way.unwrap_or_else(|Lost(stream, reason)| {
            self.count_drop(stream, reason);
            Verdict::Dropped(reason)
        })
    }
}
