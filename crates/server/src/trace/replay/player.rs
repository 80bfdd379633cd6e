//! Speaks for all phones of a script, and listens.

use super::compare::{Row, compare, is_counterpart};
use super::script::{Act, Script, Step};
use super::text::{Kind, Text};
use super::words::Learned;
use super::{CouldNot, Difference, Outcome, Until, meeting, sign};
use crate::trace::redact::{self, Bodies};
use crate::user_agent::tls::Trust;
use crate::user_agent::{Link, interrupt};
use coeur_directory::Directory;
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// What is expected may come so much later than then.
const GRACE: Duration = Duration::from_secs(3);
/// What came longer after the message before it than this was brought by a clock, and is not waited for. A phone that nobody
/// answers rings less long.
const GAP_MAX: Duration = Duration::from_secs(70);
/// For what nobody expects, at the end.
const SETTLE: Duration = Duration::from_millis(300);
/// How long one line is listened to while others wait.
const SLICE: Duration = Duration::from_millis(2);

pub struct Player<'p> {
    script: &'p Script,
    directory: &'p Directory,
    trust: Trust,
    lines: Vec<Option<Link>>,
    /// Of each peer, what no step has expected yet.
    arrived: Vec<Vec<Text>>,
    /// What came again is passed over.
    seen: Vec<HashSet<Vec<u8>>>,
    learned: Learned,
    /// Requests of ours that are in no script.
    own: usize,
    /// The step that is not played any more.
    meeting: Option<usize>,
}

impl<'p> Player<'p> {
    pub fn new(script: &'p Script, directory: &'p Directory) -> Result<Self, CouldNot> {
        let trust = Trust::anything().map_err(|why| CouldNot::Failed(why.to_string()))?;
        let peers = script.peers.len();
        Ok(Self {
            script,
            directory,
            trust,
            lines: (0..peers).map(|_| None).collect(),
            arrived: vec![Vec::new(); peers],
            seen: vec![HashSet::new(); peers],
            learned: Learned::default(),
            own: 0,
            meeting: meeting::of(&script.steps),
        })
    }

    /// Registers a phone as it was. Should it be refused now, the steps will say what follows from that.
    pub fn register(&mut self, peer: usize, then: &Text) -> Result<(), CouldNot> {
        let user = sign::NAMES.iter().find_map(|name| super::compare::quoted(then.value(name)?, "username"));
        let user =
            user.or_else(|| then.value("to")?.split_once(':')?.1.split('@').next()).unwrap_or_default();
        let user = user.split('@').next().unwrap_or_default().to_owned();
        let Some(refusal) = self.ask(peer, then, None)? else { return Ok(()) };
        let uri = then.uri().unwrap_or_default();
        if let Some(value) = sign::answer(&refusal, self.directory, &user, "REGISTER", uri) {
            let name = if refusal.value("proxy-authenticate").is_some() { 1 } else { 0 };
            self.ask(peer, then, Some((sign::NAMES[name], value)))?;
        }
        Ok(())
    }

    /// Says a request outside of the script, with these credentials, and waits for its final answer.
    fn ask(
        &mut self,
        peer: usize,
        then: &Text,
        credentials: Option<(&str, String)>,
    ) -> Result<Option<Text>, CouldNot> {
        self.own += 1;
        let mut request = then.clone();
        sign::NAMES.iter().for_each(|name| request.remove(name));
        let call_id = format!("replay-{}", self.own);
        request.set("call-id", &call_id);
        if let Some(via) = then.value("via") {
            let branch = via.split("branch=").nth(1).and_then(|rest| rest.split([';', ',']).next());
            let own = via.replace(branch.unwrap_or("z9hG4bK"), &format!("z9hG4bKreplay{}", self.own));
            request.set("via", &own);
        }
        if let Some((name, value)) = credentials {
            let header = super::text::Header { name: name.to_owned(), written: name.to_owned(), value };
            request.headers.push(header);
        }
        self.send(peer, &request)?;
        let until = Instant::now() + GRACE;
        while Instant::now() < until && !interrupt::happened() {
            self.listen();
            let is_answer = |text: &Text| {
                text.value("call-id") == Some(&call_id)
                    && matches!(text.kind(), Some(Kind::Response { status: 200.., .. }))
            };
            if let Some(at) = self.arrived[peer].iter().position(is_answer) {
                let answer = self.arrived[peer].remove(at);
                self.arrived[peer].retain(|text| text.value("call-id") != Some(&call_id));
                return Ok(Some(answer));
            }
        }
        Ok(None)
    }

