//! Where a call goes, and which of that is allowed: classes of numbers, and rules over them.

use std::fmt;

/// What a number, or an address, is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    /// An account or a service of this installation.
    Internal,
    /// Never stopped by a right or a quota.
    Emergency,
    National,
    Mobile,
    International,
    Premium,
    /// An address of another domain that is no number.
    Elsewhere,
}

impl Destination {
    pub const ALL: [Self; 7] = [
        Self::Internal,
        Self::Emergency,
        Self::National,
        Self::Mobile,
        Self::International,
        Self::Premium,
        Self::Elsewhere,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Emergency => "emergency",
            Self::National => "national",
            Self::Mobile => "mobile",
            Self::International => "international",
            Self::Premium => "premium",
            Self::Elsewhere => "elsewhere",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|destination| destination.as_str() == text)
    }
}

/// Digits of a number or prefix, and `+` in front: E.164 has 15.
pub const PREFIX_BYTES_MAX: usize = 16;
/// Rules of one list, and prefixes of one tenant: 2 kB each at most.
pub const RULES_MAX: usize = 64;

/// Which numbers are what, as a tenant sees them: the longest prefix counts. What no prefix names is international with a `+`
/// or `00` in front, else national; 112 and 911 are emergency whatever is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbering(Box<[(Box<str>, Destination)]>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleError {
    BadPrefix(Box<str>),
    UnknownWord(Box<str>),
    TooMany,
}

impl Numbering {
    /// As `+33=national,+336=mobile,+3389=premium`.
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        let mut prefixes = Vec::new();
        for item in items(text) {
            let bad = || RuleError::UnknownWord(item.into());
            let (prefix, class) = item.split_once('=').ok_or_else(bad)?;
            prefixes.push((read_prefix(prefix.trim())?, Destination::parse(class.trim()).ok_or_else(bad)?));
        }
        sorted(&mut prefixes)?;
        Ok(Self(prefixes.into_boxed_slice()))
    }

    pub fn class(&self, number: &str) -> Destination {
        if matches!(number, "112" | "911") {
            return Destination::Emergency;
        }
        let named = longest(&self.0, number).map(|(_, class)| *class);
        let abroad = number.starts_with('+') || number.starts_with("00");
        named.unwrap_or(if abroad { Destination::International } else { Destination::National })
    }
}

impl fmt::Display for Numbering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: Vec<String> =
            self.0.iter().map(|(prefix, class)| format!("{prefix}={}", class.as_str())).collect();
        f.write_str(&text.join(","))
    }
}

/// Which destinations are allowed: words and prefixes, those with `!` in front are not. The longest prefix counts before any
/// word, a class before `all`; what nothing names is not allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destinations {
    prefixes: Box<[(Box<str>, bool)]>,
    classes: Box<[(Destination, bool)]>,
    /// The word `all`.
    all: bool,
}

/// What a list says of one destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    pub allowed: bool,
    /// The rule that decided, as it is written; `None`: nothing names it.
    pub rule: Option<String>,
}

impl Destinations {
    /// As `internal,national,!+3389` or `all,!premium`.
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        let (mut prefixes, mut classes, mut all) = (Vec::new(), Vec::new(), false);
        for item in items(text) {
            let (allowed, name) = item.strip_prefix('!').map_or((true, item), |name| (false, name));
            match (name, Destination::parse(name)) {
                ("all", _) if allowed => all = true,
                (_, Some(class)) => classes.push((class, allowed)),
                (_, None) if name.starts_with(|c: char| c == '+' || c.is_ascii_digit()) => {
                    prefixes.push((read_prefix(name)?, allowed));
                }
                (_, None) => return Err(RuleError::UnknownWord(item.into())),
            }
        }
        sorted(&mut prefixes)?;
        sorted(&mut classes)?;
        Ok(Self { prefixes: prefixes.into_boxed_slice(), classes: classes.into_boxed_slice(), all })
    }

    /// `number` where it is one. An emergency is allowed always.
    pub fn ruling(&self, class: Destination, number: Option<&str>) -> Ruling {
        let said = |allowed: bool, name: &str| {
            let mark = if allowed { "" } else { "!" };
            Ruling { allowed, rule: Some(format!("{mark}{name}")) }
        };
        if class == Destination::Emergency {
            return said(true, class.as_str());
        }
        if let Some((prefix, allowed)) = number.and_then(|number| longest(&self.prefixes, number)) {
            return said(*allowed, prefix);
        }
        match self.classes.iter().find(|(named, _)| *named == class) {
            Some((named, allowed)) => said(*allowed, named.as_str()),
            None if self.all => said(true, "all"),
            None => Ruling { allowed: false, rule: None },
        }
    }
}

