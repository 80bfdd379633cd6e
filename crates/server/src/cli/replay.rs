//! `coeur replay`.

use super::check_config;
use super::door::{Way, data_directory, print_json, unexpected};
use super::exit::{Exit, Failure};
use super::grammar::{Place, Replay};
use super::progress::Progress;
use super::records::since_ms;
use super::terminal::{bold, green, print, red, safe, yellow};
use super::words::Word;
use crate::config::{Key, Source};
use crate::trace::replay::isolated::{Against, Copies, Isolated, OF_CALLS};
use crate::trace::replay::player::Player;
use crate::trace::replay::prelude::Registration;
use crate::trace::replay::script::Script;
use crate::trace::replay::{CouldNot, Difference, Outcome, Until, prelude, wall};
use crate::user_agent::interrupt;
use coeur_api::{
    CONVERSATIONS_MAX, ConversationView, ConversationsPage, Reply, Request, SettingView, TraceMessagesRequest,
};
use coeur_directory::Directory;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;

/// Registrations of one phone that are looked at, and pages of its conversations in which they are sought.
const REGISTRATIONS_MAX: usize = 20;
const PAGES_MAX: usize = 20;
/// Bytes of a file with conversations.
const FILE_BYTES_MAX: u64 = 256 << 20;
/// Columns of each message beside the other.
const COLUMN: usize = 60;

pub fn run(arguments: &Replay) -> Result<(), Failure> {
    let plays = plays(arguments)?;
    if plays.is_empty() {
        return Err(Failure::new(Exit::NotFound, Word::NothingFound.say()));
    }
    let accounts = match &arguments.against {
        Some(folder) => folder.clone(),
        None => data_directory(&arguments.place)?,
    };
    // The copies are removed by whoever made them, not by the signal.
    interrupt::listen();
    let copies = Copies::make(&accounts).map_err(|why| could_not(&why))?;
    not_stopped()?;
    let directory = copies.directory().map_err(|why| could_not(&why))?;
    let config = arguments.config.clone().or_else(|| std::env::var_os("COEUR_CONFIG").map(Into::into));
    let flags = match &config {
        None if arguments.file.is_none() && arguments.against.is_none() => of_server(&arguments.place),
        _ => Vec::new(),
    };
    let against = Against { program: whole_path(arguments.program.as_deref())?, config, flags };
    // From here on nobody outside is reached.
    wall::shut_in().map_err(|why| Failure::new(COULD_NOT, Word::ReplayNoWall.with(&[&why.to_string()])))?;
    let mut bar = (plays.len() > 1).then(|| Progress::new(plays.len()));
    let mut results = Vec::new();
    for (at, play) in plays.into_iter().enumerate() {
        let outcome = replay(&play, &copies, &directory, &against);
        not_stopped()?;
        results.push((play.call_id, outcome));
        if let Some(bar) = &mut bar {
            bar.at(at + 1);
        }
    }
    if let Some(bar) = &mut bar {
        bar.end();
    }
    tell(arguments, &results)
}

/// What the server that has the calls was told of them, wherever that was said. One of an older version does not tell.
fn of_server(place: &Place) -> Vec<(Key, String)> {
    let Ok(Reply::Settings(all)) = Way::open_server(place).and_then(|way| way.ask(Request::Settings)) else {
        return Vec::new();
    };
    let default = Source::Default.to_string();
    let said: Vec<SettingView> = all.into_iter().filter(|one| one.origin != default).collect();
    let told = check_config::told(&said);
    let words = |key: &Key| told.get(*key).into_iter().flat_map(|(words, _)| words.to_vec());
    OF_CALLS.iter().flat_map(|key| words(key).map(|word| (*key, word))).collect()
}

/// `coeur replay` has three ends, and this is the third; a command line that is wrong has the same number.
const COULD_NOT: Exit = Exit::Usage;

