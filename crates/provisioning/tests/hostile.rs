//! Whatever a name, a label or a password holds: the file has the same settings as with harmless ones, and the values come
//! back as they were meant when another program reads it.

mod common;

use coeur_provisioning::{Phone, Secret, Text, Vendor, render};
use common::whole;
use std::collections::BTreeMap;

const HOSTILE: &[&str] = &[
    "a\nadmin = owned",
    "a\r\n[Account2]\r\nserver=evil",
    "</entry></section></config>",
    "\"/><evil a=\"",
    "' onload='x",
    "<![CDATA[x]]>",
    "]]>",
    "<!--",
    "&amp;&lt;",
    "&xxe;",
    "<!DOCTYPE a [<!ENTITY xxe SYSTEM \"file:///etc/passwd\">]>",
    "a;auth_pass=x;outbound=\"sip:evil\"",
    "\" <sip:evil@evil>",
    "\\\"",
    "%NULL%",
    "$PROXY;fnc=sd",
    "\u{0}\u{1}\u{b}\u{1f}",
    "\u{2028}x\u{2029}y\u{85}",
    "\u{fffe}\u{ffff}",
    "\u{202e}txt.exe",
    "=cmd|' /C calc'!A0",
    "{{7*7}}${7*7}",
    "%s%n%x",
    "../../etc/passwd",
    "é漢字🎉",
    "#!version:1.0.0.1",
    "a;b=c",
    "   ",
    "-----BEGIN CERTIFICATE-----",
    "\t\ttabs",
];

fn with(vendor: Vendor, model: &str, text: &str) -> Phone {
    let keys = coeur_provisioning::ability(vendor, model).keys_max.min(4);
    let mut phone = whole(vendor, model, 1, keys);
    let line = &mut phone.lines[0];
    (line.label, line.display_name) = (Text::new(text), Text::new(text));
    line.user = Text::new(text);
    line.voicemail = Text::new(&format!("1{text}"));
    line.secret = Some(Secret::new(Text::new(text).to_string()));
    for key in &mut phone.keys {
        (key.label, key.value) = (Text::new(text), Text::new(text));
    }
    phone
}

fn body(phone: &Phone) -> String {
    render(phone).unwrap_or_else(|why| panic!("{why}")).settings.body.reveal().to_owned()
}

const XML: &[(Vendor, &str)] = &[
    (Vendor::Grandstream, "GRP2614"),
    (Vendor::Grandstream, "GXP2170"),
    (Vendor::Grandstream, "HT802"),
    (Vendor::Snom, "D785"),
    (Vendor::Poly, "VVX_400"),
    (Vendor::Cisco, "CP-8841-3PCC"),
    (Vendor::Fanvil, "X6U"),
    (Vendor::Gigaset, "N870"),
    (Vendor::Linphone, ""),
    (Vendor::Groundwire, ""),
    (Vendor::Zoiper, ""),
];

/// Names of elements and attributes in their order, and how often each text occurs.
fn shape(text: &str) -> (Vec<String>, BTreeMap<String, usize>) {
    let document = roxmltree::Document::parse(text).unwrap_or_else(|why| panic!("{why}:\n{text}"));
    let (mut names, mut values) = (Vec::new(), BTreeMap::new());
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        names.push(node.tag_name().name().to_owned());
        names.extend(node.attributes().map(|attribute| format!("@{}", attribute.name())));
        let texts = node.attributes().map(|attribute| attribute.value()).chain(node.text());
        texts.for_each(|value| *values.entry(value.to_owned()).or_default() += 1);
    }
    (names, values)
}

#[test]
fn hostile_texts_change_no_element_and_come_back_as_they_were() {
    for (vendor, model) in XML {
        let (names, _) = shape(&body(&with(*vendor, model, "harmless")));
        for text in HOSTILE {
            let (hostile_names, values) = shape(&body(&with(*vendor, model, text)));
            assert_eq!(hostile_names, names, "{vendor}: {text:?}");
            let meant = Text::new(text);
            assert!(
                meant.is_empty() || values.contains_key(meant.as_str()),
                "{vendor}: {text:?} is not in {values:?}"
            );
        }
    }
}

#[test]
fn hostile_texts_make_no_line_of_a_plain_file() {
    for (vendor, model) in [(Vendor::Yealink, "T54W"), (Vendor::MicroSip, "")] {
        let keys = |text: &str| -> Vec<String> {
            let body = body(&with(vendor, model, text));
            // As the strictest and the laxest reader of lines would split it.
            assert!(!body.contains(['\u{85}', '\u{2028}', '\u{b}', '\0']), "{vendor}: {text:?}");
            body.lines().map(|line| line.split('=').next().unwrap_or_default().trim().to_owned()).collect()
        };
        let harmless = keys("harmless");
        for text in HOSTILE {
            assert_eq!(keys(text), harmless, "{vendor}: {text:?}");
        }
    }
    let reset = body(&with(Vendor::Yealink, "T54W", "%NULL%"));
    assert!(!reset.contains("= %NULL%\n"), "a name does not reset a setting");
}

#[test]
fn hostile_texts_stay_between_the_quotes_of_an_accounts_line() {
    for text in HOSTILE {
        let body = body(&with(Vendor::Baresip, "", text));
        assert_eq!(body.lines().count(), 1, "{text:?}");
        let (mut quoted, mut escaped, mut outside) = (false, false, String::new());
        for c in body.chars() {
            match (c, quoted, escaped) {
                (_, true, true) => escaped = false,
                ('\\', true, false) => escaped = true,
                ('"', _, _) => quoted = !quoted,
                (_, true, false) => {}
                (_, false, _) => outside.push(c),
            }
        }
        assert!(!quoted, "{text:?}: {body}");
        let names: Vec<&str> = outside
            .split(';')
            .skip(1)
            .map(|part| part.split('=').next().unwrap_or_default().trim())
            .collect();
        assert_eq!(
            names,
            ["auth_user", "auth_pass", "outbound", "regint", "mediaenc", "audio_codecs"],
            "{text:?}: {body}"
        );
    }
}

#[test]
fn a_phone_without_its_secret_in_the_file_has_no_setting_for_it() {
    for vendor in Vendor::ALL.into_iter().filter(|vendor| vendor.keeps_what_is_not_named()) {
        let mut phone = whole(vendor, "", 1, 0);
        assert!(body(&phone).contains("secret-of-zoe"), "{vendor}");
        phone.lines[0].secret = None;
        let (without, with) = (body(&phone), body(&whole(vendor, "", 1, 0)));
        assert!(!without.contains("secret-of-zoe"), "{vendor}");
        assert!(without.len() < with.len());
    }
}
