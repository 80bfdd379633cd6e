//! A card for whatever is set by hand.

use crate::phone::{Language, Phone, Srtp};
use crate::uri::{address, host_port};

pub(super) fn settings(phone: &Phone) -> String {
    let line = &phone.lines[0];
    let is_french = phone.locale.language == Language::French;
    let say = |english: &'static str, french: &'static str| if is_french { french } else { english };
    let srtp = match line.srtp {
        Srtp::Off => say("off", "désactivé"),
        Srtp::Optional => say("optional", "facultatif"),
        Srtp::Required => say("required (SDES)", "obligatoire (SDES)"),
    };
    let transport = line.server.transport.as_str().to_ascii_uppercase();
    let mut rows = vec![
        (say("SIP address", "adresse SIP"), address(line)),
        (say("name", "nom"), line.display_name.to_string()),
        (say("user", "utilisateur"), line.user.to_string()),
        (say("domain", "domaine"), line.domain.to_string()),
    ];
    if let Some(secret) = &line.secret {
        rows.push((say("password", "mot de passe"), secret.reveal().to_owned()));
    }
    rows.push((say("server (proxy)", "serveur (proxy)"), host_port(&line.server)));
    rows.push((say("transport", "transport"), transport));
    rows.push(("SRTP", srtp.to_owned()));
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let rows: String = rows.iter().map(|(name, value)| format!("{name:width$}  {value}\n")).collect();
    match line.secret {
        None => rows,
        // Phones ask twice, so the link counts for two minutes more; a person who looks again is told of it before.
        Some(_) => {
            let once = say(
                "Type the password before you open this link again: within two minutes that makes a new password,\nand this one opens nothing any more. After that the link is over.",
                "Tapez le mot de passe avant de rouvrir ce lien : pendant deux minutes, le rouvrir crée un nouveau mot de\npasse, et celui-ci n'ouvre plus rien. Ensuite le lien est terminé.",
            );
            format!("{rows}\n{once}\n")
        }
    }
}
