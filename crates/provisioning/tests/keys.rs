//! Keys stand where they were put, and what a phone cannot be told of them is said.

mod common;

use coeur_provisioning::{Key, KeyKind, Phone, Text, Transport, Vendor, can_say, render};
use common::{plain, whole};

fn key(position: u8, kind: KeyKind) -> Key {
    let value = if kind == KeyKind::None { "" } else { "bob" };
    Key { position, kind, line: 1, value: Text::new(value), label: Text::new("Bob") }
}

fn told(phone: &Phone) -> (String, Vec<&'static str>) {
    let rendered = render(phone).unwrap_or_else(|why| panic!("{why}"));
    (rendered.settings.body.reveal().to_owned(), rendered.left_out)
}

#[test]
fn a_key_is_told_at_its_position_and_one_that_was_emptied_is_told_to_do_nothing() {
    let cases: [(Vendor, &str, &[&str]); 5] = [
        (
            Vendor::Yealink,
            "T54W",
            &["linekey.7.type = 16\n", "linekey.7.value = bob\n", "linekey.3.type = 0\n"],
        ),
        (
            Vendor::Grandstream,
            "GRP2614",
            &["\"pks.vpk.7.keyMode\">BLF<", "\"pks.vpk.7.value\">bob<", "\"pks.vpk.3.keyMode\">None<"],
        ),
        (Vendor::Grandstream, "GXP2170", &["<P23030>11<", "<P23033>bob<"]),
        (
            Vendor::Snom,
            "D785",
            &["idx=\"6\" context=\"1\" label=\"Bob\" perm=\"R\">blf bob|*8<", "idx=\"2\""],
        ),
        (
            Vendor::Cisco,
            "CP-8841-3PCC",
            &[
                "<Extended_Function_7_ ua=\"na\">fnc=sd+blf+cp;sub=bob@$PROXY;nme=Bob<",
                "<Extended_Function_3_ ua=\"na\"></",
            ],
        ),
    ];
    for (vendor, model, parts) in cases {
        let mut phone = plain(vendor, model, Transport::Tcp);
        phone.keys = vec![key(3, KeyKind::None), key(7, KeyKind::Busy)];
        let (text, _) = told(&phone);
        for part in parts {
            assert!(text.contains(part), "{vendor} {model}: no {part} in\n{text}");
        }
        assert!(!text.contains("linekey.1.") && !text.contains("vpk.1."), "{vendor}: an untouched key stays");
    }
}

#[test]
fn a_phone_without_such_keys_is_told_the_rest_and_it_is_said() {
    for (vendor, model, position, kind) in [
        (Vendor::Yealink, "T31P", 3, KeyKind::Busy),
        (Vendor::Grandstream, "GXP2170", 2, KeyKind::Line),
        (Vendor::Grandstream, "HT802", 1, KeyKind::Speed),
        (Vendor::Poly, "VVX_400", 2, KeyKind::Speed),
        (Vendor::Cisco, "CP-8841-3PCC", 1, KeyKind::Busy),
        (Vendor::Fanvil, "X6U", 1, KeyKind::Busy),
        (Vendor::Linphone, "", 1, KeyKind::Busy),
    ] {
        let mut phone = whole(vendor, model, 1, 0);
        let before = told(&phone);
        phone.keys = vec![key(position, kind)];
        assert!(!can_say(vendor, model, 1, &phone.keys[0]), "{vendor} {model}");
        let (text, left_out) = told(&phone);
        assert_eq!(text, before.0, "{vendor} {model}");
        assert!(left_out.len() == before.1.len() + 1 && left_out.iter().any(|text| text.starts_with("keys")));
    }
}
