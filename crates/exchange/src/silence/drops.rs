//! The names of reasons for which the media plane drops packets, as far as silence is explained by them. A test of the
//! server holds them and the media plane together.

pub const NOT_FROM_PEER: &str = "not_from_peer";
pub const LEARNING: &str = "learning";
pub const MALFORMED: &str = "malformed";
pub const UNEXPECTED: &str = "unexpected_protocol";
pub const WRONG_PORT: &str = "wrong_port";
pub const NO_KEYS: &str = "no_keys";
pub const UNAUTHENTICATED: &str = "unauthenticated";
pub const REPLAYED: &str = "replayed";
pub const KEY_LIMIT: &str = "key_limit";
pub const UNKNOWN_PAYLOAD: &str = "unknown_payload";
pub const NOT_CONNECTED: &str = "not_connected";
pub const NO_ADDRESS: &str = "no_address";
pub const NOT_SENT: &str = "not_sent";

pub const ALL: &[&str] = &[
    NOT_FROM_PEER,
    LEARNING,
    MALFORMED,
    UNEXPECTED,
    WRONG_PORT,
    NO_KEYS,
    UNAUTHENTICATED,
    REPLAYED,
    KEY_LIMIT,
    UNKNOWN_PAYLOAD,
    NOT_CONNECTED,
    NO_ADDRESS,
    NOT_SENT,
];

/// Of packets that have come.
pub(super) const ARRIVED: &[&str] = &[
    NOT_FROM_PEER,
    LEARNING,
    MALFORMED,
    UNEXPECTED,
    WRONG_PORT,
    NO_KEYS,
    UNAUTHENTICATED,
    REPLAYED,
    KEY_LIMIT,
    UNKNOWN_PAYLOAD,
    NOT_CONNECTED,
];

/// Many of them are worth a question, also when other packets are heard. Packets of strangers are not: anybody can send them.
pub const MISFITS: &[&str] = &[
    MALFORMED,
    UNEXPECTED,
    WRONG_PORT,
    NO_KEYS,
    UNAUTHENTICATED,
    REPLAYED,
    KEY_LIMIT,
    UNKNOWN_PAYLOAD,
    NO_ADDRESS,
    NOT_SENT,
];
