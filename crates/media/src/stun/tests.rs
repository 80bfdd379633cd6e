//! Behaviours of the whole module: the vectors of the RFCs, hostile bytes, round trips.

use super::*;
use proptest::prelude::*;
use std::net::SocketAddr;

/// RFC 5769 section 2.1.
const REQUEST: [u8; 108] = [
    0x00, 0x01, 0x00, 0x58, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa,
    0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x10, 0x53, 0x54, 0x55, 0x4e, 0x20, 0x74, 0x65, 0x73, 0x74, 0x20,
    0x63, 0x6c, 0x69, 0x65, 0x6e, 0x74, 0x00, 0x24, 0x00, 0x04, 0x6e, 0x00, 0x01, 0xff, 0x80, 0x29, 0x00,
    0x08, 0x93, 0x2f, 0xf9, 0xb1, 0x51, 0x26, 0x3b, 0x36, 0x00, 0x06, 0x00, 0x09, 0x65, 0x76, 0x74, 0x6a,
    0x3a, 0x68, 0x36, 0x76, 0x59, 0x20, 0x20, 0x20, 0x00, 0x08, 0x00, 0x14, 0x9a, 0xea, 0xa7, 0x0c, 0xbf,
    0xd8, 0xcb, 0x56, 0x78, 0x1e, 0xf2, 0xb5, 0xb2, 0xd3, 0xf2, 0x49, 0xc1, 0xb5, 0x71, 0xa2, 0x80, 0x28,
    0x00, 0x04, 0xe5, 0x7a, 0x3b, 0xcf,
];

/// RFC 5769 section 2.2.
const ANSWER_V4: [u8; 80] = [
    0x01, 0x01, 0x00, 0x3c, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa,
    0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x0b, 0x74, 0x65, 0x73, 0x74, 0x20, 0x76, 0x65, 0x63, 0x74, 0x6f,
    0x72, 0x20, 0x00, 0x20, 0x00, 0x08, 0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43, 0x00, 0x08, 0x00,
    0x14, 0x2b, 0x91, 0xf5, 0x99, 0xfd, 0x9e, 0x90, 0xc3, 0x8c, 0x74, 0x89, 0xf9, 0x2a, 0xf9, 0xba, 0x53,
    0xf0, 0x6b, 0xe7, 0xd7, 0x80, 0x28, 0x00, 0x04, 0xc0, 0x7d, 0x4c, 0x96,
];

/// RFC 5769 section 2.3.
const ANSWER_V6: [u8; 92] = [
    0x01, 0x01, 0x00, 0x48, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa,
    0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x0b, 0x74, 0x65, 0x73, 0x74, 0x20, 0x76, 0x65, 0x63, 0x74, 0x6f,
    0x72, 0x20, 0x00, 0x20, 0x00, 0x14, 0x00, 0x02, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1,
    0x79, 0xbc, 0x25, 0xf4, 0xb5, 0xbe, 0xd2, 0xb9, 0xd9, 0x00, 0x08, 0x00, 0x14, 0xa3, 0x82, 0x95, 0x4e,
    0x4b, 0xe6, 0x7b, 0xf1, 0x17, 0x84, 0xc9, 0x7c, 0x82, 0x92, 0xc2, 0x75, 0xbf, 0xe3, 0xed, 0x41, 0x80,
    0x28, 0x00, 0x04, 0xc8, 0xfb, 0x0b, 0x4c,
];

