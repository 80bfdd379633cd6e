//! The control socket, with a real one.

use coeur_api::{Client, ClientError, Door, House, NewAccount, Reply, Request, Status, TraceRequest, Why};
use coeur_directory::{Aor, Change, DeviceId, Directory, Domain};
use coeur_storage::{Operator, Records, Sqlite};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

#[derive(Default)]
struct Hut(Directory);

impl House for Hut {
    fn directory(&self) -> &Directory {
        &self.0
    }
    fn revoked(&self, _: &Aor, _: Option<DeviceId>) {}
    fn ice_server(&self, _: &Aor, _: DeviceId) -> Option<coeur_api::IceServerView> {
        None
    }
    fn status(&self) -> Status {
        Status { version: "test".to_owned(), ..Status::default() }
    }
    fn registrations(&self, _: Option<&Aor>, _: Option<&str>, _: usize) -> coeur_api::RegistrationsPage {
        coeur_api::RegistrationsPage::default()
    }
    fn traces(&self, _: &TraceRequest) -> Vec<coeur_api::TraceView> {
        Vec::new()
    }
    fn random(&self, bytes: &mut [u8]) {
        bytes.fill(3);
    }
    fn unix_time_ms(&self) -> u64 {
        0
    }
}

#[test]
fn requests_travel_over_a_private_socket() {
    let directory = std::env::temp_dir().join(format!("coeur-control-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let hut = Arc::new(Hut::default());
    let mut records = Sqlite::open(&directory).unwrap();
    let domain = Change::DomainAdded(Domain::new("d"));
    records.commit(&Operator::program(), std::slice::from_ref(&domain), 0, &mut |_| {}).unwrap();
    hut.0.apply(&domain).unwrap();
    let door = Arc::new(Door::new(hut.clone(), Box::new(records)));
    assert!(Client::connect(&directory).unwrap().is_none());

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let open = || {
        let _inside = runtime.enter();
        coeur_api::Control::open(&directory).unwrap()
    };
    let server = runtime.spawn(open().serve(door.clone(), async { drop(stopped.await) }));
    let client = Client::connect(&directory).unwrap().expect("the socket is open");

    let mode = std::fs::metadata(directory.join(coeur_api::SOCKET_NAME)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(matches!(client.ask(&Request::Status), Ok(Reply::Status(status)) if status.version == "test"));
    let alice = NewAccount {
        account: "alice@d".into(),
        display_name: "é".into(),
        policy: "auto".into(),
        ..NewAccount::default()
    };
    let add = Request::AccountsAdd { accounts: vec![alice] };
    assert!(matches!(client.ask(&add), Ok(Reply::Made(made)) if made.len() == 1));
    assert!(matches!(client.ask(&add), Err(ClientError::Refused(refusal)) if refusal.why == Why::Exists));
    assert_eq!(hut.0.accounts(), 1);

    stop.send(()).unwrap();
    runtime.block_on(server).unwrap().unwrap();
    assert!(!directory.join(coeur_api::SOCKET_NAME).exists());

    // A runtime that ends does not wait for those who serve.
    runtime.spawn(open().serve(door, std::future::pending()));
    assert!(directory.join(coeur_api::SOCKET_NAME).exists());
    runtime.shutdown_timeout(std::time::Duration::from_secs(10));
    assert!(!directory.join(coeur_api::SOCKET_NAME).exists());
    std::fs::remove_dir_all(&directory).unwrap();
}
