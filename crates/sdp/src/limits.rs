//! What one description may hold. A description beyond them is refused whole ([`crate::SdpErrorKind::TooLarge`]):
//! cut short it would be another description.

/// Bytes of one description. What is read borrows the text; the owned form
/// ([`crate::SessionDescription`]) holds it once more.
pub const BYTES_MAX: usize = 64 * 1024;

/// Lines of one description. Worst-case memory: 24 bytes for each line of a borrowed description (48 KiB), 32 bytes and
/// one allocation for each of an owned one (64 KiB beside the text itself).
pub const LINES_MAX: usize = 2_048;

/// Media descriptions (`m=`) of one session description. Worst-case memory: 96 bytes each (6 KiB).
pub const MEDIA_MAX: usize = 64;

/// Attributes (`a=`) of the session or of one media description. A browser that offers video with simulcast writes
/// fewer than 200.
pub const ATTRIBUTES_MAX: usize = 1_024;

/// Formats of one `m=` line. RTP has 128 payload types; a browser lists about 40.
pub const FORMATS_MAX: usize = 256;
