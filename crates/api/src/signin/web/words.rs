//! What the pages say, in both languages. A sentence that is not translated does not compile.

use crate::rest::Tongue;

macro_rules! words {
    ($($word:ident $english:literal $french:literal),* $(,)?) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Word { $(#[doc = $english] $word),* }

        impl Word {
            #[cfg(test)]
            const ALL: &'static [Word] = &[$(Word::$word),*];

            pub(super) fn say(self, tongue: Tongue) -> &'static str {
                match self { $(Word::$word => tongue.pick($english, $french)),* }
            }
        }
    };
}

words! {
    SignIn "Sign in" "Se connecter",
    SignOut "Sign out" "Se déconnecter",
    Login "Login" "Identifiant",
    Password "Password" "Mot de passe",
    NewPassword "New password" "Nouveau mot de passe",
    OldPassword "Password until now" "Mot de passe actuel",
    Again "The password again" "Le mot de passe, à nouveau",
    PasswordHint "At least 10 characters. A sentence is easier to remember and harder to guess than a word with signs."
        "Au moins 10 caractères. Une phrase se retient mieux et se devine moins bien qu'un mot avec des signes.",
    Name "Your name" "Votre nom",
    SetupTitle "Welcome: make the first owner" "Bienvenue : créez le premier propriétaire",
    SetupLead "This person answers for the installation. Others are added later." "Cette personne répond de l'installation. Les autres s'ajoutent ensuite.",
    SetPasswordTitle "Choose your password" "Choisissez votre mot de passe",
    Begin "Begin" "Commencer",
    Save "Save" "Enregistrer",
    LinkOver "This link was used already, or it is too late" "Ce lien a déjà servi, ou il est trop tard",
    LinkOverHint "Ask whoever sent it for another one. On the machine of the server, `coeur setup-link` makes one."
        "Demandez-en un autre à qui vous l'a envoyé. Sur la machine du serveur, `coeur setup-link` en crée un.",
    Wrong "Login or password is wrong." "Identifiant ou mot de passe incorrect.",
    WrongCode "This code is wrong, was used already, or is too old." "Ce code est faux, a déjà servi ou est trop ancien.",
    Waits "Too many attempts. Try again in a moment." "Trop de tentatives. Réessayez dans un moment.",
    Busy "Many people are signing in just now. Try again in a moment." "Beaucoup de personnes se connectent en ce moment. Réessayez dans un instant.",
    TooShort "A password has at least 10 characters." "Un mot de passe a au moins 10 caractères.",
    TooLong "A password has at most 200 bytes." "Un mot de passe a au plus 200 octets.",
    Guessable "This password is guessed first. Take another." "Ce mot de passe est deviné en premier. Prenez-en un autre.",
    NotSame "The two passwords are not the same." "Les deux mots de passe diffèrent.",
    BadLogin "This login cannot be taken: no spaces, none of \" < > , ; and nobody else's." "Cet identifiant n'est pas possible : pas d'espace ni de \" < > , ; et pas celui d'un autre.",
    CodeTitle "Second step" "Deuxième étape",
    Code "Code of your authenticator, or a recovery code" "Code de votre application, ou code de secours",
    Continue "Continue" "Continuer",
    Forged "This form is too old, or another page has sent it. Try again." "Ce formulaire est trop ancien, ou une autre page l'a envoyé. Réessayez.",
    YoursTitle "How you sign in" "Votre connexion",
    PasswordChange "Change the password" "Changer le mot de passe",
    Authenticator "Authenticator (codes of six digits)" "Application d'authentification (codes à six chiffres)",
    AuthenticatorOn "On. It is asked after the password." "Active. Elle est demandée après le mot de passe.",
    AuthenticatorOff "Off. With it a stolen password opens nothing." "Inactive. Avec elle, un mot de passe volé n'ouvre rien.",
    AuthenticatorAdd "Set up an authenticator" "Configurer une application",
    AuthenticatorRemove "Turn off" "Désactiver",
    AuthenticatorScan "Scan this with the authenticator, or type the key. Then type the code that it shows."
        "Scannez ceci avec l'application, ou saisissez la clé. Puis saisissez le code affiché.",
    Key "Key" "Clé",
    CodeOfSix "Code of six digits" "Code à six chiffres",
    RecoveryTitle "Recovery codes" "Codes de secours",
    RecoveryLead "Keep them apart from the phone: each opens once, when the authenticator is lost. They are shown this once."
        "Gardez-les ailleurs que dans le téléphone : chacun sert une fois, si l'application est perdue. Ils ne seront plus montrés.",
    RecoveryLeft "left" "restants",
    RecoveryNew "Make new recovery codes" "Créer de nouveaux codes de secours",
    ProviderSignIn "Sign in with" "Se connecter avec",
    ProviderRefused "You have signed in there, but that does not open anything here. Ask whoever administers this server."
        "Vous êtes connecté là-bas, mais cela n'ouvre rien ici. Adressez-vous à l'administrateur de ce serveur.",
    ProviderStopped "Nobody was signed in: it was stopped there." "Personne n'a été connecté : cela a été interrompu là-bas.",
    ProviderWrong "Nobody was signed in: the answer of the other server was not as it should be, or took too long. Try again; if that does not help, whoever administers this server finds the reason in its log."
        "Personne n'a été connecté : la réponse de l'autre serveur n'est pas conforme, ou a trop tardé. Réessayez ; si cela n'aide pas, l'administrateur de ce serveur en trouve la raison dans son journal.",
    ProviderAway "The other server cannot be reached, or does not answer as it should. Try again later."
        "L'autre serveur est injoignable, ou ne répond pas comme il le devrait. Réessayez plus tard.",
    ProviderStill "You are signed out here, and still signed in at the other server." "Vous êtes déconnecté ici, et toujours connecté à l'autre serveur.",
    ProviderEnd "Sign out too at" "Se déconnecter aussi de",
    PasskeySignIn "Sign in with a passkey" "Se connecter avec une clé d'accès",
    PasskeysTitle "Passkeys" "Clés d'accès",
    PasskeysLead "A passkey is kept by the phone, the computer or a key on a ring, and opens without a password." "Une clé d'accès est gardée par le téléphone, l'ordinateur ou un porte-clés, et ouvre sans mot de passe.",
    PasskeyNeedsName "A passkey is of a host name, and this page was opened by an address. To add one, open it by the name of this server; on the same computer that is localhost." "Une clé d'accès est liée à un nom d'hôte, et cette page a été ouverte par une adresse. Pour en ajouter une, ouvrez-la par le nom de ce serveur ; sur le même ordinateur, c'est localhost.",
    PasskeyName "What you call it" "Son nom",
    PasskeyAdd "Add a passkey" "Ajouter une clé d'accès",
    PasskeyStopped "Nothing was done: it was stopped, or took too long." "Rien n'a été fait : interrompu, ou trop long.",
    Remove "Remove" "Supprimer",
    SessionsTitle "Where you are signed in" "Où vous êtes connecté",
    ThisOne "this browser" "ce navigateur",
    Since "since" "depuis",
    LastSeen "last used" "dernière activité",
    End "End" "Terminer",
    EndOthers "Sign out everywhere else" "Se déconnecter partout ailleurs",
    Prove "To change this, sign in once more: it was some time ago." "Pour changer cela, reconnectez-vous : la dernière fois remonte à un moment.",
    Done "Done." "C'est fait.",
    Failed "That could not be done now. Try again in a moment." "Impossible pour l'instant. Réessayez dans un moment.",
    Onward "Continue to the console" "Continuer vers la console",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sentence_is_there_in_both_languages() {
        for word in Word::ALL {
            let [english, french] = [Tongue::English, Tongue::French].map(|tongue| word.say(tongue));
            assert!(!english.is_empty() && english != french, "{word:?}");
        }
    }
}
