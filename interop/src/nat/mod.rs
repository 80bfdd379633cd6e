//! Networks in a box: an internet, hosts on it, and sites behind routers that translate addresses, each in a network
//! namespace of its own. What is inside reaches nothing outside, and goes away with its [`Internet`].
//!
//! ```text
//!   server 198.51.100.1 ──┐
//!   phone  198.51.100.2 ──┤ internet (a bridge)
//!                         ├── router 198.51.100.10 ── 192.168.10.0/24 ── phone
//!                         └── router 198.51.100.11 ── 100.64.11.0/24 ── router ── 192.168.11.0/24 ── phone
//! ```
//!
//! Needs root, `ip` and `nft` (Debian packages iproute2 and nftables).

pub mod namespace;
mod shape;
mod wire;

pub use namespace::Namespace;
pub use shape::{Alg, Nat};
pub use wire::{Passed, Wire};

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU32, Ordering};

/// A bridge that joins everything public.
pub struct Internet {
    core: Namespace,
    prefix: String,
    next_public: u8,
    next_site: u8,
}

/// A place with an address, where programs run.
pub struct Host {
    pub namespace: Namespace,
    pub address: Ipv4Addr,
}

/// A network behind a router, or behind two.
pub struct Site {
    /// The outermost first. They stand as long as the site.
    routers: Vec<Namespace>,
    prefix: String,
    lan: [u8; 3],
    hosts: u8,
    nat: Nat,
    _alg: Option<Alg>,
}

impl Internet {
    pub fn new() -> Self {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("co{}x{serial}", std::process::id());
        let core = Namespace::new(&format!("{prefix}i"));
        core.ip("link add br0 type bridge");
        core.ip("link set br0 up");
        Self { core, prefix, next_public: 1, next_site: 10 }
    }

    /// A host with a public address and nothing between it and the others.
    pub fn host(&mut self) -> Host {
        let last = self.next_public;
        self.next_public += 1;
        let namespace = Namespace::new(&format!("{}h{last}", self.prefix));
        let address = self.attach(&namespace, "wan", last);
        Host { namespace, address }
    }

    /// A site with one router of this shape (two for [`Nat::Double`] and [`Nat::CarrierGrade`]).
    pub fn site(&mut self, nat: Nat) -> Site {
        let number = self.next_site;
        self.next_site += 1;
        let prefix = format!("{}s{number}", self.prefix);
        let outer = Namespace::new(&format!("{prefix}r"));
        self.attach(&outer, "wan", number);
        let mut routers = vec![outer];
        let lan = [192, 168, number];
        if nat.routers() == 2 {
            let between = [100, 64, number];
            let inner = Namespace::new(&format!("{prefix}q"));
            join(&inner, "wan", &routers[0], "lan");
            inner.ip(&format!("addr add {}/24 dev wan", host_of(between, 2)));
            routers[0].ip(&format!("addr add {}/24 dev lan", host_of(between, 1)));
            inner.ip(&format!("route add default via {}", host_of(between, 1)));
            routers.push(inner);
        }
        let last = routers.last().expect("at least one");
        // Hosts hang on a bridge, so that two phones of a site reach each other without the router.
        last.ip("link add lan0 type bridge");
        last.ip("link set lan0 up");
        last.ip(&format!("addr add {}/24 dev lan0", host_of(lan, 1)));
        for router in &routers {
            router.run("sysctl", &["-qw", "net.ipv4.ip_forward=1"]);
        }
        let phone = host_of(lan, 2);
        match nat.routers() {
            2 => {
                nat.outer().translate(&routers[0], "lan", host_of([100, 64, number], 2));
                nat.inner().translate(&routers[1], "lan0", phone);
            }
            _ => nat.translate(&routers[0], "lan0", phone),
        }
        let alg = (nat == Nat::Alg).then(|| Alg::start(&routers[0], host_of([198, 51, 100], number)));
        Site { routers, prefix, lan, hosts: 2, nat, _alg: alg }
    }

    /// Another public address for a host, which it has not taken yet.
    pub fn address(&mut self) -> Ipv4Addr {
        self.next_public += 1;
        host_of([198, 51, 100], self.next_public - 1)
    }

