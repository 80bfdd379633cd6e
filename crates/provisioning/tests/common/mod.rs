//! A phone as the tests want it.

use coeur_provisioning::{
    Authority, Codec, Country, Key, KeyKind, Language, Line, Locale, Mac, Phone, Secret, Server, Srtp, Text,
    Transport, Vendor,
};

pub fn line(user: &str, name: &str, transport: Transport) -> Line {
    let (port, srtp) = match transport {
        Transport::Tls => (5061, Srtp::Required),
        Transport::Udp | Transport::Tcp => (5060, Srtp::Off),
    };
    Line {
        label: Text::new(name),
        display_name: Text::new(name),
        user: Text::new(user),
        domain: Text::new("example.org"),
        secret: Some(Secret::new(format!("secret-of-{user}"))),
        server: Server { host: Text::new("sip.example.org"), port, transport },
        srtp,
        expires_s: 600,
        voicemail: Text::default(),
        codecs: Codec::BEST_FIRST.to_vec(),
    }
}

/// Over TLS, in French, with all that a phone can be told.
pub fn whole(vendor: Vendor, model: &str, lines: usize, keys: usize) -> Phone {
    let mut phone = plain(vendor, model, Transport::Tls);
    phone.locale = Locale { language: Language::French, country: Country::France };
    phone.lines[0].voicemail = Text::new("*97");
    if lines > 1 {
        phone.lines.push(line("accueil", "Accueil", Transport::Tls));
    }
    let all = [
        (KeyKind::Line, "", "Zoé"),
        (KeyKind::Busy, "bob", "Bob & Co"),
        (KeyKind::Speed, "+33123456789", "Taxi"),
        (KeyKind::Park, "701", "Parc 1"),
    ];
    // On a Cisco the first keys are its lines.
    let first = if vendor == Vendor::Cisco { lines as u8 + 1 } else { 1 };
    let key = |((kind, value, label), position)| Key {
        position,
        kind,
        line: 1,
        value: Text::new(value),
        label: Text::new(label),
    };
    phone.keys = all.into_iter().zip(first..).take(keys).map(key).collect();
    phone.admin_password = Some(Secret::new("admin-secret".to_owned()));
    phone.settings_url = Some(Text::new("https://sip.example.org/p/LONGTOKEN/"));
    phone.authority = Some(Authority {
        url: Text::new("https://sip.example.org/authority.pem"),
        pem: "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n".to_owned(),
    });
    phone
}

/// In English, with one account and nothing else.
pub fn plain(vendor: Vendor, model: &str, transport: Transport) -> Phone {
    Phone {
        vendor,
        model: Text::new(model),
        mac: Mac::parse("24:9a:d8:88:d0:f4").ok(),
        lines: vec![line("zoe", "Zoé", transport)],
        keys: Vec::new(),
        locale: Locale { language: Language::English, country: Country::UnitedKingdom },
        ntp: Text::new("time.example.org"),
        admin_password: None,
        settings_url: None,
        authority: None,
    }
}
