//! Opus in Ogg (RFC 7845 over RFC 3533), as a writer of bytes.
//!
//! Two pages of headers, then pages of up to a second each. A file that ends without its last page is read by players up to
//! there. Not here: several streams in a file, packets longer than a page. Reading is in [`super::opus_file`].

/// Samples of 48 kHz after which a page ends: a second (RFC 7845 section 4 asks for no more).
const PAGE_SAMPLES: u64 = 48_000;

/// Segments of a page at most (RFC 3533 section 6), of up to 255 bytes each.
const SEGMENTS_MAX: usize = 255;

/// What a page says of itself (RFC 3533 section 6, `header_type_flag`).
const CONTINUES_PACKET: u8 = 1;
const BEGINS_STREAM: u8 = 2;
const ENDS_STREAM: u8 = 4;

/// Writes one stream.
pub struct OggOpus {
    serial: u32,
    page: u32,
    /// The sample after the last of the packets so far, the skipped ones included (RFC 7845 section 4).
    granule: u64,
    /// The granule when the last page ended.
    paged: u64,
    /// The page that is being filled.
    segments: Vec<u8>,
    body: Vec<u8>,
}

impl OggOpus {
    /// A stream of one or two channels. `serial` tells streams of a file apart; `skip_samples`, at 48 kHz, is what the encoder
    /// puts before the sound; `input_rate_hz` is what players may show. The header pages are appended to `out`.
    pub fn new(
        serial: u32,
        channels: u8,
        skip_samples: u16,
        input_rate_hz: u32,
        out: &mut Vec<u8>,
    ) -> OggOpus {
        let mut stream = OggOpus {
            serial,
            page: 0,
            granule: 0,
            paged: 0,
            segments: Vec::with_capacity(SEGMENTS_MAX),
            body: Vec::with_capacity(SEGMENTS_MAX * 255),
        };
        let mut head = Vec::with_capacity(19);
        head.extend_from_slice(b"OpusHead\x01");
        head.push(channels);
        head.extend_from_slice(&skip_samples.to_le_bytes());
        head.extend_from_slice(&input_rate_hz.to_le_bytes());
        // No gain, and the channel mapping of mono and stereo (sections 5.1 and 5.1.1.1).
        head.extend_from_slice(&[0, 0, 0]);
        stream.lay(&head);
        stream.end_page(BEGINS_STREAM, 0, out);
        // The name of who wrote it, and no comments (section 5.2).
        stream.lay(b"OpusTags\x05\x00\x00\x00Coeur\x00\x00\x00\x00");
        stream.end_page(0, 0, out);
        stream
    }

    /// Appends a packet of so many samples at 48 kHz; `out` gets a page when one is full.
    pub fn packet(&mut self, packet: &[u8], samples: u32, out: &mut Vec<u8>) {
        let segments = packet.len() / 255 + 1;
        if self.segments.len() + segments > SEGMENTS_MAX || self.granule - self.paged >= PAGE_SAMPLES {
            self.end_page(0, self.granule, out);
        }
        self.lay(packet);
        self.granule += u64::from(samples);
    }

    /// Ends the stream. `unheard_samples` at its end, at 48 kHz, are not to be played (section 4.4).
    pub fn finish(mut self, unheard_samples: u32, out: &mut Vec<u8>) {
        let granule = self.granule.saturating_sub(u64::from(unheard_samples));
        self.end_page(ENDS_STREAM, granule, out);
    }

    /// Lays a packet into the page: segments of 255 bytes, of which one that is shorter is the last.
    fn lay(&mut self, packet: &[u8]) {
        self.segments.extend(std::iter::repeat_n(255, packet.len() / 255));
        self.segments.push((packet.len() % 255) as u8);
        self.body.extend_from_slice(packet);
    }

    fn end_page(&mut self, flags: u8, granule: u64, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(b"OggS\x00");
        out.push(flags);
        out.extend_from_slice(&granule.to_le_bytes());
        out.extend_from_slice(&self.serial.to_le_bytes());
        out.extend_from_slice(&self.page.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        // At most 255, as `packet` sees to.
        out.push(self.segments.len() as u8);
        out.extend_from_slice(&self.segments);
        out.extend_from_slice(&self.body);
        let sum = checksum(&out[start..]).to_le_bytes();
        out[start + 22..start + 26].copy_from_slice(&sum);
        self.page += 1;
        self.paged = granule;
        self.segments.clear();
        self.body.clear();
    }
}

/// Bytes of the whole pages at the begin of a file that was perhaps cut, and the samples at 48 kHz that players find in them.
pub fn whole(file: &[u8]) -> (usize, u64) {
    let (mut at, mut samples) = (0, 0);
    while let Some((length, granule)) = page(&file[at..]) {
        at += length;
        samples = granule;
    }
    (at, samples)
}

/// The length of the page that begins here, and its granule; `None`: there is none that is whole.
fn page(bytes: &[u8]) -> Option<(usize, u64)> {
    let page = page_at(bytes).filter(|page| page.is_intact)?;
    Some((page.length, page.granule.unwrap_or(u64::MAX)))
}

/// One page (RFC 3533 section 6).
pub(super) struct Page<'b> {
    pub(super) length: usize,
    pub(super) continues: bool,
    pub(super) begins: bool,
    pub(super) ends: bool,
    /// `None`: no packet ends in it.
    pub(super) granule: Option<u64>,
    pub(super) serial: u32,
    pub(super) number: u32,
    pub(super) segments: &'b [u8],
    pub(super) body: &'b [u8],
    /// Its checksum is right.
    pub(super) is_intact: bool,
}

/// The page that begins here, whole.
pub(super) fn page_at(bytes: &[u8]) -> Option<Page<'_>> {
    let head = bytes.get(..PAGE_HEAD_BYTES).filter(|head| head.starts_with(b"OggS\x00"))?;
    let segments = bytes.get(PAGE_HEAD_BYTES..PAGE_HEAD_BYTES + usize::from(head[26]))?;
    let body_bytes: usize = segments.iter().map(|bytes| usize::from(*bytes)).sum();
    let start = PAGE_HEAD_BYTES + segments.len();
    let length = start + body_bytes;
    let body = bytes.get(start..length)?;
    let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let mut page = bytes[..length].to_vec();
    page[22..26].fill(0);
    let granule = u64::from(number(6)) | u64::from(number(10)) << 32;
    Some(Page {
        length,
        continues: head[5] & CONTINUES_PACKET != 0,
        begins: head[5] & BEGINS_STREAM != 0,
        ends: head[5] & ENDS_STREAM != 0,
        granule: (granule != u64::MAX).then_some(granule),
        serial: number(14),
        number: number(18),
        segments,
        body,
        is_intact: checksum(&page) == number(22),
    })
}

/// Before the lengths of the segments (RFC 3533 section 6).
const PAGE_HEAD_BYTES: usize = 27;

/// The CRC of a page whose own field is zero: polynomial 0x04c11db7, nothing inverted or reflected (RFC 3533 section 6).
pub fn checksum(page: &[u8]) -> u32 {
    page.iter().fold(0, |sum, byte| sum << 8 ^ TABLE[usize::from((sum >> 24) as u8 ^ byte)])
}

static TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let mut sum = (at as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 0x8000_0000 == 0 { sum << 1 } else { sum << 1 ^ 0x04c1_1db7 };
            bit += 1;
        }
        table[at] = sum;
        at += 1;
    }
    table
};
