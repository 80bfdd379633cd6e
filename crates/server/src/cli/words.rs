//! What is said to people, in their language. One enum: a sentence that is not translated does not compile.
//! Refusals, logs, help and JSON stay English, because scripts and search engines read them.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    English,
    French,
}

impl Language {
    /// `COEUR_LANG`, then the usual variables, then English.
    pub fn of_environment() -> Language {
        let variable = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
        let names = ["COEUR_LANG", "LC_ALL", "LC_MESSAGES", "LANG"];
        names.into_iter().find_map(variable).map_or(Language::English, |value| Language::of(&value))
    }

    fn of(value: &str) -> Language {
        if value.to_ascii_lowercase().starts_with("fr") { Language::French } else { Language::English }
    }
}

macro_rules! words {
    ($($word:ident $english:literal $french:literal),* $(,)?) => {
        /// Each `{}` takes one of the values given to [`Word::with`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Word { $(#[doc = $english] $word),* }

        impl Word {
            #[cfg(test)]
            const ALL: &'static [Word] = &[$(Word::$word),*];

            pub fn text(self, language: Language) -> &'static str {
                match (self, language) {
                    $((Word::$word, Language::English) => $english,
                      (Word::$word, Language::French) => $french),*
                }
            }
        }
    };
}

words! {
    LocalAuthority "local authority" "autorité locale",
    Fingerprint "SHA-256" "SHA-256",
    NoAuthority "there is no {}; one is made when the server first speaks TLS" "il n'y a pas de {} ; elle est créée quand le serveur parle TLS pour la première fois",
    AuthorityWritten "{} has the certificate; compare its fingerprint (`coeur ca show`) where you trust it" "{} contient le certificat ; comparez son empreinte (`coeur ca show`) là où vous lui faites confiance",
    AuthorityVouches "Pages at {} - to trust them fetch {} and compare SHA-256 {}" "Pages sur {} - pour leur faire confiance, prenez {} et comparez SHA-256 {}",
    FirstToken "{} opens the API as owner, from this machine alone; last used {}; remove the file when you need it no more" "{} ouvre l'API comme propriétaire, depuis cette machine seulement ; dernier usage {} ; supprimez le fichier quand vous n'en avez plus besoin",
    Account "account" "compte",
    Name "name" "nom",
    Number "number" "numéro",
    Login "login" "identifiant",
    Role "role" "rôle",
    Kind "kind" "genre",
    Person "person" "personne",
    Desk "role" "fonction",
    Tenant "tenant" "organisation",
    Email "e-mail" "e-mail",
    Tongue "language" "langue",
    Owner "owner" "propriétaire",
    Admin "admin" "administrateur",
    Supervisor "supervisor" "superviseur",
    Auditor "auditor" "auditeur",
    Provisioning "provisioning" "déploiement",
    Program "api" "programme",
    OfUser "of {}" "de {}",
    UserMade "user {} made: {}" "utilisateur {} créé : {}",
    TenantMade "tenant {} made: {}" "organisation {} créée : {}",
    Devices "devices" "appareils",
    Device "device" "appareil",
    Policy "policy" "politique",
    Keys "keys" "touches",
    Marks "marks" "particularités",
    Disabled "disabled" "désactivé",
    MayNotRelay "may not relay" "ne peut pas relayer",
    CallsAtMost "at most {} calls at once" "au plus {} appels à la fois",
    TogetherAtMost "together at most {} calls at once" "ensemble au plus {} appels à la fois",
    MinutesADay "{} minutes a day" "{} minutes par jour",
    MinutesAMonth "{} minutes a month" "{} minutes par mois",
    MayCall "calls to {}" "appels vers {}",
    Rights "rights" "droits",
    Right "right" "droit",
    Value "value" "valeur",
    SaidBy "said by" "dit par",
    Nobody "nobody" "personne",
    NoLimit "no limit" "sans limite",
    NoRule "no rule" "aucune règle",
    Numbering "numbering" "numérotation",
    InGroups "in {}" "dans {}",
    AlsoReachedAs "also reached as {}" "joignable aussi par {}",
    Applied "done, steps: {}" "fait, étapes : {}",
    GroupMade "group {} made: {}" "groupe {} créé : {}",
    ContactMade "contact {} made: {}" "contact {} créé : {}",
    Organisation "organisation" "organisation",
    Numbers "numbers" "numéros",
    CardRefused "line {}: {}" "ligne {} : {}",
    ContactsImported "{} contacts made, {} were there already, {} cards refused, {} numbers left out" "{} contacts créés, {} déjà présents, {} fiches refusées, {} numéros laissés de côté",
    MayCallThis "{} may call {} ({}): {}, said by {}" "{} peut appeler {} ({}) : {}, dit par {}",
    MayNotCallThis "{} may NOT call {} ({}): {}, said by {}" "{} ne peut PAS appeler {} ({}) : {}, dit par {}",
    MayRelay "may relay" "peut relayer",
    PickedUp "others may pick up" "interception permise",
    PickupGroups "pickup in {}" "interception dans {}",
    RecordedOnDemand "recorded on demand" "enregistré sur demande",
    RecordedAll "recorded" "enregistré",
    Speaks "speaks" "parle",
    Yes "yes" "oui",
    No "no" "non",
    Recording "recording" "enregistrement",
    RecordingAnnounced "{} (announced, nothing kept yet), by {}" "{} (annonce en cours, rien n'est gardé), par {}",
    RecordingRuns "{} s kept, by {}: {}" "{} s gardées, par {} : {}",
    RecordingPaused "paused, {} s kept, by {}: {}" "en pause, {} s gardées, par {} : {}",
    RecordingFailed "FAILED after {} s: {}" "ÉCHEC après {} s : {}",
    RecordingFile "{}, {} s, by {}, {}" "{}, {} s, par {}, {}",
    RecordingPauses "left out" "omis",
    RecordStarted "call {}: both sides hear it, then it is recorded" "appel {} : les deux côtés l'entendent, puis il est enregistré",
    RecordPaused "call {}: the recording is paused" "appel {} : l'enregistrement est en pause",
    RecordResumed "call {}: the recording goes on" "appel {} : l'enregistrement reprend",
    RecordStopped "call {}: the recording has ended" "appel {} : l'enregistrement est terminé",
    Played "{} is played into call {}" "{} est joué dans l'appel {}",
    PlayedNoMore "nothing is played any more into call {}" "plus rien n'est joué dans l'appel {}",
    DoNotDisturb "do not disturb" "ne pas déranger",
    ForwardedAlways "forwarded to {}" "renvoyé vers {}",
    ForwardedBusy "when busy to {}" "si occupé vers {}",
    ForwardedNoAnswer "after {} s to {}" "après {} s vers {}",
    ForwardedOffline "when not registered to {}" "si non enregistré vers {}",
    ContactsAtMost "at most {} contacts" "au plus {} contacts",
    Ago "{} ago" "il y a {}",
    FlowClosed "closed" "fermé",
    DeviceMade "{}: device {} made" "{} : appareil {} créé",
    DeviceSecretShownOnce "{}: device {}, secret {} (shown this once)" "{} : appareil {}, secret {} (montré cette seule fois)",
    Contact "contact" "contact",
    Flow "flow" "flux",
    ExpiresIn "expires in" "expire dans",
    Domain "domain" "domaine",
    Created "created" "créé",
    Secret "secret" "secret",
    Server "server" "serveur",
    User "user" "utilisateur",
    SecretShownOnce "{}: secret {} (shown this once)" "{} : secret {} (montré cette seule fois)",
    AccountMade "{} made" "{} créé",
    AccountChanged "{} changed" "{} modifié",
    AccountRemoved "{} removed" "{} supprimé",
    DeviceChanged "device {} of {} changed" "appareil {} de {} modifié",
    DeviceRevoked "device {} of {} revoked" "appareil {} de {} révoqué",
    DomainAdded "domain {} added" "domaine {} ajouté",
    DomainRemoved "domain {} removed" "domaine {} supprimé",
    Imported "{} accounts imported" "{} comptes importés",
    ImportedOne "1 account imported" "1 compte importé",
    ImportRefused "{} rows have errors; nothing was imported (--skip-errors imports the others)" "{} lignes en erreur ; rien n'a été importé (--skip-errors importe les autres)",
    ImportLeftOut "{} rows had errors and were left out" "{} lignes en erreur ont été laissées de côté",
    LikeThese "and {} more like these, the last in line {}" "et {} autres semblables, la dernière ligne {}",
    Line "line {}: {}" "ligne {} : {}",
    MoreThan "there are more than {}; --limit shows them" "il y en a plus de {} ; --limit les montre",
    NothingFound "nothing found" "rien trouvé",
    ReplaySame "{}: the same, {} messages of the server compared" "{} : pareil, {} messages du serveur comparés",
    ReplaySameUntil "{}: the same up to message {}, {} compared; what follows came by a clock" "{} : pareil jusqu'au message {}, {} comparés ; la suite est venue d'une horloge",
    ReplayDiffers "{}: differs at message {} of {}" "{} : diffère au message {} sur {}",
    ReplayThen "then" "avant",
    ReplayNow "now" "maintenant",
    ReplayTo "{} to {}" "{} vers {}",
    ReplayNothing "nothing" "rien",
    ReplayCould "{}: not replayed: {}" "{} : pas rejoué : {}",
    ReplayNobodySpoke "nothing was received in it" "rien n'y a été reçu",
    ReplayBegunByServer "the server began it" "le serveur l'a commencé",
    ReplayCut "the trace has {} of its {} messages" "la trace a {} de ses {} messages",
    ReplayUnreadable "message {} is not SIP" "le message {} n'est pas du SIP",
    ReplaySum "{} the same, {} differ, {} not replayed" "{} pareils, {} différents, {} pas rejoués",
    ReplayStopped "the replay was stopped; nothing of it is left" "le rejeu a été arrêté ; il n'en reste rien",
    ReplayNoWall "this system lets nobody make a network of its own ({}), without which nothing is replayed: it might reach somebody; run it as root, or elsewhere with --file" "ce système ne laisse personne créer un réseau à part ({}), sans lequel rien n'est rejoué : cela pourrait atteindre quelqu'un ; lancez-le en root, ou ailleurs avec --file",
    NotForTerminal "a capture is nothing for a terminal: give --output FILE" "une capture n'est pas faite pour un terminal : indiquez --output FICHIER",
    CallAnswered "{} answered after {} ms over {}" "{} a répondu après {} ms par {}",
    CallAudio "{} packets sent, {} heard, loss {} %" "{} paquets envoyés, {} entendus, perte {} %",
    CallDelay "delay there and back: min {} ms, median {} ms, 95th {} ms; jitter {} ms" "délai aller-retour : min {} ms, médiane {} ms, 95e {} ms ; gigue {} ms",
    CallOwnSound "{} packets of the phone's own sound; loss and delay need an echo" "{} paquets du son propre du téléphone ; perte et délai demandent un écho",
    CallSilent "no sound came back: a firewall or NAT between here and {} stops UDP" "aucun son n'est revenu : un pare-feu ou un NAT entre ici et {} bloque l'UDP",
    Call "call" "appel",
    From "from" "de",
    To "to" "vers",
    State "state" "état",
    Since "since" "depuis",
    Media "media" "média",
    Codecs "codecs" "codecs",
    Shard "shard" "segment",
    Ringing "ringing" "sonne",
    Answered "answered" "en cours",
    Held "held" "en attente",
    Begun "begun" "début",
    Talked "talked" "durée",
    Outcome "outcome" "issue",
    Score "score" "note",
    ScoreMedian "median" "médiane",
    ScoreLow "1 of 20 below" "1 sur 20 sous",
    ScoreBelow "score below 3.6" "note sous 3,6",
    BadOnes "bad" "mauvais",
    Count "count" "nombre",
    AllCalls "all calls" "tous les appels",
    QualitySum "{}; score: median {}, one of twenty at {} or below; {} bad" "{} ; note : médiane {}, un sur vingt à {} ou moins ; {} mauvais",
    LossAndJitter "loss, jitter" "perte, gigue",
    NotAllCounted "there is more than was counted: name a shorter time with --since" "tout n'a pas été compté : indiquez une durée plus courte avec --since",
    WasAnswered "answered" "répondu",
    WasBusy "busy" "occupé",
    WasNotAnswered "no answer" "sans réponse",
    WasCancelled "cancelled" "annulé",
    HasFailed "failed" "échec",
    CallBegun "call {}: {} rings, then {} is called" "appel {} : {} sonne, puis {} est appelé",
    CallHeld "call {}: on hold" "appel {} : en attente",
    CallResumed "call {}: on hold no more" "appel {} : repris",
    CallMuted "call {}: muted" "appel {} : micro coupé",
    CallUnmuted "call {}: heard again" "appel {} : de nouveau audible",
    KeysSent "call {}: the keys are heard" "appel {} : les touches sont entendues",
    TransferBegun "call {}: the transfer has begun" "appel {} : le transfert a commencé",
    HungUp "call {} ended" "appel {} terminé",
    Caller "caller" "appelant",
    Callee "callee" "appelé",
    Wanted "called" "numéro demandé",
    UserAgent "program" "logiciel",
    Over "over" "par",
    Promised "receives at (as it said)" "reçoit à (selon lui)",
    PromisedByUs "we receive at" "nous recevons à",
    HeardFrom "heard from" "entendu de",
    SendsTo "we send to" "nous envoyons à",
    Received "from it" "reçu de lui",
    Sent "to it" "envoyé vers lui",
    WayMeasured "{} packets, loss {} %, jitter {} ms, score {}" "{} paquets, perte {} %, gigue {} ms, note {}",
    RoundTrip "round trip" "aller-retour",
    Drops "dropped" "rejetés",
    RefusedFrom "refused" "refusé",
    NotMeasured "not measured" "non mesuré",
    EndedBy "ended by" "terminé par",
    ByExchange "exchange" "le serveur",
    ByOperator "operator" "l'opérateur",
    Mixed "mixed" "mixte",
    When "when" "quand",
    Operator "operator" "opérateur",
    Action "action" "action",
    Subject "subject" "sujet",
    Detail "detail" "détail",
    WhySaid "reason" "raison",
    TransferOf "transfer of" "transfert de",
    ForwardedBy "forwarded by" "renvoyé par",
    Verdict "verdict" "verdict",
    MediaPath "media path" "chemin du média",
    NotVerified "the server's certificate was not verified (give --ca FILE)" "le certificat du serveur n'a pas été vérifié (donnez --ca FICHIER)",
    CheckedRecords "records  {} domains, {} accounts, {} devices" "données  {} domaines, {} comptes, {} appareils",
    CheckedAudit "audit    {} rows follow from each other; the last has {}" "audit    {} lignes se suivent ; la dernière porte {}",
    CheckedJournal "journal  {} segments, {} entries, {} registrations, {} calls" "journal  {} segments, {} entrées, {} enregistrements, {} appels",
    JournalInUse "journal  in use by process {}: it was checked when that started, see its log" "journal  utilisé par le processus {} : vérifié à son démarrage, voir son journal",
    JournalNone "journal  none yet" "journal  pas encore",
    CheckedWhole "nothing is damaged" "rien n'est endommagé",
    CheckedDamaged "DAMAGED: {} problems" "ENDOMMAGÉ : {} problèmes",
    StepOk "ok" "réussi",
    StepFailed "FAILED" "ÉCHEC",
    SelftestRegister "register over {}" "enregistrement par {}",
    SelftestEcho "call echo" "appel de echo",
    SelftestCall "call between two phones" "appel entre deux téléphones",
    SelftestText "text between two phones" "message entre deux téléphones",
    SelftestPassed "self test passed: {} in {} ms" "autotest réussi : {} en {} ms",
    SelftestFailed "self test FAILED: {}" "ÉCHEC de l'autotest : {}",
    Page "page" "page",
    Title "title" "titre",
    DemoTitle "Coeur is ready (demonstration)" "Coeur est prêt (démonstration)",
    DemoPorts "ports" "ports",
    DemoData "data" "données",
    DemoWeb "API" "API",
    DemoToken "token" "jeton",
    DemoHttp "metrics" "métriques",
    DemoScan "The code is the SIP address, for Linphone and other softphones; the secret is typed." "Le code est l'adresse SIP, pour Linphone et d'autres ; le secret se saisit.",
    DemoSecretEarlier "secret shown at the first start; another one: {}" "secret montré au premier démarrage ; un autre : {}",
    DemoTry "Try it without a phone:  {}" "Essayer sans téléphone :  {}",
    DemoStop "Ctrl-C stops." "Ctrl-C arrête.",
    PortBusy "{} is busy; using {}" "{} est occupé ; {} est utilisé",
    Side "side" "côté",
    AgreedOn "agreed" "convenu",
    Left "left" "parti",
    Arrived "arrived" "arrivé",
    Dropped "dropped" "écarté",
    PacketsTo "{} to {}" "{} vers {}",
    PacketsFrom "{} from {}" "{} de {}",
    NotHeard "{}: {}." "{} : {}.",
    WhatToDo "  -> {}" "  -> {}",
    DoctorGood "good   " "bien   ",
    DoctorWarning "warning" "alerte ",
    DoctorBad "bad    " "mauvais",
    DoctorServer "a server of version {} runs: {} accounts, {} registrations" "un serveur de version {} fonctionne : {} comptes, {} enregistrements",
    DoctorNoServer "no server runs on this data directory" "aucun serveur ne fonctionne sur ce répertoire de données",
    DoctorDisk "{}: {} MB are free" "{} : {} Mo libres",
    DoctorDiskUnknown "{}: the disk does not say how much is free" "{} : le disque ne dit pas ce qui est libre",
    DoctorDiskHint "Registrations are answered only once they are on the disk: make room, or name another directory with --data." "Un enregistrement n'est confirmé qu'une fois écrit : faites de la place, ou nommez un autre répertoire avec --data.",
    DoctorFiles "{} files may be open: a connection is one, a call four or more" "{} fichiers peuvent être ouverts : une connexion en est un, un appel quatre ou plus",
    DoctorFilesHint "Raise it: LimitNOFILE=1048576 in the unit, or ulimit -Hn." "À augmenter : LimitNOFILE=1048576 dans l'unité, ou ulimit -Hn.",
    DoctorBuffers "a socket may keep {} kB that were not read yet; {} kB are asked for" "une socket peut garder {} ko non lus ; {} ko sont demandés",
    DoctorBuffersHint "In a burst of packets some are lost. sysctl -w net.core.rmem_max=4194304 net.core.wmem_max=4194304, and the same in /etc/sysctl.d." "Dans une rafale, des paquets se perdent. sysctl -w net.core.rmem_max=4194304 net.core.wmem_max=4194304, et de même dans /etc/sysctl.d.",
    DoctorClock "the clock is kept right" "l'horloge est tenue à l'heure",
    DoctorClockWrong "nothing keeps the clock right" "rien ne tient l'horloge à l'heure",
    DoctorClockHint "Certificates, records and the audit chain need the time: run chrony or systemd-timesyncd (in a container, on its host)." "Certificats, journaux et chaîne d'audit ont besoin de l'heure : lancez chrony ou systemd-timesyncd (pour un conteneur, sur son hôte).",
    DoctorListens "{}: the server listens" "{} : le serveur écoute",
    DoctorPortFree "{}: free" "{} : libre",
    DoctorPortHint "Stop who has it, or choose another place with --listen." "Arrêtez qui l'occupe, ou choisissez une autre adresse avec --listen.",
    DoctorMedia "media uses the UDP ports {} to {}: a firewall must let them in" "les médias utilisent les ports UDP {} à {} : un pare-feu doit les laisser entrer",
    DoctorMediaShared "media uses the UDP ports {} to {}, of which the kernel gives some to others" "les médias utilisent les ports UDP {} à {}, dont le noyau donne une partie à d'autres",
    DoctorMediaSharedHint "Choose ports below net.ipv4.ip_local_port_range with --media-ports." "Choisissez des ports sous net.ipv4.ip_local_port_range avec --media-ports.",
    DoctorInside "this machine has inside addresses alone: phones elsewhere do not find it" "cette machine n'a que des adresses internes : les téléphones d'ailleurs ne la trouvent pas",
    DoctorInsideHint "Where they are to: forward the ports of SIP, media and TURN in the router, and say --advertise NAME." "S'ils le doivent : redirigez les ports SIP, médias et TURN dans le routeur, et dites --advertise NOM.",
    DoctorPublic "the world reaches this machine at {}" "le monde joint cette machine à {}",
    DoctorAdvertised "the world is told {}" "le monde connaît {}",
    DoctorAcme "{}: a certificate of a public authority until {}" "{} : un certificat d'une autorité publique jusqu'au {}",
    DoctorAcmeFailed "{}: no certificate was given: {}" "{} : aucun certificat n'a été délivré : {}",
    DoctorAcmeNone "{}: no certificate of a public authority yet" "{} : pas encore de certificat d'une autorité publique",
    DoctorAcmeHint "The name must lead to this machine, and port 80 of it to --web-plain or port 443 to --web; the server tries again by itself." "Le nom doit mener à cette machine, et son port 80 à --web-plain ou son port 443 à --web ; le serveur réessaie de lui-même.",
    DoctorLocal "TLS has a certificate of a local authority: {}" "TLS a un certificat d'une autorité locale : {}",
    DoctorLocalHint "Each phone has to trust that file, or take a certificate of a public authority with --cert and --key." "Chaque téléphone doit reconnaître ce fichier ; sinon, un certificat public avec --cert et --key.",
    DoctorCertificate "{}: good for {} days" "{} : valable {} jours",
    DoctorCertificateHint "Renew it; the server reads it again by itself." "Renouvelez-le ; le serveur le relit de lui-même.",
    DoctorUnproved "{}: does not prove {}" "{} : ne prouve pas {}",
    DoctorUnprovedHint "Phones that check names refuse it: take one with these names." "Les téléphones qui vérifient les noms le refusent : il en faut un qui les porte.",
    DoctorNoDns "this machine has no DNS servers" "cette machine n'a pas de serveur DNS",
    DoctorNoDnsHint "Calls to other domains need them: /etc/resolv.conf." "Les appels vers d'autres domaines en ont besoin : /etc/resolv.conf.",
    DoctorNoName "{}: the DNS knows neither SRV records nor an address" "{} : le DNS ne connaît ni enregistrement SRV ni adresse",
    DoctorNoNameHint "Phones then need the server's address as outbound proxy. Add A or AAAA, or SRV records (_sips._tcp, _sip._tcp, _sip._udp)." "Les téléphones ont alors besoin de l'adresse du serveur comme mandataire. Ajoutez A ou AAAA, ou des SRV (_sips._tcp, _sip._tcp, _sip._udp).",
    DoctorLeadsHere "{} leads here: {}" "{} mène ici : {}",
    DoctorLeadsAway "{} leads to {}, which is not this machine" "{} mène à {}, qui n'est pas cette machine",
    DoctorLeadsAwayHint "Right behind a router: then say that address or name with --advertise." "Normal derrière un routeur : dites alors cette adresse ou ce nom avec --advertise.",
    BackedUp "{}: {} files, {} bytes before compression; who has it has the credentials of all accounts" "{} : {} fichiers, {} octets avant compression ; qui l'a en main détient les secrets de tous les comptes",
    Restored "{}: {} files are as they were; phones register again within minutes" "{} : {} fichiers sont rétablis ; les téléphones s'enregistrent à nouveau en quelques minutes",
    PutAside "what was there before is in {}" "ce qui s'y trouvait est dans {}",
    Coeur "Coeur" "Coeur",
    Version "version" "version",
    UpFor "up for" "en service depuis",
    Domains "domains" "domaines",
    Accounts "accounts" "comptes",
    Registered "registered" "enregistrés",
    Listens "listens on" "écoute sur",
    TrustsLocal "certificate to trust" "certificat à reconnaître",
    AtWork "{} accounts, {} registrations at the start, listening on {}" "{} comptes, {} enregistrements au démarrage, à l'écoute sur {}",
    ManWritten "the pages are in {}" "les pages sont dans {}",
    SetupLink "open this page once, within 30 minutes:  {}" "ouvrez cette page une fois, dans les 30 minutes :  {}",
    SetupLinkLater "start the server, then open {} below its address (http://{} unless set), once, within 30 minutes" "démarrez le serveur, puis ouvrez {} sous son adresse (http://{} sauf réglage), une fois, dans les 30 minutes",
    SetupFirst "There is no owner yet: {}" "Il n'y a pas encore de propriétaire : {}",
    TokenMade "token {} of {}: {} (shown this once)" "jeton {} de {} : {} (montré cette seule fois)",
    TokenRevoked "token {} revoked" "jeton {} révoqué",
    WebhookSecret "secret of {}: {} (shown this once)" "secret de {} : {} (montré cette seule fois)",
    WebhookRemoved "it is told nothing more" "plus rien ne lui sera annoncé",
    DeliveryBegun "{} is on its way; `coeur webhook deliveries` tells what becomes of it" "{} est en route ; `coeur webhook deliveries` dit ce qu'il en advient",
    Enabled "enabled" "activé",
    Address "address" "adresse",
    Events "events" "événements",
    Event "event" "événement",
    Tries "tries" "essais",
    Why "why" "pourquoi",
    Scopes "scopes" "portées",
    Ends "ends" "fin",
    LastUsed "last used" "dernier usage",
    Phone "phone" "téléphone",
    PhoneMaker "maker" "marque",
    PhoneModel "model" "modèle",
    PhoneFirmware "firmware" "micrologiciel",
    PhoneRegistered "registered" "enregistré",
    PhoneCanBeTold "can be told" "configurable",
    PhoneLink "{}: a link for {}, device {} ({}), good once, for {}:" "{} : un lien pour {}, appareil {} ({}), valable une fois, pendant {} :",
    PhoneTold "The phone had asked the network, and has been told." "Le téléphone avait demandé au réseau, et l'adresse lui a été donnée.",
    PhoneLeftOut "not told: {}" "non transmis : {}",
    PhoneWatch "How it does: coeur device phone {}" "Où il en est : coeur device phone {}",
    PhoneForgotten "phone {} is told nothing any more" "le téléphone {} ne reçoit plus rien",
    PhoneSynced "{}: {} registered phones were asked to fetch their settings" "{} : {} téléphones enregistrés ont été priés de relire leurs réglages",
    PhoneNotRegistered "no phone of {} is registered" "aucun téléphone de {} n'est enregistré",
    StepLinkMade "the link was made" "le lien a été créé",
    StepFetched "it has fetched its settings" "il a pris ses réglages",
    StepAskedTooLate "it has asked for a link that is over" "il a demandé un lien expiré",
    StepAskedAgain "the link was asked for again" "le lien a été demandé de nouveau",
    StepOtherVendor "a phone of another maker has asked" "un téléphone d'une autre marque a demandé",
    StepOtherMac "a phone with another hardware address has asked" "un téléphone avec une autre adresse matérielle a demandé",
    StepOtherFirmware "firmware has asked that cannot read its settings" "un micrologiciel qui ne sait pas lire ces réglages a demandé",
    StepPasswordRefused "a wrong password came" "un mauvais mot de passe est arrivé",
    StepUnregistered "its registration is gone" "son enregistrement est perdu",
    StepMediaRefused "it has refused a call for its codecs or its protection" "il a refusé un appel pour ses codecs ou sa protection",
    StepTlsUntrusted "it does not trust the certificate" "il ne fait pas confiance au certificat",
    StepTlsExpired "its clock is wrong" "son horloge est fausse",
    StepTlsFailed "no secure connection came about" "aucune connexion sécurisée n'a abouti",
    StepRinging "it rings" "il sonne",
    StepAnswered "it was answered" "on a décroché",
    StepHeard "it is heard" "on l'entend",
    StepNotHeard "it is not heard" "on ne l'entend pas",
    StepRefused "it has refused the call" "il a refusé l'appel",
    StepNoAnswer "nobody has taken the call" "personne n'a décroché",
    StepUnreachable "the call does not get to it" "l'appel ne lui parvient pas",
    RingGood "{}, device {}: it rings, and is heard" "{}, appareil {} : il sonne et on l'entend",
    RingPackets "Packets that came from it: {}." "Paquets reçus de lui : {}.",
    RingLost "nothing more was told of the test of {}; is the server well?" "plus aucune nouvelle du test de {} ; le serveur va-t-il bien ?",
    Ready "ready: {} domains, {} accounts, {} registrations, listening on {}" "prêt : {} domaines, {} comptes, {} enregistrements, à l'écoute sur {}",
    Stopping "stopping" "arrêt en cours",
}

impl Word {
    /// The sentence in the user's language, its places filled.
    pub fn with(self, values: &[&str]) -> String {
        fill(self.text(Language::of_environment()), values)
    }

    pub fn say(self) -> &'static str {
        self.text(Language::of_environment())
    }
}

pub(super) fn fill(text: &str, values: &[&str]) -> String {
    let mut values = values.iter();
    let mut parts = text.split("{}");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(values.next().unwrap_or(&"?"));
        out.push_str(part);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sentence_has_the_same_places_in_both_languages() {
        for word in Word::ALL {
            let places = |language| word.text(language).matches("{}").count();
            assert_eq!(places(Language::English), places(Language::French), "{word:?}");
        }
    }

    #[test]
    fn the_language_follows_the_locale() {
        assert_eq!(Language::of("fr_FR.UTF-8"), Language::French);
        assert_eq!(Language::of("C.UTF-8"), Language::English);
    }

    #[test]
    fn places_are_filled_in_order() {
        assert_eq!(fill("{} of {}", &["a", "{}"]), "a of {}");
    }
}