/// What was being replayed when somebody ended it says nothing.
fn not_stopped() -> Result<(), Failure> {
    if interrupt::happened() { Err(Failure::new(COULD_NOT, Word::ReplayStopped.say())) } else { Ok(()) }
}

/// A conversation, and how its phones were registered before it.
struct Play {
    call_id: String,
    script: Result<Script, CouldNot>,
    registrations: Vec<Registration>,
}

impl Play {
    /// `phones`: conversations of the phone at each address.
    fn new<'v>(
        view: &ConversationView,
        mut phones: impl FnMut(&str) -> Result<&'v [ConversationView], Failure>,
    ) -> Result<Self, Failure> {
        let (call_id, script) = (view.call_id.clone(), Script::of(view));
        let mut registrations = Vec::new();
        if let Ok(script) = &script {
            let addresses = script.peers.iter().map(|peer| peer.address.to_string());
            let phones = addresses.map(|address| phones(&address)).collect::<Result<Vec<_>, _>>()?;
            registrations = prelude::registrations(&phones, script);
        }
        Ok(Self { call_id, script, registrations })
    }
}

/// All is read before the wall closes.
fn plays(arguments: &Replay) -> Result<Vec<Play>, Failure> {
    match &arguments.file {
        Some(file) => {
            let views = of_file(file)?;
            views.iter().map(|view| Play::new(view, |_| Ok(&views))).collect()
        }
        None => stored(arguments),
    }
}

fn of_file(file: &Path) -> Result<Vec<ConversationView>, Failure> {
    let on = |why: String| Failure::new(COULD_NOT, format!("{}: {why}", file.display()));
    let bytes = std::fs::metadata(file).map_err(|why| on(why.to_string()))?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(on(format!("it has more than {} MB", FILE_BYTES_MAX >> 20)));
    }
    let text = std::fs::read(file).map_err(|why| on(why.to_string()))?;
    let page: ConversationsPage = serde_json::from_slice(&text).map_err(|why| on(why.to_string()))?;
    Ok(page.conversations)
}

/// The newest first. Of each page only the steps stay.
fn stored(arguments: &Replay) -> Result<Vec<Play>, Failure> {
    let way = Way::open_server(&arguments.place)?;
    let since_us = arguments.since.as_deref().map(since_ms).transpose()?.map(|ms| ms.saturating_mul(1_000));
    let wanted = if arguments.all { arguments.last } else { 1 };
    let mut request = TraceMessagesRequest {
        what: arguments.what.clone(),
        since_us,
        limit: wanted.min(CONVERSATIONS_MAX),
        ..TraceMessagesRequest::default()
    };
    let (mut plays, mut phones) = (Vec::new(), Phones::default());
    loop {
        let page = page(&way, request.clone())?;
        for view in page.conversations.iter().take(wanted - plays.len()) {
            phones.look_for(&way, view)?;
            plays.push(Play::new(view, |address| Ok(phones.of(address)))?);
        }
        match page.next.filter(|_| plays.len() < wanted) {
            Some(next) => request.after = Some(next),
            None => return Ok(plays),
        }
    }
}

/// The registrations of phones, by the address; each is asked for once. Memory: of each phone at most [`REGISTRATIONS_MAX`]
/// conversations, each with at most 2,000 messages; mostly it is one of some messages.
#[derive(Default)]
struct Phones(HashMap<String, Vec<ConversationView>>);

impl Phones {
    fn of(&self, address: &str) -> &[ConversationView] {
        self.0.get(address).map_or(&[], Vec::as_slice)
    }

    /// Of all phones of this conversation.
    fn look_for(&mut self, way: &Way, view: &ConversationView) -> Result<(), Failure> {
        for message in &view.messages {
            if !self.0.contains_key(&message.remote) {
                self.0.insert(message.remote.clone(), registrations_of(way, &message.remote)?);
            }
        }
        Ok(())
    }
}

