//! Where faults are injected: one server on a network of its own, and benches on which calls are made at the same time,
//! each with hosts and accounts of its own.

use coeur_interop::agent::{Agent, Dialog};
use coeur_interop::coeur::Coeur;
use coeur_interop::line::{Line, Script, Voice};
use coeur_interop::nat::{Host, Internet};
use coeur_interop::place::Place;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Calls at the same time. Each asks the command line a few times a second, which two processors must bear.
pub const BENCHES: usize = 6;
/// For an answer of the server.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// Until a fault that comes in mid-call.
const WELL: Duration = Duration::from_secs(4);

pub struct Lab {
    pub server: Coeur,
    at: SocketAddr,
    server_host: Host,
    hosts: Vec<[Host; 3]>,
    _internet: Internet,
}

impl Lab {
    pub fn new() -> Self {
        let mut internet = Internet::new();
        let server_host = internet.host();
        let hosts = (0..BENCHES).map(|_| [internet.host(), internet.host(), internet.host()]).collect();
        let server = Coeur::start_on("silence", &[], &[], Place::on(&server_host));
        server.import("caller", BENCHES);
        server.import("callee", BENCHES);
        let at = SocketAddr::from((server_host.address, server.udp));
        Self { server, at, server_host, hosts, _internet: internet }
    }

    /// The verdicts that the records of calls name, by Call-ID of the caller.
    pub fn recorded(&self) -> BTreeMap<String, String> {
        let text = self.server.cli(&["records", "--json"], "");
        let records: Vec<Value> = serde_json::from_str(&text).expect("a list");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        records.iter().map(|record| (text(&record["caller"]["call_id"]), text(&record["verdict"]))).collect()
    }

    pub fn bench(&self, number: usize) -> Bench<'_> {
        let [a, b, c] = &self.hosts[number];
        Bench { server: &self.server, at: self.at, server_host: &self.server_host, number, a, b, c }
    }
}

pub struct Bench<'l> {
    server: &'l Coeur,
    pub at: SocketAddr,
    server_host: &'l Host,
    number: usize,
    /// Of the caller.
    pub a: &'l Host,
    /// Of the callee.
    pub b: &'l Host,
    /// Of whom nobody has said anything.
    pub c: &'l Host,
}

