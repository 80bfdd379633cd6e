//! A start that fails: nobody was answered, and nothing runs on.

mod process;

use coeur::config::{Key, Layer, load};
use coeur::house::start::start;
use process::{Folder, free_port};
use std::net::TcpListener;

/// Alone in its file: it looks at the threads of the whole process.
#[test]
fn no_shard_has_begun_when_the_port_of_metrics_is_busy() {
    let (folder, sip) = (Folder::new("busy-http"), free_port());
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut layer = Layer::default();
    layer.flag(Key::Data, [folder.0.display().to_string()]);
    layer.flag(Key::Domain, ["example.test".to_owned()]);
    layer.flag(Key::Listen, [format!("udp://127.0.0.1:{sip}")]);
    layer.flag(Key::Http, [busy.local_addr().unwrap().to_string()]);
    layer.flag(Key::Shards, ["2".to_owned()]);
    let settings = load(layer, &[]).unwrap();
    let failure = start(&settings, false).err().unwrap();
    assert!(failure.text.contains("choose another with --http, or `off`"), "{}", failure.text);
    let threads = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let names = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("comm")).ok());
    let shards: Vec<String> = names.filter(|name| name.starts_with("shard-")).collect();
    assert_eq!(shards, Vec::<String>::new());
    assert!(!folder.0.join("coeur.sock").exists());
}
