//! [T-02] Names that exist and names that do not, asked for through sockets in random order, each from an address of
//! its own: can an attacker who times the answers tell them apart? Welch's t must stay below 3 and the
//! Kolmogorov-Smirnov p above 0.01. A measurement that says "different" is made again with other names; three in a row
//! fail. The bytes are compared too.

use coeur_interop::agent::{Agent, header};
use coeur_interop::coeur::{Coeur, DOMAIN};
use coeur_sim::chance::Chance;
use coeur_sim::statistics::{kolmogorov_smirnov_p, welch_t};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

const METHODS: [&str; 5] = ["REGISTER", "INVITE", "OPTIONS", "SUBSCRIBE", "MESSAGE"];
/// Names of each kind.
const NAMES: usize = 10_000;
/// How many of them are asked for with the methods after the first, which fare alike.
const NAMES_OF_OTHER_METHODS: usize = 2_000;

struct Bench {
    server: Coeur,
    serial: u32,
}

/// What a name was answered to a bare request and to a wrong answer.
#[derive(Default)]
struct Row {
    bare_us: Vec<f64>,
    wrong_us: Vec<f64>,
    texts: BTreeSet<String>,
}

impl Bench {
    /// One name, from a source of its own.
    fn ask(&mut self, method: &str, name: &str, row: &mut Row) {
        self.serial += 1;
        let ip = Ipv4Addr::from(0x7f10_0000 + self.serial);
        let mut agent = Agent::new(&self.server, ip, name, "wrong");
        let (uri, to) = match method {
            "REGISTER" => (format!("sip:{DOMAIN}"), format!("<sip:{name}@{DOMAIN}>")),
            _ => (format!("sip:someone@{DOMAIN}"), format!("<sip:someone@{DOMAIN}>")),
        };
        let mut timed = |agent: &mut Agent, lines: &str, times: &mut Vec<f64>| {
            let request = agent.write(method, &uri, &to, "enumeration", lines, "");
            let began = Instant::now();
            let answer = agent.transact(&request, Duration::from_secs(8))?;
            times.push(began.elapsed().as_nanos() as f64 / 1_000.0);
            row.texts.insert(masked(&answer.text, name));
            Some(answer)
        };
        let bare = timed(&mut agent, "", &mut row.bare_us).expect("a challenge");
        agent.learn(&bare);
        let credentials = agent.credentials(method, &uri).expect("a challenge that it understands");
        timed(&mut agent, &credentials, &mut row.wrong_us).expect("a refusal");
    }
}

/// An answer without what is different in every answer.
fn masked(text: &str, name: &str) -> String {
    let lines = text.lines().map(|line| match line.split_once(':') {
        Some(("Via" | "To" | "From" | "CSeq", _)) => line.split(':').next().unwrap_or_default().to_owned(),
        _ => match line.split_once("nonce=\"") {
            Some((head, tail)) => format!("{head}{}", tail.split_once('"').map_or("", |(_, tail)| tail)),
            None => line.to_owned(),
        },
    });
    let to = header(text, "To");
    let to = to.split(";tag=").next().unwrap_or_default().replace(name, "NAME");
    format!("{}\n{to}", lines.collect::<Vec<_>>().join("\n")).replace(name, "NAME")
}

/// True when the times of the two rows say which is which.
fn told_apart(what: &str, existing: &[f64], absent: &[f64]) -> bool {
    let (t, p) = (welch_t(existing, absent), kolmogorov_smirnov_p(existing, absent));
    let mean = |row: &[f64]| row.iter().sum::<f64>() / row.len() as f64;
    println!(
        "T-02 {what}: {} existing {:.1} us, {} absent {:.1} us, t {t:.2}, p {p:.3}",
        existing.len(),
        mean(existing),
        absent.len(),
        mean(absent)
    );
    t.abs() >= 3.0 || p <= 0.01
}

#[test]
#[ignore = "attacks a real server"]
fn an_attacker_who_times_the_answers_cannot_tell_which_names_exist() {
    let server = Coeur::start("enumeration", &[]);
    server.import("name", NAMES);
    let mut bench = Bench { server, serial: 0 };
    let mut chance = Chance::new(2);
    for method in METHODS {
        let each = if method == METHODS[0] { NAMES } else { NAMES_OF_OTHER_METHODS };
        let mut differ = [0, 0];
        for _ in 0..3 {
            let (mut existing, mut absent) = (Row::default(), Row::default());
            while existing.bare_us.len() < each || absent.bare_us.len() < each {
                let number = chance.below(NAMES as u64);
                if chance.happens(500) {
                    bench.ask(method, &format!("name{number}"), &mut existing);
                } else {
                    bench.ask(method, &format!("nome{number}"), &mut absent);
                }
            }
            assert_eq!(existing.texts, absent.texts, "{method}");
            differ[0] += u32::from(told_apart(&format!("{method} bare"), &existing.bare_us, &absent.bare_us));
            differ[1] +=
                u32::from(told_apart(&format!("{method} wrong"), &existing.wrong_us, &absent.wrong_us));
            if differ == [0, 0] {
                break;
            }
        }
        assert!(
            differ.iter().all(|times| *times < 3),
            "{method}: three measurements say that the times differ"
        );
    }
}