/// RFC 5769 section 2.4.
const LONG_TERM: [u8; 116] = [
    0x00, 0x01, 0x00, 0x60, 0x21, 0x12, 0xa4, 0x42, 0x78, 0xad, 0x34, 0x33, 0xc6, 0xad, 0x72, 0xc0, 0x29,
    0xda, 0x41, 0x2e, 0x00, 0x06, 0x00, 0x12, 0xe3, 0x83, 0x9e, 0xe3, 0x83, 0x88, 0xe3, 0x83, 0xaa, 0xe3,
    0x83, 0x83, 0xe3, 0x82, 0xaf, 0xe3, 0x82, 0xb9, 0x00, 0x00, 0x00, 0x15, 0x00, 0x1c, 0x66, 0x2f, 0x2f,
    0x34, 0x39, 0x39, 0x6b, 0x39, 0x35, 0x34, 0x64, 0x36, 0x4f, 0x4c, 0x33, 0x34, 0x6f, 0x4c, 0x39, 0x46,
    0x53, 0x54, 0x76, 0x79, 0x36, 0x34, 0x73, 0x41, 0x00, 0x14, 0x00, 0x0b, 0x65, 0x78, 0x61, 0x6d, 0x70,
    0x6c, 0x65, 0x2e, 0x6f, 0x72, 0x67, 0x00, 0x00, 0x08, 0x00, 0x14, 0xf6, 0x70, 0x24, 0x65, 0x6d, 0xd6,
    0x4a, 0x3e, 0x02, 0xb8, 0xe0, 0x71, 0x2e, 0x85, 0xc9, 0xa2, 0x8c, 0xa8, 0x96, 0x66,
];

/// RFC 8489 appendix B.1 with erratum 6268.
const LONG_TERM_SHA256: [u8; 164] = [
    0x00, 0x01, 0x00, 0x90, 0x21, 0x12, 0xa4, 0x42, 0x78, 0xad, 0x34, 0x33, 0xc6, 0xad, 0x72, 0xc0, 0x29,
    0xda, 0x41, 0x2e, 0x00, 0x1e, 0x00, 0x20, 0x4a, 0x3c, 0xf3, 0x8f, 0xef, 0x69, 0x92, 0xbd, 0xa9, 0x52,
    0xc6, 0x78, 0x04, 0x17, 0xda, 0x0f, 0x24, 0x81, 0x94, 0x15, 0x56, 0x9e, 0x60, 0xb2, 0x05, 0xc4, 0x6e,
    0x41, 0x40, 0x7f, 0x17, 0x04, 0x00, 0x15, 0x00, 0x29, 0x6f, 0x62, 0x4d, 0x61, 0x74, 0x4a, 0x6f, 0x73,
    0x32, 0x41, 0x41, 0x41, 0x43, 0x66, 0x2f, 0x2f, 0x34, 0x39, 0x39, 0x6b, 0x39, 0x35, 0x34, 0x64, 0x36,
    0x4f, 0x4c, 0x33, 0x34, 0x6f, 0x4c, 0x39, 0x46, 0x53, 0x54, 0x76, 0x79, 0x36, 0x34, 0x73, 0x41, 0x00,
    0x00, 0x00, 0x00, 0x14, 0x00, 0x0b, 0x65, 0x78, 0x61, 0x6d, 0x70, 0x6c, 0x65, 0x2e, 0x6f, 0x72, 0x67,
    0x00, 0x00, 0x1d, 0x00, 0x04, 0x00, 0x02, 0x00, 0x00, 0x00, 0x1c, 0x00, 0x20, 0xb5, 0xc7, 0xbf, 0x00,
    0x5b, 0x6c, 0x52, 0xa2, 0x1c, 0x51, 0xc5, 0xe8, 0x92, 0xf8, 0x19, 0x24, 0x13, 0x62, 0x96, 0xcb, 0x92,
    0x7c, 0x43, 0x14, 0x93, 0x09, 0x27, 0x8c, 0xc6, 0x51, 0x8e, 0x65,
];

const PASSWORD: &[u8] = b"VOkJxbRl1RmTxUk/WvJxBt";
const MATRIX: &str = "マトリックス";
const ID: TransactionId = TransactionId([7; 12]);

fn read(bytes: &[u8]) -> Message<'_> {
    Message::read(bytes).expect("a message")
}

fn refusal(bytes: &[u8]) -> Option<Malformed> {
    Message::read(bytes).err()
}

