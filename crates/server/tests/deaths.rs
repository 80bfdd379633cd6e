//! A thread of the running server that ends by itself: nobody is left to believe that all is well.

mod process;

use coeur::cli::exit::Exit;
use coeur::config::{Key, Layer, load};
use coeur::house::start::start;
use process::{Folder, free_port, http_get};

/// What a supervisor sees: an error in the log, health that is not ready, and an exit that is no success. That a shard's
/// panic is reported is in `transports.rs`.
#[test]
fn a_thread_that_has_died_makes_the_server_unready_and_ends_it_with_an_error() {
    let (folder, sip, http) = (Folder::new("deaths"), free_port(), free_port());
    let mut layer = Layer::default();
    layer.flag(Key::Data, [folder.0.display().to_string()]);
    layer.flag(Key::Domain, ["example.test".to_owned()]);
    layer.flag(Key::Listen, [format!("udp://127.0.0.1:{sip}")]);
    layer.flag(Key::Http, [format!("127.0.0.1:{http}")]);
    layer.flag(Key::Shards, ["2".to_owned()]);
    let server = start(&load(layer, &[]).unwrap(), false).unwrap();
    assert_eq!(http_get(http, "/readyz").0, 200);
    assert!(http_get(http, "/metrics").1.contains("\ncoeur_dying 0\n"));

    server.running.deaths.report("shard-1", "index out of bounds");
    let (status, why) = http_get(http, "/readyz");
    assert_eq!(status, 503);
    assert!(why.contains("shard-1 has ended: index out of bounds"), "{why}");
    assert!(http_get(http, "/metrics").1.contains("\ncoeur_dying 1\n"));
    let failure = server.wait().expect_err("it does not go on");
    assert_eq!(
        (failure.exit, failure.text.as_str()),
        (Exit::Failed, "shard-1 has ended: index out of bounds")
    );
    server.stop();
}
