//! Which way media flows (RFC 8866 section 6.7).

use crate::line::Line;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    pub const ALL: [Self; 4] = [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive];

    /// The attribute of this name, as in `a=sendonly`.
    pub fn parse(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|direction| name.trim_ascii() == direction.as_str().as_bytes())
    }

    /// The first direction attribute among these lines.
    pub(crate) fn of(lines: &[Line<'_>]) -> Option<Self> {
        lines.iter().filter(|line| line.kind == b'a').find_map(|line| Self::parse(line.value))
    }

    pub const fn new(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// What the other side answers when it is ready for everything (RFC 3264 section 6.1).
    pub const fn mirrored(self) -> Self {
        Self::new(self.receives(), self.sends())
    }

    /// What both allow, seen from the same end.
    pub const fn and(self, other: Self) -> Self {
        Self::new(self.sends() && other.sends(), self.receives() && other.receives())
    }

    /// Whether this may answer an offer of that direction (RFC 3264 section 6.1): nobody is sent what he does not
    /// receive, nor asked for what he does not send.
    pub const fn may_answer(self, offered: Self) -> bool {
        (!self.sends() || offered.receives()) && (!self.receives() || offered.sends())
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_sends_and_receives_no_more_than_the_offer_lets_it() {
        let allowed = |offered: Direction| Direction::ALL.into_iter().filter(move |d| d.may_answer(offered));
        assert_eq!(allowed(Direction::SendRecv).count(), 4);
        assert!(allowed(Direction::SendOnly).eq([Direction::RecvOnly, Direction::Inactive]));
        assert!(allowed(Direction::RecvOnly).eq([Direction::SendOnly, Direction::Inactive]));
        assert!(allowed(Direction::Inactive).eq([Direction::Inactive]));
    }
}
