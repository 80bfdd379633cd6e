//! What each maker's phone is told, byte by byte. Run with `COEUR_GOLDEN=write` to write the files anew, and read the
//! difference before it is committed.

mod common;

use coeur_provisioning::{Phone, Transport, Vendor, render};
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
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("COEUR_GOLDEN").is_some_and(|word| word == "write") {
        std::fs::write(&path, &text).unwrap();
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

#[test]
fn a_certificate_in_an_attribute_keeps_its_lines() {
    let phone = whole(Vendor::Poly, "VVX_400", 1, 0);
    let body = render(&phone).unwrap().settings.body.reveal().to_owned();
    let document = roxmltree::Document::parse(&body).unwrap();
    let read = document.root_element().attribute("sec.TLS.customCaCert.1");
    assert_eq!(read, phone.authority.as_ref().map(|authority| authority.pem.trim()));
}