impl fmt::Display for Destinations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = |allowed: &bool| if *allowed { "" } else { "!" };
        let all = self.all.then(|| "all".to_owned());
        let classes =
            self.classes.iter().map(|(class, allowed)| format!("{}{}", mark(allowed), class.as_str()));
        let prefixes = self.prefixes.iter().map(|(prefix, allowed)| format!("{}{prefix}", mark(allowed)));
        f.write_str(&all.into_iter().chain(classes).chain(prefixes).collect::<Vec<_>>().join(","))
    }
}

fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn read_prefix(text: &str) -> Result<Box<str>, RuleError> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    match text.len() <= PREFIX_BYTES_MAX && !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        true => Ok(text.into()),
        false => Err(RuleError::BadPrefix(text.into())),
    }
}

/// In order, each name once: the last said counts.
fn sorted<K: Ord + Clone, V>(rules: &mut Vec<(K, V)>) -> Result<(), RuleError> {
    rules.reverse();
    rules.sort_by(|a, b| a.0.cmp(&b.0));
    rules.dedup_by(|a, b| a.0 == b.0);
    if rules.len() > RULES_MAX { Err(RuleError::TooMany) } else { Ok(()) }
}

fn longest<'r, V>(rules: &'r [(Box<str>, V)], number: &str) -> Option<&'r (Box<str>, V)> {
    rules.iter().filter(|(prefix, _)| number.starts_with(&**prefix)).max_by_key(|(prefix, _)| prefix.len())
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadPrefix(text) => {
                write!(f, "`{text}` is no prefix: + and digits, {PREFIX_BYTES_MAX} at most")
            }
            Self::UnknownWord(text) => write!(
                f,
                "`{text}` is neither a prefix nor one of all, {}",
                Destination::ALL.map(Destination::as_str).join(", ")
            ),
            Self::TooMany => write!(f, "a list has {RULES_MAX} rules at most"),
        }
    }
}

impl std::error::Error for RuleError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_says_what_a_number_is() {
        let france = Numbering::parse("+33=national, +336=mobile,+3389=premium").expect("valid");
        for (number, class) in [
            ("+33123456789", Destination::National),
            ("+33612345678", Destination::Mobile),
            ("+33899123456", Destination::Premium),
            ("+4420", Destination::International),
            ("004420", Destination::International),
            ("0123", Destination::National),
            ("112", Destination::Emergency),
            ("911", Destination::Emergency),
        ] {
            assert_eq!(france.class(number), class, "{number}");
        }
        assert_eq!(Numbering::parse(&france.to_string()), Ok(france));
        for bad in ["+33", "+33=far", "x=national", "=national", "+12345678901234567=national"] {
            assert!(Numbering::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_longer_prefix_counts_before_a_shorter_one_and_any_prefix_before_a_word() {
        let rules = Destinations::parse("internal,national,!+3389,+33899,!+44,+4420").expect("valid");
        let may = |class, number| rules.ruling(class, Some(number)).allowed;
        assert!(may(Destination::National, "+331"));
        assert!(!may(Destination::National, "+33891"), "a prefix is nearer than a class");
        assert!(may(Destination::Premium, "+338991"));
        assert!(may(Destination::International, "+44201") && !may(Destination::International, "+4421"));
        let unnamed = rules.ruling(Destination::Elsewhere, None);
        assert_eq!(unnamed, Ruling { allowed: false, rule: None });
        assert_eq!(rules.ruling(Destination::National, Some("+3389")).rule.as_deref(), Some("!+3389"));
        assert_eq!(Destinations::parse(&rules.to_string()), Ok(rules));
    }

    #[test]
    fn all_but_one_is_said_with_two_words_and_an_emergency_is_never_stopped() {
        let rules = Destinations::parse("all,!premium").expect("valid");
        assert!(rules.ruling(Destination::Elsewhere, None).allowed);
        assert!(!rules.ruling(Destination::Premium, Some("+3389")).allowed);
        let none = Destinations::parse("!emergency,!112").expect("valid");
        assert!(none.ruling(Destination::Emergency, Some("112")).allowed);
        assert!(!none.ruling(Destination::Internal, None).allowed);
        for bad in ["!all", "moon", "+", "+33x"] {
            assert!(Destinations::parse(bad).is_err(), "{bad}");
        }
        let many = (100..165).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
        assert_eq!(Destinations::parse(&many), Err(RuleError::TooMany));
    }
}
