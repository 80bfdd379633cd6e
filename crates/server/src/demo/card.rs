//! The card that the demonstration prints: everything one needs, short.

use super::qr;
use crate::cli::terminal::{bold, unicode};
use crate::cli::words::Word;
use crate::config::listen::{Listen, Scheme};
use crate::user_agent::Secret;

pub struct Card<'c> {
    pub domain: &'c str,
    pub listen: &'c [Listen],
    /// Where STUN and TURN are.
    pub turn: &'c [String],
    /// Where the API is, and the file with the token that opens it.
    pub web: Option<String>,
    pub token: Option<String>,
    pub http: Option<String>,
    pub data: String,
    pub accounts: Vec<(&'c str, Credential)>,
    pub try_it: String,
}

/// What a phone needs to register.
#[derive(Clone)]
pub enum Credential {
    /// Made just now, and shown this once.
    Secret(Secret),
    /// Shown at an earlier start. Only its hash is kept, so nobody can show it again; this command makes another.
    Earlier { another: String },
}

/// What the code of an account says: its SIP address with the port and transport that reach us. Linphone and most
/// softphones read it as an address; none of them takes a secret from a code, so the secret is typed.
pub fn code(user: &str, domain: &str, listen: &[Listen]) -> String {
    let port =
        |scheme| listen.iter().find(|listen| listen.scheme == scheme).map(|listen| listen.address.port());
    match (port(Scheme::Udp), port(Scheme::Tcp)) {
        (Some(5060), _) | (None, None) => format!("sip:{user}@{domain}"),
        (Some(port), _) => format!("sip:{user}@{domain}:{port}"),
        (None, Some(port)) => format!("sip:{user}@{domain}:{port};transport=tcp"),
    }
}

pub fn draw(card: &Card<'_>) -> String {
    let ports: Vec<String> = card
        .listen
        .iter()
        .map(|listen| format!("{} {}", listen.scheme.name(), listen.address.port()))
        .collect();
    let mut out = format!("\n{}\n\n", bold(Word::DemoTitle.say()));
    let mut line = |name: &str, value: &str| out.push_str(&format!("  {name:<10} {value}\n"));
    line(Word::Domain.say(), card.domain);
    line(Word::DemoPorts.say(), &ports.join("   "));
    if !card.turn.is_empty() {
        line("TURN", &card.turn.join("   "));
    }
    for (user, secret) in &card.accounts {
        let secret = match secret {
            Credential::Secret(secret) => format!("{} {}", Word::Secret.say(), secret.reveal()),
            Credential::Earlier { another } => Word::DemoSecretEarlier.with(&[another]),
        };
        line(Word::Account.say(), &format!("{user}@{}   {secret}", card.domain));
    }
    line(Word::DemoData.say(), &card.data);
    if let Some(web) = &card.web {
        line(Word::DemoWeb.say(), web);
    }
    if let Some(token) = &card.token {
        line(Word::DemoToken.say(), token);
    }
    if let Some(http) = &card.http {
        line(Word::DemoHttp.say(), http);
    }
    if let ([(first, _), (second, _)], true) = (card.accounts.as_slice(), unicode()) {
        let codes = [first, second].map(|user| qr::draw(&code(user, card.domain, card.listen)));
        out.push('\n');
        out.push_str(&qr::side_by_side((first, &codes[0]), (second, &codes[1])));
        out.push_str(&format!("  {}\n", Word::DemoScan.say()));
    }
    out.push_str(&format!("\n  {}\n  {}\n\n", Word::DemoTry.with(&[&card.try_it]), Word::DemoStop.say()));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_names_a_port_only_when_it_is_not_the_usual_one() {
        let listen = |text: &str| vec![text.parse::<Listen>().unwrap()];
        assert_eq!(code("alice", "192.0.2.1", &listen("udp://0.0.0.0:5060")), "sip:alice@192.0.2.1");
        assert_eq!(code("alice", "192.0.2.1", &listen("udp://0.0.0.0:5062")), "sip:alice@192.0.2.1:5062");
        assert_eq!(code("alice", "d", &listen("tcp://0.0.0.0:5070")), "sip:alice@d:5070;transport=tcp");
    }

    #[test]
    fn the_card_says_domain_ports_accounts_and_what_to_do() {
        let listen = ["udp://0.0.0.0:5060".parse().unwrap(), "tls://0.0.0.0:5061".parse().unwrap()];
        let secret = Credential::Secret(Secret::new("s3cr3t".to_owned()));
        let earlier = Credential::Earlier { another: "coeur device add bob".to_owned() };
        let card = Card {
            domain: "192.0.2.1",
            listen: &listen,
            turn: &["turn:192.0.2.1:3478?transport=udp".to_owned()],
            web: Some("http://localhost:8090/".to_owned()),
            token: Some("coeur-demo/keys/api-token".to_owned()),
            http: None,
            data: "coeur-demo".to_owned(),
            accounts: vec![("alice", secret), ("bob", earlier)],
            try_it: "coeur call alice echo".to_owned(),
        };
        let drawn = draw(&card);
        for part in [
            "192.0.2.1",
            "udp 5060   tls 5061",
            "TURN       turn:192.0.2.1:3478?transport=udp",
            "API        http://localhost:8090/",
            "token      coeur-demo/keys/api-token",
            "alice@192.0.2.1   secret s3cr3t",
            "bob@192.0.2.1   secret shown at the first start; another one: coeur device add bob",
            "coeur call alice echo",
        ] {
            assert!(drawn.contains(part), "{part} is missing in\n{drawn}");
        }
    }
}