/// A Binding request of these raw attributes.
fn raw(attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    bytes.extend_from_slice(&ID.0);
    for (number, value) in attributes {
        bytes.extend_from_slice(&number.to_be_bytes());
        bytes.extend_from_slice(&(value.len() as u16).to_be_bytes());
        bytes.extend_from_slice(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    let length = (bytes.len() - HEADER_BYTES) as u16;
    bytes[2..4].copy_from_slice(&length.to_be_bytes());
    bytes
}

#[test]
fn the_request_of_rfc_5769_is_read_and_confirmed() {
    let message = read(&REQUEST);
    assert_eq!((message.class(), message.method()), (Class::Request, Method::Binding));
    assert_eq!(message.software(), Some("STUN test client"));
    assert_eq!(message.username(), Some("evtj:h6vY"));
    assert_eq!(message.priority(), Some(0x6e00_01ff));
    assert_eq!(message.ice_controlled(), Some(0x932f_f9b1_5126_3b36));
    assert_eq!(message.ice_controlling(), None);
    assert_eq!(message.integrity(), Some(Integrity::Sha1));
    assert!(message.has_fingerprint());
    assert!(message.is_of(&Key::short_term(PASSWORD)));
    assert!(!message.is_of(&Key::short_term(b"VOkJxbRl1RmTxUk/WvJxBu")));
}

#[test]
fn the_answers_of_rfc_5769_are_read_and_confirmed() {
    for (bytes, address) in [
        (&ANSWER_V4[..], "192.0.2.1:32853"),
        (&ANSWER_V6[..], "[2001:db8:1234:5678:11:2233:4455:6677]:32853"),
    ] {
        let message = read(bytes);
        assert_eq!((message.class(), message.method()), (Class::Success, Method::Binding));
        assert_eq!(message.mapped_address(), address.parse().ok());
        assert_eq!(message.software(), Some("test vector"));
        assert!(message.is_of(&Key::short_term(PASSWORD)));
    }
}

#[test]
fn the_long_term_request_of_rfc_5769_is_confirmed() {
    let message = read(&LONG_TERM);
    assert_eq!(message.username(), Some(MATRIX));
    assert_eq!(message.realm(), Some("example.org"));
    assert_eq!(message.nonce(), Some("f//499k954d6OL34oL9FSTvy64sA"));
    assert!(message.is_of(&Key::long_term_md5(MATRIX, "example.org", b"TheMatrIX")));
    assert!(!message.is_of(&Key::long_term_sha256(MATRIX, "example.org", b"TheMatrIX")));
}

#[test]
fn the_vector_of_rfc_8489_with_user_hash_and_sha_256_is_confirmed() {
    let message = read(&LONG_TERM_SHA256);
    assert_eq!(message.user_hash(), Some(&user_hash(MATRIX, "example.org")));
    assert_eq!(message.password_algorithm(), Some(PasswordAlgorithm::Sha256));
    let features = NonceFeatures::read(message.nonce().expect("a nonce"));
    assert!(features.username_anonymity && !features.password_algorithms);
    assert_eq!(message.integrity(), Some(Integrity::Sha256));
    assert!(message.is_of(&Key::long_term_sha256(MATRIX, "example.org", b"TheMatrIX")));
    assert!(!message.is_of(&Key::long_term_md5(MATRIX, "example.org", b"TheMatrIX")));
}

#[test]
fn what_we_write_is_the_vector_of_rfc_8489() {
    let mut out = b"before".to_vec();
    let mut writer =
        Writer::new(&mut out, Class::Request, Method::Binding, read(&LONG_TERM_SHA256).transaction());
    writer
        .value(Kind::UserHash, &user_hash(MATRIX, "example.org"))
        .text(Kind::Nonce, "obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA")
        .text(Kind::Realm, "example.org")
        .password_algorithms(Kind::PasswordAlgorithm, &[PasswordAlgorithm::Sha256])
        .integrity(Integrity::Sha256, &Key::long_term_sha256(MATRIX, "example.org", b"TheMatrIX"));
    assert_eq!(out[6..], LONG_TERM_SHA256);
}

#[test]
fn what_we_write_is_the_answers_of_rfc_5769() {
    for bytes in [&ANSWER_V4[..], &ANSWER_V6[..]] {
        let message = read(bytes);
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out, Class::Success, Method::Binding, message.transaction());
        writer
            .text(Kind::Software, "test vector")
            .xored_address(Kind::XorMappedAddress, message.mapped_address().expect("an address"))
            .integrity(Integrity::Sha1, &Key::short_term(PASSWORD))
            .fingerprint();
        // The RFC fills the software's last word with a space, which integrity and fingerprint cover.
        assert_eq!(out.len(), bytes.len());
        assert!(read(&out).is_of(&Key::short_term(PASSWORD)));
        assert_eq!(read(&out).mapped_address(), message.mapped_address());
    }
}

#[test]
fn a_change_of_any_byte_under_integrity_is_seen() {
    let key = Key::short_term(PASSWORD);
    for at in 0..REQUEST.len() - 8 {
        let mut bytes = REQUEST;
        bytes[at] ^= 0x01;
        // The fingerprint would tell too: it is taken away, and the length with it.
        let mut bytes = bytes[..REQUEST.len() - 8].to_vec();
        bytes[3] = bytes[3].wrapping_sub(8);
        assert!(!Message::read(&bytes).is_ok_and(|message| message.is_of(&key)), "byte {at}");
    }
}

#[test]
fn a_message_without_integrity_is_of_nobody() {
    assert!(!read(&raw(&[])).is_of(&Key::short_term(b"")));
}

#[test]
fn what_follows_an_integrity_is_not_seen() {
    let key = Key::short_term(PASSWORD);
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out, Class::Request, Method::Binding, ID);
    writer.text(Kind::Username, "a:b").integrity(Integrity::Sha1, &key).flag(Kind::UseCandidate);
    // Not even its form, nor that it comes twice.
    writer.word(Kind::Priority, 9).text(Kind::Username, "c:d").value(Kind::IceControlled, &[1]).fingerprint();
    let message = read(&out);
    assert!(message.is_of(&key));
    assert!(!message.has(Kind::UseCandidate) && message.priority().is_none());
    assert_eq!(message.attributes().count(), 1);
}

