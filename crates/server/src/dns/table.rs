//! Names given by hand: for tests, for the demonstration and for networks without DNS.

use coeur_sip::resolve::{Naptr, Outcome, Query, RecordKind, Records, Srv};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// How long an answer of the table is good.
const TTL_S: u32 = 60;

/// One record a line, as in a zone file: `NAME A ADDRESS`, `NAME AAAA ADDRESS`, `NAME SRV PRIORITY WEIGHT PORT TARGET`,
/// `NAME NAPTR ORDER PREFERENCE FLAGS SERVICE REPLACEMENT`. `#` begins a comment. A name of the table is never asked
/// of the DNS, whatever the kind.
#[derive(Clone, Debug)]
pub struct Table {
    records_by_name: BTreeMap<Box<str>, Vec<Records>>,
}

impl Default for Table {
    /// RFC 6761 section 6.3: `localhost` is the loopback.
    fn default() -> Self {
        let loopback = vec![Records::A(vec![Ipv4Addr::LOCALHOST]), Records::Aaaa(vec![Ipv6Addr::LOCALHOST])];
        Self { records_by_name: BTreeMap::from([("localhost".into(), loopback)]) }
    }
}

impl FromStr for Table {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut table = Self::default();
        for (number, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            let (name, records) =
                record(line).ok_or_else(|| format!("line {}: `{line}` is no record", number + 1))?;
            table.records_by_name.entry(name).or_default().push(records);
        }
        Ok(table)
    }
}

impl Table {
    /// `None` for a name that is not in the table.
    pub fn answer(&self, query: &Query) -> Option<Outcome> {
        let all = self.records_by_name.get(&query.name)?;
        let merged = all.iter().filter(|records| kind(records) == query.kind).cloned().reduce(merge);
        Some(match merged {
            Some(records) => Outcome::Found { records, ttl_s: TTL_S },
            None => Outcome::Absent { ttl_s: TTL_S },
        })
    }
}

fn kind(records: &Records) -> RecordKind {
    match records {
        Records::Naptr(_) => RecordKind::Naptr,
        Records::Srv(_) => RecordKind::Srv,
        Records::A(_) => RecordKind::A,
        Records::Aaaa(_) => RecordKind::Aaaa,
    }
}

fn merge(mut first: Records, second: Records) -> Records {
    match (&mut first, second) {
        (Records::Naptr(list), Records::Naptr(more)) => list.extend(more),
        (Records::Srv(list), Records::Srv(more)) => list.extend(more),
        (Records::A(list), Records::A(more)) => list.extend(more),
        (Records::Aaaa(list), Records::Aaaa(more)) => list.extend(more),
        // Only records of one kind are merged.
        (Records::Naptr(_) | Records::Srv(_) | Records::A(_) | Records::Aaaa(_), _) => {}
    }
    first
}

fn record(line: &str) -> Option<(Box<str>, Records)> {
    let mut fields = line.split_whitespace();
    let name = plain(fields.next()?);
    let kind = fields.next()?.to_ascii_uppercase();
    let fields: Vec<&str> = fields.collect();
    let records = match (kind.as_str(), &fields[..]) {
        ("A", [address]) => Records::A(vec![address.parse().ok()?]),
        ("AAAA", [address]) => Records::Aaaa(vec![address.parse().ok()?]),
        ("SRV", [priority, weight, port, target]) => Records::Srv(vec![Srv {
            priority: priority.parse().ok()?,
            weight: weight.parse().ok()?,
            port: port.parse().ok()?,
            target: plain(target),
        }]),
        ("NAPTR", [order, preference, flags, service, replacement]) => Records::Naptr(vec![Naptr {
            order: order.parse().ok()?,
            preference: preference.parse().ok()?,
            flags: flags.trim_matches('"').into(),
            service: service.trim_matches('"').into(),
            replacement: plain(replacement),
        }]),
        _ => return None,
    };
    Some((name, records))
}

fn plain(name: &str) -> Box<str> {
    let lower = name.to_ascii_lowercase();
    if lower == "." { lower.into() } else { lower.trim_end_matches('.').into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_one_name_and_kind_come_together() {
        let table: Table =
            "_sip._udp.a.test SRV 10 5 5060 one.a.test # first\n_sip._udp.a.test. SRV 20 5 5061 two.a.test\n\
             a.test NAPTR 10 50 \"s\" \"SIP+D2U\" _sip._udp.a.test\n"
                .parse()
                .unwrap();
        let Some(Outcome::Found { records: Records::Srv(list), .. }) =
            table.answer(&Query::new(RecordKind::Srv, "_sip._udp.a.test"))
        else {
            panic!("no SRV");
        };
        assert_eq!(list.iter().map(|srv| srv.port).collect::<Vec<_>>(), [5060, 5061]);
        assert!(matches!(table.answer(&Query::new(RecordKind::A, "a.test")), Some(Outcome::Absent { .. })));
        assert!(table.answer(&Query::new(RecordKind::A, "b.test")).is_none());
        assert!(matches!(table.answer(&Query::new(RecordKind::A, "localhost")), Some(Outcome::Found { .. })));
    }

    #[test]
    fn a_line_that_is_no_record_is_named() {
        assert_eq!("\na.test MX 5 b".parse::<Table>().unwrap_err(), "line 2: `a.test MX 5 b` is no record");
    }
}