/// The newest, however many calls the phone has had since.
fn registrations_of(way: &Way, address: &str) -> Result<Vec<ConversationView>, Failure> {
    let mut request = TraceMessagesRequest {
        what: Some(address.to_owned()),
        limit: CONVERSATIONS_MAX,
        heads_only: true,
        ..TraceMessagesRequest::default()
    };
    let mut found = Vec::new();
    for _ in 0..PAGES_MAX {
        let is_register = |view: &ConversationView| view.method == "REGISTER";
        let heads = page(way, request.clone())?;
        // Messages are asked for where some are wanted.
        if heads.conversations.iter().any(is_register) {
            let whole = page(way, TraceMessagesRequest { heads_only: false, ..request.clone() })?;
            found.extend(whole.conversations.into_iter().filter(is_register));
        }
        match heads.next.filter(|_| found.len() < REGISTRATIONS_MAX) {
            Some(next) => request.after = Some(next),
            None => break,
        }
    }
    found.truncate(REGISTRATIONS_MAX);
    Ok(found)
}

fn page(way: &Way, request: TraceMessagesRequest) -> Result<ConversationsPage, Failure> {
    match way.ask(Request::TraceMessages(request))? {
        Reply::Conversations(page) => Ok(page),
        other => Err(unexpected(&other)),
    }
}

fn whole_path(program: Option<&Path>) -> Result<Option<std::path::PathBuf>, Failure> {
    program
        .map(|program| {
            program
                .canonicalize()
                .map_err(|why| Failure::new(COULD_NOT, format!("{}: {why}", program.display())))
        })
        .transpose()
}

fn replay(
    play: &Play,
    copies: &Copies,
    directory: &Directory,
    against: &Against,
) -> Result<Outcome, CouldNot> {
    let script = play.script.as_ref().map_err(Clone::clone)?;
    let _server = Isolated::start(copies, script, against)?;
    let mut player = Player::new(script, directory)?;
    for registration in &play.registrations {
        player.register(registration.peer, &registration.text)?;
    }
    player.play()
}

type Results = [(String, Result<Outcome, CouldNot>)];

fn tell(arguments: &Replay, results: &Results) -> Result<(), Failure> {
    let count =
        |is: fn(&Result<Outcome, CouldNot>) -> bool| results.iter().filter(|(_, end)| is(end)).count();
    let differ = count(|end| matches!(end, Ok(Outcome::Differs(_))));
    let unplayed = count(Result::is_err);
    let same = results.len() - differ - unplayed;
    if arguments.place.json {
        let list: Vec<Value> = results.iter().map(|(call_id, end)| view(call_id, end)).collect();
        print_json(
            &json!({ "same": same, "differ": differ, "not_replayed": unplayed, "conversations": list }),
        )?;
    } else {
        for (call_id, end) in results {
            print(&format!("{}\n", line(call_id, end)));
        }
        if let ([(_, Ok(Outcome::Differs(difference)))], false) = (results, arguments.all) {
            print(&side_by_side(difference));
        }
        if results.len() > 1 {
            let [same, differ, unplayed] = [same, differ, unplayed].map(|number| number.to_string());
            print(&format!("{}\n", bold(&Word::ReplaySum.with(&[&same, &differ, &unplayed]))));
        }
    }
    match (differ, same) {
        (1.., _) => Err(Failure::said(Exit::Failed)),
        // Where some were replayed, that others could not be is said.
        (0, 1..) => Ok(()),
        (0, 0) => Err(Failure::said(COULD_NOT)),
    }
}

