//! What can go wrong while a phone is connected, and what to do about it, in both languages.

use crate::phone::Language;

macro_rules! faults {
    ($($fault:ident $word:literal { $en:literal / $en_do:literal } { $fr:literal / $fr_do:literal })*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault { $(#[doc = $en] $fault),* }

        impl Fault {
            pub const ALL: &'static [Fault] = &[$(Fault::$fault),*];

            /// For programs.
            pub const fn as_str(self) -> &'static str {
                match self { $(Fault::$fault => $word),* }
            }

            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|fault| fault.as_str() == word)
            }

            /// What is wrong, as a sentence.
            pub const fn sentence(self, language: Language) -> &'static str {
                match (self, language) {
                    $((Fault::$fault, Language::English) => $en, (Fault::$fault, Language::French) => $fr),*
                }
            }

            /// What to do about it, as a sentence.
            pub const fn remedy(self, language: Language) -> &'static str {
                match (self, language) {
                    $((Fault::$fault, Language::English) => $en_do, (Fault::$fault, Language::French) => $fr_do),*
                }
            }
        }
    };
}

faults! {
    NotFetched "not_fetched"
        { "The phone has not asked for its settings." / "Check that it is in a network that reaches this server, and that the address was scanned or typed whole." }
        { "Le téléphone n'a pas demandé ses réglages." / "Vérifiez qu'il est dans un réseau qui atteint ce serveur, et que l'adresse a été scannée ou saisie en entier." }
    LinkExpired "link_expired"
        { "The link is over." / "Make a new one: coeur device connect." }
        { "Le lien a expiré." / "Créez-en un nouveau : coeur device connect." }
    LinkUsed "link_used"
        { "The link was used already." / "If it was not this phone, revoke the device; then make a new link." }
        { "Le lien a déjà servi." / "Si ce n'était pas ce téléphone, révoquez l'appareil ; puis créez un nouveau lien." }
    WrongVendor "wrong_vendor"
        { "What asks is of another maker than the link was made for." / "Make the link anew with the maker that is written on the phone." }
        { "L'appareil qui demande n'est pas de la marque prévue par le lien." / "Créez le lien avec la marque écrite sur le téléphone." }
    WrongMac "wrong_mac"
        { "A phone with another hardware address asks." / "Compare the address with the label on the back of the phone, and set it." }
        { "Un téléphone avec une autre adresse matérielle demande." / "Comparez l'adresse avec l'étiquette au dos du téléphone, et corrigez-la." }
    OtherFirmware "other_firmware"
        { "The phone runs a firmware that cannot read its settings." / "A Cisco phone that asks for SEP files has Enterprise firmware: convert it to Multiplatform (MPP); others need an update." }
        { "Le micrologiciel du téléphone ne sait pas lire ces réglages." / "Un téléphone Cisco qui demande des fichiers SEP a le micrologiciel Enterprise : convertissez-le en Multiplatform (MPP) ; les autres ont besoin d'une mise à jour." }
    NothingHeard "nothing_heard"
        { "The phone has its settings, and no SIP comes from it." / "A firewall or router stops the SIP port of this server; open it, or choose TLS." }
        { "Le téléphone a ses réglages, mais aucun SIP n'arrive de lui." / "Un pare-feu ou un routeur bloque le port SIP de ce serveur ; ouvrez-le, ou choisissez TLS." }
    AuthorityNotTrusted "authority_not_trusted"
        { "The phone does not trust this server's certificate." / "Load the certificate of this server's authority into the phone, or set a public name with a public certificate." }
        { "Le téléphone ne fait pas confiance au certificat de ce serveur." / "Chargez le certificat de l'autorité de ce serveur dans le téléphone, ou configurez un nom public avec un certificat public." }
    WrongClock "wrong_clock"
        { "The phone takes the certificate for one that is over or not begun: its clock is wrong." / "Check the time server and the time zone of the phone." }
        { "Le téléphone croit le certificat expiré ou pas encore valable : son horloge est fausse." / "Vérifiez le serveur de temps et le fuseau du téléphone." }
    TlsRefused "tls_refused"
        { "The phone and this server have no version of TLS in common, or the phone broke the handshake off." / "Update the phone's firmware; TLS 1.2 is the least." }
        { "Le téléphone et ce serveur n'ont pas de version de TLS en commun, ou le téléphone a interrompu la connexion." / "Mettez à jour le micrologiciel ; TLS 1.2 est le minimum." }
    WrongPassword "wrong_password"
        { "The phone sends a wrong password." / "Make a new link and let it fetch again; a password typed by hand on the phone comes before." }
        { "Le téléphone envoie un mauvais mot de passe." / "Créez un nouveau lien et relancez ; un mot de passe saisi sur le téléphone passe avant." }
    AccountDisabled "account_disabled"
        { "The account is disabled." / "Enable it: coeur account set --enable." }
        { "Le compte est désactivé." / "Activez-le : coeur account set --enable." }
    ConnectionLost "connection_lost"
        { "The phone was registered and its connection is gone." / "Switch SIP ALG off in the router, and let the phone keep its connection alive." }
        { "Le téléphone était enregistré et sa connexion est perdue." / "Désactivez SIP ALG dans le routeur, et activez le maintien de connexion du téléphone." }
    MediaRefused "media_refused"
        { "The phone rang not, for it shares no codec or no protection of media with this server." / "Allow PCMA in the phone, and SRTP where the account wants it." }
        { "Le téléphone n'a pas sonné : aucun codec ou aucune protection en commun avec ce serveur." / "Autorisez PCMA dans le téléphone, et SRTP si le compte l'exige." }
    NotHeard "not_heard"
        { "The phone answered, and no sound came from it." / "Try again and speak into it; look whether its microphone is muted or another one is chosen. Where no packets came, a firewall or NAT stops UDP: coeur trace says where." }
        { "Le téléphone a répondu, mais aucun son n'est arrivé de lui." / "Recommencez en parlant ; vérifiez que son micro n'est pas coupé et que c'est le bon. Si aucun paquet n'est arrivé, un pare-feu ou un NAT bloque l'UDP : coeur trace dit où." }
    CallRefused "call_refused"
        { "The phone refuses calls." / "Look whether it is set to do not disturb, forwards its calls, or is in another call." }
        { "Le téléphone refuse les appels." / "Vérifiez qu'il n'est pas en mode ne pas déranger, qu'il ne renvoie pas ses appels et qu'il n'est pas déjà en ligne." }
    NoAnswer "no_answer"
        { "The phone rang, and nobody took the call." / "Try again with somebody near it." }
        { "Le téléphone a sonné, mais personne n'a décroché." / "Recommencez avec quelqu'un à côté." }
    Unreachable "unreachable"
        { "No call gets to the phone." / "Look whether it is switched on and registered; a router may have dropped its connection: switch SIP ALG off there, and let the phone keep its connection alive." }
        { "Aucun appel n'arrive au téléphone." / "Vérifiez qu'il est allumé et enregistré ; un routeur a peut-être coupé sa connexion : désactivez-y SIP ALG, et activez le maintien de connexion du téléphone." }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_says_in_both_languages_what_is_wrong_and_what_to_do() {
        assert!(Fault::ALL.len() >= 12);
        for fault in Fault::ALL {
            for language in [Language::English, Language::French] {
                assert!(fault.sentence(language).ends_with('.') && fault.remedy(language).ends_with('.'));
            }
            assert_ne!(fault.sentence(Language::English), fault.sentence(Language::French));
        }
    }
}
