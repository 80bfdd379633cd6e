//! Why somebody is not heard, and what to do, in the user's language. A cause that is not translated does not compile.

use super::words::{Language, fill};
use coeur_exchange::silence::Cause;

macro_rules! causes {
    ($($cause:ident $english:literal $french:literal $do:literal $faire:literal),* $(,)?) => {
        /// About one side of a call. Each `{}` takes one of the values of the verdict.
        const fn words(cause: Cause, language: Language) -> (&'static str, &'static str) {
            match (cause, language) {
                $((Cause::$cause, Language::English) => ($english, $do),
                  (Cause::$cause, Language::French) => ($french, $faire)),*
            }
        }
    };
}

causes! {
    Rejected
        "it has refused the sound (port 0)" "il a refusé le son (port 0)"
        "Enable audio in this phone, or see which codecs and profiles it allows." "Activez l'audio dans ce téléphone, ou voyez quels codecs et profils il permet.",
    KeysDoNotFit
        "its keys, DTLS role or profile do not fit ours" "ses clés, son rôle DTLS ou son profil ne correspondent pas aux nôtres"
        "Set its encryption to SDES or DTLS-SRTP, not to both, and restart it." "Réglez son chiffrement sur SDES ou DTLS-SRTP, pas les deux, et redémarrez-le.",
    NoPorts
        "this server had no free media port for it" "ce serveur n'avait plus de port média libre pour lui"
        "Widen the range of media ports, or see what else uses it." "Élargissez la plage de ports média, ou voyez ce qui l'occupe.",
    Forbidden
        "a firewall on this server does not let out what goes to {}" "un pare-feu de ce serveur ne laisse pas sortir ce qui va vers {}"
        "Allow UDP from the media ports of this server." "Autorisez l'UDP depuis les ports média de ce serveur.",
    WrongCertificate
        "it shows another certificate than it announced" "il montre un autre certificat que celui annoncé"
        "Something between you may listen, or the phone is broken: do not talk, restart it." "Quelqu'un écoute peut-être, ou le téléphone est en panne : ne parlez pas, redémarrez-le.",
    DtlsFailed
        "its DTLS handshake broke: {}" "sa négociation DTLS a échoué : {}"
        "Update the phone or browser, or use SDES." "Mettez à jour le téléphone ou le navigateur, ou utilisez SDES.",
    PlainForSrtp
        "it agreed on SRTP and sends in the clear" "il a accepté SRTP et envoie en clair"
        "Set encryption to mandatory in the phone, or switch it off there." "Rendez le chiffrement obligatoire dans le téléphone, ou désactivez-le.",
    SrtpForPlain
        "it agreed on plain RTP and what it sends looks encrypted" "il a accepté RTP en clair et ce qu'il envoie semble chiffré"
        "Set encryption in the phone to the one that it announces (TLS with SRTP)." "Réglez le chiffrement du téléphone sur ce qu'il annonce (TLS avec SRTP).",
    WrongKey
        "nothing it sends fits the key that it announced" "rien de ce qu'il envoie ne correspond à la clé annoncée"
        "Restart the phone; if it stays so, its SRTP suite is broken: choose another." "Redémarrez le téléphone ; sinon sa suite SRTP est défectueuse : choisissez-en une autre.",
    KeyChanged
        "what it sends fitted its key and does not any more" "ce qu'il envoie correspondait à sa clé, et plus maintenant"
        "Hold and resume the call: new keys are agreed. Update the phone." "Mettez en attente puis reprenez : de nouvelles clés sont convenues. Mettez le téléphone à jour.",
    Replayed
        "it sends packets whose numbers were there before" "il envoie des paquets dont les numéros ont déjà servi"
        "Something repeats its packets, or it restarted with the same key: call again." "Quelque chose répète ses paquets, ou il a redémarré avec la même clé : rappelez.",
    KeyLimit
        "the lifetime of its key is over" "la durée de vie de sa clé est épuisée"
        "Call again." "Rappelez.",
    UnknownPayload
        "it sends payload type {}, which was not agreed" "il envoie le type {}, qui n'a pas été convenu"
        "Leave only agreed codecs enabled in the phone (G.711, G.722, Opus)." "Ne laissez que les codecs convenus dans le téléphone (G.711, G.722, Opus).",
    NoCommonFormat
        "it sends {}, which the other side does not have" "il envoie {}, que l'autre côté n'a pas"
        "Enable a common codec in both phones (G.711 always works)." "Activez un codec commun dans les deux téléphones (G.711 convient toujours).",
    NotRtp
        "what comes from it is no RTP" "ce qui vient de lui n'est pas du RTP"
        "Another program uses its media port, or the phone is broken: restart it." "Un autre programme utilise son port média, ou il est en panne : redémarrez-le.",
    OtherProfile
        "it speaks ICE, DTLS or ZRTP, and none was agreed" "il parle ICE, DTLS ou ZRTP, et rien de tel n'a été convenu"
        "Set its encryption to what it announces, or register it over TLS or WSS." "Réglez son chiffrement sur ce qu'il annonce, ou enregistrez-le par TLS ou WSS.",
    RtpOnRtcpPort
        "it sends sound to the port of RTCP" "il envoie le son au port de RTCP"
        "Switch rtcp-mux in the phone, or update it." "Changez rtcp-mux dans le téléphone, ou mettez-le à jour.",
    WrongClock
        "its timestamps run at {} Hz instead of {}" "ses horodatages vont à {} Hz au lieu de {}"
        "Its codec is set to the wrong rate: choose another, or update it." "Son codec a un mauvais débit : choisissez-en un autre, ou mettez-le à jour.",
    ConsentLost
        "it has stopped to confirm that it wants media" "il ne confirme plus vouloir du média"
        "Its network changed or it went away: call again." "Son réseau a changé ou il est parti : rappelez.",
    IceCredentials
        "{} of its ICE checks were not of this call" "{} de ses contrôles ICE n'étaient pas de cet appel"
        "Something changes its description on the way: use TLS or WSS." "Quelque chose modifie sa description en route : utilisez TLS ou WSS.",
    IceNoPair
        "no address of it works (ICE): a firewall blocks UDP" "aucune de ses adresses ne marche (ICE) : un pare-feu bloque l'UDP"
        "Allow UDP to the media ports of this server, or set TURN in the phone." "Autorisez l'UDP vers les ports média de ce serveur, ou réglez TURN dans le téléphone.",
    IceNoChecks
        "it agreed on ICE and checks nothing" "il a accepté ICE et ne contrôle rien"
        "Switch ICE off in the phone, or update it." "Désactivez ICE dans le téléphone, ou mettez-le à jour.",
    DtlsNotBegun
        "both sides wait for the other to begin DTLS" "les deux côtés attendent que l'autre commence DTLS"
        "Its DTLS role is passive where it should begin: update it, or use SDES." "Son rôle DTLS est passif alors qu'il doit commencer : mettez-le à jour, ou utilisez SDES.",
    DtlsStuck
        "its DTLS handshake began and does not end" "sa négociation DTLS a commencé et ne finit pas"
        "Large packets are lost on its way (VPN, PPPoE): lower its MTU, or use SDES." "De grands paquets se perdent sur son chemin (VPN, PPPoE) : baissez son MTU, ou utilisez SDES.",
    SaysItSendsNothing
        "it says itself (RTCP) that it sends no sound" "il dit lui-même (RTCP) ne pas envoyer de son"
        "Microphone: permission, mute key, headset, sound card." "Micro : autorisation, touche muet, casque, carte son.",
    LargeLost
        "its large packets ({} bytes) are lost, small ones come" "ses grands paquets ({} octets) se perdent, les petits passent"
        "The way takes less (VPN, tunnel): lower its MTU, or shorten its packets (ptime 20)." "Le chemin en prend moins (VPN, tunnel) : baissez son MTU, ou ses paquets (ptime 20).",
    OnlyRtcp
        "it says it has sent {} packets and only its RTCP comes" "il dit avoir envoyé {} paquets et seul son RTCP arrive"
        "A firewall blocks its media port: allow UDP to the media ports of this server." "Un pare-feu bloque son port média : autorisez l'UDP vers les ports média de ce serveur.",
    DeviceMoved
        "it is now registered from {}" "il est maintenant enregistré depuis {}"
        "It changed network and did not take its call along: hold and resume, or call again." "Il a changé de réseau sans emmener son appel : attente puis reprise, ou rappelez.",
    MappingChanged
        "its router moved its media from {} to {}" "son routeur a déplacé son média de {} à {}"
        "Hold and resume; longer UDP timeouts in the router, or SRTP, keep this from happening." "Attente puis reprise ; des délais UDP plus longs dans le routeur, ou SRTP, l'évitent.",
    StrangeSource
        "its sound may come from {}, while {} was announced" "son son vient peut-être de {}, alors que {} était annoncé"
        "The phone signals and speaks over two ways: use SRTP, or one network." "Le téléphone signale et parle par deux chemins : utilisez SRTP, ou un seul réseau.",
    PortClosed
        "nobody listens at {}" "personne n'écoute à {}"
        "The phone has closed its media, or its router has: call again, restart the phone." "Le téléphone ou son routeur a fermé son média : rappelez, redémarrez le téléphone.",
    Unreachable
        "there is no way to {}" "il n'y a pas de chemin vers {}"
        "A route is missing, or a firewall refuses: see the network between." "Une route manque, ou un pare-feu refuse : voyez le réseau entre les deux.",
    TooLarge
        "packets to {} are larger than the way takes" "les paquets vers {} sont trop grands pour le chemin"
        "Raise the MTU of the way, or shorten the packets of the other side (ptime 20)." "Augmentez le MTU du chemin, ou raccourcissez les paquets de l'autre côté (ptime 20).",
    SipAlg
        "a router rewrote its SIP but not its media address ({} behind {}): SIP ALG" "un routeur a réécrit son SIP mais pas son adresse média ({} derrière {}) : SIP ALG"
        "Switch SIP ALG off in its router, or register over TLS." "Désactivez SIP ALG dans son routeur, ou enregistrez-le par TLS.",
    PrivateAddress
        "it announced its inside address {} and nothing comes from it" "il a annoncé son adresse interne {} et rien ne vient de lui"
        "Its router lets its sound not out: allow UDP there, switch SIP ALG off, or set STUN or ICE." "Son routeur ne laisse pas sortir son son : autorisez l'UDP, désactivez SIP ALG, ou réglez STUN ou ICE.",
    NoAddress
        "it announced {}, which cannot be reached, and has not spoken" "il a annoncé {}, injoignable, et n'a pas parlé"
        "It must send first: check its microphone, or set STUN or ICE." "Il doit envoyer d'abord : vérifiez son micro, ou réglez STUN ou ICE.",
    NotJoined
        "what comes from it goes nowhere: a fault of this server" "ce qui vient de lui ne va nulle part : une faute de ce serveur"
        "Please report it with this trace." "Merci de le signaler avec cette trace.",
    NotSent
        "this system did not take what goes to {}" "ce système n'a pas pris ce qui va vers {}"
        "The server is overloaded, or its network is down." "Le serveur est surchargé, ou son réseau est coupé.",
    Stopped
        "it was heard, and sends nothing any more" "on l'entendait, et il n'envoie plus rien"
        "Its network or its program stopped: see the phone, or call again." "Son réseau ou son programme s'est arrêté : voyez le téléphone, ou rappelez.",
    NothingComes
        "nothing at all comes from {}, though {} packets went there" "rien du tout ne vient de {}, alors que {} paquets y sont allés"
        "A firewall or router stops its UDP, or it never began to send: allow UDP to the media ports of this server." "Un pare-feu ou routeur arrête son UDP, ou il n'a jamais commencé : autorisez l'UDP vers les ports média de ce serveur.",
    NotHeardThere
        "it reports that nothing arrives at {}" "il rapporte que rien n'arrive à {}"
        "A firewall on its side stops incoming UDP: allow answers, or set ICE." "Un pare-feu de son côté arrête l'UDP entrant : autorisez les réponses, ou réglez ICE.",
    Loss
        "{} % of what it sends is lost" "{} % de ce qu'il envoie se perd"
        "Its network is overloaded: wire instead of Wi-Fi, priority for voice." "Son réseau est surchargé : câble plutôt que Wi-Fi, priorité à la voix.",
    LossThere
        "it reports that {} % of what goes to it is lost" "il rapporte que {} % de ce qui va vers lui se perd"
        "Its network is overloaded: wire instead of Wi-Fi, priority for voice." "Son réseau est surchargé : câble plutôt que Wi-Fi, priorité à la voix.",
    Jitter
        "what it sends comes too unevenly ({} ms)" "ce qu'il envoie arrive trop irrégulièrement ({} ms)"
        "Its network is overloaded: wire instead of Wi-Fi, priority for voice." "Son réseau est surchargé : câble plutôt que Wi-Fi, priorité à la voix.",
    NoAck
        "it has not acknowledged that the call was answered: the call will end" "il n'a pas confirmé la réponse : l'appel va se terminer"
        "Its SIP does not reach us both ways: switch SIP ALG off, or register over TLS." "Son SIP ne passe pas dans les deux sens : désactivez SIP ALG, ou enregistrez-le par TLS.",
}