    /// From the first step to the first difference.
    pub fn play(&mut self) -> Result<Outcome, CouldNot> {
        let mut compared = 0;
        for (at, step) in self.script.steps.iter().enumerate() {
            if self.meeting == Some(at) {
                return Ok(Outcome::SameUntil { compared, number: step.number, why: Until::Meeting });
            }
            match step.act {
                Act::Say => self.say(step)?,
                Act::Expect if step.gap > GAP_MAX => {
                    return Ok(Outcome::SameUntil { compared, number: step.number, why: Until::Clock });
                }
                Act::Expect => match self.expect(at, step) {
                    None => compared += 1,
                    Some(difference) => return Ok(Outcome::Differs(Box::new(difference))),
                },
            }
        }
        Ok(match self.surplus() {
            None => Outcome::Same { compared },
            Some(difference) => Outcome::Differs(Box::new(difference)),
        })
    }

    fn say(&mut self, step: &Step) -> Result<(), CouldNot> {
        self.learned.keep(&step.text);
        let refusal = self
            .script
            .answer_to(&step.text)
            .filter(|answer| matches!(answer.kind(), Some(Kind::Response { status: 401 | 407, .. })));
        let is_stale = refusal.is_some_and(|refusal| {
            let asked = refusal.all("www-authenticate").chain(refusal.all("proxy-authenticate"));
            asked.into_iter().any(|value| value.to_ascii_lowercase().contains("stale=true"))
        });
        let was_right = refusal.is_none() || is_stale;
        for nonce in sign::nonces(&step.text) {
            // One of another conversation, whose successor must be asked for. One that was too old then is so now.
            if !is_stale && self.learned.nonce(&nonce).is_none() {
                self.fetch_nonce(step, &nonce)?;
            }
        }
        let mut text = self.learned.rewrite(&step.text);
        // Credentials are of the nonce as it is written, not of its words.
        for name in sign::NAMES {
            if let Some(value) = step.text.value(name) {
                text.set(name, &value.replace(uri_of(value), &self.learned.line(uri_of(value))));
            }
        }
        let learned = &self.learned;
        sign::sign(&mut text, self.directory, was_right, |then| learned.nonce(then).map(str::to_owned));
        self.send(step.peer, &text)
    }

    fn fetch_nonce(&mut self, step: &Step, then: &str) -> Result<(), CouldNot> {
        let request = self.learned.rewrite(&step.text);
        let Some(refusal) = self.ask(step.peer, &request, None)? else { return Ok(()) };
        let mut asked = refusal.all("www-authenticate").chain(refusal.all("proxy-authenticate"));
        if let Some(now) = asked.find_map(|value| super::compare::quoted(value, "nonce")) {
            self.learned.pair_nonce(then, now);
        }
        Ok(())
    }

    fn send(&mut self, peer: usize, text: &Text) -> Result<(), CouldNot> {
        if self.lines[peer].is_none() {
            self.lines[peer] = Some(self.open(peer)?);
        }
        // It was opened where there was none.
        let Some(line) = &mut self.lines[peer] else { return Ok(()) };
        if line.send(&text.write()).is_err() {
            // The server has closed it: what is expected of it will be missed.
            self.lines[peer] = None;
        }
        Ok(())
    }

    fn open(&self, peer: usize) -> Result<Link, CouldNot> {
        let peer = &self.script.peers[peer];
        let place = self.script.place_for(peer);
        let place = place.ok_or_else(|| CouldNot::Failed(format!("nobody listens for {}", peer.address)))?;
        Link::open_from(peer.address, peer.scheme, place.address, "localhost", &self.trust)
            .map_err(|why| CouldNot::Failed(format!("{} as {}: {why}", place, peer.address)))
    }

