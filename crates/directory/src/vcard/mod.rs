//! Contacts as files: vCard. What is read is what people have: 4.0 (RFC 6350), 3.0 (RFC 2426) and 2.1 as telephones write
//! it, with QUOTED-PRINTABLE. What is written is 4.0.
//!
//! Of a card the name, the organisation, the numbers, the first e-mail address and the notes are taken; photos, postal
//! addresses, birthdays, groups of cards and all else are left. What is longer than a contact may be is cut, a number that
//! cannot be dialled is left out and counted: a book of a thousand is not refused for one of them.

mod line;
mod read;
mod write;

pub use read::{ReadCard, VcardError, read_vcards};
pub use write::write_vcard;

/// Cards of one file.
pub const VCARDS_MAX: usize = 10_000;
/// Bytes of one property that are read, 16 kB: a photo is longer, and is left.
const LINE_BYTES_MAX: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Card, ContactNumber, NumberLabel};
    use proptest::prelude::*;

    fn one(text: &str) -> Card {
        let mut cards = read_vcards(text.as_bytes()).expect("a file of cards");
        assert_eq!(cards.len(), 1, "{text}");
        cards.remove(0).card.expect("a card")
    }

    fn numbers(card: &Card) -> Vec<(&str, &str)> {
        card.numbers.iter().map(|number| (number.label.as_str(), &*number.value)).collect()
    }

    #[test]
    fn a_card_of_version_4_is_read() {
        let card = one(
            "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Zoë Martin\r\nN:Martin;Zoë;;;\r\nORG:Mairie\\, centre;Accueil\r\n\
            TEL;VALUE=uri;TYPE=\"voice,cell\";PREF=1:tel:+33-6-12-34-56-78\r\nTEL;TYPE=work:01 23 45 67 89\r\n\
            IMPP;TYPE=home:sip:zoe@example.org;transport=tls\r\nIMPP:xmpp:zoe@example.org\r\n\
            EMAIL;TYPE=work:zoe@example.org\r\nEMAIL:other@example.org\r\nNOTE:One\\nand a line that is\r\n  folded\r\n\
            PHOTO:data:image/png;base64,AAAA\r\nEND:VCARD\r\n",
        );
        assert_eq!((&*card.name, &*card.organisation), ("Zoë Martin", "Mairie, centre, Accueil"));
        assert_eq!(
            numbers(&card),
            [
                ("mobile", "+33612345678"),
                ("work", "0123456789"),
                ("home", "sip:zoe@example.org;transport=tls")
            ]
        );
        assert_eq!((&*card.email, &*card.note), ("zoe@example.org", "One\nand a line that is folded"));
    }

    #[test]
    fn a_card_of_version_3_as_address_books_export_it_is_read() {
        let card = one(
            "begin:vcard\nversion:3.0\nN:Martin;Alice;;Dr.;\nFN:\nitem1.TEL;type=CELL;type=VOICE;type=pref:+1 (201) 555-0123\n\
            item1.X-ABLabel:_$!<Mobile>!$_\nTEL;TYPE=HOME,FAX:202\nTEL:not a number\nX-SIP:alice@example.org\nend:vcard\n",
        );
        assert_eq!(&*card.name, "Dr. Alice Martin");
        assert_eq!(
            numbers(&card),
            [("mobile", "+12015550123"), ("other", "202"), ("other", "sip:alice@example.org")]
        );
    }

    #[test]
    fn a_card_of_version_2_1_with_quoted_printable_is_read() {
        let text = "BEGIN:VCARD\r\nVERSION:2.1\r\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:;=C3=89lodie=20=\r\nD=C3=BC;;;\r\n\
            TEL;CELL;PREF:0612345678\r\nTEL;WORK:201\r\nNOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=ISO-8859-1:caf=E9=0D=0Aici\r\n\
            PHOTO;ENCODING=BASE64;JPEG:/9j/4AAQSkZJRgABAQ\r\n AAAA:AAAA\r\n\r\nEND:VCARD\r\n";
        let card = one(text);
        assert_eq!((&*card.name, &*card.note), ("Élodie Dü", "café\nici"));
        assert_eq!(numbers(&card), [("mobile", "0612345678"), ("work", "201")]);
        let latin: Vec<u8> =
            "BEGIN:VCARD\nVERSION:2.1\nN:Müller\nEND:VCARD\n".chars().map(|c| c as u8).collect();
        let cards = read_vcards(&latin).expect("a file of cards");
        assert_eq!(&*cards[0].card.as_ref().expect("a card").name, "Müller");
    }

    #[test]
    fn what_is_no_contact_says_so_and_stops_nothing() {
        let text = "BEGIN:VCARD\nVERSION:4.0\nNOTE:nobody\nEND:VCARD\nBEGIN:VCARD\nKIND:group\nFN:Friends\nEND:VCARD\n\
            BEGIN:VCARD\nFN:Bob\u{202e}\u{7}\nAGENT:\nBEGIN:VCARD\nFN:Inside\nEND:VCARD\nTEL:1-800-FLOWERS\nEND:VCARD\n";
        let cards = read_vcards(text.as_bytes()).expect("a file of cards");
        assert_eq!(cards.len(), 2);
        assert_eq!((cards[0].line, cards[0].card.is_err()), (1, true));
        let bob = cards[1].card.as_ref().expect("a card");
        assert_eq!((&*bob.name, cards[1].left_out), ("Bob", 1));
    }

    #[test]
    fn what_is_no_file_of_cards_is_refused_and_a_long_one_cut() {
        assert_eq!(read_vcards(b"name,number\nbob,201\n"), Err(VcardError::NoCard));
        assert_eq!(read_vcards(b""), Err(VcardError::NoCard));
        let open = read_vcards(b"BEGIN:VCARD\nFN:x\n");
        assert_eq!(open, Err(VcardError::NotEnded { line: 1 }));
        let many = "BEGIN:VCARD\nFN:x\nEND:VCARD\n".repeat(VCARDS_MAX + 1);
        assert_eq!(read_vcards(many.as_bytes()), Err(VcardError::TooMany));
        let long = format!("BEGIN:VCARD\nFN:{}\nNOTE:{}\nEND:VCARD\n", "é".repeat(300), "y".repeat(100_000));
        let card = one(&long);
        assert_eq!((card.name.len(), card.note.len()), (200, 1_000));
        let deep = "BEGIN:VCARD\n".repeat(50_000);
        assert_eq!(read_vcards(deep.as_bytes()), Err(VcardError::NotEnded { line: 1 }));
        let numbers = "TEL:201\n".repeat(12);
        let text = format!("BEGIN:VCARD\nFN:x\n{numbers}END:VCARD\n");
        let cards = read_vcards(text.as_bytes()).expect("a file of cards");
        assert_eq!((one(&text).numbers.len(), cards[0].left_out), (8, 4));
    }

    #[test]
    fn what_is_written_is_folded_at_75_bytes_and_says_uri_where_it_is_one() {
        let card = Card {
            name: "é".repeat(60).into(),
            numbers: Box::new([
                ContactNumber { label: NumberLabel::Mobile, value: "+33612345678".into() },
                ContactNumber { label: NumberLabel::Other, value: "201".into() },
            ]),
            note: "a;b,c\\\nd".into(),
            ..Card::default()
        };
        let text = write_vcard(&card);
        assert!(text.split("\r\n").all(|line| line.len() <= 75), "{text}");
        assert!(text.contains("\r\nTEL;TYPE=cell;VALUE=uri:tel:+33612345678\r\nTEL:201\r\n"), "{text}");
        assert!(text.contains("\r\nNOTE:a\\;b\\,c\\\\\\nd\r\n"), "{text}");
        assert!(text.starts_with("BEGIN:VCARD\r\nVERSION:4.0\r\n") && text.ends_with("END:VCARD\r\n"));
    }

    fn some_card() -> impl Strategy<Value = Card> {
        let line = "[ -~é中\u{200d}]{0,60}";
        let number = prop_oneof![
            "\\+?[0-9]{1,15}".prop_map(|number: String| number),
            "[a-z]{1,8}@[a-z]{1,8}\\.test".prop_map(|address: String| address),
            Just("sip:a,b@example.org;transport=tls".to_owned()),
        ];
        let number = (0..4usize, number)
            .prop_map(|(at, value)| ContactNumber { label: NumberLabel::ALL[at], value: value.into() });
        let numbers = proptest::collection::vec(number, 0..9);
        (line, line, numbers, "([a-z,;]{1,9}@[a-z]{1,9})?", "[ -~é\n]{0,200}").prop_filter_map(
            "a card",
            |(name, organisation, numbers, email, note)| {
                let card = Card {
                    name: name.into(),
                    organisation: organisation.into(),
                    numbers: numbers.into(),
                    email: email.into(),
                    note: note.into(),
                };
                card.checked().ok()
            },
        )
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_as_it_was(cards in proptest::collection::vec(some_card(), 1..4)) {
            let text: String = cards.iter().map(write_vcard).collect();
            let read = read_vcards(text.as_bytes()).expect("a file of cards");
            let read: Vec<Card> = read.into_iter().map(|read| read.card.expect("a card")).collect();
            prop_assert_eq!(read, cards);
        }

        #[test]
        fn whatever_comes_gives_cards_that_may_be_kept_or_none(
            pieces in proptest::collection::vec(
                prop_oneof![
                    Just("BEGIN:VCARD\n".to_owned()),
                    Just("END:VCARD\r\n".to_owned()),
                    Just("N;ENCODING=QUOTED-PRINTABLE:=C3=\n=ZZ=A\n".to_owned()),
                    Just("TEL;TYPE=\"a:\n".to_owned()),
                    "[A-Z.;:=\"\\\\ ,\r\n\t\u{e9}]{0,40}",
                    "(FN|N|ORG|TEL|IMPP|EMAIL|NOTE|VERSION)[;=:A-Z0-9.\\\\ \u{202e}]{0,40}\n",
                ],
                0..40,
            )
        ) {
            for read in read_vcards(pieces.concat().as_bytes()).unwrap_or_default() {
                if let Ok(card) = read.card {
                    prop_assert_eq!(card.checked(), Ok(card));
                }
            }
        }

        #[test]
        fn bytes_of_any_kind_end_nothing(bytes: Vec<u8>) {
            let mut file = b"BEGIN:VCARD\nFN:".to_vec();
            file.extend(&bytes);
            file.extend(b"\nEND:VCARD\n");
            let _ = read_vcards(&file);
        }
    }
}
