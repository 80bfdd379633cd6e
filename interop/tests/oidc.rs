//! Signing in by another server, with a real one: `oidc-provider` of Node.js, which the OpenID Foundation has certified, with its own
//! pages in headless Chromium. It signs and answers by itself; only what an ID token says is bent in it, where a wrong one is wanted.

use coeur_interop::coeur::Coeur;
use coeur_interop::{Folder, free_port};
use serde_json::{Value, json};
use std::process::Command;

#[test]
#[ignore = "needs chromium, node and the packages of interop/browser"]
fn people_sign_in_by_a_certified_provider_and_what_it_says_wrongly_opens_nothing() {
    let (folder, [port, at]) = (Folder::new("oidc-provider"), [free_port(), free_port()]);
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let [own, key, secret] = ["own.pem", "own-key.pem", "secret"].map(|name| folder.path().join(name));
    std::fs::write(&own, made.cert.pem()).expect("a file");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("a file");
    std::fs::write(&secret, "a secret & more: %\n").expect("a file");
    let [own, key, secret] = [own, key, secret].map(|path| path.display().to_string());
    let (web, issuer) = (format!("127.0.0.1:{port}"), format!("https://localhost:{at}"));
    let settings = ["--web", &web, "--oidc-issuer", &issuer, "--oidc-client", "coeur", "--oidc-secret-file"];
    let more = [&secret, "--oidc-makes-users", "yes", "--outside-authority", &own];
    let roles = ["--oidc-roles", "phones=operator", "--oidc-roles", "audit=auditor"];
    let server = Coeur::start_with("oidc", &[], &[&settings[..], &more, &roles].concat());
    let link: Value = serde_json::from_str(&server.cli(&["setup-link", "--json"], "")).expect("JSON");
    let out = Command::new("node")
        .args(["oidc.mjs", &format!("http://localhost:{port}"), link["path"].as_str().expect("a path")])
        .args([&at.to_string(), &own, &key])
        .env("NODE_EXTRA_CA_CERTS", &own)
        .current_dir(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("browser"))
        .output()
        .expect("node is installed");
    let said = String::from_utf8_lossy(&out.stdout);
    let steps = said.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let steps: Vec<(String, Value)> = steps
        .map(|step| (step["step"].as_str().unwrap_or_default().to_owned(), step["value"].clone()))
        .collect();
    let (unknown, wrong) = (
        "You have signed in there, but that does not open anything here. Ask whoever administers this server.",
        "Nobody was signed in: the answer of the other server was not as it should be, or took too long. Try again; if that does not help, whoever administers this server finds the reason in its log.",
    );
    let expected = [
        (
            "provider away",
            json!("The other server cannot be reached, or does not answer as it should. Try again later."),
        ),
        ("linked", json!("/auth/security")),
        ("owner", json!(["owner", "owner", "provider"])),
        ("carol", json!(["carol", "operator"])),
        ("carol with other groups", json!(["carol", "auditor"])),
        ("asked again", json!(1)),
        ("fresh", json!(true)),
        ("sub-stranger", json!([unknown, 401])),
        ("sub-taken", json!([unknown, 401])),
        ("stopped", json!("Nobody was signed in: it was stopped there.")),
        ("audience", json!([wrong, 401])),
        ("nonce", json!([wrong, 401])),
        ("expired", json!([wrong, 401])),
        ("issuer", json!([wrong, 401])),
        ("key", json!([wrong, 401])),
        (
            "in French",
            json!(
                "Personne n'a été connecté : la réponse de l'autre serveur n'est pas conforme, ou a trop tardé. Réessayez ; si cela n'aide pas, l'administrateur de ce serveur en trouve la raison dans son journal."
            ),
        ),
        ("other keys", json!("carol")),
        ("signed out there", json!([401, 401, "owner"])),
        ("signed out of both", json!(1)),
    ];
    let expected: Vec<(String, Value)> =
        expected.into_iter().map(|(step, value)| (step.to_owned(), value)).collect();
    assert_eq!(steps, expected, "{}", String::from_utf8_lossy(&out.stderr));
    let log = server.log();
    for why in [
        "for somebody else",
        "of another sign-in",
        "that is over",
        "of \"https://evil.example\"",
        "InvalidSignature",
    ] {
        assert!(log.contains(why) || log.contains(&why.replace('"', "\\\"")), "{why} in {log}");
    }
    let audit = server.cli(&["audit", "--json"], "");
    assert!(audit.contains("identity.added") && audit.contains("sign-out by provider"), "{audit}");
}