fn line(call_id: &str, end: &Result<Outcome, CouldNot>) -> String {
    let call_id = safe(call_id.as_bytes());
    match end {
        Ok(Outcome::Same { compared }) => green(&Word::ReplaySame.with(&[&call_id, &compared.to_string()])),
        Ok(Outcome::SameUntil { compared, number, why }) => {
            let before = (number - 1).to_string();
            let word = match why {
                Until::Clock => Word::ReplaySameUntil,
                Until::Meeting => Word::ReplaySameUntilMet,
            };
            green(&word.with(&[&call_id, &before, &compared.to_string()]))
        }
        Ok(Outcome::Differs(difference)) => {
            let place = [difference.number.to_string(), difference.count.to_string()];
            let head = red(&Word::ReplayDiffers.with(&[&call_id, &place[0], &place[1]]));
            let then = said(&difference.then, &difference.then_remote);
            let now = said(&difference.now, &difference.now_remote);
            format!("{head}: {} {then}, {} {now}", Word::ReplayThen.say(), Word::ReplayNow.say())
        }
        Err(why) => yellow(&Word::ReplayCould.with(&[&call_id, &reason(why)])),
    }
}

fn said(label: &str, remote: &str) -> String {
    match label {
        "" => Word::ReplayNothing.say().to_owned(),
        label => Word::ReplayTo.with(&[&format!("`{}`", safe(label.as_bytes())), remote]),
    }
}

fn reason(why: &CouldNot) -> String {
    match why {
        CouldNot::NobodySpoke => Word::ReplayNobodySpoke.say().to_owned(),
        CouldNot::BegunByServer => Word::ReplayBegunByServer.say().to_owned(),
        CouldNot::Cut { shown, count } => Word::ReplayCut.with(&[&shown.to_string(), &count.to_string()]),
        CouldNot::Unreadable { number } => Word::ReplayUnreadable.with(&[&number.to_string()]),
        CouldNot::Failed(why) => safe(why.as_bytes()),
    }
}

fn could_not(why: &CouldNot) -> Failure {
    Failure::new(COULD_NOT, reason(why))
}

/// Both messages in columns; a line that differs has a mark before it.
fn side_by_side(difference: &Difference) -> String {
    let mut out = format!("\n  {:COLUMN$}  {}\n", Word::ReplayThen.say(), Word::ReplayNow.say());
    for row in &difference.rows {
        let cells = [&row.then, &row.now].map(|cell| wrapped(cell.as_deref().unwrap_or_default()));
        for at in 0..cells[0].len().max(cells[1].len()) {
            let cell = |column: &Vec<String>| column.get(at).cloned().unwrap_or_default();
            let mark = if row.differs { '!' } else { ' ' };
            let text = format!("{mark} {:COLUMN$}  {}", cell(&cells[0]), cell(&cells[1]));
            let text = text.trim_end();
            out.push_str(&if row.differs { red(text) } else { text.to_owned() });
            out.push('\n');
        }
    }
    out
}

fn wrapped(line: &str) -> Vec<String> {
    let characters: Vec<char> = safe(line.as_bytes()).chars().collect();
    let lines: Vec<String> = characters.chunks(COLUMN).map(|chunk| chunk.iter().collect()).collect();
    if lines.is_empty() { vec![String::new()] } else { lines }
}

fn view(call_id: &str, end: &Result<Outcome, CouldNot>) -> Value {
    match end {
        Ok(Outcome::Same { compared }) => {
            json!({ "call_id": call_id, "result": "same", "messages_compared": compared })
        }
        Ok(Outcome::SameUntil { compared, number, why }) => {
            let from = match why {
                Until::Clock => "by_a_clock_from",
                Until::Meeting => "calls_met_from",
            };
            json!({ "call_id": call_id, "result": "same", "messages_compared": compared, from: number })
        }
        Ok(Outcome::Differs(difference)) => {
            let rows = difference.rows.iter().filter(|row| row.differs);
            let rows: Vec<Value> = rows.map(|row| json!({ "then": row.then, "now": row.now })).collect();
            json!({
                "call_id": call_id, "result": "differs", "message": difference.number, "messages": difference.count,
                "then": difference.then, "then_remote": difference.then_remote,
                "now": difference.now, "now_remote": difference.now_remote, "lines": rows
            })
        }
        Err(why) => json!({ "call_id": call_id, "result": "not_replayed", "why": reason(why) }),
    }
}
