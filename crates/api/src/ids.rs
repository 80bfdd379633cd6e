//! Numbers as they are written at the door: what they are of, and the number, as `usr_4`. A number is never used again.

use coeur_directory::{AccountId, ContactId, DeviceId, GroupId, NumberId, TenantId, UserId};
use coeur_storage::{DeliveryId, HookId};

/// Of something that is done in the background.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobId(pub u64);

/// What has a number that people see.
pub trait Id: Copy {
    const PREFIX: &'static str;
    fn of_number(number: u64) -> Self;
    fn number(self) -> u64;

    fn text(self) -> String {
        format!("{}{}", Self::PREFIX, self.number())
    }

    /// `None`: it is another kind of name.
    fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(Self::PREFIX)?;
        // Written otherwise than we write it, it is none.
        digits.parse().ok().map(Self::of_number).filter(|id| id.text() == text)
    }
}

macro_rules! ids {
    ($($id:ident $prefix:literal),* $(,)?) => {
        $(impl Id for $id {
            const PREFIX: &'static str = $prefix;
            fn of_number(number: u64) -> Self {
                Self(number)
            }
            fn number(self) -> u64 {
                self.0
            }
        })*
    };
}

ids! {
    AccountId "acc_",
    ContactId "ctc_",
    DeliveryId "del_",
    DeviceId "dev_",
    JobId "job_",
    GroupId "grp_",
    HookId "hook_",
    NumberId "num_",
    TenantId "ten_",
    UserId "usr_",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_as_it_was_written_and_of_its_kind_alone() {
        assert_eq!(UserId::parse(&UserId(4).text()), Some(UserId(4)));
        for other in
            ["acc_4", "usr_", "usr_+4", "usr_-4", "usr_04", "usr4", "usr_4x", "4", "usr_99999999999999999999"]
        {
            assert_eq!(UserId::parse(other), None, "{other}");
        }
    }
}
