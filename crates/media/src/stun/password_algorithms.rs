//! PASSWORD-ALGORITHMS and PASSWORD-ALGORITHM (RFC 8489 sections 14.11 and 14.12).

/// How a long-term key is made of a password (RFC 8489 section 18.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordAlgorithm {
    Md5,
    Sha256,
    /// One that we do not know, or one of ours with parameters that it does not have.
    Other(u16),
}

impl PasswordAlgorithm {
    pub const fn number(self) -> u16 {
        match self {
            PasswordAlgorithm::Md5 => 1,
            PasswordAlgorithm::Sha256 => 2,
            PasswordAlgorithm::Other(number) => number,
        }
    }
}

/// The algorithms of one attribute, in their order. A list that does not end where it should ends before.
#[derive(Clone, Copy, Debug)]
pub struct PasswordAlgorithms<'a>(pub(super) &'a [u8]);

impl Iterator for PasswordAlgorithms<'_> {
    type Item = PasswordAlgorithm;

    fn next(&mut self) -> Option<PasswordAlgorithm> {
        let (head, rest) = self.0.split_first_chunk::<4>()?;
        let number = u16::from_be_bytes([head[0], head[1]]);
        let parameters = usize::from(u16::from_be_bytes([head[2], head[3]]));
        self.0 = rest.get(parameters.next_multiple_of(4)..)?;
        Some(match (number, parameters) {
            (1, 0) => PasswordAlgorithm::Md5,
            (2, 0) => PasswordAlgorithm::Sha256,
            (other, _) => PasswordAlgorithm::Other(other),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_password_algorithms_is_read_in_its_order_and_no_further() {
        let list = [0, 2, 0, 0, 0, 9, 0, 3, 1, 2, 3, 0, 0, 1, 0, 0, 0, 1, 0, 200];
        let read: Vec<_> = PasswordAlgorithms(&list).collect();
        assert_eq!(
            read,
            [PasswordAlgorithm::Sha256, PasswordAlgorithm::Other(9), PasswordAlgorithm::Md5],
            "the last one says more parameters than there are"
        );
    }
}
