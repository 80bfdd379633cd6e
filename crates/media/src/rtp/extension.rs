//! Header extensions with one-byte and two-byte element headers (RFC 8285 section 4).

/// The header extension of a packet: its profile and its data, a whole number of 32-bit words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension<'a> {
    pub profile: u16,
    pub data: &'a [u8],
}

/// One element. Its meaning is what `a=extmap` said of `id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    pub id: u8,
    pub data: &'a [u8],
}

impl<'a> Extension<'a> {
    pub(super) fn new(profile: u16, data: &'a [u8]) -> Extension<'a> {
        Extension { profile, data }
    }

    /// The elements in their order; none for a profile that RFC 8285 does not define. What is cut ends the list.
    pub fn elements(&self) -> Elements<'a> {
        let form = match self.profile {
            0xbede => Form::OneByte,
            // The four low bits are for the application (section 4.3).
            0x1000..=0x100f => Form::TwoByte,
            _ => return Elements { form: Form::OneByte, rest: &[] },
        };
        Elements { form, rest: self.data }
    }
}

#[derive(Clone, Copy)]
enum Form {
    OneByte,
    TwoByte,
}

pub struct Elements<'a> {
    form: Form,
    rest: &'a [u8],
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        loop {
            // A byte of zero is padding between elements in both forms (section 4.1.2, section 4.3).
            while let [0, rest @ ..] = self.rest {
                self.rest = rest;
            }
            let (id, length, data) = match (self.form, self.rest) {
                // ID 15 ends the list whatever follows (section 4.2).
                (Form::OneByte, [head, data @ ..]) if head >> 4 != 15 => {
                    (head >> 4, usize::from(head & 0x0f) + 1, data)
                }
                (Form::TwoByte, [id, length, data @ ..]) => (*id, usize::from(*length), data),
                _ => return self.end(),
            };
            let Some((element, rest)) = data.split_at_checked(length) else {
                return self.end();
            };
            self.rest = rest;
            // An ID of 0 with a length other than 0 is ignored with its data (section 4.2).
            if id != 0 {
                return Some(Element { id, data: element });
            }
        }
    }
}

impl<'a> Elements<'a> {
    fn end(&mut self) -> Option<Element<'a>> {
        self.rest = &[];
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(profile: u16, data: &[u8]) -> Vec<(u8, Vec<u8>)> {
        Extension::new(profile, data).elements().map(|e| (e.id, e.data.to_vec())).collect()
    }

    #[test]
    fn one_byte_elements_end_at_id_15_and_skip_padding() {
        let data = b"\x10\xaa\x00\x21\xbb\xcc\xf0\x30\xdd";
        assert_eq!(elements(0xbede, data), [(1, vec![0xaa]), (2, vec![0xbb, 0xcc])]);
    }

    #[test]
    fn two_byte_elements_may_be_empty() {
        let data = b"\x01\x00\x00\x02\x03abc\x00";
        assert_eq!(elements(0x1005, data), [(1, vec![]), (2, b"abc".to_vec())]);
    }

    #[test]
    fn a_cut_element_ends_the_list_and_an_unknown_profile_has_none() {
        assert_eq!(elements(0xbede, b"\x10\xaa\x23\xbb"), [(1, vec![0xaa])]);
        assert_eq!(elements(0x1000, b"\x01"), []);
        assert_eq!(elements(0x1234, b"\x10\xaa\x00\x00"), []);
    }

    #[test]
    fn an_element_of_id_zero_is_skipped_with_its_data() {
        assert_eq!(elements(0xbede, b"\x01\xaa\xbb\x10\xcc"), [(1, vec![0xcc])], "length field not 0");
    }
}