    fn attach(&self, namespace: &Namespace, name: &str, last: u8) -> Ipv4Addr {
        let port = format!("p{last}");
        join(namespace, name, &self.core, &port);
        self.core.ip(&format!("link set {port} master br0"));
        let address = host_of([198, 51, 100], last);
        namespace.ip(&format!("addr add {address}/24 dev {name}"));
        address
    }
}

impl Host {
    /// The cable is pulled, and all goes by another interface (see [`Site::uplink`]).
    pub fn switch_to(&mut self, uplink: &Uplink) {
        self.namespace.ip("link set wan down");
        self.namespace.ip(&format!("route replace default via {} dev {}", uplink.router, uplink.name));
        self.address = uplink.address;
    }
}

/// A second interface of a host.
pub struct Uplink {
    name: &'static str,
    router: Ipv4Addr,
    pub address: Ipv4Addr,
}

impl Default for Internet {
    fn default() -> Self {
        Self::new()
    }
}

impl Site {
    /// One more host of the site. What a router sends to a host on its own account (full cone) goes to the first.
    pub fn host(&mut self) -> Host {
        let last = self.hosts;
        self.hosts += 1;
        let namespace = Namespace::new(&format!("{}h{last}", self.prefix));
        let router = self.routers.last().expect("at least one");
        let port = format!("p{last}");
        join(&namespace, "wan", router, &port);
        router.ip(&format!("link set {port} master lan0"));
        let address = host_of(self.lan, last);
        namespace.ip(&format!("addr add {address}/24 dev wan"));
        namespace.ip(&format!("route add default via {}", host_of(self.lan, 1)));
        if self.nat == Nat::SmallMtu {
            // The tunnel is in the router; the host does not know of it.
            namespace.ip("link set wan mtu 1500");
        }
        Host { namespace, address }
    }

    /// A second interface for a host, in this site: a telephone's other radio.
    pub fn uplink(&mut self, host: &Host) -> Uplink {
        let (last, name) = (self.hosts, "radio");
        self.hosts += 1;
        let router = self.routers.last().expect("at least one");
        let port = format!("p{last}");
        join(&host.namespace, name, router, &port);
        router.ip(&format!("link set {port} master lan0"));
        let address = host_of(self.lan, last);
        host.namespace.ip(&format!("addr add {address}/24 dev {name}"));
        Uplink { name, router: host_of(self.lan, 1), address }
    }

    /// The host has another address in the site from now on, as when its lease has run out: the old one is gone.
    pub fn readdress(&mut self, host: &mut Host) {
        host.address = host_of(self.lan, self.hosts);
        self.hosts += 1;
        host.namespace.ip("addr flush dev wan");
        host.namespace.ip(&format!("addr add {}/24 dev wan", host.address));
        host.namespace.ip(&format!("route add default via {}", host_of(self.lan, 1)));
    }

    /// The provider gives the site another public address; what was translated is forgotten.
    pub fn renumber(&self, address: Ipv4Addr) {
        let outermost = &self.routers[0];
        outermost.ip("addr flush dev wan");
        outermost.ip(&format!("addr add {address}/24 dev wan"));
        self.forget_translations();
    }

    /// The site is behind a tunnel of 1,280 bytes, which cuts what is longer and drops in silence what may not be cut. The
    /// routers have put the pieces together when this rule sees them.
    pub fn tunnel(&self) {
        self.routers[0].nft(
            "table ip tunnel {
               chain forward { type filter hook forward priority -20;
                 meta length > 1280 ip frag-off & 0x4000 != 0 drop;
              }
             }",
        );
    }

    /// The router forgets all that it has translated, as one that restarts (its address may stay).
    pub fn forget_translations(&self) {
        for router in &self.routers {
            router.run("conntrack", &["-F"]);
        }
    }
}

/// A cable between two namespaces.
fn join(a: &Namespace, a_name: &str, b: &Namespace, b_name: &str) {
    a.ip(&format!("link add {a_name} type veth peer name {b_name} netns {}", b.name()));
    a.ip(&format!("link set {a_name} up"));
    b.ip(&format!("link set {b_name} up"));
}

fn host_of(network: [u8; 3], last: u8) -> Ipv4Addr {
    Ipv4Addr::new(network[0], network[1], network[2], last)
}
