//! What each maker's phone is told, byte by byte. Run with `COEUR_GOLDEN=write` to write the files anew, and read the
//! difference before it is committed.

mod common;

use coeur_provisioning::{
    NumberKind, PHONEBOOK_ENTRIES_MAX, Phone, PhonebookEntry, PhonebookNumber, Text, Transport, Vendor,
    phonebook, render,
};
use common::{plain, whole};
use std::path::Path;

fn compared(name: &str, phone: &Phone) {
    let rendered = render(phone).unwrap_or_else(|why| panic!("{name}: {why}"));
    let mut text = rendered.settings.body.reveal().to_owned();
    if let Some(master) = &rendered.master {
        text.push_str("=== master\n");
        text.push_str(master.body.reveal());
    }
    for left_out in &rendered.left_out {
        text.push_str(&format!("=== left out: {left_out}\n"));
    }
    same(name, &text);
}

fn same(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("COEUR_GOLDEN").is_some_and(|word| word == "write") {
        std::fs::write(&path, text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, golden, "{name}: not what it was");
}

#[test]
fn a_yealink_is_told_what_it_was_told_before() {
    compared("yealink-t54w.cfg", &whole(Vendor::Yealink, "T54W", 2, 4));
    compared("yealink-t31p.cfg", &plain(Vendor::Yealink, "T31P", Transport::Udp));
}

#[test]
fn a_grandstream_is_told_what_it_was_told_before() {
    compared("grandstream-grp2614.xml", &whole(Vendor::Grandstream, "GRP2614", 2, 4));
    compared("grandstream-gxp2170.xml", &whole(Vendor::Grandstream, "GXP2170", 2, 4));
}

#[test]
fn an_analogue_adapter_is_told_what_it_was_told_before() {
    compared("grandstream-ht801.xml", &plain(Vendor::Grandstream, "HT801", Transport::Udp));
    compared("grandstream-ht802.xml", &whole(Vendor::Grandstream, "HT802", 2, 0));
}

#[test]
fn a_snom_is_told_what_it_was_told_before() {
    compared("snom-d785.xml", &whole(Vendor::Snom, "D785", 2, 4));
    compared("snom-d315.xml", &plain(Vendor::Snom, "D315", Transport::Tcp));
}

#[test]
fn a_poly_is_told_what_it_was_told_before() {
    compared("poly-vvx400.cfg", &whole(Vendor::Poly, "VVX_400", 2, 4));
    compared("poly-edge-e400.cfg", &plain(Vendor::Poly, "EDGE_E400", Transport::Udp));
}

#[test]
fn a_cisco_is_told_what_it_was_told_before() {
    compared("cisco-cp8841.xml", &whole(Vendor::Cisco, "CP-8841-3PCC", 2, 4));
    compared("cisco-spa508g.xml", &plain(Vendor::Cisco, "SPA508G", Transport::Udp));
}

#[test]
fn a_fanvil_is_told_what_it_was_told_before() {
    compared("fanvil-x6u.cfg", &whole(Vendor::Fanvil, "X6U", 2, 0));
    compared("fanvil-x3u.cfg", &plain(Vendor::Fanvil, "X3U", Transport::Udp));
}

#[test]
fn a_gigaset_is_told_what_it_was_told_before() {
    compared("gigaset-n870.xml", &whole(Vendor::Gigaset, "N870 IP PRO", 2, 0));
    compared("gigaset-n610.xml", &plain(Vendor::Gigaset, "N610 IP PRO", Transport::Udp));
}

#[test]
fn each_softphone_is_told_what_it_was_told_before() {
    compared("linphone.xml", &whole(Vendor::Linphone, "", 2, 0));
    compared("linphone-udp.xml", &plain(Vendor::Linphone, "", Transport::Udp));
    compared("groundwire.xml", &whole(Vendor::Groundwire, "", 1, 0));
    compared("zoiper.xml", &whole(Vendor::Zoiper, "", 1, 0));
    compared("microsip.ini", &whole(Vendor::MicroSip, "", 2, 0));
    compared("baresip-accounts", &whole(Vendor::Baresip, "", 2, 0));
    compared("card-fr.txt", &whole(Vendor::Other, "", 1, 0));
    compared("card-en.txt", &plain(Vendor::Other, "", Transport::Udp));
}

/// Some with one number, one with several, a colleague of the same domain, and a name that tries to leave its place.
#[test]
fn each_maker_gets_the_phonebook_that_it_got_before() {
    let number = |kind, number: &str| PhonebookNumber { kind, number: Text::new(number) };
    let entry = |name: &str, numbers| PhonebookEntry { name: Text::new(name), numbers };
    let entries = [
        entry(
            "Bob </Name><Telephone>0</Telephone> & \"Co\"",
            vec![number(NumberKind::Work, "sip:bob@example.org")],
        ),
        entry("Nobody", Vec::new()),
        entry(
            "Zoé Martin",
            vec![
                number(NumberKind::Mobile, "+33612345678"),
                number(NumberKind::Other, "sip:zoe@partner.example"),
                number(NumberKind::Home, "201"),
            ],
        ),
    ];
    for (vendor, model, name) in [
        (Vendor::Yealink, "T54W", "phonebook-yealink.xml"),
        (Vendor::Grandstream, "GRP2614", "phonebook-grandstream.xml"),
        (Vendor::Snom, "D785", "phonebook-snom.xml"),
        (Vendor::Fanvil, "X6U", "phonebook-fanvil.xml"),
    ] {
        let file = phonebook(&whole(vendor, model, 1, 0), &entries).expect("it fetches one");
        same(name, file.body.reveal());
        let document = roxmltree::Document::parse(file.body.reveal()).expect("XML");
        let texts: Vec<&str> = document.descendants().filter_map(|node| node.text()).collect();
        assert!(texts.iter().any(|text| text.starts_with("Bob </Name>")), "{vendor}: {texts:?}");
        assert!(texts.contains(&"bob") && texts.contains(&"zoe@partner.example"), "{vendor}: {texts:?}");
    }
    assert!(phonebook(&whole(Vendor::Linphone, "", 1, 0), &entries).is_none());
}

#[test]
fn a_phonebook_has_no_more_entries_than_a_phone_holds() {
    let numbers = || vec![PhonebookNumber { kind: NumberKind::Work, number: Text::new("201") }];
    let entries: Vec<PhonebookEntry> = (0..PHONEBOOK_ENTRIES_MAX + 5)
        .map(|at| PhonebookEntry { name: Text::new(&format!("n{at}")), numbers: numbers() })
        .collect();
    let file = phonebook(&plain(Vendor::Yealink, "T31P", Transport::Udp), &entries).expect("it fetches one");
    assert_eq!(file.body.reveal().matches("<Name>").count(), PHONEBOOK_ENTRIES_MAX);
}

#[test]
fn a_certificate_in_an_attribute_keeps_its_lines() {
    let phone = whole(Vendor::Poly, "VVX_400", 1, 0);
    let body = render(&phone).unwrap().settings.body.reveal().to_owned();
    let document = roxmltree::Document::parse(&body).unwrap();
    let read = document.root_element().attribute("sec.TLS.customCaCert.1");
    assert_eq!(read, phone.authority.as_ref().map(|authority| authority.pem.trim()));
}