#[test]
fn of_two_integrities_the_stronger_counts() {
    let (key, other) = (Key::short_term(b"one"), Key::short_term(b"other"));
    for (sha1, sha256) in [(&key, &other), (&other, &key)] {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out, Class::Request, Method::Binding, ID);
        writer.integrity(Integrity::Sha1, sha1).integrity(Integrity::Sha256, sha256);
        assert_eq!(read(&out).is_of(&key), std::ptr::eq(sha256, &key));
    }
}

#[test]
fn a_truncated_integrity_is_no_message() {
    for (kind, whole) in [(Kind::MessageIntegrity, 20), (Kind::MessageIntegritySha256, 32)] {
        for bytes in (0..40).filter(|bytes| *bytes != whole) {
            let value = vec![0; bytes];
            assert_eq!(refusal(&raw(&[(kind.number(), &value)])), Some(Malformed::Value(kind)));
        }
    }
}

#[test]
fn a_known_attribute_that_comes_twice_is_no_message_save_the_peer_address() {
    for (kind, value) in [
        (Kind::Username, &b"a:b"[..]),
        (Kind::Priority, &[0; 4]),
        (Kind::UseCandidate, &[]),
        (Kind::XorMappedAddress, &[0, 1, 0, 1, 1, 2, 3, 4]),
        (Kind::Lifetime, &[0; 4]),
        (Kind::MessageIntegrity, &[0; 20]),
        (Kind::MessageIntegritySha256, &[0; 32]),
    ] {
        let twice = raw(&[(kind.number(), value), (kind.number(), value)]);
        assert_eq!(refusal(&twice), Some(Malformed::Twice(kind)));
    }
    let peer = [0, 1, 0, 1, 1, 2, 3, 4];
    let number = Kind::XorPeerAddress.number();
    assert_eq!(read(&raw(&[(number, &peer), (number, &peer)])).peer_addresses().count(), 2);
}

#[test]
fn values_of_another_form_are_no_message() {
    for (kind, value) in [
        (Kind::Username, &[b'a'; 509][..]),
        (Kind::Username, &[0xff]),
        (Kind::Software, b"a\r\nb"),
        (Kind::XorMappedAddress, &[0, 3, 0, 1, 1, 2, 3, 4]),
        (Kind::XorMappedAddress, &[0, 2, 0, 1, 1, 2, 3, 4]),
        (Kind::ErrorCode, &[0, 0, 4]),
        (Kind::ErrorCode, &[0, 0, 2, 0]),
        (Kind::ErrorCode, &[0, 0, 4, 100]),
        (Kind::Priority, &[0; 3]),
        (Kind::IceControlled, &[0; 4]),
        (Kind::UseCandidate, &[0]),
    ] {
        assert_eq!(refusal(&raw(&[(kind.number(), value)])), Some(Malformed::Value(kind)));
    }
}

