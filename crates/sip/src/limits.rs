//! How large a message may be in each dimension.

/// Limits that [`crate::parse`] enforces. Whatever exceeds one is an error, never truncated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a whole message, start line to end of body. A UDP datagram cannot reach the default.
    /// Worst-case memory: the receive buffer that the caller owns, 64 KiB.
    pub message_bytes_max: usize,
    /// Header lines (a folded line counts once). At most 65,534. Worst-case memory of a
    /// [`crate::HeaderTable`]: 24 bytes each, 6 KiB with the default.
    pub headers_max: usize,
    /// Bytes of one header line with its folds and its CRLF. No memory of its own: it bounds the work of one
    /// typed access.
    pub header_bytes_max: usize,
    /// Bytes of the start line with its CRLF. No memory of its own.
    pub start_line_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            message_bytes_max: 65_536,
            headers_max: 256,
            header_bytes_max: 8_192,
            start_line_bytes_max: 4_096,
        }
    }
}