/// What is the matter, in one sentence without its subject, the phone of a side.
pub fn sentence(cause: Cause, values: &[&str], language: Language) -> String {
    fill(words(cause, language).0, values)
}

/// Each cause by its name, and its English sentence with `{}` for each value.
pub fn sentences() -> Vec<(&'static str, &'static str)> {
    Cause::ALL.iter().map(|cause| (cause.name(), words(*cause, Language::English).0)).collect()
}

/// What to do about it.
pub fn remedy(cause: Cause, language: Language) -> &'static str {
    words(cause, language).1
}

#[cfg(test)]
mod tests {
    use super::*;
    use coeur_exchange::silence::VALUES_MAX;

    #[test]
    fn every_cause_has_the_same_places_in_both_languages_and_something_to_do() {
        for cause in Cause::ALL {
            let (english, french) = (words(*cause, Language::English), words(*cause, Language::French));
            let places = |text: &str| text.matches("{}").count();
            assert_eq!(places(english.0), places(french.0), "{cause:?}");
            assert!(places(english.0) <= VALUES_MAX);
            assert!(english.1.ends_with('.') && french.1.ends_with('.'), "{cause:?}");
            assert_eq!(places(english.1) + places(french.1), 0, "{cause:?}");
        }
    }

    #[test]
    fn the_console_says_of_every_cause_what_the_command_line_says() {
        for (language, file) in [(Language::English, CONSOLE_ENGLISH), (Language::French, CONSOLE_FRENCH)] {
            let texts: serde_json::Value = serde_json::from_str(file).expect("texts by their names");
            for cause in Cause::ALL {
                let said = |of: &str| {
                    texts[format!("{of}.{}", cause.name())].as_str().unwrap_or_default().to_owned()
                };
                assert_eq!((&*said("cause"), &*said("remedy")), words(*cause, language), "{cause:?}");
            }
        }
    }

    const CONSOLE_ENGLISH: &str = include_str!("../../../../console/i18n/en.json");
    const CONSOLE_FRENCH: &str = include_str!("../../../../console/i18n/fr.json");
}