#[test]
fn frames_that_are_not_whole_are_no_message() {
    assert_eq!(refusal(b""), Some(Malformed::NotStun));
    assert_eq!(refusal(&REQUEST[..19]), Some(Malformed::NotStun));
    for end in 20..REQUEST.len() {
        assert_eq!(refusal(&REQUEST[..end]), Some(Malformed::Length), "{end}");
    }
    let mut beyond = raw(&[(0x8099, &[1, 2, 3, 4])]);
    beyond[23] = 5;
    assert_eq!(refusal(&beyond), Some(Malformed::Attribute));
    let many: Vec<(u16, &[u8])> = vec![(0x8099, &[]); ATTRIBUTES_MAX + 1];
    assert_eq!(refusal(&raw(&many)), Some(Malformed::TooMany));
    assert_eq!(read(&raw(&many[1..])).attributes().count(), ATTRIBUTES_MAX);
}

#[test]
fn a_wrong_fingerprint_and_one_that_is_not_last_are_no_message() {
    let mut wrong = REQUEST;
    wrong[107] ^= 1;
    assert_eq!(refusal(&wrong), Some(Malformed::Fingerprint));
    let mut out = Vec::new();
    // A fingerprint that is right for a message which goes on.
    let mut longer = raw(&[]);
    longer[3] = 12;
    let sum = super::fingerprint::fingerprint(&longer);
    out.extend_from_slice(&longer);
    out.extend_from_slice(&[0x80, 0x28, 0, 4]);
    out.extend_from_slice(&sum.to_be_bytes());
    out.extend_from_slice(&[0x80, 0x99, 0, 0]);
    assert!(matches!(refusal(&out), Some(Malformed::AfterFingerprint)));
}

#[test]
fn attributes_that_must_be_understood_are_told() {
    let bytes = raw(&[(0x0005, &[]), (0x8005, &[]), (0x7fff, &[1]), (0x0006, b"a")]);
    assert_eq!(read(&bytes).not_understood().collect::<Vec<_>>(), [0x0005, 0x7fff]);
}

#[test]
fn an_error_answer_is_read_as_it_is_written() {
    let mut out = Vec::new();
    Writer::new(&mut out, Class::Error, Method::Other(0xabc), ID)
        .error_code(420, "Unknown Attribute")
        .unknown_attributes([0x0005, 0x7fff, 0x0030].into_iter());
    let message = read(&out);
    assert_eq!((message.class(), message.method()), (Class::Error, Method::Other(0xabc)));
    assert_eq!(message.error_code(), Some((420, "Unknown Attribute")));
    assert_eq!(message.unknown_attributes().collect::<Vec<_>>(), [0x0005, 0x7fff, 0x0030]);
}

#[test]
fn class_and_method_survive_in_all_their_bits() {
    for class in [Class::Request, Class::Indication, Class::Success, Class::Error] {
        for number in 0..0x1000 {
            let method = Method::from_number(number);
            assert_eq!(class_and_method(message_type(class, method)), (class, method));
            assert_eq!(message_type(class, method) & 0xc000, 0);
        }
    }
    assert_eq!(message_type(Class::Error, Method::Binding), 0x0111);
    assert_eq!(message_type(Class::Indication, Method::Send), 0x0016);
}

/// Every accessor of a message that could be read.
fn look(bytes: &[u8]) -> bool {
    let Ok(message) = Message::read(bytes) else { return false };
    let _ = (message.username(), message.realm(), message.nonce(), message.software(), message.error_code());
    let _ = (message.mapped_address(), message.relayed_address(), message.alternate_server(), message.data());
    let _ = (message.priority(), message.lifetime(), message.channel_number(), message.user_hash());
    let _ = (message.requested_transport(), message.requested_address_family(), message.password_algorithm());
    let _ = (message.ice_controlled(), message.ice_controlling(), message.is_of(&Key::short_term(b"x")));
    let _ = message.password_algorithms().map(Iterator::count);
    message.peer_addresses().count() + message.unknown_attributes().count() + message.not_understood().count()
        < 100_000
}

