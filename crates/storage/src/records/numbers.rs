//! Numbers of what is kept. None is given again when what had it is gone: others, such as the journal, name things by them.

use coeur_directory::{Change, ContactChange, GroupChange, NumberChange, TenantChange, UserChange};
use rusqlite::{Connection, Transaction, params};

/// What has a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbered {
    Account,
    Device,
    Tenant,
    User,
    Group,
    Contact,
    /// Of the public network.
    Number,
}

impl Numbered {
    pub const ALL: [Self; 7] =
        [Self::Account, Self::Device, Self::Tenant, Self::User, Self::Group, Self::Contact, Self::Number];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Device => "device",
            Self::Tenant => "tenant",
            Self::User => "user",
            Self::Group => "group",
            Self::Contact => "contact",
            Self::Number => "number",
        }
    }
}

/// The last numbers given out, by kind.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Numbers([u64; Numbered::ALL.len()]);

impl Numbers {
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let mut numbers = Self::default();
        for kind in Numbered::ALL {
            let sql = "SELECT last FROM numbers WHERE kind = ?1";
            let last: i64 = connection.query_row(sql, [kind.as_str()], |row| row.get(0))?;
            numbers.0[kind as usize] = last as u64;
        }
        Ok(numbers)
    }

    pub(super) fn next(&mut self, kind: Numbered) -> u64 {
        self.0[kind as usize] += 1;
        self.0[kind as usize]
    }

    fn spend(&mut self, kind: Numbered, number: u64) {
        let last = &mut self.0[kind as usize];
        *last = number.max(*last);
    }
}

/// A number is spent when what has it is written. One that was given out and never written may be given again.
pub(super) fn keep(transaction: &Transaction<'_>, changes: &[Change]) -> rusqlite::Result<()> {
    let mut spent = Numbers::default();
    for change in changes {
        match change {
            Change::AccountAdded(added) => {
                spent.spend(Numbered::Account, added.id.0);
                added.devices.iter().for_each(|device| spent.spend(Numbered::Device, device.id.0));
            }
            Change::DeviceAdded { device, .. } => spent.spend(Numbered::Device, device.id.0),
            Change::Tenant(TenantChange::Added(tenant)) => spent.spend(Numbered::Tenant, tenant.id.0),
            Change::Group(GroupChange::Added(group)) => spent.spend(Numbered::Group, group.id.0),
            Change::Contact(ContactChange::Added(contact)) => spent.spend(Numbered::Contact, contact.id.0),
            Change::Contact(ContactChange::Imported(contacts)) => {
                contacts.iter().for_each(|contact| spent.spend(Numbered::Contact, contact.id.0));
            }
            Change::Number(NumberChange::Added(numbers)) => {
                numbers.iter().for_each(|number| spent.spend(Numbered::Number, number.id.0));
            }
            Change::User(UserChange::Added(user)) => spent.spend(Numbered::User, user.id.0),
            Change::DomainAdded(_)
            | Change::DomainChanged(_)
            | Change::DomainRemoved(_)
            | Change::AccountChanged { .. }
            | Change::AccountRemoved(_)
            | Change::DeviceChanged { .. }
            | Change::DeviceRevoked { .. }
            | Change::DeviceKeyed { .. }
            | Change::DeviceProvedSha256 { .. }
            | Change::SettingChanged { .. }
            | Change::Tenant(TenantChange::Changed(_) | TenantChange::Removed(_))
            | Change::User(UserChange::Changed { .. } | UserChange::Removed(_))
            | Change::Group(GroupChange::Changed { .. } | GroupChange::Removed(_))
            | Change::Contact(ContactChange::Changed { .. } | ContactChange::Removed(_))
            | Change::Number(NumberChange::Changed { .. } | NumberChange::Removed(_))
            | Change::Alias(_) => {}
        }
    }
    let sql = "UPDATE numbers SET last = ?2 WHERE kind = ?1 AND last < ?2";
    for kind in Numbered::ALL {
        transaction.prepare_cached(sql)?.execute(params![kind.as_str(), spent.0[kind as usize] as i64])?;
    }
    Ok(())
}
