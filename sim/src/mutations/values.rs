//! What an element is replaced by: too long, too large, too many, of the wrong alphabet, or what other programs have
//! stumbled over.

use crate::chance::Chance;

/// Lengths on both sides of what a program may have set aside.
const LENGTHS: [usize; 14] = [2, 17, 65, 127, 128, 129, 255, 256, 257, 1_025, 4_097, 8_193, 16_385, 32_769];

const TEXTS: [&[u8]; 52] = [
    // Nothing, and what looks like nothing.
    b"",
    b" ",
    b"\t",
    b"\r\n ",
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\r",
    b"\0",
    // Format strings.
    b"%s%s%s%s%s%s%s%s",
    b"%n%n%n%n",
    b"%x%x%x%x%p",
    b"%.9999d",
    // Terminals and alphabets.
    b"\x1b[2J\x1b[31m",
    b"\x1b]0;t\x07",
    "\u{feff}é\u{202e}漢\u{1f4de}".as_bytes(),
    b"\xc0\xaf\xe0\x80\xaf",
    b"\xed\xa0\x80\xed\xb0\x80",
    b"\xff\xfe\xff",
    b"\xf4\x90\x80\x80",
    b"\x01\x02\x03\x7f",
    // Numbers.
    b"-1",
    b"+1",
    b"00000000000000000000",
    b"127",
    b"256",
    b"32768",
    b"65536",
    b"2147483648",
    b"4294967295",
    b"4294967296",
    b"9223372036854775808",
    b"18446744073709551616",
    b"1e308",
    b"0x7fffffff",
    b"1.0.0.0",
    // Addresses.
    b"255.255.255.255",
    b"256.256.256.256",
    b"127.1",
    b"1.2.3.4.5",
    b"[::1]",
    b"[::ffff:1.2.3.4",
    b"[:::::::::]",
    // Delimiters without their counterpart, and lines that begin another header.
    b"\"",
    b"\\",
    b"<<<<",
    b">>>>",
    b"@@@",
    b";;;,,,:::///",
    b"sip:%00%0d%0a@%",
    b"x\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKinjected",
    b"x\r\nContent-Length: 0\r\n\r\nINVITE sip:x SIP/2.0",
];

/// Random ones of each group.
const RANDOM: usize = 10;

/// Every value that differs from the valid one, each once.
pub(super) fn all(valid: &[u8], chance: &mut Chance) -> Vec<Vec<u8>> {
    let mut values: Vec<Vec<u8>> = TEXTS.iter().map(|text| text.to_vec()).collect();
    values.extend(LENGTHS.iter().map(|length| b"a".repeat(*length)));
    // Twice, often, cut, and with something before and behind it.
    for times in [2, 9, 300] {
        values.push(valid.repeat(times));
    }
    values.push([b" ", valid].concat());
    values.push([valid, b" "].concat());
    values.push([valid, b"\0"].concat());
    values.push([valid, b","].concat());
    values.push(valid[..valid.len() / 2].to_vec());
    values.extend((0..RANDOM).map(|_| random(valid, chance)));
    let mut seen = std::collections::BTreeSet::from([valid.to_vec()]);
    values.retain(|value| seen.insert(value.clone()));
    values
}

/// The valid value with some of its bytes changed, or bytes of any kind.
fn random(valid: &[u8], chance: &mut Chance) -> Vec<u8> {
    if chance.happens(500) || valid.is_empty() {
        let length = chance.between(1, 64);
        return (0..length).map(|_| chance.below(256) as u8).collect();
    }
    let mut value = valid.to_vec();
    for _ in 0..chance.between(1, 3) {
        let at = chance.below(value.len() as u64) as usize;
        value[at] = chance.below(256) as u8;
    }
    value
}