#[test]
fn the_vectors_with_any_bytes_changed_never_panic() {
    // A small generator with a fixed seed: the same changes in each run.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    let mut read = 0;
    for _ in 0..50_000 {
        let vectors = [&REQUEST[..], &ANSWER_V4, &ANSWER_V6, &LONG_TERM, &LONG_TERM_SHA256];
        let mut bytes = vectors[next() % vectors.len()].to_vec();
        for _ in 0..next() % 4 {
            let at = next() % bytes.len();
            bytes[at] = next() as u8;
        }
        read += usize::from(look(&bytes));
    }
    assert!(read > 10_000, "only {read} could be read: the changes no longer reach the accessors");
}

proptest! {
    #[test]
    fn random_bytes_never_panic(mut bytes: Vec<u8>) {
        look(&bytes);
        // And with a frame that lets them further in.
        let length = bytes.len() as u16 & !3;
        bytes.truncate(usize::from(length));
        let mut framed = vec![0, 1];
        framed.extend_from_slice(&length.to_be_bytes());
        framed.extend_from_slice(&[0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        framed.extend_from_slice(&bytes);
        look(&framed);
    }

    #[test]
    fn an_address_is_read_as_it_is_written(ip: std::net::IpAddr, port: u16, id: [u8; 12]) {
        let address = SocketAddr::new(ip, port);
        let mut out = Vec::new();
        Writer::new(&mut out, Class::Success, Method::Allocate, TransactionId(id))
            .xored_address(Kind::XorMappedAddress, address)
            .xored_address(Kind::XorRelayedAddress, address)
            .xored_address(Kind::XorPeerAddress, address)
            .address(Kind::AlternateServer, address);
        let message = read(&out);
        prop_assert_eq!(message.mapped_address(), Some(address));
        prop_assert_eq!(message.relayed_address(), Some(address));
        prop_assert_eq!(message.peer_addresses().next(), Some(address));
        prop_assert_eq!(message.alternate_server(), Some(address));
    }
}

/// What the fuzzers of coturn begin with, packed: each file of it is read and looked at.
#[test]
fn the_corpus_of_coturn_harms_no_reader() {
    let Some(folder) = coturn() else {
        eprintln!("SKIPPED: shared/corpora/coturn is absent (set COEUR_SHARED); nothing of it was tested");
        return;
    };
    let mut files = Vec::new();
    for name in ["FuzzStun_seed_corpus.zip", "FuzzStunClient_seed_corpus.zip"] {
        let packed = std::fs::read(folder.join(name)).expect("a readable file");
        files.extend(unpacked(&packed));
    }
    let read = files.iter().filter(|bytes| look(bytes)).count();
    // The packed files come as they are, too: bytes like others.
    assert!(files.len() > 20, "{} files", files.len());
    assert!(read >= 4, "the vectors of RFC 5769 are among them, {read} could be read");
}

fn coturn() -> Option<std::path::PathBuf> {
    let given = std::env::var_os("COEUR_SHARED").map(std::path::PathBuf::from);
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let above = here.ancestors().map(|folder| folder.join("shared"));
    given
        .into_iter()
        .chain(above)
        .map(|shared| shared.join("corpora/coturn/fuzzing/input"))
        .find(|path| path.is_dir())
}

/// The files of a ZIP archive that are stored without compression, and the compressed ones as they lie there.
fn unpacked(archive: &[u8]) -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    let mut rest = archive;
    while let Some(head) = rest.get(..30).filter(|head| head.starts_with(b"PK\x03\x04")) {
        let short = |at: usize| usize::from(u16::from_le_bytes([head[at], head[at + 1]]));
        let bytes = short(18) | short(20) << 16;
        let start = 30 + short(26) + short(28);
        let Some(file) = rest.get(start..start + bytes) else { break };
        files.push(file.to_vec());
        rest = &rest[start + bytes..];
    }
    files
}
