//! Recovery codes: for whoever has lost his authenticator. Each counts once.

use super::secret;
use coeur_storage::Digest;

pub(super) const CODES: usize = 10;
/// 80 bits: too many to be tried against what is kept, which is a plain hash.
const CODE_BYTES: usize = 10;
/// Random bytes of a whole set.
pub(super) const RANDOM_BYTES: usize = CODES * CODE_BYTES;

/// As `abcd-efgh-ijkl-mnop`.
pub(super) fn codes(random: &[u8; RANDOM_BYTES]) -> Vec<secret::Text> {
    let code = |bytes: &[u8]| {
        let letters = secret::lower(bytes);
        let groups: Vec<&str> = (0..4).map(|group| &letters[group * 4..][..4]).collect();
        secret::Text::new(groups.join("-"))
    };
    random.chunks_exact(CODE_BYTES).map(code).collect()
}

/// However it is typed: with other letters, with spaces, without the dashes. `None`: it is none of ours.
pub(super) fn hash(typed: &str) -> Option<Digest> {
    let letters: String = typed
        .chars()
        .filter(|letter| !letter.is_whitespace() && *letter != '-')
        .map(|letter| letter.to_ascii_lowercase())
        .collect();
    let one_of_ours = letters.len() == CODE_BYTES * 8 / 5
        && letters.bytes().all(|letter| matches!(letter, b'a'..=b'z' | b'2'..=b'7'));
    one_of_ours.then(|| secret::sha256(&[b"coeur recovery ", letters.as_bytes()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_the_same_however_it_is_typed() {
        let random: [u8; RANDOM_BYTES] = std::array::from_fn(|at| at as u8);
        let codes = codes(&random);
        assert_eq!(codes.len(), CODES);
        let first = hash(&codes[0]).unwrap();
        assert_eq!(hash(&format!(" {} ", codes[0].to_ascii_uppercase().replace('-', " "))), Some(first));
        assert!(codes[1..].iter().all(|code| hash(code).is_some_and(|other| other != first)));
    }

    #[test]
    fn what_cannot_be_a_code_is_none() {
        for typed in ["", "123456", "abcd-efgh-ijkl-mno", "abcd-efgh-ijkl-mno1", "abcd-efgh-ijkl-mnopq"] {
            assert_eq!(hash(typed), None, "{typed}");
        }
    }
}