    fn listen(&mut self) {
        for peer in 0..self.lines.len() {
            let Some(line) = &mut self.lines[peer] else { continue };
            loop {
                match line.receive(Instant::now() + SLICE) {
                    Ok(Some(bytes)) => {
                        let shown = redact::lines(&bytes, Bodies::Hidden).join("\n");
                        if self.seen[peer].insert(bytes) {
                            self.arrived[peer].extend(Text::read(&shown));
                        }
                    }
                    Ok(None) => break,
                    Err(_) => {
                        self.lines[peer] = None;
                        break;
                    }
                }
            }
        }
    }

    /// `None`: it came, and was the same.
    fn expect(&mut self, at: usize, step: &Step) -> Option<Difference> {
        let until = Instant::now() + step.gap + GRACE;
        loop {
            if let Some(place) = self.counterpart(step) {
                let now = self.arrived[step.peer].remove(place);
                let rows = compare(&step.text, &now, &mut self.learned);
                return rows
                    .iter()
                    .any(|row| row.differs)
                    .then(|| self.difference(step, Some((step.peer, &now)), rows));
            }
            if let Some((peer, now)) = self.unexpected(at) {
                let rows = compare(&step.text, &now, &mut self.learned);
                return Some(self.difference(step, Some((peer, &now)), rows));
            }
            if Instant::now() >= until || interrupt::happened() {
                return Some(self.difference(step, None, alone(&step.text, true)));
            }
            self.listen();
        }
    }

    /// Rather one with the same first line: two requests may leave for one phone.
    fn counterpart(&self, step: &Step) -> Option<usize> {
        let arrived = &self.arrived[step.peer];
        let first = self.learned.line(&step.text.first);
        let fits = |now: &Text| is_counterpart(&step.text, now, &self.learned);
        let exact = arrived.iter().position(|now| fits(now) && now.first == first);
        exact.or_else(|| arrived.iter().position(fits))
    }

    /// What has come that neither this step nor a later one expects.
    fn unexpected(&self, at: usize) -> Option<(usize, Text)> {
        let steps = &self.script.steps[at..];
        let is_expected = |peer: usize, now: &Text| {
            let mut expected = steps.iter().filter(|step| step.act == Act::Expect && step.peer == peer);
            expected.any(|step| is_counterpart(&step.text, now, &self.learned))
        };
        let all = self
            .arrived
            .iter()
            .enumerate()
            .flat_map(|(peer, texts)| texts.iter().map(move |text| (peer, text)));
        all.into_iter().find(|(peer, now)| !is_expected(*peer, now)).map(|(peer, now)| (peer, now.clone()))
    }

    fn surplus(&mut self) -> Option<Difference> {
        let until = Instant::now() + SETTLE;
        while Instant::now() < until && !interrupt::happened() {
            self.listen();
        }
        let (peer, now) = self.unexpected(self.script.steps.len())?;
        let number = self.script.steps.last().map_or(0, |step| step.number);
        Some(Difference {
            number,
            count: self.script.count,
            then_remote: String::new(),
            now_remote: self.script.peers[peer].address.to_string(),
            then: String::new(),
            now: now.label().to_owned(),
            rows: alone(&now, false),
        })
    }

    fn difference(&self, step: &Step, now: Option<(usize, &Text)>, rows: Vec<Row>) -> Difference {
        Difference {
            number: step.number,
            count: self.script.count,
            then_remote: self.script.peers[step.peer].address.to_string(),
            now_remote: now.map(|(peer, _)| self.script.peers[peer].address.to_string()).unwrap_or_default(),
            then: step.text.label().to_owned(),
            now: now.map(|(_, text)| text.label().to_owned()).unwrap_or_default(),
            rows,
        }
    }
}

/// A message that has no counterpart.
fn alone(text: &Text, is_then: bool) -> Vec<Row> {
    let headers = text.headers.iter().map(|header| format!("{}: {}", header.written, header.value));
    let lines = [text.first.clone()].into_iter().chain(headers).chain(text.body.iter().cloned());
    lines
        .map(|line| {
            let (then, now) = if is_then { (Some(line), None) } else { (None, Some(line)) };
            Row { then, now, differs: true }
        })
        .collect()
}

/// The `uri` of credentials, with its name.
fn uri_of(value: &str) -> &str {
    let Some(at) = value.find(" uri=\"").map(|at| at + 1) else { return "" };
    let end = value[at + 5..].find('"').map_or(value.len(), |end| at + 5 + end);
    &value[at..end]
}
