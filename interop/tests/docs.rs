//! The documentation in headless Chromium, from a real server. What the browser does is in `browser/docs.mjs`.

use coeur_interop::coeur::Coeur;
use coeur_interop::free_port;
use serde_json::json;
use std::path::Path;
use std::process::Command;

#[test]
#[ignore = "needs node and chromium"]
fn every_page_of_the_manual_is_readable_for_all_in_both_languages_and_without_a_script() {
    let place = format!("127.0.0.1:{}", free_port());
    let _server = Coeur::start_with("docs", &[], &["--web", &place]);
    let pictures = std::env::var_os("INTEROP_PICTURES").map(std::path::PathBuf::from);
    let options = json!({ "url": format!("http://{place}"), "pictures": pictures });
    let out = Command::new("node")
        .args(["docs.mjs", &options.to_string()])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("browser"))
        .output()
        .expect("node is installed");
    let said = String::from_utf8_lossy(&out.stdout);
    println!("{said}");
    assert!(out.status.success(), "{said}{}", String::from_utf8_lossy(&out.stderr));
}