impl Bench<'_> {
    /// User and secret.
    pub fn caller(&self) -> (String, String) {
        (format!("caller{}", self.number), format!("secret-of-caller{}", self.number))
    }

    fn callee(&self) -> (String, String) {
        (format!("callee{}", self.number), format!("secret-of-callee{}", self.number))
    }

    /// A firewall on a host drops what leaves and is so.
    pub fn drop_out(&self, host: &Host, what: &str) {
        self.rule(host, "output", &format!("{what} drop"));
    }

    /// One rule of a firewall. The server's host has those of several benches.
    pub fn rule(&self, host: &Host, hook: &str, rule: &str) {
        let table = format!("bench{}", self.number);
        host.namespace.nft(&format!(
            "table ip {table} {{
               chain only {{ type filter hook {hook} priority filter; {rule};
              }}
             }}"
        ));
    }

    /// The same on the host of the server, of what goes to the callee.
    pub fn drop_out_of_server(&self, port: u16) {
        self.drop_out(self.server_host, &format!("ip daddr {} udp dport {port}", self.b.address));
    }

    /// No firewall drops anything any more, and cables are back.
    fn clean(&self) {
        self.b.namespace.ip("link set wan up");
        let forget = format!("nft delete table ip bench{} 2>/dev/null || true", self.number);
        for host in [self.a, self.b, self.server_host] {
            host.namespace.run("sh", &["-c", &forget]);
        }
    }

    /// Both phones are registered anew, call each other, and speak as they are told; mid-call it has become wrong.
    pub fn begin(&self, fault: &Fault) -> Call {
        let line = |host, (user, secret): (String, String)| Line::new(host, self.at, &user, &secret);
        let (alice, bob) = (line(self.a, self.caller()), line(self.b, self.callee()));
        let (offer, answer) = (alice.description(), bob.description());
        let mut call = Call { alice, bob, offer, answer, acknowledges: true, dialog: None, elsewhere: None };
        (fault.prepare)(self, &mut call);
        let Call { alice, bob, offer, answer, acknowledges, .. } = &mut call;
        let (dialog, answered, offered) = std::thread::scope(|scope| {
            let taking = scope.spawn(|| bob.take(answer));
            let (dialog, answered) = alice.call(&self.callee().0, offer, *acknowledges);
            (dialog, answered, taking.join().expect("the call is taken"))
        });
        alice.speak(&answered, (fault.caller)(self));
        bob.speak(&offered, (fault.callee)(self));
        call.dialog = Some(dialog);
        if fault.comes_later {
            call.bob.answer_for(WELL, &call.answer);
        }
        call.alice.is_faulty.store(true, Ordering::Relaxed);
        call.bob.is_faulty.store(true, Ordering::Relaxed);
        (fault.strike)(self, &mut call);
        call
    }

    /// The phones hang up and go.
    pub fn end(&self, mut call: Call) {
        self.clean();
        call.alice.hush();
        call.bob.hush();
        if let Some(dialog) = &call.dialog {
            hang_up(&mut call.alice.agent, dialog);
        }
        call.bob.answer_for(Duration::from_millis(200), "");
        let agents = [&mut call.alice.agent, &mut call.bob.agent];
        agents.into_iter().chain(&mut call.elsewhere).for_each(|agent| agent.unregister(PATIENCE));
    }

    /// What the trace of a call says first.
    pub fn verdict(&self, call: &Call) -> Option<Verdict> {
        let text = self.server.cli(&["trace", call.id(), "--json"], "");
        let traces: Value = serde_json::from_str(&text).ok()?;
        let first = traces.get(0)?.get("verdicts")?.get(0)?;
        let word = |name: &str| first[name].as_str().map(String::from);
        Some(Verdict { told: format!("{}: {}", word("side")?, word("cause")?), sentence: word("sentence")? })
    }
}

/// Whose device is elsewhere by now is challenged.
fn hang_up(agent: &mut Agent, dialog: &Dialog) {
    let bye = agent.inside(dialog, "BYE");
    let answer = agent.transact(&bye, PATIENCE);
    if answer.is_some_and(|answer| matches!(answer.status, 401 | 407) && agent.learn(&answer)) {
        let credentials = agent.credentials("BYE", &dialog.target).unwrap_or_default();
        let bye = agent.inside(dialog, "BYE");
        agent.transact(&bye.replace("\r\nUser-Agent:", &format!("\r\n{credentials}User-Agent:")), PATIENCE);
    }
}

/// What was told.
pub struct Verdict {
    /// `side: cause`.
    pub told: String,
    pub sentence: String,
}

/// A call, and what is wrong with it.
pub struct Fault {
    pub name: &'static str,
    /// Whose side is told, and why.
    pub side: &'static str,
    pub cause: &'static str,
    /// It comes when the call has been well for a while.
    pub comes_later: bool,
    /// Changes the phones before they call.
    pub prepare: fn(&Bench<'_>, &mut Call),
    pub caller: fn(&Bench<'_>) -> Script,
    pub callee: fn(&Bench<'_>) -> Script,
    /// Something else that is done when the fault comes.
    pub strike: fn(&Bench<'_>, &mut Call),
}

pub const NOTHING: Fault = Fault {
    name: "",
    side: "caller",
    cause: "",
    comes_later: false,
    prepare: |_, _| {},
    caller: |_| Box::new(Voice::speak),
    callee: |_| Box::new(Voice::speak),
    strike: |_, _| {},
};

/// What its phones describe, and what becomes of it.
pub struct Call {
    pub alice: Line,
    pub bob: Line,
    pub offer: String,
    pub answer: String,
    pub acknowledges: bool,
    dialog: Option<Dialog>,
    /// Where the caller has gone.
    pub elsewhere: Option<Agent>,
}

impl Call {
    /// Its Call-ID on the side of the caller.
    pub fn id(&self) -> &str {
        self.dialog.as_ref().map_or("", |dialog| &dialog.call_id)
    }
}
