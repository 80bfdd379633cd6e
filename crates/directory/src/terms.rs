//! Rights and quota: what an account may, as the account, its groups or its tenant say it. What one level does not say is asked
//! of the next ([`crate::Directory::said`]); rights attach to accounts, and devices inherit them.

use crate::destination::Destinations;
use crate::group::GroupId;
use crate::tenant::TenantId;

/// What one level says; what is `None` is asked of the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Requests to a domain that is not ours are relayed.
    pub relay_foreign: Option<bool>,
    /// Calls of one account at a time.
    pub sessions_max: Option<u32>,
    /// Minutes of answered calls to elsewhere that one account begins in a day, and in a month (UTC).
    pub minutes_per_day: Option<u32>,
    pub minutes_per_month: Option<u32>,
    pub destinations: Option<Destinations>,
}

/// What is `None` stays; what is `Some(None)` is said no more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TermsPatch {
    pub relay_foreign: Option<Option<bool>>,
    pub sessions_max: Option<Option<u32>>,
    pub minutes_per_day: Option<Option<u32>>,
    pub minutes_per_month: Option<Option<u32>>,
    pub destinations: Option<Option<Destinations>>,
}

/// Who has said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Account,
    Group(GroupId),
    Tenant(TenantId),
}

impl Terms {
    pub fn change(&mut self, patch: &TermsPatch) {
        self.relay_foreign = patch.relay_foreign.unwrap_or(self.relay_foreign);
        self.sessions_max = patch.sessions_max.unwrap_or(self.sessions_max);
        self.minutes_per_day = patch.minutes_per_day.unwrap_or(self.minutes_per_day);
        self.minutes_per_month = patch.minutes_per_month.unwrap_or(self.minutes_per_month);
        if let Some(destinations) = &patch.destinations {
            self.destinations.clone_from(destinations);
        }
    }

    /// As it is kept: `relay=yes sessions=2 day=60 month=600 to=internal,national`.
    pub fn to_text(&self) -> String {
        let number = |name: &str, value: Option<u32>| value.map(|value| format!("{name}={value}"));
        let words = [
            self.relay_foreign.map(|may| format!("relay={}", if may { "yes" } else { "no" })),
            number("sessions", self.sessions_max),
            number("day", self.minutes_per_day),
            number("month", self.minutes_per_month),
            self.destinations.as_ref().map(|destinations| format!("to={destinations}")),
        ];
        words.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// `None` for what [`Terms::to_text`] does not write.
    pub fn of_text(text: &str) -> Option<Self> {
        let mut terms = Self::default();
        for word in text.split_ascii_whitespace() {
            match word.split_once('=')? {
                ("relay", "yes") => terms.relay_foreign = Some(true),
                ("relay", "no") => terms.relay_foreign = Some(false),
                ("sessions", value) => terms.sessions_max = Some(value.parse().ok()?),
                ("day", value) => terms.minutes_per_day = Some(value.parse().ok()?),
                ("month", value) => terms.minutes_per_month = Some(value.parse().ok()?),
                ("to", value) => terms.destinations = Some(Destinations::parse(value).ok()?),
                (_, _) => return None,
            }
        }
        Some(terms)
    }
}

impl TermsPatch {
    /// The right to relay, and nothing else.
    pub fn relay(may: bool) -> Self {
        Self { relay_foreign: Some(Some(may)), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_read_as_they_were_written() {
        let full = Terms {
            relay_foreign: Some(false),
            sessions_max: Some(2),
            minutes_per_day: Some(60),
            minutes_per_month: Some(600),
            destinations: Destinations::parse("internal,!+44").ok(),
        };
        for terms in [Terms::default(), full.clone(), Terms { relay_foreign: Some(true), ..Terms::default() }]
        {
            assert_eq!(Terms::of_text(&terms.to_text()), Some(terms));
        }
        assert_eq!(Terms::of_text("sessions=many"), None);
        let mut changed = full;
        let patch =
            TermsPatch { sessions_max: Some(None), destinations: Some(None), ..TermsPatch::relay(true) };
        changed.change(&patch);
        assert_eq!(changed.to_text(), "relay=yes day=60 month=600");
    }
}
