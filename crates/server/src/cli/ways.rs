//! What the door says of calls in one English word or sentence, in the user's language. What is not translated does not compile.

use super::words::{Language, Word};
use coeur_exchange::call_record::{MediaPath, Relayed};

/// Which way the media of a call goes, and why. What a server of another version says stays as it is.
pub(super) fn path(said: &str, language: Language) -> String {
    let known = MediaPath::ALL.into_iter().find(|path| path.as_str() == said);
    match (known, language) {
        (Some(path), Language::French) => french(path).to_owned(),
        (Some(_), Language::English) | (None, _) => said.to_owned(),
    }
}

/// How the media of a call is protected. `e2e` and `hop` are names.
pub(super) fn protection(said: &str) -> String {
    if said == "mixed" { Word::Mixed.say().to_owned() } else { said.to_owned() }
}

/// Who has ended a call.
pub(super) fn ended_by(said: &str) -> String {
    let word = match said {
        "caller" => Word::Caller,
        "callee" => Word::Callee,
        "exchange" => Word::ByExchange,
        "operator" => Word::ByOperator,
        other => return other.to_owned(),
    };
    word.say().to_owned()
}

const fn french(path: MediaPath) -> &'static str {
    match path {
        MediaPath::Direct => {
            "direct : les deux téléphones sont dans un même réseau, ou hors de tout réseau privé"
        }
        MediaPath::DirectSdes => {
            "direct : les deux téléphones sont dans un même réseau, ou hors de tout réseau privé ; ce serveur a vu leurs clés"
        }
        MediaPath::Own => {
            "direct, ou par ce serveur tel quel : les deux appareils choisissent, et ont leurs propres clés"
        }
        MediaPath::OwnDirect => {
            "direct, pour ce qui s'en voit ici : aucun média ne passe ; les deux appareils ont leurs propres clés"
        }
        MediaPath::OwnHere => {
            "par ce serveur tel quel : les deux appareils n'ont pas trouvé de voie directe, et ont leurs propres clés"
        }
        MediaPath::Relayed(why) => match why {
            Relayed::Policy => "relayé : le réglage direct_media est sur « no »",
            Relayed::Changing => "relayé : l'appel est sur le point de changer",
            Relayed::Service => "relayé : un côté est un service de ce serveur",
            Relayed::NotOurs => "relayé : un côté n'est pas un appareil de ce serveur",
            Relayed::Refused => "relayé : un téléphone n'a pas pris l'adresse de l'autre",
            Relayed::Protected => "relayé : DTLS ou ICE est convenu entre chaque côté et ce serveur",
            Relayed::Domains => {
                "relayé : les deux sont de domaines différents, et n'apprennent pas l'adresse l'un de l'autre"
            }
            Relayed::Several => {
                "relayé : plusieurs appareils ont sonné, et aucun n'a appris qui est de l'autre côté"
            }
            Relayed::Returned => "relayé : l'appel était direct, est revenu pour une raison, et reste",
            Relayed::Keys => "relayé : les deux ont d'autres sortes de clés SRTP, ou l'un n'en a pas",
            Relayed::Signalling => "relayé : une clé de l'un serait dite à l'autre sans TLS",
            Relayed::KeepsKey => {
                "relayé : on sait qu'un téléphone ne prend pas une autre clé SRTP en cours d'appel"
            }
            Relayed::UsedKey => "relayé : une clé SRTP sert depuis trop longtemps pour être dite à un autre",
            Relayed::Recorded => "relayé : l'appel est enregistré",
            Relayed::Announced => "relayé : quelque chose est joué dans l'appel",
            Relayed::Held => "relayé : quelqu'un est en attente",
            Relayed::Formats => "relayé : les deux ont d'autres formats, touches ou numéros de ceux-ci",
            Relayed::Families => "relayé : un côté a IPv4 et l'autre IPv6",
            Relayed::Networks => "relayé : les téléphones sont dans des réseaux différents",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_the_media_is_told_in_both_languages_and_an_unknown_one_as_it_came() {
        for known in MediaPath::ALL {
            assert_eq!(path(known.as_str(), Language::English), known.as_str());
            assert_ne!(path(known.as_str(), Language::French), known.as_str());
        }
        assert_eq!(path("relayed: the moon", Language::French), "relayed: the moon");
    }

    #[test]
    fn the_console_says_of_every_way_what_the_command_line_says() {
        let french: serde_json::Value =
            serde_json::from_str(include_str!("../../../../console/i18n/fr.json"))
                .expect("texts by their names");
        for known in MediaPath::ALL {
            // The name of a text is the English one, as `mediaPath` in console/app/shapes.js makes it.
            let parts =
                known.as_str().split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
            let name = format!("media.{}", parts.collect::<Vec<_>>().join("_").to_ascii_lowercase());
            assert_eq!(
                french[&name].as_str(),
                Some(path(known.as_str(), Language::French).as_str()),
                "{name}"
            );
        }
    }
}
